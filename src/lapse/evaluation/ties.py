"""Rows with the same prediction are never told apart: they share ranks, and stay in one bin.

In: predictions and masses of rows, checked for all measures of probabilities here. Out: the distinct
predictions with their masses, and bins of equal mass of them. Refused: empty input, other lengths, ``y``
other than 0 and 1, ``p`` that is missing or outside [0, 1], negative weights.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lapse.schema import Float64, Int64

N_BINS = 10
"""Bins of equal mass in the calibration error and in the parts of the Brier score."""


def sum_ties(p: Float64, *masses: Float64) -> tuple[Float64, ...]:
    """Return the distinct values of ``p``, ascending, and each mass summed over the rows that share a value.

    Parameters
    ----------
    p : float64, shape (n,), n >= 1
    *masses : float64, shape (n,)

    Examples
    --------
    >>> sum_ties(np.array([0.2, 0.1, 0.2]), np.array([1.0, 2.0, 3.0]))
    (array([0.1, 0.2]), array([2., 4.]))
    """
    order = np.argsort(p, kind="stable")
    ordered = p[order]
    start = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    return ordered[start], *(np.add.reduceat(mass[order], start) for mass in masses)


def assign_bins(mass: Float64, n_bins: int) -> Int64:
    """Return the bin of each group of ties, given the groups' masses in the order of their prediction.

    A group belongs to the bin in which the middle of its mass lies, so a group is never split; a group with
    more than a bin's mass leaves neighbouring bins empty.

    Examples
    --------
    >>> assign_bins(np.ones(6), 3)
    array([0, 0, 1, 1, 2, 2])
    """
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    place: Int64 = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
    return place


def checked(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
    """Return outcomes, probabilities and weights as float64, shape (n,), if they are what they should be."""
    y_, p_ = np.asarray(y, np.float64), np.asarray(p, np.float64)
    weight_ = np.ones(len(p_)) if weight is None else np.asarray(weight, np.float64)
    if p_.ndim != 1 or len(p_) == 0 or y_.shape != p_.shape or weight_.shape != p_.shape:
        raise ValueError(
            f"y, p, weight: expected one length, at least 1, got {y_.shape}, {p_.shape} and {weight_.shape}"
        )
    if not ((y_ == 0) | (y_ == 1)).all():
        raise ValueError(f"y: expected 0 or 1, got {y_[(y_ != 0) & (y_ != 1)][0]}")
    if not (p_.min() >= 0 and p_.max() <= 1):
        raise ValueError(f"p: expected probabilities in [0, 1], got {p_[~((p_ >= 0) & (p_ <= 1))][0]}")
    if not (weight_.min() >= 0 and 0 < weight_.sum() < np.inf):
        raise ValueError("weight: expected finite numbers of at least 0, not all of them 0")
    return y_, p_, weight_
