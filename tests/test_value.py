from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lapse.config import Value
from lapse.models.curve import Curve, lifetime_interval_days
from lapse.value import cash_flows, clv, clv_interval, expected_spend

rates = st.floats(0, 0.99)
curves = st.tuples(st.integers(1, 4), st.integers(1, 14), st.integers(1, 40)).flatmap(
    lambda size: st.builds(
        lambda hazard, spend: Curve(size[2], np.cumprod(1 - hazard, axis=1), spend),
        npst.arrays(np.float64, size[:2], elements=st.floats(0, 1)),
        npst.arrays(np.float64, size[:2], elements=st.floats(-1e3, 1e4)),
    )
)


def plan(limit_days: int, margin: float = 1.0, discount: float = 0.0, cost: float = 0.0) -> Value:
    return Value(margin_rate=margin, discount_rate=discount, cost_to_serve=cost, limit=f"{limit_days}d")


def slow_clv(curve: Curve, value: Value) -> list[float]:
    """Return the CLV by the definition, customer by customer and step by step."""
    worth = []
    for survival, spend in zip(curve.survival, curve.spend, strict=True):
        total, alive, begins = 0.0, 1.0, 0.0
        for at_end, money in zip(survival, spend, strict=True):
            part = min(1.0, (value.limit - begins) / curve.step_days)
            if part <= 0:
                break
            end = alive + part * (at_end - alive)
            days = part * curve.step_days
            flow = alive * money * value.margin_rate * part
            flow -= value.cost_to_serve * days / 365 * (alive + end) / 2
            total += flow / (1 + value.discount_rate) ** ((begins + days / 2) / 365)
            alive, begins = at_end, begins + curve.step_days
        worth.append(total)
    return worth


@settings(deadline=None, max_examples=200)
@given(curves, rates, st.floats(0.01, 1), st.floats(0, 500), st.data())
def test_clv_is_the_sum_of_its_flows_and_follows_the_definition(
    curve: Curve, discount: float, margin: float, cost: float, data: st.DataObject
) -> None:
    value = plan(data.draw(st.integers(1, curve.step_days * curve.n_steps)), margin, discount, cost)
    flows = cash_flows(curve, value)
    assert flows.shape == (len(curve.survival), -(-value.limit // curve.step_days))
    total = clv(curve, value)
    scale = np.abs(flows).sum(axis=1)
    assert (np.abs(flows.sum(axis=1) - total) <= 1e-9 * scale).all()
    assert (np.abs(np.array(slow_clv(curve, value)) - total) <= 1e-9 * scale + 1e-12).all()


def test_margin_multiple_of_a_constant_retention() -> None:
    # sum over t >= 0 of r^t / (1 + i)^(t + 1/2), flows in the middle of each year; r .8, i .12
    survival = 0.8 ** np.arange(1.0, 101.0)[None]
    curve = Curve(365, survival, np.full_like(survival, 100.0))
    multiple = clv(curve, plan(100 * 365, discount=0.12))[0] / 100
    assert multiple == pytest.approx(1.12**0.5 / (1.12 - 0.8), rel=1e-9)


def test_undiscounted_revenue_without_cost_is_expected_spend() -> None:
    curve = Curve(30, np.array([[0.5, 0.25]]), np.array([[10.0, 40.0]]))
    assert expected_spend(curve, 2).tolist() == [30.0]
    assert expected_spend(curve, 1).tolist() == [10.0]
    assert clv(curve, plan(60)).tolist() == [30.0]


def test_limit_inside_a_step_counts_that_step_in_part() -> None:
    curve = Curve(30, np.array([[1.0, 1.0]]), np.array([[30.0, 60.0]]))
    assert cash_flows(curve, plan(40)).tolist() == [[30.0, 20.0]]


def test_who_leaves_in_a_step_is_served_for_half_of_it() -> None:
    curve = Curve(365, np.array([[0.0, 0.0]]), np.zeros((1, 2)))
    assert cash_flows(curve, plan(730, cost=10.0)).tolist() == [[-5.0, 0.0]]


@settings(deadline=None, max_examples=150)
@given(curves, rates, st.floats(0, 500), st.floats(0.05, 0.95))
def test_interval_is_ordered_and_widens_with_its_level(
    curve: Curve, discount: float, cost: float, level: float
) -> None:
    value = plan(curve.step_days * curve.n_steps, 0.5, discount, cost)
    lower, upper = clv_interval(curve, value, level)
    assert (lower <= upper).all()
    if (curve.spend >= 0).all() and cost == 0:
        wide_lower, wide_upper = clv_interval(curve, value, level + 0.04)
        assert (wide_lower <= lower + 1e-9 * np.abs(upper)).all()
        assert (wide_upper >= upper * (1 - 1e-9)).all()


def test_interval_is_the_money_of_the_lifetime_quantiles() -> None:
    survival = np.cumprod(np.full((1, 60), 0.9), axis=1)
    curve = Curve(30, survival, np.full((1, 60), 30.0))
    lower, upper = clv_interval(curve, plan(1800))
    shortest, longest, _ = lifetime_interval_days(curve, 1800)
    assert (lower[0], upper[0]) == pytest.approx((shortest[0], longest[0]))


def test_curve_shorter_than_the_limit_is_refused() -> None:
    curve = Curve(30, np.array([[0.5]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="needs 2 steps"):
        clv(curve, plan(31))
    with pytest.raises(ValueError, match="horizon of 2"):
        expected_spend(curve, 2)
