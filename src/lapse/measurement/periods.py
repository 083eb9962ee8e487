"""Customers at the start of calendar periods, and what became of them by the end.

In: what is asked, a bucket. Out: :class:`Rows`, one row a customer and period, and the periods' names.

A customer is in a period if it is at risk at the end of the day before, as known then. It is **kept** if it
has not lapsed by the period's end, as known at that end: so a rate is final on the day on which its period
closes. Who lapses and is a customer again at the end is not kept, but counted apart as **returned**. A period
that begins before anybody could have lapsed is left out. The last row of a customer may be of the period that
is still open: nothing is said there.

The money of a customer in a period is the sum of the amounts of ``value.revenue`` that fall into it and are
known at its end, refunds taken off, and not less than 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.history.spells import covers_of, lapse_after, reach_at
from lapse.measurement.asked import MONTHS, Asked, Unit
from lapse.schema import NEVER, Bool, Bucket, Float64, Int32, Int64, Snapshots

UNITS: tuple[Unit, ...] = ("month", "quarter", "year")


@dataclass(frozen=True)
class Rows:
    """Customers at the start of periods of one unit, sorted by customer, then by period.

    Attributes
    ----------
    customer : int64, shape (n,)
        Position in the bucket.
    period : int64, shape (n,)
        Position of the day before the period among ``asked.edges(unit)``.
    day : int32, shape (n,)
        That day.
    closed : bool, shape (n,)
        Whether the period's end is not after as_of.
    kept, returned : bool, shape (n,)
        False where not closed.
    """

    customer: Int64
    period: Int64
    day: Int32
    closed: Bool
    kept: Bool
    returned: Bool

    @property
    def snapshots(self) -> Snapshots:
        """The customers and days."""
        return Snapshots(self.customer, self.day)


def rows_of(asked: Asked, bucket: Bucket, unit: Unit) -> Rows:
    """Return who was there at the start of each period, and what became of them.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket
    unit : {"month", "quarter", "year"}
    """
    edges = asked.edges(unit)
    covers = covers_of(asked.business, bucket)
    settled = edges[edges >= asked.settled_from - 1].tolist()
    start = at_risk(*known_snapshots(asked.business, bucket, tuple(settled)))
    period = np.searchsorted(edges, start.day)
    closed: Bool = period < len(edges) - 1
    until = np.append(edges, np.int32(asked.as_of))[period + 1].astype(np.int32)
    lapse, _ = lapse_after(covers, start.customer, start.day, until)
    reach = reach_at(covers, start.customer, until)
    return Rows(
        start.customer,
        period,
        start.day,
        closed,
        closed & (lapse == NEVER),
        closed & (lapse != NEVER) & (reach > until),
    )


def money_of(rows: Rows, money: Float64) -> tuple[Float64, Float64]:
    """Return each row's money of the period before, and of the period itself.

    Parameters
    ----------
    rows : Rows
    money : float64, shape (n_customers, n_edges)
        Of the same bucket and unit, from :func:`money_by_period`.

    Returns
    -------
    before, during : float64, shape (n,)
        Both missing where the period has not closed, or the amounts begin after the period before does.
    """
    before = np.where(rows.closed, money[rows.customer, rows.period], np.nan)
    during = money[rows.customer, np.minimum(rows.period + 1, money.shape[1] - 1)]
    return before, np.where(np.isnan(before), np.nan, during)


def money_by_period(asked: Asked, bucket: Bucket, unit: Unit) -> tuple[Float64, Float64]:
    """Return the money of each customer in the period that ends with each edge.

    Returns
    -------
    money : float64, shape (n_customers, n_edges)
        At least 0; missing where the amounts begin after the period does.
    apart : float64, shape (3,)
        Sum of the absolute amounts in these periods; of those of them that became known after their period
        had ended; number of customers and periods whose sum was below 0.
    """
    edges = asked.edges(unit)
    bounds = np.append(month_end(edges[:1], -MONTHS[unit]), edges)
    shape = (len(bucket), len(edges))
    money, apart = np.zeros(shape), np.zeros(3)
    for kind in asked.business.revenue_events:
        events = bucket.events[kind]
        window = np.searchsorted(bounds, events.day) - 1
        inside = (window >= 0) & (window < len(edges)) & (events.known_day <= asked.as_of)
        in_time = inside.copy()
        in_time[inside] = events.known_day[inside] <= edges[window[inside]]
        place = events.owner[in_time] * len(edges) + window[in_time]
        money += np.bincount(place, events.amount[in_time], money.size).reshape(shape)
        apart[0] += np.abs(events.amount[inside]).sum()
        apart[1] += np.abs(events.amount[inside & ~in_time]).sum()
    apart[2] = (money < 0).sum()
    money = np.maximum(money, 0.0)
    money[:, bounds[:-1] < asked.money_from - 1] = np.nan
    return money, apart


def newly_won(asked: Asked, bucket: Bucket, unit: Unit, rows: Rows) -> Bool:
    """Return which customers at the start of a period first came in the period before, bool of shape (n,).

    What they brought then is what a part of a period brings. As known at the start of the period.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket
    unit : {"month", "quarter", "year"}
    rows : Rows
        Of the same bucket and unit.
    """
    edges, covers = asked.edges(unit), covers_of(asked.business, bucket)
    opening = np.append(month_end(edges[:1], -MONTHS[unit]), edges[:-1])
    came_before = np.searchsorted(opening, covers.day)  # the first period before whose predecessor it lies
    known = np.searchsorted(edges, covers.known_day)
    owner = np.repeat(np.arange(len(bucket)), np.diff(covers.offsets))
    old_from = np.full(len(bucket), len(edges), np.int64)
    np.minimum.at(old_from, owner, np.maximum(came_before, known))
    new: Bool = rows.period < old_from[rows.customer]
    return new


def month_end(days: Int32, months: int) -> Int32:
    """Return the last days of months that lie some months from those that end with ``days``.

    Examples
    --------
    >>> from lapse.schema import to_date
    >>> [str(to_date(day)) for day in month_end(np.array([19082], np.int32), 1)]  # 2022-03-31
    ['2022-04-30']
    """
    opening = (days.astype(np.int64) + 1).astype("datetime64[D]").astype("datetime64[M]") + months
    ends: Int32 = (opening.astype("datetime64[D]").astype(np.int64) - 1).astype(np.int32)
    return ends


def name_of(unit: Unit, edge: int) -> str:
    """Return the name of the period that follows the day ``edge``.

    Examples
    --------
    >>> name_of("month", 19082), name_of("quarter", 19082), name_of("year", 18992)
    ('2022-04', '2022-Q2', '2022')
    """
    year, month = str(np.datetime64(int(edge) + 1, "D").astype("datetime64[M]")).split("-")
    if unit == "year":
        return year
    return f"{year}-{month}" if unit == "month" else f"{year}-Q{(int(month) + 2) // 3}"


def whole_months(start: Int32 | Int64, end: Int32 | Int64) -> Int64:
    """Return how many months have passed wholly from one day to another, int64 of shape (n,).

    A month from the 31st is over on the last day of the next month where that has no 31st.

    Examples
    --------
    >>> def days(*dates):
    ...     return np.array(dates, "datetime64[D]").astype(np.int32)
    >>> whole_months(days("2024-01-31", "2024-02-01"), days("2024-02-29", "2024-02-29"))
    array([1, 0])
    """
    first, last = (day.astype("datetime64[D]") for day in (start, end))
    months = last.astype("datetime64[M]").astype(np.int64) - first.astype("datetime64[M]").astype(np.int64)
    day_of_first, day_of_last = (
        (day - day.astype("datetime64[M]")).astype("timedelta64[D]").astype(np.int64) for day in (first, last)
    )
    is_last_of_month = (last + 1).astype("datetime64[M]") != last.astype("datetime64[M]")
    whole: Int64 = months - ((day_of_last < day_of_first) & ~is_last_of_month)
    return whole
