"""How regularly: the gaps between the days on which a customer was active, and its recent pace.

In: one kind's events, snapshots, windows, grace. Out: the stats of :data:`POINTS` and, by window, of
:data:`WINDOWED`. All are over the distinct visible days with an event, from the customer's first one on; two
baskets on one day are one active day.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lapse.features.grammar import Stat
from lapse.features.visibility import begun_until
from lapse.schema import Events, Float32, Float64, Int32, Int64, Snapshots

POINTS: tuple[str, ...] = (
    "gap_mean",
    "gap_sd",
    "gap_max",
    "since_vs_gap",
    "days_since_second_last",
    "days_since_third_last",
)
"""The stats without a window, in the order of the kernel's rows."""

WINDOWED: tuple[str, ...] = ("rate", "long_gaps")
"""The stats by window, in the order of the kernel's rows."""

_FORGOTTEN = 64
"""After so many half-lives a day weighs less than rounding and is left out."""


@njit(cache=True, nogil=True)
def _count_into(counts: Int64, windows: Int64, age: int) -> None:
    for w in range(len(windows)):
        if age < windows[w]:
            counts[w] += 1


@njit(cache=True, nogil=True)
def _walk(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    customer: Int64,
    as_of: Int32,
    windows: Int64,
    weights: Float64,
    exposure: Float64,
    observed: Int32,
    grace: int,
    points: Float32,
    windowed: Float32,
) -> None:
    n_windows = len(windows)
    weight = np.zeros(n_windows, np.float64)
    longer = np.zeros(n_windows, np.int64)
    for row in range(len(as_of)):
        t = as_of[row]
        weight[:] = 0.0
        longer[:] = 0
        n_days = 0
        newest = t
        previous = t + 1
        sum_squares = 0.0
        longest = 0
        first = offsets[customer[row]]
        i = begun_until(day, first, offsets[customer[row] + 1], t)
        while i > first:
            i -= 1
            if known_day[i] > t or day[i] == previous:
                continue
            age = t - day[i]
            n_days += 1
            if n_days == 1:
                newest = day[i]
            else:
                gap = previous - day[i]
                sum_squares += float(gap) * gap
                longest = max(longest, gap)
                if gap > grace:
                    _count_into(longer, windows, t - previous)
                if n_days <= 3:  # the second and the third last
                    points[2 + n_days, row] = age
            previous = day[i]
            for w in range(n_windows):
                if age < weights.shape[1]:
                    weight[w] += weights[w, age]
        for w in range(n_windows):
            seen = min(observed[row], exposure.shape[1] - 1)
            windowed[0, w, row] = weight[w] / exposure[w, seen] if seen > 0 else 0.0
            windowed[1, w, row] = longer[w]
        if n_days > 1:
            mean = (newest - previous) / (n_days - 1)
            points[0, row] = mean
            points[2, row] = longest
            points[3, row] = (t - newest) / mean
            if n_days > 2:
                spread = max(sum_squares - mean * (newest - previous), 0.0)
                points[1, row] = np.sqrt(spread / (n_days - 2))


def compute(
    events: Events, snapshots: Snapshots, windows: tuple[int, ...], observed: Int32, grace: int
) -> dict[Stat, Float32]:
    r"""Return the cadence of one kind.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    windows : tuple of int
        Days, ascending; the half-lives of ``rate`` and the windows of ``long_gaps``.
    observed : int32, shape (n_snapshots,)
        For how many days the customer has been seen (:func:`lapse.features.visibility.observed_days`).
    grace : int
        Days; a longer gap is a long one.

    Returns
    -------
    dict of (stat, window or None) to float32, shape (n_snapshots,)
        ``gap_mean`` (two active days needed), ``gap_sd`` (the sample's; three needed) and ``gap_max`` in
        days; ``since_vs_gap``, days since the last active day over ``gap_mean``; ``days_since_second_last``
        and ``days_since_third_last`` active day; NaN where there are too few. ``long_gaps`` counts the gaps
        longer than ``grace`` that ended in the window. ``rate`` is the exponentially weighted share of active
        days among the days observed, with the window :math:`h` as its half-life:

        .. math:: \sum_{active\ days} 2^{-age/h} \Big/ \sum_{a=0}^{o-1} 2^{-a/h}

        between 0 and 1, 0 where the customer was never active, and not biased towards old or new customers,
        since the denominator ends where the customer's history begins.
    """
    ages = np.arange(_FORGOTTEN * max(windows))
    weights = np.exp2(-ages / np.array(windows, np.float64)[:, None])
    exposure = np.concatenate([np.zeros((len(windows), 1)), np.cumsum(weights, axis=1)], axis=1)
    points = np.full((len(POINTS), len(snapshots)), np.nan, np.float32)
    windowed = np.zeros((len(WINDOWED), len(windows), len(snapshots)), np.float32)
    _walk(
        events.offsets,
        events.day,
        events.known_day,
        snapshots.customer,
        snapshots.day,
        np.array(windows, np.int64),
        weights,
        exposure,
        observed,
        grace,
        points,
        windowed,
    )
    found: dict[Stat, Float32] = {(stat, None): points[row] for row, stat in enumerate(POINTS)}
    for row, stat in enumerate(WINDOWED):
        found |= {(stat, window): windowed[row, column] for column, window in enumerate(windows)}
    return found
