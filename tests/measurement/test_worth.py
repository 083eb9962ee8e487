"""Financial and strategic worth beside the same table from the rows, a customer at a time."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import worth
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
