"""How long customers stay, read off their curves: restricted means, quantiles and intervals of the lifetime.

In: a :class:`~lapse.models.curve.Curve` and a limit in days. Out: days, and the share of each step in which a
customer is expected to be there. Refused (ValueError): a limit beyond the curve, a share outside (0, 1).
"""

from __future__ import annotations

import numpy as np

from lapse.models.curve import Curve
from lapse.schema import Bool, Float64, Int64


def remaining_lifetime_days(curve: Curve, limit_days: int) -> Float64:
    """Return the restricted mean of the remaining lifetime, float64 of shape (n,), in days.

    The area under the survival curve from 0 to the limit: ``E[min(T, limit)]``.

    Examples
    --------
    >>> curve = Curve(30, np.array([[0.5, 0.0]]), np.zeros((1, 2)))
    >>> remaining_lifetime_days(curve, 60).tolist()
    [30.0]
    """
    area: Float64 = alive_share(curve, limit_days).sum(axis=1) * curve.step_days
    return area


def alive_share(curve: Curve, limit_days: int) -> Float64:
    """Return what share of each step a customer is expected to be there, up to the limit.

    Returns
    -------
    float64, shape (n, steps of the limit)
        The area under the survival curve, in steps.
    """
    part = parts(curve, limit_days)
    steps = len(part)
    start, flat = curve.at_start[:, :steps], curve.flat_share[:, :steps]
    falls = np.maximum(part - flat, 0.0)
    at_once = curve.first_day_lapses[:, :steps]
    slowly = np.divide(falls**2, 2 * (1.0 - flat), out=np.zeros_like(flat), where=flat < 1.0)
    lost = at_once * falls + (1.0 - at_once) * slowly
    area: Float64 = start * part - (start - curve.survival[:, :steps]) * lost
    return area


def lifetime_quantile_days(curve: Curve, share: float | Float64, limit_days: int) -> tuple[Float64, Bool]:
    """Return the day by which a share of customers like this one has lapsed, at most the limit.

    Parameters
    ----------
    curve : Curve
    share : float or float64, shape (n,)
        In (0, 1): 0.5 for the median.
    limit_days : int

    Returns
    -------
    days : float64, shape (n,)
    capped : bool, shape (n,)
        True where the quantile lies beyond the limit, which is then given in its place.

    Examples
    --------
    >>> curve = Curve(30, np.array([[0.8, 0.4], [0.9, 0.9]]), np.zeros((2, 2)))
    >>> days, capped = lifetime_quantile_days(curve, 0.5, 60)
    >>> days.tolist(), capped.tolist()
    ([52.5, 60.0], [False, True])
    """
    gone = np.broadcast_to(np.asarray(share, np.float64), (len(curve.survival),))
    if not ((gone > 0) & (gone < 1)).all():
        raise ValueError(f"a share in (0, 1), not {share}")
    steps = curve.needs(limit_days)
    stays = 1.0 - gone
    survival = curve.survival[:, :steps]
    fallen: Bool = survival <= stays[:, None]
    found: Bool = survival[:, -1] <= stays
    step: Int64 = fallen.argmax(axis=1)
    row = np.arange(len(survival))
    start, end = curve.at_start[row, step], survival[row, step]
    fallen_share = np.divide(start - stays, start - end, out=np.zeros(len(row)), where=start > end)
    flat, at_once = curve.flat_share[row, step], curve.first_day_lapses[row, step]
    slowly = np.maximum(fallen_share - at_once, 0.0)
    inside = flat + (1.0 - flat) * np.divide(slowly, 1.0 - at_once, out=slowly, where=at_once < 1.0)
    days: Float64 = np.where(found, (step + inside) * curve.step_days, np.inf)
    return np.minimum(days, limit_days), days > limit_days


def lifetime_interval_days(
    curve: Curve, limit_days: int, level: float = 0.8
) -> tuple[Float64, Float64, Bool]:
    """Return lower and upper bound of the remaining lifetime, and where the upper one is the limit.

    They are quantiles with at least the share ``level`` of customers like this one between them, as many
    below as above, where nothing else is said. Where a bound is the earliest day or the limit, on which many
    lapse or end at once, fewer than that lie beyond it; what is over is left to the other side, so that the
    interval is no wider than it must be. Bounds are moved apart where the mean,
    :func:`remaining_lifetime_days`, lies outside, because most outlive the limit or a few live on for long.
    This is the spread of what may happen to one customer, not the uncertainty of the model.
    """
    mean, left = remaining_lifetime_days(curve, limit_days), 1.0 - level
    lower, never_sooner = lifetime_quantile_days(curve, left / 2, limit_days)
    below = np.where((lower <= curve.earliest) | never_sooner, 0.0, left / 2)
    upper, capped = lifetime_quantile_days(curve, level + below, limit_days)
    above = np.where(capped, 0.0, left - below)
    lower, _ = lifetime_quantile_days(curve, np.maximum(left - above, left / 2), limit_days)
    return np.minimum(lower, mean), np.maximum(upper, mean), capped


def parts(curve: Curve, limit_days: int) -> Float64:
    """Return how much of each step lies before the limit: ones, the last perhaps less; shape (steps,)."""
    steps = curve.needs(limit_days)
    part = np.ones(steps)
    part[-1] = (limit_days - (steps - 1) * curve.step_days) / curve.step_days
    return part
