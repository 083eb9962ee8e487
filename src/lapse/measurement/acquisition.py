"""How each customer came: its first lead, what became of it, and from which channel and campaign.

In: a bucket. Out: one row a customer, from what was known at as_of. A **lead** is the first row of the lead
event of somebody who has no churn event before it; later rows of the same person, and rows of customers, are
no further leads: the first channel gets the credit. It **converts** if the first churn event follows within
``window``; its window has **closed** when ``lead_day + window <= as_of``. Without a mapped lead event there
are no leads, and everybody's first churn event is an acquisition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lapse.config.lifecycle import attributes_of_event
from lapse.config.measuring import Lifecycle
from lapse.measurement.asked import Asked
from lapse.measurement.groups import NOT_KNOWN
from lapse.schema import NEVER, Bool, Bucket, Events, Int64

Texts = npt.NDArray[np.object_]

NO_LEAD = "(no lead)"
"""The channel of customers who came without a lead."""

_DAYS_A_MONTH = 365 / 12


@dataclass(frozen=True)
class Came:
    """How the customers of a bucket came; all arrays have one row a customer.

    Attributes
    ----------
    channel, campaign : str objects
        Of the lead, else of the customer; the campaign is empty where none is mapped.
    lead_day, qualified_day, first_day : int64
        Of the first lead, of what qualified it, of the first churn event; :data:`lapse.schema.NEVER` where
        there is none.
    is_lead, closed, converted, qualified : bool
        A lead; one whose window has closed; one that became a customer, or was qualified, within its window.
    acquired : bool
        Became a customer: of a lead within its window, or at all where no lead is mapped.
    """

    channel: Texts
    campaign: Texts
    lead_day: Int64
    qualified_day: Int64
    first_day: Int64
    is_lead: Bool
    closed: Bool
    converted: Bool
    qualified: Bool
    acquired: Bool

    @property
    def month(self) -> Int64:
        """The calendar month of the lead, else of the first churn event, in months since 1970-01."""
        return months_of(np.where(self.is_lead, self.lead_day, self.first_day))


def came(asked: Asked, bucket: Bucket, lifecycle: Lifecycle) -> Came:
    """Return how the customers of a bucket came.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket
    lifecycle : Lifecycle
        The config's section.
    """
    n, as_of = len(bucket), asked.as_of
    churn = bucket.events[asked.business.churn.event]
    first_day = _day_of(churn, first_rows(churn, n, as_of))
    lead_row = np.full(n, -1, np.int64)
    lead_day, qualified_day = (np.full(n, NEVER, np.int64) for _ in range(2))
    if lifecycle.lead is not None:
        lead_row = first_rows(bucket.events[lifecycle.lead], n, as_of)
        lead_day = _day_of(bucket.events[lifecycle.lead], lead_row)
    is_lead = (lead_day != NEVER) & (lead_day <= first_day)
    if lifecycle.qualified is not None:
        events = bucket.events[lifecycle.qualified]
        qualified_day = _day_of(events, first_rows(events, n, as_of, after=lead_day))
    end = lead_day + lifecycle.window
    converted = is_lead & (first_day <= end) & (first_day != NEVER)
    return Came(
        channel=_attribute(asked, bucket, lifecycle, lifecycle.channel, lead_row, is_lead),
        campaign=_attribute(asked, bucket, lifecycle, lifecycle.campaign, lead_row, is_lead),
        lead_day=lead_day,
        qualified_day=qualified_day,
        first_day=first_day,
        is_lead=is_lead,
        closed=is_lead & (end <= as_of),
        converted=converted,
        qualified=is_lead & (qualified_day <= end) & (qualified_day != NEVER),
        acquired=converted if lifecycle.lead is not None else first_day != NEVER,
    )


def first_rows(events: Events, n: int, as_of: int, after: Int64 | None = None) -> Int64:
    """Return the first row of each customer known at as_of, -1 where there is none, int64 of shape (n,).

    Parameters
    ----------
    events : Events
    n : int
        Customers.
    as_of : int
    after : int64, shape (n,), optional
        Only rows of this day and later.
    """
    owner = events.owner
    counts = (events.day <= as_of) & (events.known_day <= as_of)
    if after is not None:
        counts &= events.day >= after[owner]
    rows = np.flatnonzero(counts)
    found = np.full(n, -1, np.int64)
    customer, first = np.unique(owner[rows], return_index=True)
    found[customer] = rows[first]
    return found


def months_of(day: Int64) -> Int64:
    """Return the calendar months of days, in months since 1970-01; of NEVER a month far ahead."""
    months: Int64 = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months


def last_day_of(month: Int64) -> Int64:
    """Return the last days of calendar months.

    Examples
    --------
    >>> last_day_of(np.array([0, 1])).tolist()
    [30, 58]
    """
    days: Int64 = (month + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1
    return days


def month_ends(first_day: Int64, months: int) -> Int64:
    """Return the last day of each month of age, a month being a twelfth of 365 days; shape (n, months).

    The first month begins on the first day itself.

    Examples
    --------
    >>> month_ends(np.array([100]), 12)[0, [0, 11]].tolist()
    [129, 464]
    """
    lengths = np.rint(np.arange(1, months + 1) * _DAYS_A_MONTH).astype(np.int64)
    ends: Int64 = first_day[:, None] - 1 + lengths[None, :]
    return ends


def texts_of(column: pa.Array, rows: Int64) -> Texts:
    """Return the values of some rows as text; :data:`NOT_KNOWN` where there is no row (-1) or no value."""
    found: Texts = np.full(len(rows), NOT_KNOWN, object)
    there = np.flatnonzero(rows >= 0)
    values = column.take(pa.array(rows[there])).to_pylist()
    found[there] = [NOT_KNOWN if value is None else str(value) for value in values]
    return found


def _attribute(
    asked: Asked, bucket: Bucket, lifecycle: Lifecycle, name: str | None, lead_row: Int64, is_lead: Bool
) -> Texts:
    """Return channel or campaign: of the lead if it has it, else of the customer as known at as_of."""
    n = len(bucket)
    if name is None:
        return np.full(n, "", object)
    if lifecycle.lead is not None and name in attributes_of_event(asked.business, lifecycle.lead):
        column = bucket.events[lifecycle.lead].attributes[name]
        texts = texts_of(column, np.where(is_lead, lead_row, -1))
    else:
        known = np.where(bucket.profile_known_day <= asked.as_of, np.arange(n), -1)
        texts = texts_of(bucket.profile.column(name).combine_chunks(), known)
    if lifecycle.lead is not None:
        texts[~is_lead] = NO_LEAD
    return texts


def _day_of(events: Events, rows: Int64) -> Int64:
    day = np.full(len(rows), NEVER, np.int64)
    day[rows >= 0] = events.day[rows[rows >= 0]]
    return day
