"""What customers brought in a span, held against a slow sum over the rows of the tables."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lapse.config import Value
from lapse.measurement.money import margins
from tests.building import bucket

ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b"],
        "day": [10, 20, 30, 20],
        "known_day": [10, 20, 90, 20],
        "amount": [100.0, 40.0, 7.0, 50.0],
        "kind": ["book", "game", "book", "book"],
    }
)
CALLS = pd.DataFrame({"customer_id": ["a", "a", "b"], "day": [21, 70, 10]})
RATES = {"margin_rates": {"order": 0.5}, "category_margin_rates": {"order": {"kind": {"book": 0.2}}}}


def business(**value: object) -> SimpleNamespace:
    return SimpleNamespace(
        churn=SimpleNamespace(event="order", grace=30),
        events={"order": SimpleNamespace(has_end=False)},
        revenue_events=("order",),
        value=Value.model_validate({"margin_rate": 0.3, "discount_rate": 0.1, **value}),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, [0.3 * 140, 0.3 * 50]),
        (RATES, [0.2 * 100 + 0.5 * 40, 0.2 * 50]),
        ({"event_costs": {"call": 8.0}}, [0.3 * 140 - 8, 0.3 * 50 - 8]),
        ({"cost_to_serve": 365.0}, [0.3 * 140 - 40, 0.3 * 50 - 30]),  # at risk on the days 10 to 49, 20 to 49
    ],
)
def test_rates_and_costs_of_the_yaml_count(value: dict[str, object], expected: list[float]) -> None:
    held = bucket(["a", "b"], {"order": ORDERS, "call": CALLS}, {"order": ("kind",)})
    both, day = np.arange(2), np.ones(2, np.int32)
    found = margins(business(**value), held, both, day * 0, day * 60, day * 60)
    assert found.tolist() == pytest.approx(expected)
