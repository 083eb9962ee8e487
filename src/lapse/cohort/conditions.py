"""Conditions of the loyalty ladder and of strategic worth, held against histories as known at as_of.

In: a bucket, snapshots and conditions of the config. Out: for each snapshot whether a condition holds, and in
words what it asks. Only rows whose day and known day are not after the as_of count. Rows of the churn event
with a negative amount are returns, and count for nothing but the variety of its categories.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from lapse.config import Business
from lapse.config.measuring import Condition, Fact
from lapse.config.standing import COMPLAINT
from lapse.schema import NEVER, Bool, Bucket, Events, Int32, Int64, Snapshots, encoded


def holds(business: Business, bucket: Bucket, snapshots: Snapshots, condition: Fact) -> Bool:
    """Return for which snapshots a condition holds, from what was known at each as_of.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    snapshots : Snapshots
        n rows.
    condition : Fact or Condition
        Of the config, where its keys were checked.

    Returns
    -------
    bool, shape (n,)
    """
    if isinstance(condition, Condition) and condition.any:
        each = [holds(business, bucket, snapshots, one) for one in condition.any]
        return np.asarray(np.logical_or.reduce(each), np.bool_)
    if condition.kinds is not None:
        return _kinds(business, bucket, snapshots, condition.of) >= condition.kinds
    if condition.tenure is not None:
        _, _, first = _tally(business, bucket, snapshots, business.churn.event, None)
        return np.asarray(snapshots.day.astype(np.int64) - first >= condition.tenure)
    kind = condition.event or business.churn.event
    if condition.distinct is not None:
        return _distinct(bucket, snapshots, kind, str(condition.category)) >= condition.distinct
    if condition.in_force:
        return _in_force_at(bucket, snapshots, kind)
    rows, days, _ = _tally(business, bucket, snapshots, kind, condition.within)
    if condition.days is not None:
        return days >= condition.days
    return rows >= int(condition.at_least or 0)


def in_words(business: Business, condition: Fact) -> str:
    """Return what a condition asks, in words.

    Examples
    --------
    >>> in_words(None, Condition(event="order", days=2, within="90d"))
    'order on 2 days or more within 90 days'
    >>> in_words(None, Condition(any=(Fact(kinds=2), Fact(event="card", in_force=True))))
    '2 kinds of contact or more, or card in force'
    """
    if isinstance(condition, Condition) and condition.any:
        return ", or ".join(in_words(business, one) for one in condition.any)
    if condition.kinds is not None:
        return f"{condition.kinds} kinds of contact or more" + (
            f" ({', '.join(condition.of)})" if condition.of else ""
        )
    if condition.tenure is not None:
        return f"first {business.churn.event} {condition.tenure} days ago or more"
    if condition.distinct is not None:
        kind = condition.event or business.churn.event
        return f"{condition.distinct} values of {condition.category} or more in {kind}"
    if condition.in_force:
        return f"{condition.event} in force"
    within = f" within {condition.within} day{'s' * (condition.within > 1)}" if condition.within else ""
    if condition.days is not None:
        return f"{condition.event} on {condition.days} day{'s' * (condition.days > 1)} or more{within}"
    return f"{condition.at_least} {condition.event} or more{within}"


def _tally(
    business: Business, bucket: Bucket, snapshots: Snapshots, kind: str, within: int | None
) -> tuple[Int64, Int64, Int64]:
    """Return rows, different days and first day (or NEVER) of one kind's events, returns left out."""
    events = bucket.events[kind]
    counts = np.ones(len(events), np.bool_) if kind != business.churn.event else ~(events.amount < 0)
    after = np.full(len(snapshots), -NEVER, np.int64)
    if within is not None:
        after = snapshots.day.astype(np.int64) - within
    rows, days, first = _rows_days_first(
        events.offsets, events.day, events.known_day, counts, snapshots.customer, snapshots.day, after
    )
    return rows, days, first


def _kinds(business: Business, bucket: Bucket, snapshots: Snapshots, of: tuple[str, ...]) -> Int64:
    """Return how many kinds of events each customer has had."""
    count = np.zeros(len(snapshots), np.int64)
    for kind in of or [kind for kind in bucket.events if kind != COMPLAINT]:
        count += _tally(business, bucket, snapshots, kind, None)[0] > 0
    return count


def _distinct(bucket: Bucket, snapshots: Snapshots, kind: str, category: str) -> Int64:
    """Return how many different values of a category each customer's events have had."""
    events = bucket.events[kind]
    code = _codes(events.attributes[category])
    count: Int64 = _distinct_values(
        events.offsets,
        events.day,
        events.known_day,
        code,
        snapshots.customer,
        snapshots.day,
        int(code.max(initial=-1)) + 1,
    )
    return count


def _in_force_at(bucket: Bucket, snapshots: Snapshots, kind: str) -> Bool:
    """Return who has a span that has begun and is not known to be over."""
    events: Events = bucket.events[kind]
    over = np.maximum(events.end_day, events.end_known_day)
    in_force: Bool = _in_force(
        events.offsets, events.day, events.known_day, over, snapshots.customer, snapshots.day
    )
    return in_force


def _codes(column: pa.Array) -> Int64:
    return np.asarray(encoded(column).indices.fill_null(-1), dtype=np.int64)


@njit(cache=True, nogil=True)
def _rows_days_first(
    offsets: Int64, day: Int32, known_day: Int32, counts: Bool, customer: Int64, as_of: Int32, after: Int64
) -> tuple[Int64, Int64, Int64]:
    """Return of the rows in (after, as_of] that count their number, their days, and the first of these."""
    rows = np.zeros(len(as_of), np.int64)
    days = np.zeros(len(as_of), np.int64)
    first = np.full(len(as_of), NEVER, np.int64)
    for row in range(len(as_of)):
        last = -NEVER
        for at in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[at] > as_of[row]:
                break
            if counts[at] and known_day[at] <= as_of[row] and day[at] > after[row]:
                rows[row] += 1
                if day[at] != last:
                    last = day[at]
                    days[row] += 1
                    first[row] = min(first[row], last)
    return rows, days, first


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _distinct_values(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    code: Int64,
    customer: Int64,
    as_of: Int32,
    n_codes: int,
) -> Int64:
    """Return for each snapshot how many different codes its customer's events have; -1 is none."""
    count = np.zeros(len(as_of), np.int64)
    seen_by = np.full(n_codes, -1, np.int64)  # the last snapshot that has seen a code
    for row in range(len(as_of)):
        for at in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[at] > as_of[row]:
                break
            if known_day[at] <= as_of[row] and code[at] >= 0 and seen_by[code[at]] != row:
                seen_by[code[at]] = row
                count[row] += 1
    return count
