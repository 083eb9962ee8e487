"""The features in pandas, by hand.

In: the Parquet file of the orders, the folder to write, the as-of dates. Out: a Parquet file a date. Orders
are read once. At each date they get a band by their age (0 to 30 days, 30 to 90 and so on) and are grouped
once by customer and band and once by customer, band and category; windows are running sums over the bands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.features_question import FIRST_SEEN, LAST_SEEN, NAMES, WINDOWS
from benchmarks.histories import CATEGORIES

EPOCH = date(1970, 1, 1)


def bands_a_date(orders: str, out: str, dates: Sequence[str]) -> Callable[[], str]:
    """Group the orders of a date by customer and band."""

    def work() -> str:
        Path(out).mkdir(parents=True, exist_ok=True)
        table = _read(orders)
        for day in dates:
            made = _at(table, (date.fromisoformat(day) - EPOCH).days)
            made.insert(1, "as_of", date.fromisoformat(day))
            made.to_parquet(Path(out) / f"{day}.parquet", index=False)
        return out

    return work


def _read(file: str) -> pd.DataFrame:
    """Return orders with days since 1970-01-01 and the position of their category."""
    read = pd.read_parquet(file)
    return pd.DataFrame(
        {
            "customer_id": read["customer_no"],
            "day": (read["ordered_at"].to_numpy("datetime64[D]")).astype(np.int32),
            "known": (read["booked_at"].to_numpy("datetime64[D]")).astype(np.int32),
            "amount": read["amount"],
            "category": pd.Categorical(read["category"], categories=CATEGORIES).codes,
        }
    )


def _at(table: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Return the features of everybody known at one date."""
    seen = table[table["known"] <= as_of]
    ages = as_of - seen.groupby("customer_id")["day"].agg(["min", "max"])
    recent = seen[seen["day"] > as_of - WINDOWS[-1]]
    band = np.searchsorted(WINDOWS, (as_of - recent["day"]).to_numpy(), side="right").astype(np.int8)
    by_band = recent["amount"].groupby([recent["customer_id"], band]).agg(["size", "sum", "max"])
    made = {
        **_windows("count", _wide(by_band["size"]).fillna(0).cumsum(axis=1)),
        **_windows("sum", _wide(by_band["sum"]).fillna(0).cumsum(axis=1)),
        **_windows("max", _wide(by_band["max"]).cummax(axis=1).ffill(axis=1)),
    }
    by_category = recent.groupby(["category", "customer_id", band]).size()
    for code, category in enumerate(CATEGORIES):
        counts = _wide(by_category.loc[code]) if code in by_category.index else pd.DataFrame()
        made |= _windows(f"count_category_{category}", counts.fillna(0).cumsum(axis=1))
    made |= {FIRST_SEEN: ages["min"], LAST_SEEN: ages["max"]}
    whole = pd.DataFrame(made, index=ages.index)
    filled = [name for name in NAMES if "__max__" not in name]
    whole[filled] = whole[filled].fillna(0)
    return whole.astype(np.float32).reset_index()


def _wide(by_band: pd.Series) -> pd.DataFrame:
    """Return a column a band."""
    return by_band.unstack().reindex(columns=range(len(WINDOWS)))  # noqa: PD010 - an index, not a frame


def _windows(stat: str, bands: pd.DataFrame) -> dict[str, pd.Series]:
    return {f"order__{stat}__{window}d": bands[at] for at, window in enumerate(WINDOWS)}
