"""Margins and costs of rows, held against slow sums of the same rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lapse.cohort.contribution import event_costs, margins
from lapse.cohort.outcomes import outcomes_of
from lapse.config import Value
from tests.building import bucket, snapshots

ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b"],
        "day": [1, 12, 31, 11, 40],
        "amount": [10.0, 20.0, -5.0, 100.0, 7.0],
        "kind": ["book", "game", None, "other", "book"],
    }
)
CALLS = pd.DataFrame({"customer_id": ["a", "b", "b"], "day": [14, 12, 13]})
BUCKET = bucket(["a", "b"], {"order": ORDERS, "call": CALLS}, {"order": ("kind",)})


def business(value: Value, revenue: tuple[str, ...] = ("order",)) -> SimpleNamespace:
    return SimpleNamespace(
        churn=SimpleNamespace(event="order", grace=60),
        events={"order": SimpleNamespace(has_end=False)},
        snapshots=SimpleNamespace(horizon=60),
        revenue_events=revenue,
        value=value,
        step_days=20,
    )


def test_the_most_special_rate_of_a_row_counts() -> None:
    value = Value(
        margin_rate=0.3,
        discount_rate=0.1,
        margin_rates={"order": 0.5},
        category_margin_rates={"order": {"kind": {"book": 0.1, "game": -0.2}}},
    )
    assert margins(business(value), BUCKET)["order"].tolist() == pytest.approx([1.0, -4.0, -2.5, 50.0, 0.7])
    plain = Value(
        margin_rate=0.3, discount_rate=0.1, category_margin_rates={"order": {"kind": {"book": 0.1}}}
    )
    assert margins(business(plain), BUCKET)["order"].tolist() == pytest.approx([1.0, 6.0, -1.5, 30.0, 0.7])


def test_margins_and_costs_of_steps_are_those_of_their_rows() -> None:
    value = Value(margin_rate=0.3, discount_rate=0.1, margin_rates={"order": 0.5}, event_costs={"call": 8.0})
    asked = snapshots([(0, 10), (1, 11)])
    found = outcomes_of(business(value), BUCKET, asked, 60, 3)
    assert found.margin is not None
    assert found.event_cost is not None
    np.testing.assert_allclose(found.margin, 0.5 * found.spend)
    # steps (10, 30], (30, 50] of a, and (11, 31], (31, 51] of b; the third is not closed
    assert found.spend[:, :2].tolist() == [[20.0, -5.0], [0.0, 7.0]]
    assert found.event_cost[:, :2].tolist() == [[8.0, 0.0], [16.0, 0.0]]
    assert np.isnan(found.event_cost[:, 2]).all()
    assert event_costs(business(value), BUCKET)["call"].tolist() == [8.0, 8.0, 8.0]


def test_one_rate_for_all_keeps_no_table_of_its_own() -> None:
    found = outcomes_of(
        business(Value(margin_rate=0.3, discount_rate=0.1)), BUCKET, snapshots([(0, 10)]), 60, 3
    )
    assert found.margin is found.event_cost is found.paid is None


def test_what_came_with_the_event_that_keeps_a_customer_is_told_from_the_rest() -> None:
    addons = pd.DataFrame(
        {"customer_id": ["a", "a", "b", "b"], "day": [10, 13, 30, 32], "amount": [9.0, 4.0, 6.0, -2.0]}
    )
    both = bucket(["a", "b"], {"order": ORDERS, "addon": addons}, {"order": ("kind",)})
    value = Value(margin_rate=0.5, discount_rate=0.1, margin_rates={"addon": 1.0})
    found = outcomes_of(business(value, ("order", "addon")), both, snapshots([(0, 10), (1, 11)]), 60, 3)
    # a's refund of 5 and b's of 2 take back what was paid; the addon of day 10 is no future money
    assert found.paid is not None
    assert found.paid.tolist() == [[10.0, 4.0], [3.5, 6.0]]
    assert found.take(np.array([1])).paid.tolist() == [[3.5, 6.0]]
    assert type(found).join([found, found]).paid.shape == (4, 2)
