"""The one rule: some event keeps a customer alive, and the spell ends when its last cover has run out.

In: the events of the kind that keeps customers alive. Out: for every such event, a **cover**, the day up to
which it keeps its customer (``alive_until``); and from covers, at risk, lapse and spells.

A cover starts on its ``day`` and reaches to the end of what it pays for (an instant ends on its own day) plus
``grace``. While its end is not known it reaches without limit; an end that becomes known late keeps the
customer until it is known, since before that nobody could know better::

    alive_until = max(end_day + grace, end_known_day)        NEVER while the end is open

A customer is **at risk** at ``t`` when a cover that began and is known by ``t`` reaches beyond ``t``. A
**spell** is a maximal chain of covers, each beginning on or before the day up to which those before it reach.
Its **lapse** is the day up to which the chain reaches: the first day on which anyone can know that the
customer has gone. Contractual is not a mode: a prepaid term, an open contract and an order take one path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.config import Business
from lapse.schema import CAUSES, NEVER, Bool, Bucket, Int32, Int64

Int8 = npt.NDArray[np.int8]

OTHER = np.int8(CAUSES.index("other") + 1)


@dataclass(frozen=True)
class Covers:
    """The covers of a bucket's customers, sorted by (customer, day); see the module for the terms.

    Attributes
    ----------
    offsets : int64, shape (n_customers + 1,)
    day, known_day, alive_until : int32, shape (n,)
    cause : int8, shape (n,)
        Event code of the cover's end; :data:`OTHER` where none is mapped.
    """

    offsets: Int64
    day: Int32
    known_day: Int32
    alive_until: Int32
    cause: Int8


def covers_of(business: Business, bucket: Bucket) -> Covers:
    """Return the covers of a bucket's customers.

    Parameters
    ----------
    business : Business
        Its ``churn`` section names the event and the grace.
    bucket : Bucket
    """
    churn = business.churn
    events = bucket.events[churn.event]
    instant = not business.events[churn.event].has_end
    end = events.day if instant else events.end_day
    end_known = events.known_day if instant else events.end_known_day
    reach = np.maximum(end.astype(np.int64) + churn.grace, end_known)
    open_end = (end == NEVER) | (end_known == NEVER)
    return Covers(
        offsets=events.offsets,
        day=events.day,
        known_day=events.known_day,
        alive_until=np.where(open_end, NEVER, np.minimum(reach, NEVER)).astype(np.int32),
        cause=np.where(events.cause == 0, OTHER, events.cause).astype(np.int8),
    )


def reach_at(covers: Covers, customer: Int64, day: Int32) -> Int32:
    """Return up to which day each customer's covers reach, as known at the end of ``day``.

    Parameters
    ----------
    covers : Covers
    customer : int64, shape (n,)
        Position in the bucket.
    day : int32, shape (n,)

    Returns
    -------
    int32, shape (n,)
        The customer is at risk where it is later than ``day``; -1 where no cover is known yet.
    """
    return np.asarray(
        _reach_at(covers.offsets, covers.day, covers.known_day, covers.alive_until, customer, day)
    )


def lapse_after(covers: Covers, customer: Int64, day: Int32, until: Int32) -> tuple[Int32, Int8]:
    """Return when the spell that is running at ``day`` lapses, and why, from what is known at ``until``.

    Parameters
    ----------
    covers : Covers
    customer, day : shape (n,)
        Snapshots whose customers are at risk.
    until : int32, shape (n,)
        Nothing that happens or becomes known later is used.

    Returns
    -------
    lapse_day : int32, shape (n,)
        In ``(day, until]``, or ``NEVER`` where the spell had not lapsed by then.
    cause : int8, shape (n,)
        Event code of the last cover's end; 0 where it has not lapsed.
    """
    lapse, cause = _lapse_after(
        covers.offsets,
        covers.day,
        covers.known_day,
        covers.alive_until,
        covers.cause,
        customer,
        day,
        until,
    )
    return lapse, cause


def is_at_risk(reach: Int32, day: Int32) -> Bool:
    """Return whether covers that reach so far keep the customer beyond ``day``."""
    return np.asarray(reach > day)


def spells_of(covers: Covers, until: int) -> tuple[Int64, Int32, Int32]:
    """Return every spell that has begun by ``until``, as known then.

    Returns
    -------
    customer : int64, shape (n_spells,)
    start_day : int32, shape (n_spells,)
    lapse_day : int32, shape (n_spells,)
        ``NEVER`` where the spell had not lapsed by ``until``.
    """
    n_covers = len(covers.day)
    customer = np.empty(n_covers, np.int64)
    start = np.empty(n_covers, np.int32)
    lapse = np.empty(n_covers, np.int32)
    found = _spells(
        covers.offsets, covers.day, covers.known_day, covers.alive_until, until, customer, start, lapse
    )
    return customer[:found], start[:found], lapse[:found]


@njit(cache=True, nogil=True)
def _reach_at(offsets, known_from, known_day, alive_until, customer, day):  # type: ignore[no-untyped-def]
    reach = np.full(len(day), -1, np.int32)
    for row in range(len(day)):
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if known_from[i] > day[row]:
                break
            if known_day[i] <= day[row] and alive_until[i] > reach[row]:
                reach[row] = alive_until[i]
    return reach


@njit(cache=True, nogil=True)
def _lapse_after(offsets, start, known_day, alive_until, cause, customer, day, until):  # type: ignore[no-untyped-def]
    lapse = np.full(len(day), NEVER, np.int32)
    why = np.zeros(len(day), np.int8)
    for row in range(len(day)):
        reach = np.int32(-1)
        last = np.int8(0)
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if start[i] > until[row] or (start[i] > day[row] and start[i] > reach):
                break
            if known_day[i] <= until[row] and alive_until[i] > reach:
                reach = alive_until[i]
                last = cause[i]
        if reach <= until[row]:
            lapse[row] = reach
            why[row] = last
    return lapse, why


@njit(cache=True, nogil=True)
def _spells(offsets, start, known_day, alive_until, until, customer, begins, lapse):  # type: ignore[no-untyped-def]
    found = 0
    for c in range(len(offsets) - 1):
        reach = np.int32(-1)
        running = False
        for i in range(offsets[c], offsets[c + 1]):
            if start[i] > until:
                break
            if known_day[i] > until:
                continue
            if not running or start[i] > reach:
                customer[found] = c
                begins[found] = start[i]
                found += 1
                reach = np.int32(-1)
                running = True
            if alive_until[i] > reach:
                reach = alive_until[i]
            lapse[found - 1] = reach if reach <= until else NEVER
    return found
