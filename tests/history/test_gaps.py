"""Gaps between covers, against a plain walk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lapse.history import gap_quantiles, read
from lapse.history.gaps import gaps_between
from lapse.schema import NEVER
from tests import building
from tests.history.making import ORDER, TODAY, business, times, write


def walked(frame: pd.DataFrame, is_span: bool) -> list[int]:
    """Return all gaps by looking at one cover after the other."""
    gaps = []
    for _, own in frame.groupby("customer_id"):
        until = None
        for row in own.sort_values("day").itertuples():
            if until is not None and until != NEVER:
                gap = row.day - until
                if is_span or gap > 0:
                    gaps.append(max(gap, 0))
            end = row.end_day if is_span else row.day
            until = end if until is None else max(until, end)
    return sorted(gaps)


@pytest.mark.parametrize("is_span", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_gaps_are_those_of_a_plain_walk(seed: int, is_span: bool) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    day = random.integers(-50, 200, n)
    frame = pd.DataFrame({"customer_id": random.integers(0, 6, n), "day": day})
    frame["end_day"] = np.where(random.random(n) < 0.2, NEVER, day + random.integers(0, 30, n))
    frame = frame.sort_values(["customer_id", "day", "end_day"])
    events = building.events(frame, list(range(6)))
    assert sorted(gaps_between(events, is_span).tolist()) == walked(frame, is_span)


def test_quantiles_are_those_of_all_buckets(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    n = 400
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, n), unit="D")
    table = {
        "customer": random.integers(0, 15, n),
        "at": pa.array(at, pa.timestamp("us")),
        "paid": np.ones(n),
    }
    write(tmp_path, "orders.parquet", table)
    shop = business(tmp_path, {"order": ORDER}, quality={"duplicates": "drop"})
    frame = pd.DataFrame(
        {"customer_id": table["customer"], "day": (at - pd.Timestamp(0)).days, "end_day": NEVER}
    )
    expected = np.array(walked(frame, is_span=False))
    with read(shop, rows_per_bucket=50, today=TODAY) as history:
        found = gap_quantiles(history, [0.5, 0.9, 1.0])
    assert found.count == len(expected)
    assert found.days == {
        level: np.quantile(expected, level, method="inverted_cdf") for level in (0.5, 0.9, 1.0)
    }


def test_no_gap_no_quantile(tmp_path: Path) -> None:
    write(tmp_path, "orders.parquet", {"customer": ["a"], "at": times("2024-01-01"), "paid": [1.0]})
    with read(business(tmp_path, {"order": ORDER}), today=TODAY) as history:
        found = gap_quantiles(history)
    assert (found.count, found.days) == (0, {})
