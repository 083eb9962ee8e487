"""The loyalty ladder: how far a customer's relationship has come, as known at as_of.

In: a bucket and snapshots. Out: a rung for each. ``prospect`` is known and has no churn event yet (no order,
no term); ``customer`` has them on one day; ``client`` came back, on two days or more; ``supporter`` is a
client for a year or longer with a relationship of breadth: two kinds of contact (complaints are none) or two
categories; ``advocate`` has an event of the kind ``referral``; ``partner`` has one of the kind
``integration`` that has not ended. The highest that holds counts; referral and integration count for
customers only. Rows with a negative amount are returns, and no order. A rung is what the relationship has
come to: whether the customer is still at risk is the status's to say.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numba import njit

from lapse.config import Business
from lapse.schema import NEVER, Bool, Bucket, Events, Int32, Int64, Snapshots, encoded

RUNGS: tuple[str, ...] = ("prospect", "customer", "client", "supporter", "advocate", "partner")
REFERRAL, INTEGRATION, COMPLAINT = "referral", "integration", "complaint"
LONG_STANDING_DAYS = 365


def rungs(business: Business, bucket: Bucket, snapshots: Snapshots) -> pd.Categorical[str]:
    """Return the rung that each customer has reached, from what was known at each as_of.

    Parameters
    ----------
    business : Business
        Names the churn event and its categories.
    bucket : Bucket
    snapshots : Snapshots
        Of customers known at as_of, at risk or not; n rows.

    Returns
    -------
    pandas.Categorical, shape (n,)
        Ordered from ``prospect`` to ``partner``.
    """
    churn = bucket.events[business.churn.event]
    counts = ~(churn.amount < 0)
    n_days, first_day = _days_and_first(
        churn.offsets, churn.day, churn.known_day, counts, snapshots.customer, snapshots.day
    )
    came = n_days > 0
    others = [kind for kind in bucket.events if kind not in (business.churn.event, COMPLAINT)]
    is_broad = np.zeros(len(snapshots), np.bool_)
    for kind in others:
        is_broad |= came & _has_had(bucket.events[kind], snapshots)
    for name in business.events[business.churn.event].categories:
        is_broad |= _has_two_values(
            churn.offsets,
            churn.day,
            churn.known_day,
            _codes(churn.attributes[name]),
            snapshots.customer,
            snapshots.day,
        )
    is_client = n_days >= 2
    conditions = (
        came,
        is_client,
        is_client & is_broad & (snapshots.day.astype(np.int64) - first_day >= LONG_STANDING_DAYS),
        came & _has_had(bucket.events.get(REFERRAL), snapshots),
        came & _is_integrated(business, bucket, snapshots),
    )
    code = np.zeros(len(snapshots), np.int64)
    for rung, holds in enumerate(conditions, start=1):
        code[holds] = rung
    return pd.Categorical.from_codes(code, categories=pd.Index(RUNGS), ordered=True)


def _has_had(events: Events | None, snapshots: Snapshots) -> Bool:
    """Return who has had an event, known at as_of; nobody where the kind is not mapped."""
    if events is None:
        return np.zeros(len(snapshots), np.bool_)
    every = np.ones(len(events), np.bool_)
    count, _ = _days_and_first(
        events.offsets, events.day, events.known_day, every, snapshots.customer, snapshots.day
    )
    had: Bool = count > 0
    return had


def _is_integrated(business: Business, bucket: Bucket, snapshots: Snapshots) -> Bool:
    """Return who has an integration in force at as_of; one without a mapped end stays in force."""
    if INTEGRATION not in bucket.events or not business.events[INTEGRATION].has_end:
        return _has_had(bucket.events.get(INTEGRATION), snapshots)
    events = bucket.events[INTEGRATION]
    in_force: Bool = _in_force(
        events.offsets,
        events.day,
        events.known_day,
        np.maximum(events.end_day, events.end_known_day),
        snapshots.customer,
        snapshots.day,
    )
    return in_force


def _codes(column: pa.Array) -> Int64:
    return np.asarray(encoded(column).indices.fill_null(-1), dtype=np.int64)


@njit(cache=True)
def _days_and_first(
    offsets: Int64, day: Int32, known_day: Int32, counts: Bool, customer: Int64, as_of: Int32
) -> tuple[Int64, Int64]:
    """Return for each snapshot the number of days with an event that counts, and the first (or NEVER)."""
    n_days = np.zeros(len(as_of), np.int64)
    first = np.full(len(as_of), NEVER, np.int64)
    for row in range(len(as_of)):
        last = -NEVER
        for at in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[at] > as_of[row]:
                break
            if counts[at] and known_day[at] <= as_of[row] and day[at] != last:
                last = day[at]
                n_days[row] += 1
                first[row] = min(first[row], last)
    return n_days, first


@njit(cache=True)
def _in_force(
    offsets: Int64, day: Int32, known_day: Int32, over_day: Int32, customer: Int64, as_of: Int32
) -> Bool:
    """Return for each snapshot whether an event has begun that is not known to be over."""
    found = np.zeros(len(as_of), np.bool_)
    for row in range(len(as_of)):
        for at in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[at] <= as_of[row] and known_day[at] <= as_of[row] and over_day[at] > as_of[row]:
                found[row] = True
    return found


@njit(cache=True)
def _has_two_values(
    offsets: Int64, day: Int32, known_day: Int32, code: Int64, customer: Int64, as_of: Int32
) -> Bool:
    """Return for each snapshot whether its customer's events have two values or more; -1 is none."""
    found = np.zeros(len(as_of), np.bool_)
    for row in range(len(as_of)):
        first = -1
        for at in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[at] > as_of[row] or found[row]:
                break
            if known_day[at] <= as_of[row] and code[at] >= 0:
                found[row] = first >= 0 and code[at] != first
                first = code[at]
    return found
