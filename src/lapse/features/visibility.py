"""The leak rule, compiled: which events a snapshot may see.

In: one kind's :class:`~lapse.schema.Events` and :class:`~lapse.schema.Snapshots`. Out: positions of events,
days and lengths by snapshot. An event is visible at ``t`` when ``known_day <= t`` and ``day <= t``. What is
known but lies ahead, such as a term that is booked, is not visible; :mod:`lapse.features.terms` says only
that it exists.

Every kernel of this package starts at :func:`begun_until` or walks with :func:`active_ages`. ``known_day`` is
tested event by event, since what is known late does not become known in the order in which it happened.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.schema import NEVER, Bucket, Events, Int32, Int64, Snapshots


@njit(cache=True, nogil=True)
def begun_until(day: Int32, start: int, stop: int, as_of: int) -> int:
    """Return the position after the last event of ``day[start:stop]``, ascending, that is not after as_of."""
    while start < stop:
        middle = (start + stop) // 2
        if day[middle] <= as_of:
            start = middle + 1
        else:
            stop = middle
    return start


@njit(cache=True, nogil=True)
def active_ages(
    day: Int32, known_day: Int32, start: int, stop: int, as_of: int, below: int, ages: Int64
) -> int:
    """Write the ages of the distinct visible days with an event, ascending, and return how many there are.

    Ages are days before as_of; those of ``below`` or more are left out. ``ages`` has room for all events of
    ``day[start:stop]``.
    """
    n = 0
    i = begun_until(day, start, stop, as_of)
    while i > start and as_of - day[i - 1] < below:
        i -= 1
        if known_day[i] <= as_of and (n == 0 or ages[n - 1] != as_of - day[i]):
            ages[n] = as_of - day[i]
            n += 1
    return n


@njit(cache=True, nogil=True)
def _latest(
    offsets: Int64, day: Int32, known_day: Int32, customer: Int64, as_of: Int32, position: Int64
) -> None:
    for row in range(len(as_of)):
        position[row] = -1
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], as_of[row])
        while i > first:
            i -= 1
            if known_day[i] <= as_of[row]:
                position[row] = i
                break


@njit(cache=True, nogil=True)
def _first_day(
    offsets: Int64, day: Int32, known_day: Int32, customer: Int64, as_of: Int32, found: Int32
) -> None:
    for row in range(len(as_of)):
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[i] > as_of[row]:
                break
            if known_day[i] <= as_of[row]:
                found[row] = day[i]
                break


@njit(cache=True, nogil=True)
def _first_of_all(day: Int32, known_day: Int32, as_of: int) -> int:
    first = NEVER
    for i in range(len(day)):
        if day[i] < first and day[i] <= as_of and known_day[i] <= as_of:
            first = day[i]
    return first


@njit(cache=True, nogil=True)
def _count_pairs(
    offsets: Int64, day: Int32, known_day: Int32, customer: Int64, as_of: Int32, window: int, upto: Int64
) -> None:
    total = 0
    for row in range(len(as_of)):
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], as_of[row])
        while i > first and as_of[row] - day[i - 1] < window:
            i -= 1
            if known_day[i] <= as_of[row]:
                total += 1
        upto[row + 1] = total


@njit(cache=True, nogil=True)
def _fill_pairs(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    customer: Int64,
    as_of: Int32,
    upto: Int64,
    rows: Int64,
    positions: Int64,
) -> None:
    for row in range(len(as_of)):
        i = begun_until(day, offsets[customer[row]], offsets[customer[row] + 1], as_of[row])
        k = upto[row + 1]
        while k > upto[row]:
            i -= 1
            if known_day[i] <= as_of[row]:
                k -= 1
                rows[k] = row
                positions[k] = i


def latest_positions(events: Events, snapshots: Snapshots) -> Int64:
    """Return the position of the latest visible event of every snapshot, -1 where there is none.

    Returns
    -------
    int64, shape (n_snapshots,)
    """
    position = np.empty(len(snapshots), np.int64)
    _latest(events.offsets, events.day, events.known_day, snapshots.customer, snapshots.day, position)
    return position


def latest_days(bucket: Bucket, snapshots: Snapshots) -> Int64:
    """Return the day of the latest visible event of every kind, the smallest int32 where there is none.

    Returns
    -------
    int64, shape (n_kinds, n_snapshots)
    """
    found = np.full((len(bucket.events), len(snapshots)), np.iinfo(np.int32).min, np.int64)
    for row, events in zip(found, bucket.events.values(), strict=True):
        position = latest_positions(events, snapshots)
        row[position >= 0] = events.day[position[position >= 0]]
    return found


def first_days(events: Events, snapshots: Snapshots) -> Int32:
    """Return the day of the first visible event of every snapshot, ``NEVER`` where there is none.

    Returns
    -------
    int32, shape (n_snapshots,)
    """
    first = np.full(len(snapshots), NEVER, np.int32)
    _first_day(events.offsets, events.day, events.known_day, snapshots.customer, snapshots.day, first)
    return first


def first_day_of_all(events: Events, as_of: int) -> int:
    """Return the day of the first event of any customer that is visible at ``as_of``, ``NEVER`` without."""
    return int(_first_of_all(events.day, events.known_day, as_of))


def observed_days(bucket: Bucket, snapshots: Snapshots) -> Int32:
    """Return for how many days each customer has been seen: from its first visible event of any kind to
    as_of.

    Both days count, so that a customer whose first event was on the day of as_of has been seen for one day.

    Returns
    -------
    int32, shape (n_snapshots,)
        Days; 0 where no event is visible.
    """
    kinds = [first_days(events, snapshots) for events in bucket.events.values()]
    first = np.minimum.reduce(kinds, initial=NEVER, axis=0)
    return np.where(first == NEVER, 0, snapshots.day.astype(np.int64) - first + 1).astype(np.int32)


def visible(
    events: Events, snapshots: Snapshots, window_days: int | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return every pair of a snapshot and an event that it may see: the safe ground for a custom feature.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    window_days : int, optional
        Only events in (as_of - window_days, as_of]; default all up to as_of.

    Returns
    -------
    rows, positions : int64, shape (n_pairs,)
        Row of the snapshot (ascending) and position of the event (ascending within a row).

    Examples
    --------
    >>> import numpy as np
    >>> day, never, none = np.array([10, 20, 30], np.int32), np.full(3, 2**31 - 1, np.int32), np.zeros(3)
    >>> known = np.array([10, 99, 30], np.int32)
    >>> visits = Events(np.array([0, 3]), day, known, never, never, none, none.astype(np.int8), day, {})
    >>> asked = Snapshots(np.array([0, 0]), np.array([15, 35], np.int32))
    >>> [part.tolist() for part in visible(visits, asked)]
    [[0, 1, 1], [0, 0, 2]]
    >>> [part.tolist() for part in visible(visits, asked, 10)]
    [[0, 1], [0, 2]]

    Notes
    -----
    An end is not covered by this: use ``end_day`` only where ``end_known_day`` is not after the snapshot's
    day.
    """
    upto = np.zeros(len(snapshots) + 1, np.int64)
    window = 2**40 if window_days is None else window_days
    walked = (events.offsets, events.day, events.known_day, snapshots.customer, snapshots.day)
    _count_pairs(*walked, window, upto)
    rows, positions = np.empty(upto[-1], np.int64), np.empty(upto[-1], np.int64)
    _fill_pairs(*walked, upto, rows, positions)
    return rows, positions
