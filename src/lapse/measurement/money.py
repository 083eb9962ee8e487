"""What customers brought in a span of days: margin less what they cost, from rows known by a day.

In: a bucket, and for each row a customer with its span. Out: money, and the days on which it was a customer.
The **margin** is what is left of the signed amounts of the revenue events on days of the span
(:mod:`lapse.cohort.contribution`); the **cost** is that of the events under ``event_costs`` on such days,
and ``cost_to_serve`` a year for the days of the span at whose end it was at risk. A row that became known
after the given day does not exist.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lapse.cohort import contribution
from lapse.config import Business
from lapse.history.spells import covers_of
from lapse.schema import Bucket, Float64, Int32, Int64
from lapse.value import DAYS_A_YEAR


def margins(
    business: Business, bucket: Bucket, customer: Int64, after: Int32, until: Int32, known: Int32
) -> Float64:
    """Return the margin less costs of each row's customer in ``(after, until]``.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    customer : int64, shape (n,)
        Position in the bucket.
    after, until : int32, shape (n,)
        Day numbers.
    known : int32, shape (n,)
        Rows known later do not count.

    Returns
    -------
    float64, shape (n,)
        In the business's currency, to four decimals: what is left of sums that cancel must not decide a sign.
    """
    left: Float64 = np.zeros(len(customer))
    for sign, money in (
        (1.0, contribution.margins(business, bucket)),
        (-1.0, contribution.event_costs(business, bucket)),
    ):
        for kind, of_row in money.items():
            events, signed = bucket.events[kind], sign * of_row
            span = (customer, after, until, known, left)
            _add_amounts(events.offsets, events.day, events.known_day, signed, *span)
    if business.value.cost_to_serve > 0:
        days = days_served(business, bucket, customer, after, until, known)
        left -= days * (business.value.cost_to_serve / DAYS_A_YEAR)
    rounded: Float64 = np.round(left, 4) + 0.0  # no negative zero
    return rounded


def days_served(
    business: Business, bucket: Bucket, customer: Int64, after: Int32, until: Int32, known: Int32
) -> Int64:
    """Return on how many days in ``(after, until]`` each row's customer was at risk, int64 of shape (n,)."""
    covers = covers_of(business, bucket)
    days: Int64 = _days_at_risk(
        covers.offsets, covers.day, covers.known_day, covers.alive_until, customer, after, until, known
    )
    return days


@njit(cache=True, nogil=True)
def _add_amounts(offsets, day, known_day, amount, customer, after, until, known, total):  # type: ignore[no-untyped-def]
    for row in range(len(customer)):
        for i in range(offsets[customer[row] + 1] - 1, offsets[customer[row]] - 1, -1):
            if day[i] <= after[row]:
                break
            if day[i] <= until[row] and known_day[i] <= known[row]:
                total[row] += amount[i]


@njit(cache=True, nogil=True)
def _days_at_risk(offsets, day, known_day, alive_until, customer, after, until, known):  # type: ignore[no-untyped-def]
    days = np.zeros(len(customer), np.int64)
    for row in range(len(customer)):
        counted = np.int64(after[row]) + 1  # the first day that is not counted yet
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[i] > until[row]:
                break
            if known_day[i] <= known[row]:
                first = max(np.int64(day[i]), counted)
                end = min(np.int64(alive_until[i]), np.int64(until[row]) + 1)
                if end > first:
                    days[row] += end - first
                    counted = end
    return days
