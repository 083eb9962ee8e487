from __future__ import annotations

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


def test_retention_moves_nobody_who_is_sure_and_nobody_too_soon() -> None:
    survival = np.array([[1.0, 1.0, 1.0], [0.5, 0.0, 0.0], [1.0, 0.6, 0.3]])
    curve = Curve(180, survival, np.ones((3, 3)), np.array([600.0, 0.0, 200.0]))
    longer, _ = changed(curve, VALUE, Change(retention=0.01))
    assert longer.survival[:2].tolist() == survival[:2].tolist()
    assert longer.survival[2, 0] == 1.0
    assert longer.survival[2, 1] ** (365 / 360) == pytest.approx(0.6 ** (365 / 360) + 0.01, rel=1e-9)
    assert longer.survival[2, 2] > 0.3


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
