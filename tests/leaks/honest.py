"""A bucket with everything that can be known late, honest features over it, an honest labelled dataset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.schema import NEVER, Bucket, Events, Snapshots
from tests.building import bucket, snapshots

FIRST_DAY, LAST_DAY = 1000, 1400
AS_OFS = (1150, 1200, 1250)


def honest_bucket(seed: int = 0, customers: int = 40) -> Bucket:
    """Orders (some known late), terms (ends told at the start, the end or later), profiles (one by one)."""
    rng = np.random.default_rng(seed)
    orders, terms = [], []
    for customer in range(customers):
        for day in np.sort(rng.integers(FIRST_DAY, LAST_DAY, rng.integers(2, 25))).tolist():
            late = int(rng.integers(0, 30)) if rng.random() < 0.2 else 0
            orders.append(
                (customer, day, day + late, float(rng.gamma(2, 20)), str(rng.choice(["tea", "jam", "oat"])))
            )
        day = FIRST_DAY
        while day < LAST_DAY - 40:
            end = day + int(rng.integers(20, 120))
            told = int(rng.choice([day, end, end + 20]))
            is_over = end < LAST_DAY
            cause = int(rng.integers(1, 4)) * is_over
            terms.append((customer, day, end if is_over else NEVER, told if is_over else NEVER, cause))
            day = end + int(rng.integers(0, 40))
    frames = {
        "order": pd.DataFrame(orders, columns=["customer_id", "day", "known_day", "amount", "product"]),
        "term": pd.DataFrame(terms, columns=["customer_id", "day", "end_day", "end_known_day", "cause"]),
    }
    profile = pa.table(
        {"region": pa.array(rng.choice(["north", "south", "west"], customers)).dictionary_encode()}
    )
    made = bucket(list(range(customers)), frames, {"order": ("product",)}, profile)
    return replace(made, profile_known_day=rng.integers(FIRST_DAY, LAST_DAY, customers).astype(np.int32))


def asked(made: Bucket, days: tuple[int, ...] = AS_OFS) -> Snapshots:
    return snapshots([(customer, day) for customer in range(len(made)) for day in days])


def own_rows(events: Events, customer: int) -> slice:
    return slice(int(events.offsets[customer]), int(events.offsets[customer + 1]))


def honest_features(made: Bucket, rows: Snapshots) -> pa.Table:
    """Spend and last product so far, open terms, the days of ended terms, and the region if known."""
    spend, product, is_open, covered, region = [], [], [], [], []
    order, term = made.events["order"], made.events["term"]
    products, regions = order.attributes["product"].to_pylist(), made.profile.column("region").to_pylist()
    for customer, day in zip(rows.customer.tolist(), rows.day.tolist(), strict=True):
        own = own_rows(order, customer)
        known = (order.known_day[own] <= day) & (order.day[own] <= day)
        spend.append(float(order.amount[own][known].sum()))
        last = np.flatnonzero(known)
        product.append(products[own.start + int(last[-1])] if len(last) else None)
        own = own_rows(term, customer)
        begun = (term.day[own] <= day) & (term.known_day[own] <= day)
        is_ended = begun & (term.end_known_day[own] <= day)
        is_open.append(float((begun & ~is_ended).sum()))
        covered.append(float((term.end_day[own] - term.day[own])[is_ended].sum()))
        region.append(regions[customer] if made.profile_known_day[customer] <= day else None)
    return pa.table(
        {
            "order__sum": pa.array(spend, pa.float32()),
            "order__latest_product": pa.array(product, pa.string()).dictionary_encode(),
            "term__open": pa.array(is_open, pa.float32()),
            "term__days": pa.array(covered, pa.float32()),
            "customer__region": pa.array(region, pa.string()).dictionary_encode(),
        }
    )


def honest_dataset(seed: int = 0, customers: int = 1500, dates: int = 8) -> pd.DataFrame:
    """Yearly terms, monthly as-of dates: only members near the end of a term can lapse in 60 days."""
    rng = np.random.default_rng(seed)
    wish = rng.normal(size=customers)
    start = rng.integers(0, 365, customers)
    frames = []
    for month in range(dates):
        to_end = (start - 30 * month) % 365
        can = to_end < 46
        lapsed = can & (rng.random(customers) < 1 / (1 + np.exp(0.3 - wish)))
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": np.arange(customers) * 7919 % 10_007,
                    "as_of": pd.Timestamp("2024-01-31") + pd.Timedelta(days=30 * month),
                    "lapsed": lapsed,
                    "term__days_to_end": to_end.astype(np.float32),
                    "visit__count__30d": rng.poisson(np.exp(1 - 0.5 * wish)).astype(np.float32),
                    "complaint__days_since_last": np.where(
                        wish > 0.5, rng.integers(0, 90, customers), np.nan
                    ),
                    "customer__region": pd.Categorical(rng.choice(["north", "south", "west"], customers)),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
