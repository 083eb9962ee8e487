"""From which day on the tables tell what, so that no span that they cover in part is taken for a whole one.

In: a bucket, and the day by which rows must be known. Out: :class:`Begins`, which :func:`joined` of all
buckets says of the company.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lapse.config import Business
from lapse.history.spells import covers_of
from lapse.schema import NEVER, Bucket, Events, Int32


@dataclass(frozen=True)
class Begins:
    """First days, ``NEVER`` where there is none.

    Attributes
    ----------
    event : int
        Of any event.
    money : int
        Of an event of ``value.revenue``.
    lapse : int
        On which anybody could lapse: the grace behind a cover's end where that is known at its start, behind
        its start where it may end at any time. Until then everybody is kept, whatever customers are like.
    covers : int
        How many churn events are known.
    """

    event: int
    money: int
    lapse: int
    covers: int


def begins(business: Business, bucket: Bucket, as_of: int) -> Begins:
    """Return the first days of one bucket, from rows known at as_of."""
    first = {kind: _first_day(events, as_of) for kind, events in bucket.events.items()}
    churn = bucket.events[business.churn.event]
    known = churn.known_day <= as_of
    return Begins(
        min(first.values()),
        min(first[kind] for kind in business.revenue_events),
        int(_could_lapse(business, bucket)[known].min(initial=NEVER)),
        int(np.count_nonzero(known)),
    )


def joined(parts: Iterable[Begins]) -> Begins:
    """Return the first days of several buckets.

    Examples
    --------
    >>> joined([Begins(5, 9, 40, 2), Begins(7, 8, 50, 1)])
    Begins(event=5, money=8, lapse=40, covers=3)
    """
    found = list(parts)
    return Begins(
        min((part.event for part in found), default=NEVER),
        min((part.money for part in found), default=NEVER),
        min((part.lapse for part in found), default=NEVER),
        sum(part.covers for part in found),
    )


def _could_lapse(business: Business, bucket: Bucket) -> Int32:
    """Return the first day on which each cover could let its customer lapse."""
    churn, covers = business.churn, covers_of(business, bucket)
    if not business.events[churn.event].has_end:
        return covers.alive_until
    events = bucket.events[churn.event]
    may_end_any_day = events.end_known_day > events.known_day
    days: Int32 = np.where(may_end_any_day, events.day + np.int32(churn.grace), covers.alive_until)
    return days


def _first_day(events: Events, as_of: int) -> int:
    return int(events.day[events.known_day <= as_of].min(initial=NEVER))
