"""What chance leaves of a rate: intervals, trends and tests from sums that add up over customers.

In: sums over customers, of their counts and of products of their counts. Out: bounds at 95 %, slopes,
p-values. A customer is a **cluster**: what it does in one period says something about the next, so rows of
one customer never count as independent. Everything here is a function of sums, since a customer lives in
one bucket and sums of buckets add up.

Sources: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22; for
clusters the Wilson interval with an effective sample size, as Dean and Pagano (2015), "Evaluating
confidence interval methods for binomial proportions in clustered surveys", Journal of Survey Statistics and
Methodology 3 found it to cover; linearised ratios as in Cochran (1977), "Sampling Techniques", chapter 6;
slopes with the cluster-robust sandwich of Liang and Zeger (1986), Biometrika 73; differences by joining the
intervals of the two rates, after Newcombe (1998), Statistics in Medicine 17, and for rates that hang together
Zou and Donner (2008), Statistics in Medicine 27; false discoveries after Benjamini and Hochberg (1995), JRSS
B 57.
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
_ROUNDING = 1e-10

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
    """Test whether all groups have one rate, with customers as clusters: a score test.

    With the rate p of all, ``r_ig = y_ig - p n_ig`` and group g's share w of the periods, the statistic is
    ``d' V^- d`` with ``d_g = sum_i r_ig`` and V the covariance of ``r_ig - w_g sum_h r_ih`` summed over
    customers; chi-square with the rank of V, one fewer than groups, as degrees of freedom. V is taken twice,
    and the larger p-value counts: as the products are (robust), and as they would be if every two periods of
    a customer hung together alike. The first takes a handful of customers who all stayed for certain, the
    second takes one who left of a handful for more than it is.

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
    distance = groups.y[seen] - p * n
    alike = _alike(p, n, groups.nn[np.ix_(seen, seen)], products)
    found = [_score_test(distance, centre @ one @ centre.T) for one in (products, alike)]
    told = [one for one in found if one[1]]
    return max(told, key=lambda one: one[2], default=(np.nan, 0, np.nan))


def _alike(p: float, n: Float64, nn: Float64, products: Float64) -> Float64:
    """Return the covariance of groups' residuals if every two periods of a customer hang together alike.

    A period has the variance ``p (1 - p)``; the covariance of two of a customer gives the same sum of all.
    """
    own, pairs = p * (1 - p), nn.sum() - n.sum()
    between = (products.sum() - own * n.sum()) / pairs if pairs > 0 else 0.0
    between = min(max(between, 0.0), own)
    alike: Float64 = np.diag((own - between) * n) + between * nn
    return alike


def _score_test(distance: Float64, variance: Float64) -> tuple[float, int, float]:
    spread, axes = np.linalg.eigh(variance)
    real = spread > _ROUNDING * spread[-1]  # V is singular by design: what rounding leaves must not count
    degrees = int(real.sum())
    if spread[-1] <= 0 or not degrees:
        return np.nan, 0, np.nan
    statistic = float(((axes.T @ distance)[real] ** 2 / spread[real]).sum())
    return statistic, degrees, float(stats.chi2.sf(statistic, degrees))


def difference(two: Together) -> tuple[float, float, float]:
    """Return the difference of two groups' rates and its interval, with customers as clusters.

    With the bounds ``l, u`` of each rate by :func:`clustered_share` and the correlation c of the two, the
    lower bound is ``d - sqrt((p1 - l1)^2 + (u2 - p2)^2 - 2 c (p1 - l1) (u2 - p2))``, the upper one likewise:
    so a group of which all stayed does not count as known without error.
    """
    if (two.n <= 0).any() or two.customers < 3:
        return np.nan, np.nan, np.nan
    p = two.y / two.n
    yy, yn, nn = (np.diag(part) for part in (two.yy, two.yn, two.nn))
    lower, upper = clustered_share(two.y, two.n, yy, yn, nn, np.full(2, two.customers))
    below, above = p - lower, upper - p
    alike = 2 * _correlation(two, p)
    down = below[0] ** 2 + above[1] ** 2 - alike * below[0] * above[1]
    up = above[0] ** 2 + below[1] ** 2 - alike * above[0] * below[1]
    apart = float(p[0] - p[1])
    return apart, apart - float(np.sqrt(max(down, 0.0))), apart + float(np.sqrt(max(up, 0.0)))


def _correlation(two: Together, p: Float64) -> float:
    """Return the correlation of two groups' rates, since customers are in both; 0 where it is not seen."""
    cross = two.yy - two.yn * p[None, :] - two.yn.T * p[:, None] + two.nn * np.outer(p, p)
    scale = float(np.sqrt(max(cross[0, 0], 0.0) * max(cross[1, 1], 0.0)))
    small = _ROUNDING * float(np.trace(two.nn))
    return float(np.clip(cross[0, 1] / scale, -1, 1)) if scale > small else 0.0


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
