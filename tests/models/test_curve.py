from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lapse.models.curve import Curve, anchor, without_impossible
from lapse.models.durations import (
    lifetime_interval_days,
    lifetime_quantile_days,
    parts,
    remaining_lifetime_days,
)


def of_hazards(hazard: np.ndarray, step_days: int = 30) -> Curve:
    return Curve(step_days, np.cumprod(1 - hazard, axis=1), np.ones_like(hazard))


hazards = npst.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.one_of(st.sampled_from([0.0, 1.0, 1e-17, 1e-9]), st.floats(0, 1)),
)
probabilities = st.one_of(st.sampled_from([0.0, 1.0, 1e-17, 1 - 1e-16]), st.floats(0, 1))


@settings(deadline=None, max_examples=300)
@given(hazards, st.data())
def test_anchored_curve_is_a_curve_through_the_probability(hazard: np.ndarray, data: st.DataObject) -> None:
    curve = of_hazards(hazard)
    p = data.draw(npst.arrays(np.float64, len(hazard), elements=probabilities))
    horizon = data.draw(st.integers(1, hazard.shape[1]))
    survival = anchor(curve, p, horizon).survival
    np.testing.assert_allclose(1 - survival[:, horizon - 1], p, rtol=0, atol=1e-12)
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    known = curve.survival[:, horizon - 1] > 1e-100
    before, after = curve.survival[known], survival[known]
    ratio = before[:, horizon:] / before[:, [horizon - 1]]
    np.testing.assert_allclose(after[:, horizon:], after[:, [horizon - 1]] * ratio, rtol=1e-9, atol=1e-15)


@settings(deadline=None, max_examples=100)
@given(hazards, st.data())
def test_anchoring_to_its_own_probability_changes_nothing(hazard: np.ndarray, data: st.DataObject) -> None:
    hazard = np.clip(hazard, 1e-6, 0.5)
    curve = of_hazards(hazard)
    horizon = data.draw(st.integers(1, hazard.shape[1]))
    again = anchor(curve, 1 - curve.survival[:, horizon - 1], horizon)
    np.testing.assert_allclose(again.survival, curve.survival, rtol=1e-6, atol=1e-12)


def test_without_a_shape_the_hazard_is_constant() -> None:
    flat = Curve(30, np.array([[1.0, 1.0, 0.5], [0.0, 0.0, 0.0]]), np.zeros((2, 3)))
    found = anchor(flat, np.array([0.19, 0.19]), 2).survival
    np.testing.assert_allclose(found, [[0.9, 0.81, 0.405], [0.9, 0.81, 0.729]])


def test_higher_probability_never_survives_longer() -> None:
    curve = of_hazards(np.tile(np.array([0.3, 0.0, 0.1, 0.2]), (3, 1)))
    survival = anchor(curve, np.array([0.1, 0.4, 0.9]), 2).survival
    assert (np.diff(survival, axis=0) < 0).all()


@settings(deadline=None, max_examples=150)
@given(hazards, st.integers(1, 40), st.data())
def test_restricted_mean_is_the_area_of_straight_lines(
    hazard: np.ndarray, step_days: int, data: st.DataObject
) -> None:
    curve = of_hazards(hazard, step_days)
    limit = data.draw(st.integers(1, step_days * hazard.shape[1]))
    edges = np.arange(curve.n_steps + 1) * step_days
    grid = np.union1d(edges[edges <= limit], [limit])
    expected = [
        np.trapezoid(np.interp(grid, edges, np.concatenate([[1.0], row])), grid) for row in curve.survival
    ]
    np.testing.assert_allclose(remaining_lifetime_days(curve, limit), expected, rtol=1e-9, atol=1e-9)
    assert parts(curve, limit).sum() * step_days == pytest.approx(limit)


@settings(deadline=None, max_examples=150)
@given(hazards, st.floats(0.01, 0.99))
def test_quantile_is_where_survival_crosses(hazard: np.ndarray, share: float) -> None:
    curve = of_hazards(hazard)
    limit = 30 * curve.n_steps
    days, capped = lifetime_quantile_days(curve, share, limit)
    edges = np.arange(curve.n_steps + 1) * 30
    for row, day, cap in zip(curve.survival, days, capped, strict=True):
        alive = np.interp(day, edges, np.concatenate([[1.0], row]))
        assert (alive > 1 - share) if cap else alive == pytest.approx(1 - share, abs=1e-9)
        assert (day == limit) or not cap


def test_interval_holds_its_share_of_simulated_lifetimes() -> None:
    rng = np.random.default_rng(0)
    curve = of_hazards(np.full((1, 80), 0.1))
    lower, upper, capped = lifetime_interval_days(curve, 80 * 30, level=0.8)
    life = (rng.geometric(0.1, 100_000) - 1 + rng.random(100_000)) * 30
    assert np.mean(life < lower) == pytest.approx(0.1, abs=0.005)
    assert np.mean(life > upper) == pytest.approx(0.1, abs=0.005)
    assert not capped.any()


def simulated(curve: Curve, rng: np.random.Generator, n: int = 200_000) -> np.ndarray:
    """Draw lifetimes of a one-row curve: a step, then a day in it after the first possible one."""
    edges = np.concatenate([[1.0], curve.survival[0]])
    step = np.searchsorted(-edges, -rng.random(n), side="right") - 1
    begins = np.maximum(step * curve.step_days, float(np.asarray(curve.earliest_days)[0]))
    ends = (step + 1) * curve.step_days
    own = step == max(np.ceil(float(np.asarray(curve.earliest_days)[0]) / curve.step_days) - 1, 0)
    at_once = own & (rng.random(n) < curve.first_day_share)
    days = begins + np.where(at_once, 0.0, rng.random(n) * np.maximum(ends - begins, 0.0))
    return np.where(step < curve.n_steps, days, np.inf)


@pytest.mark.parametrize("at_once", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("earliest", [10.0, 30.0, 31.0, 47.5, 60.0])
def test_nobody_leaves_before_the_first_day_on_which_one_can(earliest: float, at_once: float) -> None:
    """Mean and quantiles are those of lifetimes drawn from the curve, none of them too short."""
    first = np.array([earliest])
    survival = without_impossible(np.cumprod(np.full((1, 12), 0.8), axis=1), first, 30)
    curve = Curve(30, survival, np.ones_like(survival), first, first_day_share=at_once)
    life = simulated(curve, np.random.default_rng(0))
    assert life.min() >= earliest
    for limit in (25, 45, 100, 360):
        mean = np.minimum(life, limit).mean()
        assert remaining_lifetime_days(curve, limit)[0] == pytest.approx(mean, rel=0.01)
    lower, upper, _ = lifetime_interval_days(curve, 360, level=0.8)
    assert lower[0] == pytest.approx(np.quantile(life, 0.1), abs=1.0)
    assert lower[0] >= earliest
    below = (life < lower[0] - 1e-6).mean() if lower[0] <= earliest else 0.1
    assert upper[0] == pytest.approx(min(360, np.quantile(life, 0.8 + below)), abs=4.0)


def test_a_bound_on_which_many_end_at_once_leaves_its_share_to_the_other_side() -> None:
    """Of lifetimes drawn from the curve at least 80 % lie between the bounds, and hardly more than needed."""
    first = np.array([20.0])
    survival = without_impossible(np.cumprod(np.full((1, 12), 0.85), axis=1), first, 30)
    for limit, share in ((360, 1.0), (200, 0.0), (90, 1.0)):
        curve = Curve(30, survival, np.ones_like(survival), first, first_day_share=share)
        life = np.minimum(simulated(curve, np.random.default_rng(1)), limit)
        lower, upper, capped = lifetime_interval_days(curve, limit, level=0.8)
        assert np.mean((life >= lower) & (life <= upper)) >= 0.795
        if lower[0] > 20 and not capped[0]:
            assert np.mean((life < lower) | (life > upper)) == pytest.approx(0.2, abs=0.01)
        if capped[0] and lower[0] > 20:
            assert np.mean(life < lower) == pytest.approx(0.2, abs=0.01)


def test_steps_that_are_over_too_early_lose_their_lapses_and_no_other() -> None:
    hazard = np.array([[0.2, 0.3, 0.4, 0.5]] * 4)
    survival = np.cumprod(1 - hazard, axis=1)
    found = without_impossible(survival, np.array([0.0, 30.0, 31.0, 1_000.0]), 30)
    left = 1 - found / np.hstack([np.ones((4, 1)), found[:, :-1]])
    expected = [[0.2, 0.3, 0.4, 0.5], [0.2, 0.3, 0.4, 0.5], [0.0, 0.3, 0.4, 0.5], [0.0, 0.0, 0.0, 0.0]]
    np.testing.assert_allclose(left, expected, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(hazards, st.floats(0.05, 0.95), st.data())
def test_bounds_hold_the_mean(hazard: np.ndarray, level: float, data: st.DataObject) -> None:
    first = data.draw(npst.arrays(np.float64, len(hazard), elements=st.floats(0, 400)))
    survival = without_impossible(np.cumprod(1 - hazard, axis=1), first, 30)
    curve = Curve(30, survival, np.ones_like(survival), first)
    limit = 30 * curve.n_steps
    lower, upper, _ = lifetime_interval_days(curve, limit, level)
    mean = remaining_lifetime_days(curve, limit)
    assert ((lower <= mean) & (mean <= upper)).all()
    assert (mean >= np.minimum(first, limit) - 1e-9).all()


def test_a_curve_that_falls_too_early_is_refused() -> None:
    with pytest.raises(ValueError, match="before a lapse can happen"):
        Curve(30, np.array([[0.9, 0.5]]), np.zeros((1, 2)), np.array([31.0]))
    with pytest.raises(ValueError, match="one number a row"):
        Curve(30, np.array([[0.9, 0.5]]), np.zeros((1, 2)), np.array([31.0, 2.0]))


def test_limit_caps_the_quantile_and_says_so() -> None:
    days, capped = lifetime_quantile_days(of_hazards(np.full((1, 10), 0.01)), 0.5, 100)
    assert (days.tolist(), capped.tolist()) == ([100.0], [True])


@pytest.mark.parametrize(
    "survival",
    [np.array([[0.5, 0.6]]), np.array([[1.1, 0.5]]), np.array([[0.5, -0.1]]), np.array([[np.nan]])],
)
def test_what_is_no_survival_is_refused(survival: np.ndarray) -> None:
    with pytest.raises(ValueError, match="survival must fall"):
        Curve(30, survival, np.zeros_like(survival))


def test_other_misuse_is_refused() -> None:
    curve = of_hazards(np.full((2, 3), 0.1))
    with pytest.raises(ValueError, match="needs 4 steps; the curve has 3"):
        remaining_lifetime_days(curve, 91)
    with pytest.raises(ValueError, match="horizon of 4 steps"):
        anchor(curve, np.zeros(2), 4)
    with pytest.raises(ValueError, match="churn_probability"):
        anchor(curve, np.array([0.1, 1.1]), 1)
    with pytest.raises(ValueError, match="share in"):
        lifetime_quantile_days(curve, 1.0, 30)
    with pytest.raises(ValueError, match="spend has shape"):
        Curve(30, np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="finite"):
        Curve(30, np.ones((1, 1)), np.full((1, 1), np.nan))
