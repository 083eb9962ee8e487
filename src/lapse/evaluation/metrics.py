"""How good probabilities are: ranking, sharpness and calibration, each as a function of (y, p, weight).

In: ``y`` (n,) of 0 and 1, ``p`` (n,) probabilities that y is 1, and ``weight`` (n,), how often each row
counts (default once; the bootstrap passes multiplicities). Out: a float, or a few of them, finite wherever
the measure exists. A measure that does not exist for these outcomes (a ranking where everybody stayed) is
NaN, and :func:`why_undefined` says why, so that one bad slice does not end a table. Refused: empty input,
other lengths, ``y`` other than 0 and 1, ``p`` that is missing or outside [0, 1], negative weights.

Rows with the same ``p`` are never told apart: they share ranks, stay in one bin, and are taken into a top
decile in proportion, so that no measure depends on the order of the rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lapse.schema import Float64, Int64

LOG_CLIP = 1e-7
"""The log loss clips to [LOG_CLIP, 1 - LOG_CLIP]: a sure mistake costs 16.1, not infinity."""

N_BINS = 10
"""Bins of equal mass in the calibration error and in the parts of the Brier score."""

TOP_SHARE = 0.1
"""The share of rows in the top decile."""


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


def _checked(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
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


def why_undefined(metric: str, y: npt.ArrayLike) -> str:
    """Return why a metric has no value for these outcomes; empty where it has one.

    Examples
    --------
    >>> why_undefined("auc", [0, 0, 0])
    'nobody lapsed: nothing to rank'
    >>> why_undefined("log_loss", [0, 0, 0])
    ''
    """
    rate = float(np.mean(np.asarray(y, np.float64)))
    if rate == 0 and metric in ("auc", "average_precision"):
        return "nobody lapsed: nothing to rank"
    if rate == 1 and metric == "auc":
        return "everybody lapsed: nothing to rank"
    if rate == 0 and metric in ("calibration_in_the_large", "lift_top_decile"):
        return "nobody lapsed: no rate to compare with"
    return ""


def auc(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the chance that a row with y = 1 has the higher prediction than one with y = 0, ties half.

    In [0, 1], 0.5 for a constant prediction; NaN where y has one class.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y_, p_, weight_ = _checked(y, p, weight)
    _, positive, total = sum_ties(p_, weight_ * y_, weight_)
    negative = total - positive
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return float("nan")
    return float(positive @ (np.cumsum(negative) - negative / 2) / pairs)


def average_precision(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean precision over the thresholds, each weighted by the recall that it adds.

    In (0, 1], the base rate for a constant prediction; NaN where no y is 1. Steps are not interpolated.

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    y_, p_, weight_ = _checked(y, p, weight)
    _, positive, total = (part[::-1] for part in sum_ties(p_, weight_ * y_, weight_))
    if positive.sum() == 0:
        return float("nan")
    taken = np.cumsum(total)
    precision = np.divide(np.cumsum(positive), taken, out=np.zeros(len(taken)), where=taken > 0)
    return float(positive @ precision / positive.sum())


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean of ``-log`` of the probability given to what happened, in nats, clipped at LOG_CLIP.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.5, 0.5]), 4)
    0.6931
    """
    y_, p_, weight_ = _checked(y, p, weight)
    given = np.clip(np.where(y_ == 1, p_, 1 - p_), LOG_CLIP, 1 - LOG_CLIP)
    return float(-(weight_ @ np.log(given)) / weight_.sum())


def brier(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean squared difference between probability and outcome, in [0, 1].

    Examples
    --------
    >>> brier([0, 1], [0.5, 1.0])
    0.125
    """
    y_, p_, weight_ = _checked(y, p, weight)
    return float(weight_ @ (p_ - y_) ** 2 / weight_.sum())


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
    y_, p_, weight_ = _checked(y, p, weight)
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
    y_, p_, weight_ = _checked(y, p, weight)
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
    y_, p_, weight_ = _checked(y, p, weight)
    happened = float(weight_ @ y_)
    return float(weight_ @ p_) / happened - 1 if happened > 0 else float("nan")


def lift_top_decile(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the observed rate among the tenth with the highest predictions, over the rate among all.

    In [0, 10]; 1 for a constant prediction, since rows tied at the edge of the decile are taken in
    proportion. NaN where no y is 1.

    Examples
    --------
    >>> lift_top_decile([0] * 9 + [1], [0.1] * 9 + [0.9])
    10.0
    """
    y_, p_, weight_ = _checked(y, p, weight)
    _, positive, mass = (part[::-1] for part in sum_ties(p_, weight_ * y_, weight_))
    total, happened = mass.sum(), positive.sum()
    if happened == 0:
        return float("nan")
    taken = np.clip(TOP_SHARE * total - (np.cumsum(mass) - mass), 0, mass)
    share = np.divide(taken, mass, out=np.zeros(len(mass)), where=mass > 0)
    return float(share @ positive / happened / TOP_SHARE)
