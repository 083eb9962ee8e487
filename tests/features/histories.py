"""Random businesses and histories in which whatever can be awkward is: late rows, ties, refunds, ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.config import Business
from lapse.features import fit_recipe
from lapse.features.families import names_on_request
from lapse.schema import NEVER, Bucket, Snapshots
from tests.building import bucket

FIRST, LAST = 19_000, 19_260
WINDOWS = (7, 21, 60, 200)
ATTRIBUTES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "gym": {"term": ("plan", "level"), "visit": ("room", "coach"), "complaint": ()},
    "shop": {"order": ("room", "coach"), "coupon": ()},
}

_COMMON = {
    "currency": "EUR",
    "snapshots": {"start": "2021-06-01", "every": "1mo", "horizon": "60d"},
    "features": {"windows": [f"{w}d" for w in WINDOWS], "top_categories": 3},
    "value": {"margin_rate": 0.3, "discount_rate": 0.1},
    "scores": {"path": "out"},
    "customers": {
        "path": "c.parquet",
        "columns": {"customer_id": "id", "known_at": "k"},
        "features": ["region", "age"],
    },
}


def business(name: str, custom: Mapping[str, str] | None = None, also: Sequence[str] = ()) -> Business:
    """Return the gym (contract, visits, complaints) or the shop (orders, coupons)."""
    key = {"customer_id": "id", "time": "t", "known_at": "k"}
    mixed = {"features": ["room"], "categories": ["room", "coach"]}
    if name == "gym":
        events = {
            "term": {
                "path": "t.parquet",
                "columns": {**key, "amount": "a", "end": "e", "end_known_at": "ek"},
                "features": ["plan", "level"],
            },
            "visit": {"path": "v.parquet", "columns": key, **mixed},
            "complaint": {"path": "c.parquet", "columns": {**key, "end": "e", "end_known_at": "ek"}},
        }
        churn = {"event": "term", "grace": "14d", "end_known": "end_known_at"}
    else:
        events = {
            "order": {"path": "o.parquet", "columns": {**key, "amount": "a"}, **mixed},
            "coupon": {"path": "u.parquet", "columns": key},
        }
        churn = {"event": "order", "grace": "30d"}
    raw = {**_COMMON, "business": name, "events": events, "churn": churn}
    raw["features"] = {**_COMMON["features"], "custom": dict(custom or {}), "also": list(also)}
    return Business.model_validate(raw)


def asking_for_all(name: str, whole: Bucket, custom: Mapping[str, str] | None = None) -> Business:
    """Return a business that asks for every feature that it does not get unasked."""
    plain = fit_recipe(business(name, custom), [whole], LAST)
    there = set(plain.names)
    asked = [one for one in names_on_request(plain.business, plain.shares) if one not in there]
    return business(name, custom, asked)


def some_events(rng: np.random.Generator, kind: str, customers: list[object], most: int = 12) -> pd.DataFrame:
    """Return random events of one kind: none for some customers, many on a day, some known late."""
    counts = rng.integers(0, most + 1, len(customers)) * (rng.random(len(customers)) > 0.25)
    n = int(counts.sum())
    spread = rng.choice([30, 250], n)  # some customers' events crowd
    day = np.minimum(FIRST + (rng.random(n) * spread).astype(int), LAST)
    late = rng.choice([0, 0, 0, 0, 1, 6, 45], n)
    early = np.where(rng.random(n) < 0.2, rng.integers(0, 40, n), 0) if kind == "term" else 0
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(len(customers)), counts),
            "day": day,
            "rank": rng.random(n),
            "known_day": day + late - early,
        }
    )
    frame["customer_id"] = [customers[i] for i in frame["customer_id"]]
    if kind in ("term", "complaint"):
        frame = frame.assign(**ends(rng, frame))
    if kind in ("term", "order"):
        frame["amount"] = np.round(rng.choice([1, 1, 1, 1, 0, -1], n) * rng.gamma(2, 20, n), 2)
    if kind == "term":
        frame["plan"] = rng.choice(np.array(["basic", "plus", None], object), n)
        frame["level"] = rng.choice([1.0, 2.0, 2.5], n)
    if kind in ("visit", "order"):
        frame["room"] = rng.choice(np.array(["Pool", "pool ", "Café", "gym floor", "sauna", None], object), n)
        frame["coach"] = rng.choice(np.array(["ann", "bob", "cy", "di", "ed", "flo"], object), n)
    return frame


def ends(rng: np.random.Generator, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return ends known at the start, when they happen, before, after, or never."""
    n, day = len(frame), frame["day"].to_numpy()
    end = day + rng.integers(0, 70, n)
    known = np.choose(rng.integers(0, 4, n), [day, end, end + 5, np.maximum(end - 10, day)])
    endless = rng.random(n) < 0.2
    return {
        "end_day": np.where(endless, NEVER, end),
        "end_known_day": np.where(endless, NEVER, known),
    }


def some_frames(rng: np.random.Generator, name: str, customers: list[object]) -> dict[str, pd.DataFrame]:
    """Return random events of every kind of one business."""
    return {kind: some_events(rng, kind, customers) for kind in ATTRIBUTES[name]}


def some_profile(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return random attributes of customers, and the days from which they are known."""
    return pd.DataFrame(
        {
            "region": rng.choice(np.array(["north", "south", None], object), n),
            "age": rng.choice([20.0, 30.0, np.nan], n),
            "known_day": rng.choice([np.iinfo(np.int32).min, FIRST + 100, NEVER], n),
        }
    )


def assemble(
    name: str, customers: list[object], frames: Mapping[str, pd.DataFrame], profile: pd.DataFrame
) -> Bucket:
    """Return the bucket that these frames make."""
    table = pa.table(
        {
            "region": pa.array(profile["region"], pa.string(), from_pandas=True).dictionary_encode(),
            "age": pa.array(profile["age"], pa.float64()),
        }
    )
    made = bucket(customers, frames, ATTRIBUTES[name], table)
    return dataclasses.replace(made, profile_known_day=profile["known_day"].to_numpy(np.int32))


def some_snapshots(rng: np.random.Generator, n_customers: int) -> Snapshots:
    """Return some as-of dates of every customer, before the first event and after the last too."""
    dates = np.arange(FIRST - 5, LAST + 40, 1)
    pairs = [(c, int(t)) for c in range(n_customers) for t in sorted(rng.choice(dates, 6, replace=False))]
    customer, day = (np.array(part) for part in zip(*pairs, strict=True))
    return Snapshots(customer.astype(np.int64), day.astype(np.int32))
