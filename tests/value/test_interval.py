"""The spread of a value, held against draws of what may happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lapse.config import Value
from lapse.models.curve import Curve, without_impossible
from lapse.value import Dispersion, clv, clv_interval, fit_dispersion, paths_of, spread_of

VALUE = Value(margin_rate=1.0, discount_rate=0.0, limit="360d")
FIRST = np.array([20.0])
SURVIVAL = without_impossible(np.cumprod(np.full((1, 12), 0.8), axis=1), FIRST, 30)
CURVE = Curve(30, SURVIVAL, np.full((1, 12), 30.0), FIRST, first_day_share=1.0)
SPREADS = [Dispersion(), Dispersion(10.0, 0.0), Dispersion(5.0, 0.2)]
N = 200_000


def drawn(dispersion: Dispersion) -> np.ndarray:
    """Draw values: a lapse on the first day or evenly later, then gamma money over the days beyond it."""
    rng = np.random.default_rng(0)
    edges = np.concatenate([[1.0], SURVIVAL[0]])
    step = np.searchsorted(-edges, -rng.random(N), side="right") - 1
    days = np.where(step == 0, 20.0, np.where(step < 12, 30.0 * (step + rng.random(N)), 360.0))
    money = days - 20.0
    money *= clv(CURVE, VALUE)[0] / money.mean()
    variance = dispersion.variance(money)
    shape = np.divide(money**2, variance, out=np.full(N, 1e9), where=variance > 0)
    return money * rng.gamma(shape) / shape


@pytest.mark.parametrize("dispersion", SPREADS)
def test_bounds_hold_four_in_five_of_what_may_happen(dispersion: Dispersion) -> None:
    """A fifth is worth nothing more, so none lies below and the upper bound leaves a fifth above."""
    worth = drawn(dispersion)
    assert (worth < 1e-9).mean() == pytest.approx(0.2, abs=0.01)
    lower, upper = clv_interval(CURVE, VALUE, 0.8, dispersion)
    assert lower[0] == 0.0
    assert (worth > upper[0]).mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("dispersion", SPREADS)
def test_variance_is_that_of_what_may_happen(dispersion: Dispersion) -> None:
    spread = spread_of(CURVE, VALUE, dispersion)
    assert spread.variance[0] == pytest.approx(drawn(dispersion).var(), rel=0.04)
    assert spread.scenarios(slice(None)).mean() == pytest.approx(clv(CURVE, VALUE)[0], rel=1e-6)


@settings(deadline=None, max_examples=100)
@given(
    npst.arrays(np.float64, (3, 12), elements=st.floats(0, 1)),
    npst.arrays(np.float64, (3, 12), elements=st.floats(-100, 1000)),
    st.floats(0, 500),
    st.floats(0.1, 0.95),
)
def test_bounds_hold_the_value_and_enough_of_the_scenarios(
    hazard: np.ndarray, spend: np.ndarray, cost: float, level: float
) -> None:
    curve = Curve(30, np.cumprod(1 - hazard, axis=1), spend)
    value = Value(margin_rate=0.5, discount_rate=0.1, cost_to_serve=cost, limit="350d")
    spread = spread_of(curve, value, Dispersion(3.0, 0.1))
    lower, upper = spread.interval(level)
    assert (lower <= spread.clv).all()
    assert (spread.clv <= upper).all()
    scenarios = spread.scenarios(slice(None))
    near = 1e-6 * np.abs(scenarios).max(axis=1)
    inside = (scenarios >= (lower - near)[:, None]) & (scenarios <= (upper + near)[:, None])
    assert (inside.mean(axis=1) >= level - 2 / scenarios.shape[1]).all()


def test_paths_keep_the_expected_margin_and_cost() -> None:
    curve = Curve(30, SURVIVAL, np.full((1, 12), 30.0), FIRST, event_cost=np.full((1, 12), 2.0))
    value = Value(margin_rate=0.5, discount_rate=0.1, cost_to_serve=40.0, limit="350d")
    spread = spread_of(curve, value)
    assert (spread.margin - spread.cost).mean() == pytest.approx(clv(curve, value)[0], rel=1e-9)
    paths = paths_of(curve, value)
    assert paths.margin(np.array([[20.0]]))[0, 0] == 0.0  # who lapses on the first day has paid nothing more
    assert paths.cost(np.array([[20.0]]))[0, 0] > 0.0


BOUND = np.array([190.0])
BOUND_SURVIVAL = without_impossible(np.cumprod(np.full((1, 36), 0.95), axis=1), BOUND, 10)


def bound_curve(share: float) -> Curve:
    """Return a customer who cannot lapse before day 190 and is expected to bring 1 a day while there."""
    return Curve(10, BOUND_SURVIVAL, np.full((1, 36), 10.0), BOUND, extending_share=share)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_only_money_that_extends_the_life_waits_for_the_first_possible_lapse(share: float) -> None:
    curve, rng = bound_curve(share), np.random.default_rng(2)
    gone = np.searchsorted(-BOUND_SURVIVAL[0], -rng.random(N), side="right")
    days = np.where(gone < 36, 10.0 * (gone + rng.random(N)), 360.0)
    beyond, mean = np.maximum(days - 190.0, 0.0), clv(curve, VALUE)[0]
    worth = mean * (share * beyond / beyond.mean() + (1 - share) * days / days.mean())
    spread = spread_of(curve, VALUE)
    assert spread.margin.mean() == pytest.approx(mean, rel=1e-9)
    assert spread.variance[0] ** 0.5 == pytest.approx(worth.std(), rel=0.03)
    lower, upper = spread.interval(0.8)
    assert np.quantile(worth, 0.1) <= lower[0] <= np.quantile(worth, 0.2)  # many end on the upper one
    assert upper[0] == pytest.approx(worth.max(), rel=0.01)


@pytest.mark.parametrize("limit", ["180d", "190d"])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_who_cannot_lapse_before_the_limit_brings_what_is_expected(share: float, limit: str) -> None:
    value = VALUE.model_copy(update={"limit": int(limit[:-1])})
    plain, strays = (spread_of(bound_curve(share), value, one) for one in (None, Dispersion(10.0, 0.0)))
    np.testing.assert_allclose(np.concatenate(plain.interval(0.8)), value.limit, rtol=2e-3)
    assert plain.variance[0] == pytest.approx(0.0, abs=1e-9)
    assert strays.variance[0] == pytest.approx(10.0 * value.limit, rel=1e-9)
    assert strays.scenarios(slice(None)).mean() == pytest.approx(value.limit, rel=1e-6)


def test_the_spread_of_money_is_found_again() -> None:
    rng = np.random.default_rng(3)
    expected = rng.uniform(20, 800, 60_000)
    shape = expected**2 / Dispersion(30.0, 0.1).variance(expected)
    found = fit_dispersion(expected / shape * rng.gamma(shape), expected)
    assert found.by_mean == pytest.approx(30.0, rel=0.15)
    assert found.by_square == pytest.approx(0.1, rel=0.15)
    assert fit_dispersion(np.zeros(5), np.ones(5)) == Dispersion()


def test_a_level_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="a level in"):
        clv_interval(CURVE, VALUE, 1.0)
