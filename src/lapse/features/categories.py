"""Product mix: how many different values a category had, and how often and which share the top ones have.

In: one kind's events, one of its ``categories`` columns, snapshots. Out: distinct values by window, and for
the top values that the recipe has chosen the number of events by window, and the share of events and of
spend in the largest one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from lapse.features.visibility import begun_until
from lapse.schema import Events, Float32, Float64, Int32, Int64, Snapshots, encoded


def codes_of(attribute: pa.Array) -> tuple[npt.NDArray[np.int32], list[str | None]]:
    """Return an attribute's values as codes (-1 where null) and, for each code, the value as text."""
    coded = encoded(attribute)
    codes = coded.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, np.int32), coded.dictionary.cast(pa.string()).to_pylist()


def count_values(events: Events, attribute: pa.Array, until: int) -> dict[str, int]:
    """Return how many events had each value, among those that happened and were known by ``until``."""
    codes, values = codes_of(attribute)
    counted = _count_codes(events.day, events.known_day, codes, len(values), until)
    return {
        value: int(count)
        for value, count in zip(values, counted, strict=True)
        if count > 0 and value is not None
    }


@njit(cache=True, nogil=True)
def _count_codes(
    day: Int32, known_day: Int32, code: npt.NDArray[np.int32], n_codes: int, until: int
) -> Int64:
    counted = np.zeros(n_codes, np.int64)
    for i in range(len(day)):
        if day[i] <= until and known_day[i] <= until and code[i] >= 0:
            counted[code[i]] += 1
    return counted


@njit(cache=True, nogil=True)
def _walk_distinct(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    code: npt.NDArray[np.int32],
    n_codes: int,
    customer: Int64,
    as_of: Int32,
    windows: Int64,
    out: Float32,
) -> None:
    n_windows = len(windows)
    counted_for = np.full(n_codes, -1, np.int64)
    for row in range(len(as_of)):
        t = as_of[row]
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        while i > first and t - day[i - 1] < windows[n_windows - 1]:
            i -= 1
            if known_day[i] > t or code[i] < 0 or counted_for[code[i]] == row:
                continue
            counted_for[code[i]] = row
            for w in range(n_windows):
                if t - day[i] < windows[w]:
                    out[w, row] += 1.0


@njit(cache=True, nogil=True)
def _walk_shares(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    amount: Float64,
    choice: npt.NDArray[np.int32],
    n_choices: int,
    customer: Int64,
    as_of: Int32,
    window: int,
    out: Float32,
) -> None:
    count = np.zeros(n_choices, np.int64)
    spend = np.zeros(n_choices, np.float64)
    for row in range(len(as_of)):
        t = as_of[row]
        count[:] = 0
        spend[:] = 0.0
        all_count = 0
        all_spend = 0.0
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        while i > first and t - day[i - 1] < window:
            i -= 1
            if known_day[i] > t:
                continue
            spent = amount[i] if amount[i] > 0 else 0.0
            all_count += 1
            all_spend += spent
            if choice[i] >= 0:
                count[choice[i]] += 1
                spend[choice[i]] += spent
        for k in range(n_choices):
            if all_count > 0:
                out[0, k, row] = count[k] / all_count
            if all_spend > 0:
                out[1, k, row] = spend[k] / all_spend


@njit(cache=True, nogil=True)
def _walk_counts(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    choice: npt.NDArray[np.int32],
    n_choices: int,
    customer: Int64,
    as_of: Int32,
    windows: Int64,
    first_day: int,
    out: Float32,
) -> None:
    count = np.zeros(n_choices, np.int64)
    for row in range(len(as_of)):
        t = as_of[row]
        there = max(t - first_day + 1, 1)
        count[:] = 0
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        for w in range(len(windows)):
            while i > first and t - day[i - 1] < windows[w]:
                i -= 1
                if known_day[i] <= t and choice[i] >= 0:
                    count[choice[i]] += 1
            scale = 1.0 if windows[w] <= there else windows[w] / there
            for k in range(n_choices):
                out[k, w, row] = count[k] * scale


def distinct(
    events: Events, snapshots: Snapshots, attribute: pa.Array, windows: tuple[int, ...]
) -> dict[int, Float32]:
    """Return the number of different values, nulls left out, among the visible events of each window.

    Returns
    -------
    dict of window to float32, shape (n_snapshots,)
    """
    codes, values = codes_of(attribute)
    out = np.zeros((len(windows), len(snapshots)), np.float32)
    _walk_distinct(
        events.offsets,
        events.day,
        events.known_day,
        codes,
        len(values),
        snapshots.customer,
        snapshots.day,
        np.array(windows, np.int64),
        out,
    )
    return dict(zip(windows, out, strict=True))


def shares(
    events: Events, snapshots: Snapshots, attribute: pa.Array, chosen: Sequence[str], window: int
) -> Float32:
    """Return the share of events and of spend that each chosen value has in a window.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    attribute : pyarrow.Array, shape (n_events,)
    chosen : sequence of str
        Values, as text.
    window : int
        Days.

    Returns
    -------
    float32, shape (2, n_chosen, n_snapshots)
        Shares of the number of events (NaN where the window has none), then of the positive amounts (NaN
        where there is none). Refunds are left out, so that a share stays between 0 and 1. Events without a
        value count in the denominators.
    """
    out = np.full((2, len(chosen), len(snapshots)), np.nan, np.float32)
    _walk_shares(
        events.offsets,
        events.day,
        events.known_day,
        events.amount,
        _choices(attribute, chosen),
        len(chosen),
        snapshots.customer,
        snapshots.day,
        window,
        out,
    )
    return out


def counts(
    events: Events,
    snapshots: Snapshots,
    attribute: pa.Array,
    chosen: Sequence[str],
    windows: tuple[int, ...],
    first_day: int,
) -> Float32:
    """Return how many events with each chosen value each window has.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    attribute : pyarrow.Array, shape (n_events,)
    chosen : sequence of str
        Values, as text.
    windows : tuple of int
        Days, ascending.
    first_day : int
        The day on which the data of this kind begin; a window that reaches back behind it is scaled up to its
        full length, as :func:`lapse.features.windows.compute` does.

    Returns
    -------
    float32, shape (n_chosen, n_windows, n_snapshots)
    """
    out = np.empty((len(chosen), len(windows), len(snapshots)), np.float32)
    _walk_counts(
        events.offsets,
        events.day,
        events.known_day,
        _choices(attribute, chosen),
        len(chosen),
        snapshots.customer,
        snapshots.day,
        np.array(windows, np.int64),
        first_day,
        out,
    )
    return out


def _choices(attribute: pa.Array, chosen: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the place among the chosen values of each event's, -1 where it is another one or null."""
    codes, values = codes_of(attribute)
    place = {value: number for number, value in enumerate(chosen)}
    choices = [*(place.get(value, -1) if value is not None else -1 for value in values), -1]
    return np.array(choices, np.int32)[codes]
