"""How good probabilities are: ranking and sharpness, each as a function of (y, p, weight).

In: ``y`` (n,) of 0 and 1, ``p`` (n,) probabilities that y is 1, and ``weight`` (n,), how often each row
counts (default once; the bootstrap passes multiplicities). Out: a float, finite wherever the measure exists.
A measure that does not exist for these outcomes (a ranking where everybody stayed) is NaN, and
:func:`why_undefined` says why, so that one bad slice does not end a table. Refused: see
:func:`lapse.evaluation.ties.checked`.

Rows with the same ``p`` are never told apart: they share ranks and are taken into a top decile in proportion,
so that no measure depends on the order of the rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lapse.evaluation.ties import checked, sum_ties

LOG_CLIP = 1e-7
"""The log loss clips to [LOG_CLIP, 1 - LOG_CLIP]: a sure mistake costs 16.1, not infinity."""

TOP_SHARE = 0.1
"""The share of rows in the top decile."""


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
    y_, p_, weight_ = checked(y, p, weight)
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
    y_, p_, weight_ = checked(y, p, weight)
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
    y_, p_, weight_ = checked(y, p, weight)
    given = np.clip(np.where(y_ == 1, p_, 1 - p_), LOG_CLIP, 1 - LOG_CLIP)
    return float(-(weight_ @ np.log(given)) / weight_.sum())


def brier(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean squared difference between probability and outcome, in [0, 1].

    Examples
    --------
    >>> brier([0, 1], [0.5, 1.0])
    0.125
    """
    y_, p_, weight_ = checked(y, p, weight)
    return float(weight_ @ (p_ - y_) ** 2 / weight_.sum())


def lift_top_decile(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the observed rate among the tenth with the highest predictions, over the rate among all.

    In [0, 10]; 1 for a constant prediction, since rows tied at the edge of the decile are taken in
    proportion. NaN where no y is 1.

    Examples
    --------
    >>> lift_top_decile([0] * 9 + [1], [0.1] * 9 + [0.9])
    10.0
    """
    y_, p_, weight_ = checked(y, p, weight)
    _, positive, mass = (part[::-1] for part in sum_ties(p_, weight_ * y_, weight_))
    total, happened = mass.sum(), positive.sum()
    if happened == 0:
        return float("nan")
    taken = np.clip(TOP_SHARE * total - (np.cumsum(mass) - mass), 0, mass)
    share = np.divide(taken, mass, out=np.zeros(len(mass)), where=mass > 0)
    return float(share @ positive / happened / TOP_SHARE)
