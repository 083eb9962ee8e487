"""How well calibrated probabilities are: predicted beside observed rates, as functions of (y, p, weight).

In and refused as in :mod:`lapse.evaluation.metrics`. Out: floats, or rates in bins of equal mass; rows with
the same ``p`` stay in one bin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lapse.evaluation.ties import N_BINS, assign_bins, checked, sum_ties
from lapse.schema import Float64


class Bins(NamedTuple):
    """Rows put into bins of equal mass by their prediction, each array of shape (n_bins,), ascending.

    Attributes
    ----------
    share : float64
        Share of the mass; sums to 1.
    predicted, observed : float64
        Weighted means of the prediction and of the outcome in the bin.
    """

    share: Float64
    predicted: Float64
    observed: Float64


class BrierParts(NamedTuple):
    """The parts of a Brier score: ``reliability - resolution + uncertainty + remainder`` is the score."""

    reliability: float
    resolution: float
    uncertainty: float
    remainder: float


def reliability_bins(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, n_bins: int = N_BINS
) -> Bins:
    """Return predicted and observed rates in bins of equal mass; empty bins are left out.

    Examples
    --------
    >>> bins = reliability_bins([0, 0, 0, 1], [0.1, 0.1, 0.4, 0.6], n_bins=2)
    >>> bins.predicted, bins.observed
    (array([0.1, 0.5]), array([0. , 0.5]))
    """
    y_, p_, weight_ = checked(y, p, weight)
    distinct, positive, mass = sum_ties(p_, weight_ * y_, weight_)
    place = assign_bins(mass, n_bins)
    total = np.bincount(place, mass, n_bins)
    held = total > 0
    return Bins(
        share=total[held] / total.sum(),
        predicted=np.bincount(place, mass * distinct, n_bins)[held] / total[held],
        observed=np.bincount(place, positive, n_bins)[held] / total[held],
    )


def brier_parts(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> BrierParts:
    """Return the Brier score's parts over ten bins of equal mass.

    With bin means p_b, y_b and shares s_b: reliability = sum s_b (p_b - y_b)^2 (0 is best), resolution =
    sum s_b (y_b - y)^2 (high is best), uncertainty = y (1 - y). Predictions differ within a bin, so a
    remainder is left: sum s_b (var_b(p) - 2 cov_b(p, y)), negative where the order within bins says
    something. The four add up to the score: reliability - resolution + uncertainty + remainder.

    References
    ----------
    Murphy (1973), J. Appl. Meteor. 12, 595. Stephenson, Coelho and Jolliffe (2008), Weather and Forecasting
    23, 752.

    Examples
    --------
    >>> parts = brier_parts([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75])
    >>> parts.reliability, parts.resolution, parts.uncertainty, parts.remainder
    (0.0625, 0.0625, 0.1875, 0.0)
    """
    y_, p_, weight_ = checked(y, p, weight)
    distinct, positive, mass = sum_ties(p_, weight_ * y_, weight_)
    place = assign_bins(mass, N_BINS)
    total = np.bincount(place, mass, N_BINS)
    held = total > 0
    share = total[held] / total.sum()
    p_bin, p2_bin, y_bin, py_bin = (
        np.bincount(place, sums, N_BINS)[held] / total[held]
        for sums in (mass * distinct, mass * distinct**2, positive, positive * distinct)
    )
    rate = float(positive.sum() / mass.sum())
    spread = (p2_bin - p_bin**2) - 2 * (py_bin - p_bin * y_bin)
    return BrierParts(
        reliability=float(share @ (p_bin - y_bin) ** 2),
        resolution=float(share @ (y_bin - rate) ** 2),
        uncertainty=rate * (1 - rate),
        remainder=float(share @ spread),
    )


def calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean absolute difference between predicted and observed rate over ten bins of equal mass.

    In [0, 1]. It is above 0 even for the true probabilities, because the observed rate of a bin is noisy:
    compare it with :func:`calibration_noise`. For the same reason its resamples lie above it.

    Examples
    --------
    >>> calibration_error([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75])
    0.25
    """
    bins = reliability_bins(y, p, weight)
    return float(bins.share @ np.abs(bins.predicted - bins.observed))


def calibration_noise(p: npt.ArrayLike, *, seed: int = 0, n_draws: int = 200) -> float:
    """Return the calibration error to expect if ``p`` were exactly true and rows independent.

    The mean of :func:`calibration_error` over outcomes drawn with chance ``p``. An error of this size is no
    evidence against a model. Rows that repeat a customer make the noise larger than this.

    Examples
    --------
    >>> 0.005 < calibration_noise(np.full(1000, 0.1)) < 0.01
    True
    """
    p_ = np.sort(np.asarray(p, np.float64))
    rng = np.random.default_rng(seed)
    return float(np.mean([calibration_error(rng.random(len(p_)) < p_, p_) for _ in range(n_draws)]))


def calibration_in_the_large(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return mean predicted over observed rate, less 1: +0.05 says five in a hundred lapses too many.

    NaN where no y is 1.

    Examples
    --------
    >>> calibration_in_the_large([0, 1], [0.5, 0.75])
    0.25
    """
    y_, p_, weight_ = checked(y, p, weight)
    happened = float(weight_ @ y_)
    return float(weight_ @ p_) / happened - 1 if happened > 0 else float("nan")
