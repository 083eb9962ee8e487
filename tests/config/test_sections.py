"""Values of the config: lengths, names, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapse.config import Business, parse_days


@pytest.mark.parametrize(("text", "days"), [("1d", 1), ("90d", 90), ("12w", 84), ("5y", 1825)])
def test_lengths(text: str, days: int) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize(
    "value", [14, 14.0, "14", "d", "0d", "1mo", "-3d", "1.5d", "14 d", "14D", None, True]
)
def test_lengths_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match="a length"):
        parse_days(value)


def with_horizon(horizon: str) -> Business:
    raw: dict[str, Any] = {
        "business": "shop",
        "currency": "EUR",
        "events": {
            "order": {"path": "o.parquet", "columns": {"customer_id": "c", "time": "t", "amount": "a"}}
        },
        "churn": {"event": "order", "grace": "1d"},
        "snapshots": {"start": "2024-01-01", "every": "1mo", "horizon": horizon},
        "value": {"margin_rate": 0.3, "discount_rate": 0.1},
        "scores": {"path": "out"},
    }
    return Business.model_validate(raw)


@given(st.integers(1, 800))
def test_a_horizon_is_a_whole_number_of_steps(days: int) -> None:
    business = with_horizon(f"{days}d")
    assert days % business.step_days == 0
    assert 7 <= business.step_days <= 31 or business.step_days == days


def test_what_is_not_said_follows_from_the_rest() -> None:
    business = with_horizon("60d")
    assert business.revenue_events == ("order",)
    assert business.experiment == "shop"
    assert str(business.zone) == "UTC"
    assert business.step_days == 30
    assert not business.events["order"].has_end
    assert business.events["order"].has_amount
