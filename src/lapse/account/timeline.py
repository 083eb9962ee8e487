"""What happened with one customer: every row as an entry, what is open, how much of each kind.

In: a customer as :func:`lapse.account.known.as_known` gives it. Out: entries, the latest first; rows of one
kind and day that end alike are one entry. An entry is ``ahead`` if it happens after the day (and was known by
then), ``open`` if its kind has ends and its own is not over, else ``past``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from lapse.config import Business
from lapse.config.account import cases_of
from lapse.features.wording import counted, spaced
from lapse.schema import NEVER, Bucket, Events, Int64, to_date

State = Literal["past", "open", "ahead"]

_MOST_VALUES = 3
"""Different values of an attribute that an entry of several rows names; of more it says how many."""


@dataclass(frozen=True)
class Entry:
    """One line of a timeline.

    Attributes
    ----------
    day : date
        When it happened or began.
    kind : str
        The event.
    state : "past", "open" or "ahead"
    rows : int
        How many rows it stands for.
    amount : float or None
        Their signed sum in the business's currency.
    until : date or None
        The first day after its end, where that is known.
    known_on : date or None
        When the business knew, where that was later.
    details : str
        Values of the mapped attributes.
    """

    day: date
    kind: str
    state: State
    rows: int
    amount: float | None
    until: date | None
    known_on: date | None
    details: str

    @property
    def words(self) -> str:
        """What it is: its kind, or how many of it."""
        return spaced(self.kind) if self.rows == 1 else counted(self.rows, self.kind)

    @property
    def span(self) -> str:
        """When it ends, where that says anything.

        Examples
        --------
        >>> Entry(date(2025, 1, 1), "term", "open", 1, 40.0, date(2025, 2, 1), None, "").span
        'until 2025-02-01'
        """
        if self.until is not None:
            return f"{'ended' if self.state == 'past' else 'until'} {self.until}"
        return "open" if self.state == "open" else ""


@dataclass(frozen=True)
class Activity:
    """How much there was of one kind.

    Attributes
    ----------
    kind : str
    last : date or None
        Of its rows up to the day.
    days_90, days_365, year_before : int
        Rows of the last 90 days, of the last 365 days, and of the 365 days before these.
    amount_365 : float or None
        Signed money of the last 365 days; None where the kind maps no amount.
    """

    kind: str
    last: date | None
    days_90: int
    days_365: int
    year_before: int
    amount_365: float | None


def timeline(business: Business, alone: Bucket, as_of: int) -> tuple[Entry, ...]:
    """Return all that happened, the latest first.

    Parameters
    ----------
    business : Business
    alone : Bucket
        Of one customer, as known at as_of.
    as_of : int
        Day number.
    """
    found = [
        (int(events.day[rows[0]]), int(events.time_us[rows[-1]]), _entry(business, kind, events, rows, as_of))
        for kind, events in alone.events.items()
        for rows in _alike(events)
    ]
    return tuple(entry for *_, entry in sorted(found, key=lambda one: one[:2], reverse=True))


def open_cases(business: Business, alone: Bucket, as_of: int) -> tuple[Entry, ...]:
    """Return the cases (see :func:`lapse.config.account.cases_of`) that are open, the oldest first."""
    kinds = {kind: alone.events[kind] for kind in cases_of(business)}
    found = [
        _entry(business, kind, events, np.array([row]), as_of)
        for kind, events in kinds.items()
        for row in np.flatnonzero((events.day <= as_of) & (events.end_day > as_of))
    ]
    return tuple(sorted(found, key=lambda one: one.day))


def activity(business: Business, alone: Bucket, as_of: int) -> tuple[Activity, ...]:
    """Return how much there was of each kind, in the order of the config."""
    return tuple(_activity(business, kind, events, as_of) for kind, events in alone.events.items())


def revenue_by_month(business: Business, alone: Bucket, as_of: int) -> dict[date, float]:
    """Return the signed revenue of each month that has any up to the day, by the month's first day."""
    months: dict[date, float] = {}
    for kind in business.revenue_events:
        events = alone.events[kind]
        for row in np.flatnonzero((events.day <= as_of) & ~np.isnan(events.amount)):
            month = to_date(int(events.day[row])).replace(day=1)
            months[month] = months.get(month, 0.0) + float(events.amount[row])
    return dict(sorted(months.items()))


def _alike(events: Events) -> Iterator[Int64]:
    """Yield the rows of each entry: of one day, one end, and known on one day."""
    keys = np.stack([events.day, events.end_day, events.known_day], axis=1)
    if len(keys):
        _, group = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _entry(business: Business, kind: str, events: Events, rows: Int64, as_of: int) -> Entry:
    day, end, known = (int(of[rows[0]]) for of in (events.day, events.end_day, events.known_day))
    has_end = business.events[kind].has_end
    amounts = events.amount[rows]
    state: State = "ahead" if day > as_of else "open" if has_end and end > as_of else "past"
    return Entry(
        day=to_date(day),
        kind=kind,
        state=state,
        rows=len(rows),
        amount=None if np.isnan(amounts).all() else float(np.nansum(amounts)),
        until=to_date(end) if has_end and end != NEVER else None,
        known_on=to_date(known) if known > day else None,
        details=", ".join(_details(events, rows)),
    )


def _details(events: Events, rows: Int64) -> Iterator[str]:
    for name, column in events.attributes.items():
        values = [value for value in (column[int(row)].as_py() for row in rows) if value is not None]
        distinct = list(dict.fromkeys(values))
        if 1 <= len(distinct) <= _MOST_VALUES:
            yield f"{spaced(name)} {' and '.join(shown(value) for value in distinct)}"
        elif distinct:
            yield f"{len(distinct)} different values of {spaced(name)}"


def shown(value: object) -> str:
    """Return a value of an attribute as people read it.

    Examples
    --------
    >>> shown(True), shown(12.5), shown("gold")
    ('yes', '12.5', 'gold')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _activity(business: Business, kind: str, events: Events, as_of: int) -> Activity:
    day = events.day[events.day <= as_of]
    year = (events.day <= as_of) & (events.day > as_of - 365)
    return Activity(
        kind=kind,
        last=to_date(int(day.max())) if len(day) else None,
        days_90=int(np.count_nonzero(day > as_of - 90)),
        days_365=int(np.count_nonzero(year)),
        year_before=int(np.count_nonzero((day > as_of - 730) & (day <= as_of - 365))),
        amount_365=float(np.nansum(events.amount[year])) if business.events[kind].has_amount else None,
    )
