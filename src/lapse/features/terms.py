"""Spans: what is open, when the contract ends, how often it was renewed, what changed.

In: one kind's events, snapshots, grace. Out: :data:`OPEN` for spans such as complaints, :data:`TERMS` and the
changes of attributes for the spans that keep a customer alive. An end is used only from ``end_known_day`` on;
before that the span is open. ``next_known`` is the one stat that looks at what lies ahead, and says only that
a further term is booked and known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from lapse.features.categories import codes_of
from lapse.features.grammar import Stat
from lapse.features.visibility import begun_until
from lapse.schema import NEVER, Events, Float32, Float64, Int32, Int64, Snapshots

OPEN: tuple[str, ...] = ("open", "open_days")
"""The stats of spans that are not the churn event, in the order of the kernel's rows."""

TERMS: tuple[str, ...] = (
    "days_to_end",
    "terms",
    "renewals",
    "term_days",
    "price_change",
    "next_known",
)
"""The stats of a churn event with ends, in the order of the kernel's rows."""


@njit(cache=True, nogil=True)
def _walk_open(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    end_day: Int32,
    end_known_day: Int32,
    customer: Int64,
    as_of: Int32,
    out: Float32,
) -> None:
    for row in range(len(as_of)):
        t = as_of[row]
        n_open = 0
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[i] > t:
                break
            if known_day[i] > t or (end_known_day[i] <= t and end_day[i] <= t):
                continue
            if n_open == 0:
                out[1, row] = t - day[i]
            n_open += 1
        out[0, row] = n_open


@njit(cache=True, nogil=True)
def _walk_terms(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    end_day: Int32,
    end_known_day: Int32,
    amount: Float64,
    customer: Int64,
    as_of: Int32,
    grace: int,
    out: Float32,
) -> None:
    for row in range(len(as_of)):
        t = as_of[row]
        stop = offsets[customer[row] + 1]
        begun = begun_until(day, offsets[customer[row]], stop, t)
        terms = 0
        renewals = 0
        cover_end = np.int64(0)
        latest = -1
        before = -1
        for i in range(offsets[customer[row]], begun):
            if known_day[i] > t:
                continue
            end = np.int64(end_day[i]) if end_known_day[i] <= t else np.int64(NEVER)
            if terms > 0 and day[i] > day[latest] and day[i] - cover_end <= grace:
                renewals += 1
            cover_end = max(cover_end, end) if terms > 0 else end
            terms += 1
            before = latest
            latest = i
        out[1, row] = terms
        out[2, row] = renewals
        out[5, row] = 0.0
        for i in range(begun, stop):
            if known_day[i] <= t:
                out[5, row] = 1.0
        if terms > 0:
            if cover_end != NEVER:
                out[0, row] = cover_end - t
            if end_known_day[latest] <= t and end_day[latest] != NEVER:
                out[3, row] = end_day[latest] - day[latest]
        if terms > 1 and amount[before] > 0:
            out[4, row] = amount[latest] / amount[before] - 1.0


@njit(cache=True, nogil=True)
def _walk_changes(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    code: npt.NDArray[np.int32],
    customer: Int64,
    as_of: Int32,
    out: Float32,
) -> None:
    for row in range(len(as_of)):
        current = -1
        changes = 0
        for i in range(offsets[customer[row]], offsets[customer[row] + 1]):
            if day[i] > as_of[row]:
                break
            if known_day[i] > as_of[row] or code[i] < 0:
                continue
            if current >= 0 and code[i] != current:
                changes += 1
            current = code[i]
        out[row] = changes


def compute_open(events: Events, snapshots: Snapshots) -> dict[Stat, Float32]:
    """Return what is open of a kind of spans.

    Returns
    -------
    dict of (stat, None) to float32, shape (n_snapshots,)
        ``open``, the number of visible spans whose end is unknown at as_of or lies after it; ``open_days``,
        the age of the oldest of them in days, NaN where none is open.
    """
    out = np.full((len(OPEN), len(snapshots)), np.nan, np.float32)
    _walk_open(
        events.offsets,
        events.day,
        events.known_day,
        events.end_day,
        events.end_known_day,
        snapshots.customer,
        snapshots.day,
        out,
    )
    return {(stat, None): out[row] for row, stat in enumerate(OPEN)}


def compute_terms(events: Events, snapshots: Snapshots, grace: int) -> dict[Stat, Float32]:
    """Return the terms of a contract.

    Parameters
    ----------
    events : Events
        The churn event's, with ends.
    snapshots : Snapshots
    grace : int
        Days between the end of the cover and a term that still renews it.

    Returns
    -------
    dict of (stat, None) to float32, shape (n_snapshots,)
        ``days_to_end``, days until the last end of the terms begun, as known at as_of: negative after it, NaN
        where a term is open; ``terms`` begun so far; ``renewals``, the terms that began on a later day than
        the one before and at most ``grace`` days after the end of all before; ``term_days``, length of the
        latest term, NaN where it is open; ``price_change``, its amount over that of the term before, less 1,
        NaN where there is none or it was not positive; ``next_known``, 1 where a term that begins after as_of
        is known.
    """
    out = np.full((len(TERMS), len(snapshots)), np.nan, np.float32)
    _walk_terms(
        events.offsets,
        events.day,
        events.known_day,
        events.end_day,
        events.end_known_day,
        events.amount,
        snapshots.customer,
        snapshots.day,
        grace,
        out,
    )
    return {(stat, None): out[row] for row, stat in enumerate(TERMS)}


def count_changes(events: Events, snapshots: Snapshots, attribute: pa.Array) -> Float32:
    """Return how often an attribute changed from one visible event to the next; nulls are passed over.

    Returns
    -------
    float32, shape (n_snapshots,)
    """
    out = np.zeros(len(snapshots), np.float32)
    codes, _ = codes_of(attribute)
    _walk_changes(events.offsets, events.day, events.known_day, codes, snapshots.customer, snapshots.day, out)
    return out
