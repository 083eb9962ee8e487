"""Parts of a bucket: some of its customers, some of its rows, some of its as-of days.

In: a bucket. Out: a smaller one of the same form, so that what is computed many times stays quick.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa

from lapse.schema import Bucket, Events, Int64, Snapshots


def take(events: Events, rows: Int64, owner: Int64) -> Events:
    """Return these rows, given ascending by customer, as the events of the same customers.

    Parameters
    ----------
    events : Events
    rows : int64, shape (m,)
        Positions of rows; a row may be taken more than once.
    owner : int64, shape (m,)
        Position of the customer of each, ascending.
    """
    size = len(events.offsets) - 1
    columns = {
        one.name: getattr(events, one.name)[rows]
        for one in fields(events)
        if one.name not in ("offsets", "attributes")
    }
    index = pa.array(rows)
    return Events(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=size))]).astype(np.int64),
        attributes={name: column.take(index) for name, column in events.attributes.items()},
        **columns,
    )


def choose_customers(bucket: Bucket, customers: Int64) -> Bucket:
    """Return the bucket of some of its customers.

    Parameters
    ----------
    bucket : Bucket
    customers : int64, shape (m,)
        Positions in the bucket, ascending and unique.
    """
    place = np.full(len(bucket), -1, np.int64)
    place[customers] = np.arange(len(customers))

    def narrow(events: Events) -> Events:
        owner = place[events.owner]
        kept = take(events, np.flatnonzero(owner >= 0), owner[owner >= 0])
        return replace(kept, offsets=kept.offsets[: len(customers) + 1])

    index = pa.array(customers)
    return Bucket(
        number=bucket.number,
        customer_id=bucket.customer_id.take(index),
        known_day=bucket.known_day[customers],
        profile=bucket.profile.take(index),
        profile_known_day=bucket.profile_known_day[customers],
        events={kind: narrow(events) for kind, events in bucket.events.items()},
    )


def sample(
    bucket: Bucket, snapshots: Snapshots, n_customers: int, n_days: int, seed: int
) -> tuple[Bucket, Snapshots]:
    """Return a part of a bucket that is small enough to be computed many times.

    Parameters
    ----------
    bucket : Bucket
    snapshots : Snapshots
        At least one.
    n_customers, n_days : int
        At most so many customers, chosen at random of those with snapshots, and as-of days, spread evenly.
    seed : int

    Returns
    -------
    Bucket, Snapshots
        The snapshots of the chosen customers on the chosen days.
    """
    days = np.unique(snapshots.day)
    chosen_days = days[np.unique(np.linspace(0, len(days) - 1, min(n_days, len(days))).round().astype(int))]
    on_day = np.isin(snapshots.day, chosen_days)
    having = np.unique(snapshots.customer[on_day])
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(having, min(n_customers, len(having)), replace=False))
    rows = on_day & np.isin(snapshots.customer, chosen)
    part = Snapshots(np.searchsorted(chosen, snapshots.customer[rows]), snapshots.day[rows])
    return choose_customers(bucket, chosen), part
