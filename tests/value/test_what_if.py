from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lapse.config import Value
from lapse.errors import DataError
from lapse.models.curve import Curve
from lapse.value import CHANGES, Change, cash_flows, changed, flows_if

VALUE = Value(margin_rate=0.4, discount_rate=0.1, cost_to_serve=30.0, limit="360d")
curves = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        lambda hazard, spend, cost: Curve(
            30, np.cumprod(1 - hazard, axis=1), spend, margin=spend / 3, event_cost=cost
        ),
        npst.arrays(np.float64, (n, 12), elements=st.floats(0, 1)),
        npst.arrays(np.float64, (n, 12), elements=st.floats(-1e3, 1e4)),
        npst.arrays(np.float64, (n, 12), elements=st.floats(0, 50)),
    )
)


@settings(deadline=None, max_examples=100)
@given(curves)
def test_no_change_changes_nothing_bit_by_bit(curve: Curve) -> None:
    now = cash_flows(curve, VALUE)
    assert flows_if(curve, VALUE, Change()).tobytes() == now.tobytes()
    assert flows_if(curve, VALUE, CHANGES["as it is"]).tobytes() == now.tobytes()


@settings(deadline=None, max_examples=100)
@given(curves, st.floats(-0.5, 0.5), st.floats(-0.5, 2.0))
def test_margin_and_cost_move_their_own_part_alone(curve: Curve, margin: float, cost: float) -> None:
    now = cash_flows(curve, VALUE)
    no_margin = flows_if(curve, VALUE, Change(margin=-1.0))
    more = flows_if(curve, VALUE, Change(margin=margin))
    dear = flows_if(curve, VALUE, Change(cost=cost))
    scale = np.abs(now) + np.abs(no_margin) + 1e-6
    assert (np.abs(more - now - margin * (now - no_margin)) <= 1e-9 * scale).all()
    assert (np.abs(dear - now - cost * no_margin) <= 1e-9 * scale).all()


@pytest.mark.parametrize("step", [365, 73, 5])
def test_a_point_of_retention_is_a_point_in_every_year_of_a_constant_one(step: int) -> None:
    years = np.arange(1, 365 // step * 3 + 1) * step / 365
    curve = Curve(step, 0.8 ** years[None], np.ones((1, len(years))))
    longer, _ = changed(curve, VALUE, Change(retention=0.01))
    np.testing.assert_allclose(longer.survival[0], 0.81**years, rtol=1e-9)


def retained_by_hand(curve: Curve, points: float) -> list[list[float]]:
    """Return survival with more retention in the first year in which each customer can lapse."""
    found = []
    for row, first in zip(curve.survival.tolist(), curve.earliest.tolist(), strict=True):
        step = 0
        while (step + 1) * curve.step_days < first:
            step += 1  # this step is over before a lapse can happen
        end = step + 1
        while end < len(row) and (end + 1 - step) * curve.step_days <= 365:
            end += 1
        kept = row[min(end, len(row)) - 1]
        if kept in (0.0, 1.0):
            found.append(row)
            continue
        wanted = kept + points * (min(end, len(row)) * curve.step_days - first) / 365
        times = math.log(wanted) / math.log(kept) if wanted > 0 else 10.0
        found.append([alive ** min(max(times, 0.1), 10.0) for alive in row])
    return found


def bound(years: float, yearly: float, step: int = 30, n_steps: int = 61) -> Curve:
    """Return one customer who cannot lapse for so many years, and stays with ``yearly`` from then on."""
    days = step * np.arange(1.0, n_steps + 1)
    survival = yearly ** (np.maximum(days - 365 * years, 0.0) / 365)
    return Curve(step, survival[None], np.ones((1, n_steps)), np.array([365.0 * years]))


def retained(curve: Curve, points: float) -> np.ndarray:
    return changed(curve, VALUE, Change(retention=points))[0].survival


@pytest.mark.parametrize("points", [0.01, -0.01, 0.3, -0.3, 1e-12])
def test_retention_is_that_of_the_first_year_in_which_a_lapse_is_possible(points: float) -> None:
    rng = np.random.default_rng(4)
    first = np.concatenate([[0.0, 30.0, 31.0, 400.0, 719.0, 720.0, 900.0], rng.uniform(0, 700, 40)])
    hazard = rng.beta(0.4, 6.0, (len(first), 24)) * (rng.random((len(first), 24)) < 0.9)
    possible = 30 * np.arange(1, 25) >= first[:, None]
    curve = Curve(30, np.cumprod(1 - hazard * possible, axis=1), np.ones(hazard.shape), first)
    np.testing.assert_allclose(retained(curve, points), retained_by_hand(curve, points), rtol=1e-9)
    np.testing.assert_array_equal(retained(curve, points)[~possible], 1.0)
    if abs(points) < 1e-9:
        np.testing.assert_allclose(retained(curve, points), curve.survival, rtol=0, atol=1e-9)


def test_a_point_makes_no_loyal_customer_immortal() -> None:
    loyal = bound(0.0, 0.9916)
    now, more = loyal.survival[0, -1], retained(loyal, 0.01)[0, -1]
    assert now < more < 1.0
    assert math.log(more) == pytest.approx(math.log(now) / 10, rel=1e-9)  # a tenth of its hazards is left
    assert retained(loyal, 0.5)[0, -1] == more


@pytest.mark.parametrize("years", [0.0, 0.5, 1.0, 2.0, 4.5])
def test_a_point_moves_those_who_are_bound_by_a_term(years: float) -> None:
    curve = bound(years, 0.8)
    less, now, more = (retained(curve, points)[0] for points in (-0.01, 0.0, 0.01))
    free = 30 * np.arange(1, 62) > 365 * years
    assert (less[free] < now[free]).all()
    assert (now[free] < more[free]).all()
    assert (less[~free] == 1.0).all()
    assert (more[~free] == 1.0).all()
    year = (30 * 61 - 365 * years) / 365
    if year >= 1:
        assert more[-1] ** (1 / year) == pytest.approx(0.81, abs=2e-4)


@settings(deadline=None, max_examples=50)
@given(curves, st.lists(st.floats(-0.99, 0.99), min_size=2, max_size=5))
def test_more_retention_is_never_less_survival(curve: Curve, points: list[float]) -> None:
    kept = [retained(curve, point) for point in sorted(points)]
    assert all((later >= sooner - 1e-12).all() for sooner, later in pairwise(kept))
    assert all((np.diff(one, axis=1) <= 0).all() for one in kept)


def test_retention_moves_nobody_who_is_sure() -> None:
    survival = np.array([[1.0, 1.0, 1.0], [0.5, 0.0, 0.0]])
    curve = Curve(180, survival, np.ones((2, 3)), np.array([600.0, 0.0]))
    assert retained(curve, 0.01).tolist() == survival.tolist()


def test_more_discount_is_less_value() -> None:
    curve = Curve(30, np.full((1, 12), 0.9), np.full((1, 12), 100.0))
    dearer = flows_if(curve, VALUE, Change(discount=0.05))
    np.testing.assert_allclose(dearer, cash_flows(curve, VALUE.model_copy(update={"discount_rate": 0.15})))
    assert dearer.sum() < cash_flows(curve, VALUE).sum()


def test_a_change_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Change(margin=float("nan"))


@pytest.mark.parametrize("number", [0.01, np.float32(0.01), np.float64(0.01), np.int64(0), 0])
def test_numbers_of_numpy_are_numbers(number: float) -> None:
    change = Change(margin=number, retention=number)
    assert type(change.margin) is float
    assert change.margin == change.retention == float(number)
    assert (change == Change()) == (number == 0)


def test_a_point_is_not_1_and_all_that_cannot_be_is_told() -> None:
    for name, wrong in {
        "retention": (1, -1, 1.5, np.inf, np.nan, "1", True, None),
        "discount": (1, -1, np.nan),
        "margin": (-1.01, np.nan, True, "5 %"),
        "cost": (-2, np.inf),
    }.items():
        for number in wrong:
            with pytest.raises(DataError, match=f"change: {name}: expected a finite number") as refused:
                Change(**{name: number})
            assert "0.01 is a point" in str(refused.value)
            assert isinstance(refused.value, ValueError)
    with pytest.raises(DataError) as refused:
        Change(retention=1, margin=-3, discount=np.nan, cost=-1.0)
    assert [problem.what for problem in refused.value.problems] == ["retention", "margin", "discount"]
    assert Change(margin=-1, cost=-1, retention=-0.99).margin == -1.0


def test_no_change_brings_the_yearly_rate_below_nothing() -> None:
    curve = Curve(30, np.full((1, 12), 0.9), np.ones((1, 12)))
    free = cash_flows(curve, VALUE.model_copy(update={"discount_rate": 0.0}))
    assert flows_if(curve, VALUE, Change(discount=-0.1)).tolist() == free.tolist()
    with pytest.raises(DataError, match=r"change: discount: expected at least 0 a year, .* got -0\.05"):
        flows_if(curve, VALUE, Change(discount=-0.15))
