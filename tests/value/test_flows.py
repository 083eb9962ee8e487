from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lapse.config import Value
from lapse.models.curve import Curve
from lapse.models.durations import remaining_lifetime_days
from lapse.value import (
    cash_flows,
    clv,
    expected_spend,
    flows_of,
    lifetime_in_periods,
    margin_multiple,
)

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


@pytest.mark.parametrize(("retention", "discount", "multiple"), [(0.8, 0.12, 2.50), (0.9, 0.10, 4.50)])
def test_margin_multiple_of_a_constant_retention(retention: float, discount: float, multiple: float) -> None:
    """r / (1 + i - r) counts from the next renewal, at the end of its year: r years and half a year later."""
    assert margin_multiple(retention, discount) == pytest.approx(multiple, abs=1e-9)
    survival = retention ** np.arange(1.0, 401.0)[None]
    curve = Curve(365, survival, np.full_like(survival, 100.0))
    worth = clv(curve, plan(100 * 365, discount=discount))[0] / 100
    over = 1 - (retention / (1 + discount)) ** 100  # what a century, the longest limit, leaves out
    assert worth * retention / (1 + discount) ** 0.5 == pytest.approx(multiple * over, rel=1e-9)


@pytest.mark.parametrize(
    ("retention", "discount"),
    [(1.1, 0.1), (-0.1, 0.1), (np.nan, 0.1), (0.8, np.nan), (0.8, np.inf), (0.8, -0.1)],
)
def test_rates_that_have_no_multiple_are_refused(retention: float, discount: float) -> None:
    with pytest.raises(ValueError, match="retention in"):
        margin_multiple(retention, discount)


def test_a_sum_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="the sum has no end"):
        margin_multiple(1.0, 0.0)


@pytest.mark.parametrize("retention", [0.8, 0.9])
def test_constant_hazard_without_discount_lives_as_long_as_it_should(retention: float) -> None:
    """1 / (1 - r) steps are begun; the last one is left in its middle."""
    survival = retention ** np.arange(1.0, 801.0)[None]
    curve = Curve(30, survival, np.ones_like(survival))
    steps = lifetime_in_periods(retention)
    assert steps == pytest.approx(1 / (1 - retention), rel=1e-9)
    assert clv(curve, plan(800 * 30))[0] == pytest.approx(steps, rel=1e-9)
    assert remaining_lifetime_days(curve, 800 * 30)[0] / 30 == pytest.approx(steps - 0.5, rel=1e-9)


@settings(deadline=None, max_examples=100)
@given(curves, rates, st.floats(0, 500), st.integers(0, 1000))
def test_flows_are_made_of_their_parts(curve: Curve, discount: float, cost: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    margin, event_cost = rng.normal(0, 100, curve.survival.shape), rng.gamma(1, 10, curve.survival.shape)
    rich = replace(curve, margin=margin, event_cost=event_cost)
    flows = flows_of(rich, plan(curve.step_days * curve.n_steps, 0.5, discount, cost))
    alive = np.hstack([np.ones((len(margin), 1)), curve.survival[:, :-1]])
    spent = (alive + curve.survival) / 2 * cost * curve.step_days / 365 + alive * event_cost
    when = (np.arange(curve.n_steps) + 0.5) * curve.step_days / 365
    expected = (alive * margin - spent) / (1 + discount) ** when
    scale = np.abs(alive * margin) + spent + 1e-9
    assert (np.abs(flows.cash_flow - expected) <= 1e-9 * scale).all()
    assert (np.abs(flows.clv - expected.sum(axis=1)) <= 1e-9 * scale.sum(axis=1)).all()


def test_a_month_of_refunds_is_a_negative_flow() -> None:
    curve = Curve(30, np.array([[1.0, 1.0]]), np.array([[-20.0, 50.0]]))
    assert cash_flows(curve, plan(60, margin=0.5)).tolist() == [[-10.0, 25.0]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["spend", "margin", "event_cost"])
def test_money_that_is_no_number_is_refused(name: str, wrong: float) -> None:
    money = {"spend": np.ones((1, 2)), name: np.array([[1.0, wrong]])}
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        Curve(30, np.array([[0.5, 0.2]]), **money)


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


def test_curve_shorter_than_the_limit_is_refused() -> None:
    curve = Curve(30, np.array([[0.5]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="needs 2 steps"):
        clv(curve, plan(31))
    with pytest.raises(ValueError, match="horizon of 2"):
        expected_spend(curve, 2)
