"""The Pareto/NBD model of repeat buying: customers buy at random and may leave at any time, unseen.

In: for each customer three numbers that are sufficient, a
:class:`~lapse.cohort.purchases.PurchaseHistory`. Out: four parameters by maximum likelihood,
:class:`ParetoNbd`, and from them the probability of being alive and expected purchases. Refused: histories
that cannot be, and a table in which nobody bought twice.

While alive a customer buys at a rate lambda ~ Gamma(r, rate alpha), and it leaves for good after a time that
is exponential with a rate mu ~ Gamma(s, rate beta). So one-time buyers may leave too, which BG/NBD denies.

The likelihood of a history x, t_x, T, but for factors that all customers share, is

    (alpha + T)^-(r+x) (beta + T)^-s  +  s * integral of (alpha + y)^-(r+x) (beta + y)^-(s+1) dy

(alive at T, or left at some y between t_x and T). The usual closed form writes the integral as a difference
of two hypergeometric functions, which loses its digits for heavy buyers. Here it is computed by
Gauss-Legendre's rule over the logarithm of ``y + min(alpha, beta)``, as far as the integrand matters;
everything is added up as logarithms.

References
----------
Schmittlein, Morrison and Colombo (1987), Counting your customers: who are they and what will they do next?
Management Science 33, 1-24. Fader and Hardie (2005), A note on deriving the Pareto/NBD model and related
expressions, brucehardie.com/notes/009.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from lapse.cohort.purchases import PurchaseHistory
from lapse.models.btyd.likelihood import maximise
from lapse.schema import Float64

_POINT, _WEIGHT = np.polynomial.legendre.leggauss(64)
_NEGLIGIBLE = 45.0  # e^-45 of the integrand at its start is nothing beside it
_HALVINGS = 30  # of the range, to find where that is
_STARTS = ((1.0, 1.0, 1.0), (0.5, 0.5, 1.0), (2.0, 0.5, 5.0))  # r, s, beta in mean T; alpha by the mean rate


@dataclass(frozen=True)
class ParetoNbd:
    """A fitted Pareto/NBD; ``alpha`` and ``beta`` are in the time unit of the histories, the rest has none.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the Gamma over purchase rates; the mean rate is r / alpha.
    s, beta : float
        Shape and rate of the Gamma over the rates of leaving; the mean rate is s / beta.
    log_likelihood : float
        Of the histories that it was fitted to, NaN where the parameters were given by hand.
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float = float("nan")

    def probability_alive(self, history: PurchaseHistory) -> Float64:
        """Return the chance that each customer has not left by T, (n,).

        Examples
        --------
        >>> bought = PurchaseHistory(np.array([0.0, 2.0]), np.array([0.0, 30.43]), np.array([38.86, 38.86]))
        >>> ParetoNbd(0.553, 10.578, 0.606, 11.669).probability_alive(bought).round(4)
        array([0.2953, 0.8692])
        """
        rows = np.column_stack([history.repeat_purchases, history.t_x, history.T])
        log_parameters = np.log([self.r, self.alpha, self.s, self.beta])
        alive, left, _ = _ways(log_parameters, rows)
        chance: Float64 = np.exp(alive - np.logaddexp(alive, left))
        return chance

    def expected_purchases(self, history: PurchaseHistory, t: float) -> Float64:
        """Return each customer's expected purchases in the next ``t``, (n,).

        Examples
        --------
        >>> bought = PurchaseHistory(np.array([2.0]), np.array([30.43]), np.array([38.86]))
        >>> ParetoNbd(0.553, 10.578, 0.606, 11.669).expected_purchases(bought, 39.0).round(4)
        array([1.4551])
        """
        later = self.beta + history.T
        log_share = np.log1p(t / later)
        fall = self.s - 1  # one factor less than with so that rounding never lets it fall with t
        stay = later * (-np.expm1(-fall * log_share) / fall if fall else log_share)
        rate = (self.r + history.repeat_purchases) / (self.alpha + history.T)
        expected: Float64 = self.probability_alive(history) * rate * stay
        return expected


def fit(history: PurchaseHistory) -> ParetoNbd:
    """Return the model of greatest likelihood, by quasi-Newton with exact gradients from several starts.

    Raises
    ------
    DataError
        If nobody bought twice, or no start converges.
    """
    (r, alpha, s, beta), unit, likelihood = maximise(_negative_log_likelihood, _STARTS, "Pareto/NBD", history)
    return ParetoNbd(r, alpha * unit, s, beta * unit, likelihood)


def _negative_log_likelihood(log_parameters: Float64, rows: Float64, count: Float64) -> tuple[float, Float64]:
    """Return the mean negative log likelihood of distinct histories, and its gradient in the logarithms."""
    r, alpha, s, beta = np.exp(log_parameters)
    x, _, T = rows.T
    alive, left, left_slope = _ways(log_parameters, rows)
    either = np.logaddexp(alive, left)
    share = np.exp(left - either)
    total = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + either
    alive_slope = np.stack([-np.log(alpha + T), -(r + x) / (alpha + T), -np.log(beta + T), -s / (beta + T)])
    own = np.stack(
        [
            digamma(r + x) - digamma(r) + np.log(alpha),
            np.full(len(x), r / alpha),
            np.full(len(x), np.log(beta)),
            np.full(len(x), s / beta),
        ]
    )
    gradient = own + (1 - share) * alive_slope + share * left_slope
    scale = count.sum()
    return float(-(count @ total) / scale), -(gradient @ count) / scale * np.exp(log_parameters)


def _ways(log_parameters: Float64, rows: Float64) -> tuple[Float64, Float64, Float64]:
    """Return the logarithms of both addends, alive at T and left before, (n,) each, and the slope of the
    latter in r, alpha, s, beta, (4, n). Where nothing lies between t_x and T it is minus infinity.
    """
    r, alpha, s, beta = np.exp(log_parameters)
    x, t_x, T = rows.T
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    least = min(alpha, beta)
    width = _reach(r + x, alpha, s, beta, t_x, T) / 2
    z = width[:, None] * (1 + _POINT)
    since = (least + t_x)[:, None]
    y = t_x[:, None] + since * np.expm1(z)
    log_bought, log_stayed = np.log(alpha + y), np.log(beta + y)
    log_value = z - (r + x)[:, None] * log_bought - (s + 1) * log_stayed
    top = log_value.max(axis=1, keepdims=True)
    value = np.exp(log_value - top) * _WEIGHT
    area = value.sum(axis=1)
    with np.errstate(divide="ignore"):
        left = np.log(s) + np.log(least + t_x) + np.log(width) + top[:, 0] + np.log(area)
    value /= area[:, None]
    slope = np.stack(
        [
            -(value * log_bought).sum(axis=1),
            -(r + x) * (value / (alpha + y)).sum(axis=1),
            1 / s - (value * log_stayed).sum(axis=1),
            -(s + 1) * (value / (beta + y)).sum(axis=1),
        ]
    )
    return alive, left, slope


def _reach(bought: Float64, alpha: float, s: float, beta: float, t_x: Float64, T: Float64) -> Float64:
    """Return how far the integral goes in z, where ``y = t_x + (least + t_x) (e^z - 1)``, (n,).

    The logarithm of the integrand is concave in z, so where it has fallen by 45 it never matters again; that
    place is found by halving.
    """
    least = min(alpha, beta)
    end: Float64 = np.log1p((T - t_x) / (least + t_x))
    low, high = np.zeros(len(end)), end
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        y = (least + t_x) * np.expm1(middle)
        fallen = (
            bought * np.log1p(y / (alpha + t_x)) + (s + 1) * np.log1p(y / (beta + t_x)) - middle
        ) > _NEGLIGIBLE
        high, low = np.where(fallen, middle, high), np.where(fallen, low, middle)
    return high
