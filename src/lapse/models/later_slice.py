"""Which rows learn and which calibrate: a later slice, disjoint in time, after an embargo of one horizon.

In: the as-of day of each row, its outcome, the horizon. Out: two masks and a :class:`Slice` that says
what was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.schema import Bool, Float64, Int32

SLICE_SHARE = 1 / 3
"""Most that the slice may take of all rows (a single date may take up to half)."""

FIT_SHARE = 1 / 4
"""Least of all rows that must be left to the earlier model, so that it resembles the final one."""

MIN_POSITIVES = 30
"""Fewest positives, and fewest negatives, on both sides."""


@dataclass(frozen=True)
class Slice:
    """The later rows on which a calibration is learned.

    Attributes
    ----------
    n_fit, n_fit_positive : int
        Rows of the earlier model, whose outcomes were final when the slice began; positives among them.
    n_rows, n_positive : int
        Rows of the slice; positives among them. No rows: no calibration.
    first_day, last_day : int
        As-of days of the slice.
    note : str
        What was done, or why nothing was.
    """

    n_fit: int
    n_fit_positive: int
    n_rows: int
    n_positive: int
    first_day: int
    last_day: int
    note: str


def later_slice(day: Int32 | None, label: Float64, horizon_days: int) -> tuple[Bool, Bool, Slice]:
    """Choose the largest slice of the latest dates that leaves enough to learn from before it.

    Parameters
    ----------
    day : int32, shape (n,), optional
        As-of days; without them there is no slice.
    label : float64, shape (n,)
        Outcomes, 0 or 1.
    horizon_days : int
        An outcome of as-of day t is final on t + horizon_days; it may teach where that is not after the
        slice's first day.

    Returns
    -------
    earlier, later : bool, shape (n,)
        Rows that learn, rows of the slice; disjoint, and both empty where there is no slice.
    found : Slice
    """
    n = len(label)
    none = np.zeros(n, bool)
    if day is None:
        return none, none, Slice(0, 0, 0, 0, 0, 0, "not calibrated: no as_of dates were given")
    for first in np.unique(day):
        later: Bool = day >= first
        earlier: Bool = day <= first - horizon_days
        most = 0.5 if first == day.max() else SLICE_SHARE
        if (
            later.mean() <= most
            and earlier.mean() >= FIT_SHARE
            and all(_enough(label[part]) for part in (earlier, later))
        ):
            return earlier, later, _describe(day, label, earlier, later)
    return (
        none,
        none,
        Slice(0, 0, 0, 0, 0, 0, "not calibrated: the dates leave no later slice with enough rows"),
    )


def _enough(label: Float64) -> bool:
    return bool(min(label.sum(), len(label) - label.sum()) >= MIN_POSITIVES)


def _describe(day: Int32, label: Float64, earlier: Bool, later: Bool) -> Slice:
    return Slice(
        n_fit=int(earlier.sum()),
        n_fit_positive=int(label[earlier].sum()),
        n_rows=int(later.sum()),
        n_positive=int(label[later].sum()),
        first_day=int(day[later].min()),
        last_day=int(day[later].max()),
        note="calibrated on the latest dates, by a model whose outcomes were final before them",
    )
