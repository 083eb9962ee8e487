"""A small shop's histories drawn at random, and the plainest way to say what is true of them on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from lapse.config import Business
from lapse.measurement.asked import Asked
from lapse.measurement.told import Measured
from lapse.schema import NEVER, Bucket, to_day
from tests.building import bucket

FIRST, AS_OF = to_day(date(2021, 1, 1)), to_day(date(2023, 4, 10))
GRACE, RATE, COST = 90, 0.5, 30.0
CUSTOMERS = [f"c{number:02d}" for number in range(12)]


def shop(measure: Mapping[str, Any] | None = None, cost: float = COST) -> Business:
    """Return a business with orders, refunds, referrals, and contracts that end."""
    columns = {"customer_id": "c", "time": "t"}
    money, ends = columns | {"amount": "a"}, columns | {"end": "e"}
    return Business.model_validate(
        {
            "business": "shop",
            "currency": "EUR",
            "events": {
                "order": {"path": Path("o.parquet"), "columns": money, "categories": ["product"]},
                "refund": {"path": Path("r.parquet"), "columns": money},
                "referral": {"path": Path("f.parquet"), "columns": columns},
                "complaint": {"path": Path("k.parquet"), "columns": columns},
                "contract": {"path": Path("i.parquet"), "columns": ends},
            },
            "churn": {"event": "order", "grace": f"{GRACE}d"},
            "snapshots": {"start": date(2021, 6, 1), "every": "1mo", "horizon": "90d"},
            "value": {
                "margin_rate": RATE,
                "discount_rate": 0.1,
                "cost_to_serve": cost,
                "revenue": ["order", "refund"],
            },
            "scores": {"path": Path("out")},
            "measure": dict(measure or {}),
        }
    )


def draw(seed: int, last: int = AS_OF + 60) -> dict[str, pd.DataFrame]:
    """Return tables of the shop with late knowledge, refunds, equal amounts and rows behind as_of."""
    rng = np.random.default_rng(seed)

    def some(n: int) -> pd.DataFrame:
        day = rng.integers(FIRST, last, n)
        return pd.DataFrame(
            {
                "customer_id": rng.choice(CUSTOMERS, n, p=rng.dirichlet(np.ones(len(CUSTOMERS)))),
                "day": day,
                "known_day": day + rng.choice([0, 0, 0, 45], n),
            }
        )

    orders = some(80).assign(
        amount=rng.choice([10.0, 20.0, 20.0, 90.0], 80), product=rng.choice(["tea", "jam"], 80)
    )
    contracts = some(6)
    end = contracts.day + rng.integers(30, 400, 6)
    return {
        "order": orders,
        "refund": some(15).assign(amount=-rng.choice([5.0, 30.0], 15)),
        "referral": some(5),
        "complaint": some(20),
        "contract": contracts.assign(end_day=end, end_known_day=end),
    }


def buckets_of(frames: Mapping[str, pd.DataFrame], cuts: int = 1) -> list[Bucket]:
    """Return the tables as this many buckets of customers."""
    made = []
    for number, ids in enumerate(np.array_split(CUSTOMERS, cuts)):
        mine = {kind: rows[rows.customer_id.isin(ids)] for kind, rows in frames.items()}
        made.append(replace(bucket(list(ids), mine, {"order": ("product",)}), number=number))
    return made


def added_up(asked: Asked, part: ModuleType, buckets: list[Bucket]) -> dict[str, pd.DataFrame]:
    """Return the sums of all buckets, as the job adds them up."""
    each = [part.collect(asked, one) for one in buckets]
    together = {name: pd.concat([sums[name] for sums in each]) for name in each[0]}
    return {name: frame.groupby(level=frame.index.names).sum() for name, frame in together.items()}


def measured(
    part: ModuleType,
    frames: Mapping[str, pd.DataFrame],
    business: Business,
    cuts: int = 2,
    as_of: int = AS_OF,
) -> dict[str, Measured]:
    """Return what a part says about tables, by name."""
    asked = Asked(business, FIRST, as_of)
    return {one.name: one for one in part.conclude(asked, added_up(asked, part, buckets_of(frames, cuts)))}


def known_by(frames: Mapping[str, pd.DataFrame], day: int) -> dict[str, pd.DataFrame]:
    """Return the rows known at the end of a day, ends not known by then taken away."""
    found = {}
    for kind, rows in frames.items():
        seen = rows[(rows.day <= day) & (rows.known_day <= day)].copy()
        if "end_day" in seen:
            known = seen.end_known_day <= day
            seen["end_day"] = seen.end_day.where(known, NEVER)
            seen["end_known_day"] = seen.end_known_day.where(known, NEVER)
        found[kind] = seen
    return found


def is_customer(frames: Mapping[str, pd.DataFrame], customer: str, day: int, known: int) -> bool:
    """Return whether a customer is at risk at the end of a day, from what is known on another."""
    orders = known_by(frames, known)["order"]
    mine = orders[(orders.customer_id == customer) & (orders.day <= day)]
    return bool((np.maximum(mine.day + GRACE, mine.known_day) > day).any())


def brought(
    frames: Mapping[str, pd.DataFrame],
    customer: str,
    after: int,
    until: int,
    known: int,
    cost: float = COST,
) -> float:
    """Return the margin less cost to serve in (after, until], one day at a time."""
    seen = known_by(frames, known)
    revenue = 0.0
    for kind in ("order", "refund"):
        rows = seen[kind]
        mine = rows[(rows.customer_id == customer) & (rows.day > after) & (rows.day <= until)]
        revenue += float(mine.amount.sum())
    orders = seen["order"]
    mine = orders[orders.customer_id == customer]
    days = np.arange(after + 1, until + 1)[:, None]
    reach = np.maximum(mine.day + GRACE, mine.known_day).to_numpy()
    served = ((mine.day.to_numpy() <= days) & (reach > days)).any(axis=1).sum()
    return revenue * RATE - float(served) * cost / 365


def known_customers(frames: Mapping[str, pd.DataFrame], day: int) -> list[str]:
    """Return who has a row known by a day, in order."""
    return sorted({one for rows in frames.values() for one in rows[rows.known_day <= day].customer_id})
