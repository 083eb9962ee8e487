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
