"""A small business with orders, visits, tickets and memberships, of three customers, some rows known late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.config import Business
from lapse.schema import NEVER, Bucket
from tests.building import bucket

CUSTOMERS: list[object] = ["a", "b", "c"]
FIRST, AS_OF = 18_262, 19_175  # 2020-01-01, 2022-07-02


def business(**account: Any) -> Business:
    columns = {"customer_id": "c", "time": "t"}
    where = {"path": "x.parquet"}
    ends = {"end": "e", "end_known_at": "k"}
    return Business.model_validate(
        {
            "business": "shop",
            "currency": "EUR",
            "customers": {
                **where,
                "columns": {"customer_id": "c"},
                "features": ["region", "looked_after_by"],
            },
            "events": {
                "order": {**where, "columns": {**columns, "amount": "a"}, "categories": ["line"]},
                "visit": {**where, "columns": columns},
                "ticket": {**where, "columns": {**columns, **ends}, "features": ["topic"]},
                "card": {**where, "columns": {**columns, **ends, "amount": "a"}},
            },
            "churn": {"event": "order", "grace": "60d"},
            "snapshots": {"start": "2020-06-01", "every": "1mo", "horizon": "60d"},
            "value": {"margin_rate": 0.5, "discount_rate": 0.1, "cost_to_serve": 20.0},
            "scores": {"path": "out"},
            "account": account,
        }
    )


def frames(seed: int, rows: int = 60) -> dict[str, pd.DataFrame]:
    """Return random rows by kind: days around the as-of, some known late, some ends open or known late."""
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> pd.DataFrame:
        day = rng.integers(FIRST, AS_OF + 60, n)
        late = np.where(rng.random(n) < 0.3, rng.integers(0, 90, n), 0)
        early = np.where(rng.random(n) < 0.1, -rng.integers(0, 30, n), 0)  # booked ahead
        customer = rng.choice(np.array(CUSTOMERS, object), n)
        return pd.DataFrame({"customer_id": customer, "day": day, "known_day": day + late + early})

    def with_end(frame: pd.DataFrame) -> pd.DataFrame:
        end = frame["day"] + rng.integers(0, 120, len(frame))
        known = np.maximum(end + rng.integers(-30, 60, len(frame)), frame["known_day"])
        is_open = rng.random(len(frame)) < 0.2
        return frame.assign(
            end_day=np.where(is_open, NEVER, end), end_known_day=np.where(is_open, NEVER, known)
        )

    orders, visits, tickets, cards = (drawn(n) for n in (rows, rows, rows // 3, 6))
    return {
        "order": orders.assign(
            amount=rng.integers(-20, 200, rows).astype(float), line=rng.choice(["food", "toys"], rows)
        ),
        "visit": visits,
        "ticket": with_end(tickets).assign(topic=rng.choice(["late", "broken"], len(tickets))),
        "card": with_end(cards).assign(amount=10.0),
    }


def made(of: dict[str, pd.DataFrame], profile_known: int | None = None) -> Bucket:
    """Return the bucket of these rows; the profile is known from always unless told otherwise."""
    profile = pa.table({"region": ["north", None, "south"], "looked_after_by": ["Ms Lee", None, "Mr Okoye"]})
    found = bucket(CUSTOMERS, of, {"order": ("line",), "ticket": ("topic",)}, profile)
    if profile_known is not None:
        found.profile_known_day[:] = profile_known
    return found
