"""What chance leaves of a rate: intervals, trends and tests from sums that add up over customers.

In: sums over customers, of their counts and of products of their counts. Out: bounds at 95 %, slopes,
p-values. A customer is a **cluster**: what it does in one period says something about the next, so rows of
one customer never count as independent. Everything here is a function of sums, since a customer lives in
one bucket and sums of buckets add up.

Sources: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22; for
clusters the Wilson interval with an effective sample size, as Dean and Pagano (2015), "Evaluating
confidence interval methods for binomial proportions in clustered surveys", Journal of Survey Statistics and
Methodology 3 found it to cover; linearised ratios as in Cochran (1977), "Sampling Techniques", chapter 6;
slopes with the cluster-robust sandwich of Liang and Zeger (1986), Biometrika 73; false discoveries after
Benjamini and Hochberg (1995), JRSS B 57.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.stats import false_discovery_control

from lapse.schema import Float64

LEVEL = 0.95
"""Of every interval of a measurement."""

_TAIL = 1 - (1 - LEVEL) / 2

NORMAL = float(stats.norm.ppf(_TAIL))
"""Standard errors on either side of an estimate that is normal."""


def wilson(y: Float64, n: Float64) -> tuple[Float64, Float64]:
    """Return the Wilson interval of shares in which every customer counts once.

    Parameters
    ----------
    y, n : float64, shape (k,)
        How many of how many. Where ``n`` is 0 both bounds are missing.

    Examples
    --------
    >>> lower, upper = wilson(np.array([80.0]), np.array([100.0]))
    >>> round(float(lower[0]), 4), round(float(upper[0]), 4)
    (0.7112, 0.8666)
    """
    n_ = np.where(np.asarray(n, np.float64) > 0, n, np.nan)
    return _score_interval(y / n_, n_, NORMAL)


def clustered_share(
    y: Float64, n: Float64, yy: Float64, yn: Float64, nn: Float64, customers: Float64
) -> tuple[Float64, Float64]:
    """Return the Wilson interval of a share in which a customer counts more than once.

    The variance of ``p = sum y / sum n`` is that of a ratio of sums over customers,
    ``m / (m - 1) * sum (y_i - p n_i)^2 / (sum n)^2``. The effective sample size is ``p (1 - p) / variance``;
    where all or nobody stayed it is ``(sum n)^2 / sum n^2``. It goes into Wilson's formula with the quantile
    of Student's t at m - 1 degrees of freedom.

    Parameters
    ----------
    y, n : float64, shape (k,)
        Sums over customers of what was kept and of what there was: periods, or money.
    yy, yn, nn : float64, shape (k,)
        Sums over customers of ``y_i^2``, ``y_i n_i`` and ``n_i^2``.
    customers : float64, shape (k,)
        How many customers m; with fewer than two, bounds are missing.
    """
    total, m = _positive(n), np.where(np.asarray(customers) >= 2, customers, np.nan)
    p = y / total
    variance = m / (m - 1) * _residual(p, yy, yn, nn) / total**2
    all_alike = total**2 / nn
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where((variance > 0) & (p > 0) & (p < 1), p * (1 - p) / variance, all_alike)
    return _score_interval(p, size, stats.t.ppf(_TAIL, m - 1))


def clustered_ratio(
    y: Float64, n: Float64, yy: Float64, yn: Float64, nn: Float64, customers: Float64
) -> tuple[Float64, Float64]:
    """Return the interval of a ratio that may exceed 1, ``R exp(-+ t se / R)``, with customers as clusters.

    Parameters as in :func:`clustered_share`. Bounds are missing where the ratio is 0 or there are fewer than
    two customers.
    """
    total, m = _positive(n), np.where(np.asarray(customers) >= 2, customers, np.nan)
    ratio = _positive(y) / total
    error = np.sqrt(m / (m - 1) * _residual(ratio, yy, yn, nn)) / total
    factor = np.exp(stats.t.ppf(_TAIL, m - 1) * error / ratio)
    return ratio / factor, ratio * factor


@dataclass(frozen=True)
class Trend:
    """A straight line through a rate over periods.

    Attributes
    ----------
    slope, slope_lower, slope_upper : float
        Change of the rate from one period to the next; missing where there are too few.
    """

    slope: float
    slope_lower: float
    slope_upper: float


NO_TREND = Trend(np.nan, np.nan, np.nan)


def trend(totals: Float64, products: Float64, customers: float) -> Trend:
    """Return the least-squares slope of kept-or-not on the period, its interval with customers as clusters.

    Parameters
    ----------
    totals : float64, shape (5,)
        Sums over customers of ``v = (sum y, sum t y, sum 1, sum t, sum t^2)``, the inner sums over the
        customer's periods t.
    products : float64, shape (5, 5)
        Sum over customers of ``v v'``.
    customers : float
        How many.
    """
    y0, y1, n0, n1, n2 = totals
    bread = np.array([[n0, n1], [n1, n2]])
    if customers < 3 or np.linalg.det(bread) <= 1e-9 * n0 * max(n2, 1.0):
        return NO_TREND
    inverse = np.linalg.inv(bread)
    level, slope = inverse @ np.array([y0, y1])
    score = np.array([[1, 0, -level, -slope, 0], [0, 1, 0, -level, -slope]])
    meat = customers / (customers - 1) * score @ products @ score.T
    error = np.sqrt(max((inverse @ meat @ inverse)[1, 1], 0.0))
    reach = float(stats.t.ppf(_TAIL, customers - 1)) * error
    return Trend(float(slope), float(slope - reach), float(slope + reach))


@dataclass(frozen=True)
class Together:
    """Sums over customers of several groups, in which one customer may be in more than one.

    Attributes
    ----------
    y, n : float64, shape (g,)
    yy, yn, nn : float64, shape (g, g)
        Sums over customers of ``y_ig y_ih``, ``y_ig n_ih`` and ``n_ig n_ih``.
    customers : float
        How many there are in any of the groups.
    """

    y: Float64
    n: Float64
    yy: Float64
    yn: Float64
    nn: Float64
    customers: float

    def against_the_rest(self, group: int) -> Together:
        """Return two groups: this one, and all others as one."""
        one = np.zeros(len(self.y))
        one[group] = 1.0
        join = np.stack([one, 1.0 - one])
        return Together(
            join @ self.y,
            join @ self.n,
            join @ self.yy @ join.T,
            join @ self.yn @ join.T,
            join @ self.nn @ join.T,
            self.customers,
        )


def equal_rates(groups: Together) -> tuple[float, int, float]:
    """Test whether all groups have one rate, with customers as clusters: a robust score test.

    With the rate p of all, ``r_ig = y_ig - p n_ig`` and group g's share w of the periods, the statistic is
    ``d' V^- d`` with ``d_g = sum_i r_ig`` and V the sum over customers of the products of
    ``r_ig - w_g sum_h r_ih``; chi-square with one degree of freedom fewer than groups.

    Returns
    -------
    statistic : float
    degrees_of_freedom : int
    p_value : float
        All missing (the degrees 0) where fewer than two groups have customers or all or nobody stayed.
    """
    seen = groups.n > 0
    p = groups.y.sum() / groups.n.sum() if seen.any() else np.nan
    if seen.sum() < 2 or not 0 < p < 1:
        return np.nan, 0, np.nan
    n, yn = groups.n[seen], groups.yn[np.ix_(seen, seen)]
    products = groups.yy[np.ix_(seen, seen)] - p * (yn + yn.T) + p**2 * groups.nn[np.ix_(seen, seen)]
    centre = np.eye(len(n)) - np.outer(n / n.sum(), np.ones(len(n)))
    variance = centre @ products @ centre.T
    distance = groups.y[seen] - p * n
    degrees = int(np.linalg.matrix_rank(variance, hermitian=True))
    statistic = float(distance @ np.linalg.pinv(variance, hermitian=True) @ distance)
    return statistic, degrees, float(stats.chi2.sf(statistic, degrees)) if degrees else np.nan


def difference(two: Together) -> tuple[float, float, float]:
    """Return the difference of two groups' rates and its interval, with customers as clusters.

    The variance is the sum over customers of ``(r_i1 / n_1 - r_i2 / n_2)^2`` with ``r_ig = y_ig - p_g n_ig``.
    """
    if (two.n <= 0).any() or two.customers < 3:
        return np.nan, np.nan, np.nan
    p = two.y / two.n
    cross = two.yy - two.yn * p[None, :] - two.yn.T * p[:, None] + two.nn * np.outer(p, p)
    weight = np.array([1.0, -1.0]) / two.n
    variance = max(float(weight @ cross @ weight), 0.0) * two.customers / (two.customers - 1)
    reach = float(stats.t.ppf(_TAIL, two.customers - 1)) * np.sqrt(variance)
    return float(p[0] - p[1]), float(p[0] - p[1] - reach), float(p[0] - p[1] + reach)


def adjusted(p_values: Float64) -> Float64:
    """Return p-values after Benjamini and Hochberg, float64 of the same shape; missing ones stay missing.

    Calling different whatever is below 0.05 here makes at most 5 % false calls on average.

    Examples
    --------
    >>> adjusted(np.array([0.01, np.nan, 0.04]))
    array([0.02,  nan, 0.04])
    """
    found = np.full(len(p_values), np.nan)
    there = ~np.isnan(p_values)
    if there.any():
        found[there] = false_discovery_control(p_values[there], method="bh")
    return found


def _positive(n: Float64) -> Float64:
    return np.where(np.asarray(n, np.float64) > 0, n, np.nan)


def _residual(p: Float64, yy: Float64, yn: Float64, nn: Float64) -> Float64:
    """Return the sum over customers of ``(y_i - p n_i)^2``; what rounding leaves below 0 is 0."""
    residual = yy - 2 * p * yn + p**2 * nn
    return np.where(residual > 1e-12 * nn, residual, 0.0)


def _score_interval(p: Float64, n: Float64, z: Float64 | float) -> tuple[Float64, Float64]:
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(np.maximum(p * (1 - p) / n + z**2 / (4 * n**2), 0.0))
    # a bound at the end of the range is the estimate itself: rounding must not push it past
    return np.clip(np.minimum(middle - reach, p), 0, 1), np.clip(np.maximum(middle + reach, p), 0, 1)
