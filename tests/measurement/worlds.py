"""Small random histories, and what retention is in them, counted slowly in plain pandas."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.measurement.asked import Asked
from lapse.schema import NEVER, Bucket
from tests.building import bucket

FIRST = 18_993  # 2022-01-01
UNITS = {"month": "M", "quarter": "Q", "year": "Y"}


def business(*, grace: int, has_end: bool, **measure: Any) -> Any:
    """Return what a measurement reads of a business, without a YAML."""
    given = {"segments": (), "products": (), "benchmarks": None, **measure}
    return SimpleNamespace(
        source=Path("shop.yaml"),
        churn=SimpleNamespace(event="cover", grace=grace),
        events={"cover": SimpleNamespace(has_end=has_end)},
        revenue_events=("cover", "refund"),
        value=SimpleNamespace(limit=730),
        measure=SimpleNamespace(**given),
    )


def covers(
    rng: np.random.Generator, customers: int, days: int, each: float, *, has_end: bool
) -> pd.DataFrame:
    """Return random covers with amounts and products, some of them known late."""
    n = rng.poisson(each, customers)
    owner = np.repeat(np.arange(customers), n)
    start = rng.integers(0, days, customers)
    day = FIRST + np.minimum(start[owner] + rng.integers(0, days, len(owner)), days - 1)
    late = np.where(rng.random(len(day)) < 0.15, rng.integers(0, 40, len(day)), 0)
    frame = pd.DataFrame({"customer_id": owner, "day": day, "known_day": day + late})
    frame["amount"] = rng.integers(1, 50, len(day)).astype(float)
    frame["product"] = rng.choice(["a", "b", "c"], len(day))
    frame.loc[rng.random(len(day)) < 0.1, "product"] = None
    if has_end:
        is_open = rng.random(len(day)) < 0.1
        end = day + rng.integers(1, 120, len(day))
        frame["end_day"] = np.where(is_open, NEVER, end)
        frame["end_known_day"] = np.where(is_open, NEVER, np.maximum(frame["known_day"], day))
    return frame


def refunds(rng: np.random.Generator, customers: int, days: int) -> pd.DataFrame:
    """Return negative amounts, some of them known late."""
    n = customers // 2
    day = FIRST + rng.integers(0, days, n)
    known = day + rng.integers(0, 20, n)
    return pd.DataFrame(
        {"customer_id": rng.integers(0, customers, n), "day": day, "known_day": known, "amount": -15.0}
    )


def made(cover: pd.DataFrame, refund: pd.DataFrame, customers: int, channel: list[str | None]) -> Bucket:
    """Return the bucket of these frames."""
    profile = pa.table({"channel": pa.array(channel, pa.string()).dictionary_encode()})
    frames = {"cover": cover, "refund": refund}
    return bucket(list(range(customers)), frames, {"cover": ("product",)}, profile)


def periods(unit: str, first_day: int, as_of: int) -> list[tuple[str, int, int]]:
    """Return name, the day before and the last day of every period that starts after the first day."""
    dates = pd.to_datetime([first_day, as_of + 1], unit="D")
    spans = pd.period_range(dates[0], dates[1], freq=UNITS[unit])
    found = []
    for span in spans:
        before = (span.start_time - pd.Timestamp(0)).days - 1
        last = (span.end_time - pd.Timestamp(0)).days
        if first_day <= before <= as_of:
            name = str(span) if unit != "quarter" else f"{span.year}-Q{span.quarter}"
            found.append((name, before, last))
    return found


def keeps(cover: Any, day: int, info: int, grace: int, has_end: bool) -> bool:
    """Return whether one cover keeps its customer at the end of ``day``, for who knows all by ``info``."""
    if cover.day > day or cover.known_day > info:
        return False
    end, told = (cover.end_day, cover.end_known_day) if has_end else (cover.day, cover.known_day)
    return told > day or end == NEVER or end + grace > day


def is_there(own: list[Any], day: int, info: int, grace: int, has_end: bool) -> bool:
    """Return whether any cover keeps the customer."""
    return any(keeps(one, day, info, grace, has_end) for one in own)


def fates(asked: Asked, cover: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return a row for every customer and period at whose start it was a customer, day by day."""
    grace, has_end = asked.business.churn.grace, asked.business.events["cover"].has_end
    rows = []
    for customer, group in cover.groupby("customer_id"):
        own = list(group.itertuples())
        for name, start, end in periods(unit, asked.first_day, asked.as_of):
            if not is_there(own, start, start, grace, has_end):
                continue
            closed = end <= asked.as_of
            kept = closed and all(is_there(own, d, end, grace, has_end) for d in range(start + 1, end + 1))
            back = closed and not kept and is_there(own, end, end, grace, has_end)
            seen = [one for one in own if one.day <= start and one.known_day <= start]
            product = max(
                seen, key=lambda one: (one.day, one.known_day, getattr(one, "end_day", 0), one.amount)
            ).product
            known = product if isinstance(product, str) else "(not known)"
            rows.append((customer, name, start, end, closed, kept, back, known))
    names = ["customer_id", "period", "start", "end", "closed", "kept", "returned", "product"]
    return pd.DataFrame(rows, columns=names)


def money_in(rows: list[Any], customer: int, after: int, until: int) -> float:
    """Return a customer's money in days (after, until], as known at their end, at least 0."""
    mine = [one for one in rows if one.customer_id == customer and after < one.day <= until]
    return max(sum(one.amount for one in mine if one.known_day <= until), 0.0)
