"""A business with leads, offers and a programme, drawn at random; some rows late, some ahead of as_of."""

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
from lapse.measurement.given import read_given
from lapse.measurement.told import Measured
from lapse.schema import Bucket, to_day
from tests.building import bucket
from tests.measurement.small_shop import added_up

FIRST, AS_OF = to_day(date(2021, 1, 1)), to_day(date(2023, 4, 10))
WINDOW, GRACE, RATE, COST = 40, 90, 0.5, 30.0
PEOPLE = [f"p{number:03d}" for number in range(90)]
CHANNELS, CAMPAIGNS = ("web", "fair", "phone"), ("spring", "autumn")


def agency(folder: Path | None = None, lead: str | None = "lead", **lifecycle: Any) -> Business:
    """Return the business; its costs lie in the folder, if there is one."""
    columns = {"customer_id": "c", "time": "t"}
    section = {
        "channel": "channel",
        "campaign": "campaign",
        "lead": lead,
        "qualified": "offer" if lead else None,
        "window": f"{WINDOW}d",
        "costs": None if folder is None else folder / "costs.csv",
    }
    return Business.model_validate(
        {
            "business": "agency",
            "currency": "EUR",
            "events": {
                "order": {
                    "path": Path("o.parquet"),
                    "columns": columns | {"amount": "a"},
                    "categories": ["channel", "campaign"],
                },
                "lead": {"path": Path("l.parquet"), "columns": columns, "features": ["channel", "campaign"]},
                "offer": {"path": Path("f.parquet"), "columns": columns},
                "call": {"path": Path("c.parquet"), "columns": columns, "features": ["arm"]},
            },
            "churn": {"event": "order", "grace": f"{GRACE}d"},
            "snapshots": {"start": date(2021, 6, 1), "every": "1mo", "horizon": "90d"},
            "value": {"margin_rate": RATE, "discount_rate": 0.1, "cost_to_serve": COST},
            "scores": {"path": Path("out")},
            "measure": {"lifecycle": section | lifecycle},
        }
    )


def draw(seed: int) -> dict[str, pd.DataFrame]:
    """Return tables: leads of most people, some twice, some after the first order; orders that repeat.

    Rows of one person and day lie in the order in which a history has them.
    """
    rng = np.random.default_rng(seed)

    def some(people: list[str], day: np.ndarray) -> pd.DataFrame:
        late = rng.choice([0, 0, 0, 50], len(day))
        return pd.DataFrame({"customer_id": people, "day": day, "known_day": day + late})

    many = rng.choice(PEOPLE, 110).tolist()
    leads = some(many, rng.integers(FIRST, AS_OF + 30, 110)).assign(
        channel=rng.choice([*CHANNELS, None], 110, p=[0.5, 0.2, 0.2, 0.1]),
        campaign=rng.choice(CAMPAIGNS, 110),
    )
    buyers = rng.choice(PEOPLE, 60, replace=False)
    first = leads.groupby("customer_id")["day"].min().reindex(buyers).fillna(FIRST + 200).to_numpy(np.int64)
    start = np.maximum(first + rng.integers(-15, 70, 60), FIRST)
    repeats = rng.integers(1, 12, 60)
    people = np.repeat(buyers, repeats).tolist()
    day = np.repeat(start, repeats) + rng.integers(0, 500, repeats.sum()) * np.concatenate(
        [np.arange(n) > 0 for n in repeats]
    )
    orders = some(people, day).assign(
        amount=rng.choice([10.0, 40.0, 40.0, 200.0], len(day)), channel="web", campaign="spring"
    )
    offers = some(rng.choice(PEOPLE, 60).tolist(), rng.integers(FIRST, AS_OF + 30, 60))
    calls = some(rng.choice(PEOPLE, 80).tolist(), rng.integers(FIRST, AS_OF + 30, 80)).assign(
        arm=rng.choice(["call", "none", "test"], 80, p=[0.45, 0.45, 0.1])
    )
    tables = {"order": orders, "lead": leads, "offer": offers, "call": calls}
    return {kind: rows.sort_values(["day", "known_day"], kind="stable") for kind, rows in tables.items()}


def costs(seed: int) -> pd.DataFrame:
    """Return costs with gaps: none of 'phone', some of a channel that nobody came from, some after as_of."""
    rng = np.random.default_rng(seed + 1)
    months = pd.period_range("2021-01", "2023-06", freq="M").astype(str)
    rows = [
        (month, channel, campaign, round(float(rng.gamma(2, 60)), 2))
        for month in months
        for channel in ("web", "fair", "radio")
        for campaign in CAMPAIGNS
        if rng.random() < 0.85
    ]
    return pd.DataFrame(rows, columns=["period", "channel", "campaign", "cost"])


def buckets_of(frames: Mapping[str, pd.DataFrame], cuts: int = 1) -> list[Bucket]:
    """Return the tables as this many buckets of customers."""
    attributes = {"order": ("channel", "campaign"), "lead": ("channel", "campaign"), "call": ("arm",)}
    found = []
    for number, ids in enumerate(np.array_split(PEOPLE, cuts)):
        mine = {kind: rows[rows.customer_id.isin(ids)] for kind, rows in frames.items()}
        found.append(replace(bucket(list(ids), mine, attributes), number=number))
    return found


def sums_of(
    part: ModuleType, buckets: list[Bucket], business: Business, as_of: int = AS_OF
) -> tuple[Asked, dict[str, pd.DataFrame]]:
    asked = Asked(business, FIRST, as_of, given=read_given(business))
    return asked, added_up(asked, part, buckets)


def measured(
    part: ModuleType, buckets: list[Bucket], business: Business, as_of: int = AS_OF
) -> dict[str, Measured]:
    """Return what a part says, by name."""
    asked, sums = sums_of(part, buckets, business, as_of)
    return {one.name: one for one in part.conclude(asked, sums)}


def people_of(frames: Mapping[str, pd.DataFrame], *, leads: bool = True) -> pd.DataFrame:
    """Return one row a person: how it came, one person at a time."""
    rows = []
    seen = {kind: of[(of.day <= AS_OF) & (of.known_day <= AS_OF)] for kind, of in frames.items()}
    for person in PEOPLE:
        mine = {
            kind: of[of.customer_id == person].sort_values("day", kind="stable") for kind, of in seen.items()
        }
        order = int(mine["order"].day.min()) if len(mine["order"]) else None
        lead = mine["lead"].iloc[0] if len(mine["lead"]) and leads else None
        if lead is not None and order is not None and order < lead.day:
            lead = None
        if leads and lead is None:
            continue
        if not leads and order is None:
            continue
        source = lead if leads else mine["order"].iloc[0]
        day = int(source.day)
        after = mine["offer"][mine["offer"].day >= day]
        rows.append(
            {
                "customer_id": person,
                "channel": source.channel if isinstance(source.channel, str) else "(not known)",
                "campaign": source.campaign,
                "month": str(pd.Timestamp(day, unit="D").to_period("M")),
                "day": day,
                "closed": day + WINDOW <= AS_OF,
                "converted": order is not None and order - day <= WINDOW,
                "qualified": len(after) > 0 and int(after.day.iloc[0]) - day <= WINDOW,
                "order": order,
            }
        )
    names = [
        "customer_id",
        "channel",
        "campaign",
        "month",
        "day",
        "closed",
        "converted",
        "qualified",
        "order",
    ]
    return pd.DataFrame(rows, columns=names)


class Brought:
    """The margin less cost to serve of each person by day, from what is known at as_of."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        orders = frames["order"]
        orders = orders[(orders.day <= AS_OF) & (orders.known_day <= AS_OF)]
        self._days = {person: _by_day(mine) for person, mine in orders.groupby("customer_id")}

    def __call__(self, person: str, after: float, until: float) -> float:
        """Return what a person brought in (after, until]."""
        days = self._days.get(person, np.zeros(1))
        return float(days[max(int(after) + 1 - FIRST, 0) : int(until) + 1 - FIRST].sum())


def _by_day(orders: pd.DataFrame) -> np.ndarray:
    days = np.zeros(AS_OF + 1 - FIRST)
    served = np.zeros(len(days), bool)
    for order in orders.itertuples():
        days[order.day - FIRST] += RATE * order.amount
        served[order.day - FIRST : max(order.day + GRACE, order.known_day) - FIRST] = True
    return days - served * COST / 365
