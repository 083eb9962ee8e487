"""How often, how much, how long back: one walk over a customer's events from as_of to the oldest window.

In: one kind's events, snapshots, windows in ascending order. Out: the stats of :data:`WINDOWED` by window.

Every event falls into the ring between two neighbouring windows; rings are filled during the walk and added
up after it. So the work for an event does not grow with the number of windows.
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
    count: Int64,
    days: Int64,
    total: Float64,
    largest: Float64,
    windows: Int64,
    there: int,
    row: int,
    place: Int64,
    out: Float32,
) -> None:
    """Write one row's stats into the columns that are asked for; those of place -1 are not."""
    n_windows = len(windows)
    for w in range(n_windows):
        scale = windows[w] / min(windows[w], there)
        if place[0, w] >= 0:
            out[place[0, w], row] = count[w] * scale
        if place[1, w] >= 0:
            out[place[1, w], row] = days[w] * scale
        if place[2, w] >= 0:
            out[place[2, w], row] = total[w] * scale
        if place[3, w] >= 0 and count[w] > 0:
            out[place[3, w], row] = total[w] / count[w]
        if place[4, w] >= 0 and count[w] > 0:
            out[place[4, w], row] = largest[w]
        if place[5, w] >= 0 and w + 1 < n_windows and count[w + 1] > 0:
            recent = count[w] / min(windows[w], there)
            out[place[5, w], row] = recent / (count[w + 1] / min(windows[w + 1], there))


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
    n_windows = len(windows)
    count = np.zeros(n_windows, np.int64)
    days = np.zeros(n_windows, np.int64)
    total = np.zeros(n_windows, np.float64)
    largest = np.zeros(n_windows, np.float64)
    for row in range(len(as_of)):
        t = as_of[row]
        count[:] = 0
        days[:] = 0
        total[:] = 0.0
        largest[:] = -np.inf
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        ring = 0
        previous = t + 1
        while i > first:
            i -= 1
            while ring < n_windows and t - day[i] >= windows[ring]:
                ring += 1
            if ring == n_windows:
                break
            if known_day[i] > t:
                continue
            count[ring] += 1
            if day[i] != previous:
                days[ring] += 1
                previous = day[i]
            total[ring] += amount[i]
            largest[ring] = max(largest[ring], amount[i])
        for w in range(1, n_windows):
            count[w] += count[w - 1]
            days[w] += days[w - 1]
            total[w] += total[w - 1]
            largest[w] = max(largest[w], largest[w - 1])
        _write(count, days, total, largest, windows, max(t - first_day + 1, 1), row, place, out)


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
