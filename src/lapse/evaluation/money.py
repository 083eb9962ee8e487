"""How good predicted money is: spend and CLV, on what the horizon shows.

In: ``actual`` (n,) money that came in the horizon (refunds negative), ``predicted`` (n,) what was expected of
it, and ``weight`` (n,), how often each row counts. Out: a float; NaN where the measure does not exist
(:func:`why_undefined` says why). Refused: empty input, other lengths, numbers that are missing or infinite.

Mean absolute error is left out on purpose: most customers spend nothing in a short horizon, so predicting
nothing for everybody beats most models on it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lapse.evaluation.ties import N_BINS, assign_bins, sum_ties
from lapse.schema import Float64


def over_horizon(steps: npt.ArrayLike, n_steps: int) -> Float64:
    """Return each row's sum over its first steps; NaN where one of them is not observed.

    Parameters
    ----------
    steps : float64, shape (n, at least n_steps)

    Examples
    --------
    >>> over_horizon([[1.0, 2.0, 5.0], [1.0, np.nan, np.nan]], 2)
    array([ 3., nan])
    """
    first = np.asarray(steps, np.float64)[:, :n_steps]
    if first.shape[1] < n_steps:
        raise ValueError(f"steps: expected at least {n_steps} columns, got {first.shape[1]}")
    total: Float64 = first.sum(axis=1)
    return total


def _checked(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
    actual_, predicted_ = np.asarray(actual, np.float64), np.asarray(predicted, np.float64)
    weight_ = np.ones(len(actual_)) if weight is None else np.asarray(weight, np.float64)
    shapes = {actual_.shape, predicted_.shape, weight_.shape}
    if len(shapes) > 1 or actual_.ndim != 1 or len(actual_) == 0:
        raise ValueError(f"actual, predicted, weight: expected one length, at least 1, got {sorted(shapes)}")
    if not (np.isfinite(actual_).all() and np.isfinite(predicted_).all()):
        raise ValueError("actual, predicted: expected finite numbers, none missing")
    return actual_, predicted_, weight_


def why_undefined(metric: str, actual: npt.ArrayLike) -> str:
    """Return why a metric has no value for this money; empty where it has one.

    Examples
    --------
    >>> why_undefined("normalised_gini", [2.0, 2.0])
    'everybody spent the same: nothing to rank'
    """
    actual_ = np.asarray(actual, np.float64)
    if actual_.sum() <= 0:
        return "nothing came in"
    if metric == "normalised_gini" and actual_.min() == actual_.max():
        return "everybody spent the same: nothing to rank"
    return ""


def total_bias(actual: npt.ArrayLike, predicted: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return total predicted over total actual, less 1; NaN where the actual total is not above 0.

    Examples
    --------
    >>> total_bias([1.0, 3.0], [2.0, 3.0])
    0.25
    """
    actual_, predicted_, weight_ = _checked(actual, predicted, weight)
    came = float(weight_ @ actual_)
    return float(weight_ @ predicted_) / came - 1 if came > 0 else float("nan")


def _gini(actual: Float64, order: Float64, weight: Float64) -> float:
    """Return one minus twice the area under the share of money that the lowest by ``order`` hold."""
    _, money, mass = sum_ties(order, weight * actual, weight)
    held = np.cumsum(money)
    return 1 - float(mass @ (2 * held - money)) / float(mass.sum() * held[-1])


def normalised_gini(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return the Gini coefficient of actual money ordered by prediction, over the one ordered by itself.

    At most 1 (the order is perfect), 0 for a constant prediction, negative where the order is upside down;
    tied predictions share their money evenly. NaN where nothing came in or everybody spent the same.

    Examples
    --------
    >>> normalised_gini([0.0, 1.0, 5.0], [0.1, 0.2, 0.3]), normalised_gini([0.0, 1.0, 5.0], [1.0, 1.0, 1.0])
    (1.0, 0.0)
    """
    actual_, predicted_, weight_ = _checked(actual, predicted, weight)
    drawn = actual_[weight_ > 0]
    if weight_ @ actual_ <= 0 or drawn.min() == drawn.max():
        return float("nan")
    return _gini(actual_, predicted_, weight_) / _gini(actual_, actual_, weight_)


def decile_error(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return the mean over predicted deciles of ``|predicted - actual| / actual``, of their mean moneys.

    At least 0; 0.1 says that a decile's money is off by a tenth. Ties in the prediction are never split. A
    decile in which nothing came in has no relative difference: it is joined with the next higher one (the
    highest with the next lower). NaN where nothing came in at all.

    References
    ----------
    Wang, Liu and Miao (2019), A deep probabilistic model for customer lifetime value prediction,
    arXiv:1912.07753, section 4 (decile-level MAPE).

    Examples
    --------
    >>> decile_error(np.arange(1.0, 11.0), 1.1 * np.arange(1.0, 11.0)).__round__(6)
    0.1
    """
    actual_, predicted_, weight_ = _checked(actual, predicted, weight)
    if weight_ @ actual_ <= 0:
        return float("nan")
    distinct, money, mass = sum_ties(predicted_, weight_ * actual_, weight_)
    place = assign_bins(mass, N_BINS)
    actual_sum = np.bincount(place, money, N_BINS)
    predicted_sum = np.bincount(place, mass * distinct, N_BINS)
    return _relative_error(actual_sum.astype(np.float64), predicted_sum.astype(np.float64))


def _relative_error(actual: Float64, predicted: Float64) -> float:
    """Return the mean relative error of sums in ascending bins, joined so that each has money above 0."""
    joined: list[tuple[float, float]] = []
    got = expected = 0.0
    for one_actual, one_predicted in zip(actual, predicted, strict=True):
        got, expected = got + one_actual, expected + one_predicted
        if got > 0:
            joined.append((got, expected))
            got = expected = 0.0
    while joined and (got, expected) != (0.0, 0.0):  # the highest bins brought nothing: join them downwards
        lower_got, lower_expected = joined.pop()
        got, expected = got + lower_got, expected + lower_expected
        if got > 0:
            joined.append((got, expected))
            got = expected = 0.0
    return float(np.mean([abs(expected - got) / got for got, expected in joined]))
