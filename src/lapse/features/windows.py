"""How often, how much, how long back: one walk over a customer's events from as_of to the oldest window.

In: one kind's events, snapshots, windows in ascending order. Out: the stats of :data:`WINDOWED` by window.

The walk reaches the windows in their order, and what has been added up by then is the window's. So the work
for an event does not grow with the number of windows.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numba import njit

from lapse.features.grammar import Stat
from lapse.features.visibility import begun_until
from lapse.schema import Events, Float32, Float64, Int32, Int64, Snapshots

WINDOWED: tuple[str, ...] = ("count", "days", "sum", "mean", "max", "trend")
"""The stats, in the order of the kernel's rows."""


@njit(cache=True, nogil=True)
def _write(
    count: int, days: int, total: float, largest: float, scale: float, place: Int64, row: int, out: Float32
) -> None:
    """Write one window's stats of one row into the columns that are asked for; those of place -1 are not."""
    if place[0] >= 0:
        out[place[0], row] = count * scale
    if place[1] >= 0:
        out[place[1], row] = days * scale
    if place[2] >= 0:
        out[place[2], row] = total * scale
    if count > 0:
        if place[3] >= 0:
            out[place[3], row] = total / count
        if place[4] >= 0:
            out[place[4], row] = largest


@njit(cache=True, nogil=True)
def _walk(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    amount: Float64,
    customer: Int64,
    as_of: Int32,
    windows: Int64,
    first_day: int,
    place: Int64,
    out: Float32,
) -> None:
    for row in range(len(as_of)):
        t = as_of[row]
        there = max(t - first_day + 1, 1)
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        count, days, previous = 0, 0, t + 1
        total, largest, pace = 0.0, -np.inf, 0.0
        for w in range(len(windows)):
            while i > first and t - day[i - 1] < windows[w]:
                i -= 1
                if known_day[i] > t:
                    continue
                count += 1
                if day[i] != previous:
                    days += 1
                    previous = day[i]
                total += amount[i]
                largest = max(largest, amount[i])
            scale = 1.0 if windows[w] <= there else windows[w] / there
            _write(count, days, total, largest, scale, place[:, w], row, out)
            if count > 0:
                recent, pace = pace, count / min(windows[w], there)
                if w > 0 and place[5, w - 1] >= 0:
                    out[place[5, w - 1], row] = recent / pace


def compute(
    events: Events,
    snapshots: Snapshots,
    windows: tuple[int, ...],
    first_day: int,
    wanted: Collection[Stat],
) -> dict[Stat, Float32]:
    r"""Return the windowed stats of one kind.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    windows : tuple of int
        Days, ascending; a window is (as_of - w, as_of].
    first_day : int
        The day on which the data of this kind begin.
    wanted : collection of (stat, window)
        What is asked for; what this module does not compute is left out.

    Returns
    -------
    dict of (stat, window) to float32, shape (n_snapshots,)
        ``count`` events, ``days`` distinct days with one, ``sum`` of signed amounts (0 where there is none),
        ``mean`` and ``max`` of amounts (NaN where there is none), and ``trend``, for every window :math:`w`
        but the largest, with :math:`W` the next larger one,

        .. math:: \frac{count_w / w}{count_W / W}

        which is 1 at a steady pace, 0 where the smaller window is empty, NaN where the larger one is.

    Notes
    -----
    Where a window reaches back behind ``first_day``, ``count``, ``days`` and ``sum`` are scaled up to its
    full length. Otherwise they would grow with the data: 182 days in March and 182 days in September would
    not mean the same, and a model would learn the age of the data.
    """
    columns = [(stat, window) for stat in WINDOWED for window in windows if (stat, window) in wanted]
    place = np.full((len(WINDOWED), len(windows)), -1, np.int64)
    for number, (stat, window) in enumerate(columns):
        place[WINDOWED.index(stat), windows.index(window)] = number
    out = np.full((len(columns), len(snapshots)), np.nan, np.float32)
    _walk(
        events.offsets,
        events.day,
        events.known_day,
        events.amount,
        snapshots.customer,
        snapshots.day,
        np.array(windows, np.int64),
        first_day,
        place,
        out,
    )
    return dict(zip(columns, out, strict=True))
