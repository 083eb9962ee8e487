"""Financial and strategic worth beside the same table from the rows, a customer at a time."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import worth
from lapse.measurement.told import Misleading
from lapse.measurement.worth import SUGGESTED, points_of
from tests.measurement.small_shop import (
    AS_OF,
    CUSTOMERS,
    FIRST,
    brought,
    draw,
    is_customer,
    known_by,
    measured,
    shop,
)

MEASURE: dict[str, Any] = {
    "tiers": {"margin": {"platinum_from": 60.0, "gold_from": 20.0}},
    "strategic": {
        "points": {
            "referral": {"when": [{"event": "referral", "at_least": 1}], "points": 2},
            "loyal": {"when": [{"event": "order", "days": 3}, {"category": "product", "distinct": 2}]},
            "contract": {"when": [{"event": "contract", "in_force": True}]},
        },
        "high_from": 2,
    },
}


def by_hand(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return tier, points and money of each customer at risk at as_of."""
    rows = []
    for customer in CUSTOMERS:
        if not is_customer(frames, customer, AS_OF, AS_OF):
            continue
        seen = {kind: rows[rows.customer_id == customer] for kind, rows in known_by(frames, AS_OF).items()}
        value = round(brought(frames, customer, AS_OF - 365, AS_OF, AS_OF), 4)
        over = seen["contract"][["end_day", "end_known_day"]].max(axis=1)
        parts = {
            "referral": len(seen["referral"]) > 0,
            "loyal": seen["order"].day.nunique() >= 3 and seen["order"]["product"].nunique() >= 2,
            "contract": bool((over > AS_OF).any()),
        }
        tier = "lead" if value < 0 else "platinum" if value >= 60 else "gold" if value >= 20 else "iron"
        points = 2 * parts["referral"] + parts["loyal"] + parts["contract"]
        rows.append({"tier": tier, "strategic": "high" if points >= 2 else "low", "value": value, **parts})
    return pd.DataFrame(rows, columns=["tier", "strategic", "value", "referral", "loyal", "contract"])


class TestWorth:
    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(deadline=None, max_examples=20)
    def test_both_tables(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        told = measured(worth, frames, shop(MEASURE), cuts)
        expected = by_hand(frames)
        table = told["worth"].frame.set_index(["tier", "strategic"])
        assert len(table) == 8
        for (tier, strategic), row in table.iterrows():
            here = expected[(expected.tier == tier) & (expected.strategic == strategic)]
            assert row.customers == len(here)
            assert row.value == pytest.approx(here.value.sum(), abs=1e-3)
            assert row.suggested == SUGGESTED[tier, strategic]
        for row in told["strategic_points"].frame.itertuples():
            assert row.customers == expected[row.name].sum()
        assert told["strategic_points"].frame["when"].tolist()[1] == (
            "order on 3 days or more and 2 values of product or more in order"
        )

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=15)
    def test_rows_known_later_change_nothing(self, seed: int) -> None:
        frames = draw(seed)
        now, early = (measured(worth, one, shop(MEASURE)) for one in (frames, known_by(frames, AS_OF)))
        for name in now:
            pd.testing.assert_frame_equal(now[name].frame, early[name].frame)


def test_one_side_alone_decides_nothing() -> None:
    for tier in ("platinum", "gold", "iron", "lead"):
        assert SUGGESTED[tier, "high"] != SUGGESTED[tier, "low"]
    assert SUGGESTED["lead", "high"] != "let go"


def test_default_points_are_what_events_can_show() -> None:
    assert list(points_of(shop())) == ["referral", "breadth", "contract"]


def test_what_cannot_be_known_is_missing_and_said() -> None:
    told = measured(worth, draw(0), shop(), as_of=FIRST + 300)["worth"]
    assert told.frame[["customers", "value"]].isna().all(axis=None)
    assert "cannot be known" in told.warnings[0]
    bare = shop().model_copy(update={"events": {"order": shop().events["refund"]}})
    frames = {"order": draw(0)["order"]}
    value = bare.value.model_copy(update={"revenue": ("order",)})
    told = measured(worth, frames, bare.model_copy(update={"value": value}))["worth"]
    assert told.frame[["customers", "value"]].isna().all(axis=None)
    assert "strategic worth cannot be known" in told.warnings[0]


def test_points_that_everybody_has_are_warned_of() -> None:
    rule = {"strategic": {"points": {"bought": {"when": [{"event": "order", "at_least": 1}]}}}}
    warnings = measured(worth, draw(0), shop(rule))["worth"].warnings
    assert "high for 100.0% of the customers" in warnings[0]
    assert "points are now: bought for 1 order or more" in warnings[0]
    assert isinstance(warnings[0], Misleading)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=10)
def test_a_limit_that_would_tell_customers_apart_is_named(seed: int) -> None:
    often = {f"orders_{n}": {"when": [{"event": "order", "at_least": n}]} for n in (1, 5, 9)}
    told = measured(worth, draw(seed), shop({"strategic": {"points": often}}))
    points = told["strategic_points"].frame.set_index("name").customers_share  # nested: 9 orders are 5 too
    named = re.search(
        r"high_from: (\d) instead of 1 it would be high for (\S+)", "".join(told["worth"].warnings)
    )
    fitting = [limit for limit in (2, 3) if 0 < points.iloc[limit - 1] <= 0.8]
    assert points.iloc[0] == 1
    assert (named is not None) == bool(fitting)
    if named is not None:
        assert int(named[1]) == fitting[0]
        assert named[2] == f"{points.iloc[fitting[0] - 1]:.1%}"


@pytest.mark.parametrize("orders", range(1, 12))
def test_a_class_that_holds_nearly_everybody_is_warned_of(orders: int) -> None:
    """More than 80 % high, or less than 1 %, tell nobody apart; what lies between does."""
    rule = {"strategic": {"points": {"keen": {"when": [{"event": "order", "at_least": orders}]}}}}
    told = measured(worth, draw(2), shop(rule))
    share = told["strategic_points"].frame["customers_share"].iloc[0]
    warned = [warning for warning in told["worth"].warnings if "tells them apart" in warning]
    assert len(warned) == int(share > 0.8 or share < 0.01)


def test_points_that_nobody_has_are_warned_of_too() -> None:
    rule = {"strategic": {"points": {"keen": {"when": [{"event": "order", "at_least": 500}]}}}}
    (warning,) = measured(worth, draw(0), shop(rule))["worth"].warnings
    assert "high for 0.0% of the customers" in warning
    assert "high_from is 1" in warning
