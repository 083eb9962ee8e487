"""The BG/NBD model of repeat buying: what a customer with this purchase history is expected to do next.

In: for each customer three numbers that are sufficient, a
:class:`~lapse.cohort.purchases.PurchaseHistory`. Out: four parameters by maximum likelihood,
:class:`BgNbd`, and from them the probability of being alive and expected purchases. Refused: histories that
cannot be, and a table in which nobody bought twice (the dropout is then not identified).

While alive a customer buys at a rate lambda ~ Gamma(r, rate alpha), and after each purchase it drops out for
good with chance p ~ Beta(a, b).

References
----------
Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24, 275-284.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln

from lapse.cohort.purchases import PurchaseHistory
from lapse.models.btyd.likelihood import maximise
from lapse.schema import Float64

_NODES = 201  # of the integral over dropout chances
_BLOCK = 10_000  # customers at once, to bound memory
_STARTS = ((1.0, 1.0, 1.0), (0.3, 0.5, 2.0), (2.0, 0.2, 0.5))  # r, a, b; alpha follows from the mean rate


@dataclass(frozen=True)
class BgNbd:
    """A fitted BG/NBD; ``alpha`` is in the time unit of the histories, the rest has none.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the Gamma over purchase rates; the mean rate is r / alpha.
    a, b : float
        Of the Beta over dropout chances; the mean chance after a purchase is a / (a + b).
    log_likelihood : float
        Of the histories that it was fitted to, NaN where the parameters were given by hand.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")

    def probability_alive(self, history: PurchaseHistory) -> Float64:
        """Return the chance that each customer has not dropped out, (n,); 1 for those without repeats.

        A customer can only drop out after a repeat purchase, so one-time buyers are alive however long ago
        they bought: rank by expected purchases, not by this.

        Examples
        --------
        >>> bought = PurchaseHistory(np.array([2.0]), np.array([30.43]), np.array([38.86]))
        >>> BgNbd(0.243, 4.414, 0.793, 2.426).probability_alive(bought).round(4)
        array([0.7266])
        """
        x = history.repeat_purchases
        log_odds_dropped = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + history.T) - np.log(self.alpha + history.t_x))
        )
        alive: Float64 = np.where(x == 0, 1.0, expit(-log_odds_dropped))
        return alive

    def expected_purchases(self, history: PurchaseHistory, t: float) -> Float64:
        """Return each customer's expected purchases in the next ``t``, (n,), equation 10 of the paper.

        It is computed as the integral behind that equation, over the dropout chance p ~ Beta(a, b + x) of a
        customer who is alive: (1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p. The closed form with a
        hypergeometric function divides 0 by 0 at a = 1 and breaks down where customers hardly differ.

        Examples
        --------
        >>> bought = PurchaseHistory(np.array([2.0]), np.array([30.43]), np.array([38.86]))
        >>> BgNbd(0.243, 4.414, 0.793, 2.426).expected_purchases(bought, 39.0).round(4)
        array([1.226])
        """
        blocks = range(0, len(history), _BLOCK)
        alive = [
            self._expected_while_alive(x, T, t)
            for x, T in (
                (history.repeat_purchases[i : i + _BLOCK], history.T[i : i + _BLOCK]) for i in blocks
            )
        ]
        expected: Float64 = np.concatenate([np.empty(0), *alive]) * self.probability_alive(history)
        return expected

    def _expected_while_alive(self, x: Float64, T: Float64, t: float) -> Float64:
        """Return the integral by the trapezoid rule in the log-odds of p, which converges geometrically.

        Nodes are spread by a hyperbolic sine: dense over the bulk of the Beta, sparse out to where its slower
        tail has fallen by e^-45.
        """
        stay = self.b + x
        width = np.sqrt(1 / self.a + 1 / stay)
        reach = np.arcsinh(45 / (np.minimum(self.a, stay) * width))
        w = reach[:, None] * np.linspace(-1, 1, _NODES)
        log_odds = np.log(self.a / stay)[:, None] + width[:, None] * np.sinh(w)
        log_p, log_q = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
        log_density = self.a * log_p + stay[:, None] * log_q
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * np.cosh(w)
        p = np.maximum(np.exp(log_p), 1e-200)
        still_buys = np.log1p(p * (t / (self.alpha + T))[:, None]) * (self.r + x)[:, None]
        mean: Float64 = (density * (-np.expm1(-still_buys) / p)).sum(axis=1) / density.sum(axis=1)
        return mean


def fit(history: PurchaseHistory) -> BgNbd:
    """Return the model of greatest likelihood, by quasi-Newton with exact gradients from several starts.

    Raises
    ------
    DataError
        If nobody bought twice, or no start converges.
    """
    (r, alpha, a, b), unit, likelihood = maximise(_negative_log_likelihood, _STARTS, "BG/NBD", history)
    return BgNbd(r, alpha * unit, a, b, likelihood)


def _negative_log_likelihood(log_parameters: Float64, rows: Float64, count: Float64) -> tuple[float, Float64]:
    """Return the mean negative log likelihood of distinct histories, and its gradient in the logarithms."""
    r, alpha, a, b = np.exp(log_parameters)
    x, t_x, T = rows.T
    again = x > 0
    reached = np.maximum(x, 1)  # keeps the branch without repeats finite; it is not used there
    alive = -(r + x) * np.log(alpha + T)
    dropped = np.where(again, np.log(a) - np.log(b + reached - 1) - (r + x) * np.log(alpha + t_x), -np.inf)
    either = np.logaddexp(alive, dropped)
    share = np.exp(dropped - either)
    total = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b) + either
    with_a_b = digamma(a + b) - digamma(a + b + x)
    gradient = np.stack(
        [
            digamma(r + x)
            - digamma(r)
            + np.log(alpha)
            - (1 - share) * np.log(alpha + T)
            - share * np.log(alpha + t_x),
            r / alpha - (r + x) * ((1 - share) / (alpha + T) + share / (alpha + t_x)),
            with_a_b + share / a,
            with_a_b + digamma(b + x) - digamma(b) - share / (b + reached - 1),
        ]
    )
    scale = count.sum()
    return float(-(count @ total) / scale), -(gradient @ count) / scale * np.exp(log_parameters)
