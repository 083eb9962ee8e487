"""What all customers, or a cohort of them, are worth together, and how sure that is.

In: what came in and what was expected of past steps, and the cash flows of those who are added up. Out:
:class:`Shocks`, learned once at training; and from sums over customers a :class:`Total` with its interval.

Customers do not err one by one. Three things move a total, and their variances add up:

- **what all share**: months that are better or worse than expected for everybody. Of each calendar step of
  the past, the relative difference of what came in to what was expected is a shock; its variance (less what
  the drawing of customers explains) and how much of a shock is left a step later are estimated. The total
  meets such shocks in each of its steps, for as long as they last (a first-order autoregression);
- **what was learned from few**: the level at each step ahead comes from a sample of customers. Its variance
  is that of the ratio of sums, clustered by customer, with each step as heavy as it is in the total;
- **what may become of each**: the sum of the customers' own variances (:mod:`lapse.value.interval`), which
  matters where they are few.

So the interval does not shrink to nothing as customers become many. What no past month has shown is not in
it.

Refused (ValueError): a level outside (0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lapse.schema import Bool, Float64, Int64

LEVEL = 0.95
"""Level of the interval of a total."""

MIN_PERIODS = 6
"""Fewest calendar steps from which it is learned how long a shock lasts; below, it is taken to stay."""


@dataclass(frozen=True)
class Shocks:
    """What moves all customers together, relative to what is expected of them.

    Attributes
    ----------
    size : float
        Standard deviation of what a calendar step brings, over what was expected of it.
    lasting : float
        In [0, 1]: what is left of a shock a step later.
    level : float
        Standard error of the level that was learned.
    """

    size: float = 0.0
    lasting: float = 1.0
    level: float = 0.0

    def variance(self, by_step: Float64) -> float:
        """Return the variance of a total of so much margin in each step, from both, in its unit squared.

        Examples
        --------
        >>> round(Shocks(size=0.1, lasting=1.0).variance(np.array([60.0, 40.0])), 9)
        100.0
        >>> round(Shocks(size=0.1, lasting=0.0).variance(np.array([60.0, 40.0])), 9)
        52.0
        """
        apart = np.abs(np.subtract.outer(np.arange(len(by_step)), np.arange(len(by_step))))
        together = self.size**2 * float(by_step @ self.lasting**apart @ by_step)
        return together + (self.level * float(by_step.sum())) ** 2


@dataclass(frozen=True)
class Total:
    """The value of some customers together.

    Attributes
    ----------
    customers : int
    clv, lower, upper : float
        In the currency; the bounds at ``level``.
    level : float
    """

    customers: int
    clv: float
    lower: float
    upper: float
    level: float = LEVEL


def total_of(
    customers: int, clv: float, margin_by_step: Float64, variance: float, shocks: Shocks, level: float = LEVEL
) -> Total:
    """Return a total and its interval from sums over customers.

    Parameters
    ----------
    customers : int
    clv : float
        Sum of their values.
    margin_by_step : float64, shape (steps,)
        Sum of their discounted margins.
    variance : float
        Sum of their own variances.
    shocks : Shocks
    level : float, default 0.95

    Examples
    --------
    >>> found = total_of(100, 1000.0, np.array([1000.0]), 0.0, Shocks(size=0.1))
    >>> round(found.lower), round(found.upper)
    (804, 1196)
    """
    if not 0 < level < 1:
        raise ValueError(f"a level in (0, 1), not {level}")
    half = NormalDist().inv_cdf((1 + level) / 2) * (variance + shocks.variance(margin_by_step)) ** 0.5
    return Total(customers, clv, clv - half, clv + half, level)


def fit_shocks(
    came: Float64, expected: Float64, customer: Int64, period: Int64, by_step: Float64, share: float = 1.0
) -> Shocks:
    """Learn what moves all customers together from snapshots and what followed.

    Parameters
    ----------
    came : float64, shape (n, n_steps)
        Money of each step, 0 behind the lapse; NaN where it was not seen.
    expected : float64, shape (n, n_steps)
        As seen from the snapshot.
    customer : int64, shape (n,)
        Whose row it is.
    period : int64, shape (n, n_steps)
        In which calendar step each step lies.
    by_step : float64, shape (n_steps,)
        How heavy each step is in the totals that will be asked for. Those never seen are taken to be as sure
        as the others together.
    share : float, default 1
        Of the customers that the curve was learned from, how many are given.

    Returns
    -------
    Shocks
        Relative to what was expected; where that is a loss, to the loss.
    """
    seen = ~np.isnan(came)
    if expected[seen].sum() < 0:
        return fit_shocks(-came, -expected, customer, period, -by_step, share)
    off = np.where(seen, came - np.where(seen, expected, 0.0), 0.0)
    level = _level(off, np.where(seen, expected, 0.0), customer, by_step) * share**0.5
    found = _by_period(off, expected, seen, customer, period)
    if found is None:
        return Shocks(level=level)
    shock, noise, weight = found
    variance = max(float(weight @ (shock**2 - noise)), 0.0)
    return Shocks(variance**0.5, _lasting(shock, noise), level)


def _level(off: Float64, expected: Float64, customer: Int64, by_step: Float64) -> float:
    """Return the relative standard error of a total whose steps are so heavy, clustered by customer.

    Steps of which nothing was seen say nothing: the level is that of the others. Where those add up to
    nothing, of a total that is as what was expected.
    """
    there = expected.sum(axis=0)
    seen = np.where(there != 0, by_step, 0.0)
    heavy = seen if seen.sum() > 0 else np.maximum(there, 0.0)
    weight = heavy / max(float(heavy.sum()), 1e-300)
    per_money = np.divide(weight, there, out=np.zeros(len(weight)), where=there > 0)
    pull = np.bincount(customer, off @ per_money)
    return float(np.sqrt((pull**2).sum()))


def _by_period(
    off: Float64, expected: Float64, seen: Bool, customer: Int64, period: Int64
) -> tuple[Float64, Float64, Float64] | None:
    """Return the relative shock of each calendar step, its sampling variance and weight; None without any."""
    n = int(period[seen].max(initial=-1)) + 1
    money = np.bincount(period[seen], expected[seen], n)
    there = money > 0.1 * money.max(initial=0.0)
    if there.sum() < 2:
        return None
    shock = np.bincount(period[seen], off[seen], n)[there] / money[there]
    pair, place = np.unique(
        (np.broadcast_to(customer[:, None], off.shape)[seen] * n + period[seen]), return_inverse=True
    )
    squares = np.bincount(place, off[seen]) ** 2
    noise = np.bincount(pair % n, squares, n)[there] / money[there] ** 2
    return shock, noise, money[there] / money[there].sum()


def _lasting(shock: Float64, noise: Float64) -> float:
    """Return the first autocorrelation of shocks in [0, 1], less noise, with Kendall's correction for few."""
    n = len(shock)
    variance = float((shock**2).mean() - noise.mean())
    if n < MIN_PERIODS or variance <= 0:
        return 1.0
    raw = float((shock[1:] * shock[:-1]).mean()) / variance
    return float(np.clip(raw + (1 + 3 * raw) / n, 0.0, 1.0))
