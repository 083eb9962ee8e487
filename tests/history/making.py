"""Businesses whose tables are written in a few lines: what every test of the history begins with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from lapse.config import Business, load
from lapse.errors import DataError
from lapse.history import History, read

TODAY = date(2024, 12, 31)

ORDER: dict[str, Any] = {
    "path": "orders.parquet",
    "columns": {"customer_id": "customer", "time": "at", "amount": "paid"},
}
TERM: dict[str, Any] = {
    "path": "terms.parquet",
    "columns": {"customer_id": "member", "time": "starts", "end": "ends", "amount": "price"},
}


def write(folder: Path, name: str, columns: Mapping[str, Any] | pa.Table) -> None:
    """Write a Parquet file."""
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), folder / name)


def times(*texts: str | None) -> pa.Array:
    """Return wall-clock times."""
    return pa.array([None if text is None else pd.Timestamp(text) for text in texts], pa.timestamp("us"))


def orders(folder: Path, **columns: Any) -> None:
    """Write orders.parquet: three orders of two customers, with these columns instead or in addition."""
    write(
        folder,
        "orders.parquet",
        {
            "customer": ["b", "a", "b"],
            "at": times("2024-01-03 10:00", "2024-01-02 09:00", "2024-01-01 23:59"),
            "paid": [10.0, 5.0, 2.5],
        }
        | columns,
    )


def terms(folder: Path, **columns: Any) -> None:
    """Write terms.parquet: an ended term and an open one."""
    write(
        folder,
        "terms.parquet",
        {
            "member": ["a", "b"],
            "starts": times("2024-01-01", "2024-01-02"),
            "ends": times("2024-02-01", None),
            "price": [30.0, 30.0],
        }
        | columns,
    )


def business(folder: Path, events: Mapping[str, Mapping[str, Any]], **sections: Any) -> Business:
    """Return a business with these events, the first of them the churn event, loaded from a YAML file."""
    raw = {
        "business": "shop",
        "currency": "EUR",
        "events": {name: dict(event) for name, event in events.items()},
        "churn": {"event": next(iter(events)), "grace": "30d"},
        "snapshots": {"start": date(2023, 1, 1), "every": "1mo", "horizon": "60d"},
        "value": {"margin_rate": 0.3, "discount_rate": 0.1},
        "scores": {"path": "out"},
    }
    (folder / "shop.yaml").write_text(yaml.safe_dump(raw | sections, sort_keys=False))
    return load(folder / "shop.yaml")


def reading(folder: Path, events: Mapping[str, Mapping[str, Any]], **sections: Any) -> History:
    """Return the history of such a business."""
    return read(business(folder, events, **sections), today=TODAY)


def refusal(folder: Path, events: Mapping[str, Mapping[str, Any]], **sections: Any) -> str:
    """Return what is said when such a business is refused; the exit code is that of data errors."""
    made = business(folder, events, **sections)
    with pytest.raises(DataError) as caught:
        read(made, today=TODAY)
    assert caught.value.exit_code == 3
    return str(caught.value)


def rows(history: History, kind: str) -> pd.DataFrame:
    """Return all events of a kind with their customers, whatever the buckets, sorted by everything."""
    frames = []
    for bucket in history.buckets():
        events = bucket.events[kind]
        owner = pa.array(np.repeat(np.arange(len(bucket)), np.diff(events.offsets)))
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": bucket.customer_id.take(owner).to_pylist(),
                    "day": events.day,
                    "known_day": events.known_day,
                    "end_day": events.end_day,
                    "end_known_day": events.end_known_day,
                    "amount": events.amount,
                    "cause": events.cause,
                    "time_us": events.time_us,
                    **{name: values.to_pylist() for name, values in events.attributes.items()},
                }
            )
        )
    whole = pd.concat(frames, ignore_index=True)
    return whole.sort_values(["customer_id"], kind="stable").reset_index(drop=True)
