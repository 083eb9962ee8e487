"""The Gamma-Gamma model of how much a customer spends a purchase.

In: for each customer the number of its purchases and their mean value, above 0. Out: three parameters by
maximum likelihood, :class:`GammaGamma`, and from them each customer's expected value of a purchase: its own
mean, drawn towards everybody's the more the fewer purchases it made. Refused: values that are not above 0 or
not finite (a free order or a refund has to be left out by who knows what it means), fewer than one purchase.

A customer's purchases are Gamma(p, rate nu) with nu ~ Gamma(q, rate v); how much is spent does not hang on
how often.

References
----------
Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves for customer base analysis, Journal of
Marketing Research 42, 415-430. Fader and Hardie (2013), The gamma-gamma model of monetary value,
brucehardie.com/notes/025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from lapse.errors import DataError, Problem
from lapse.models.btyd.likelihood import minimise
from lapse.schema import Float64

_STARTS = ((5.0, 4.0, 3.0), (1.0, 2.0, 1.0), (20.0, 10.0, 0.5))  # p, q, v in mean values


@dataclass(frozen=True)
class GammaGamma:
    """A fitted Gamma-Gamma; ``v`` is in the currency of the values, the rest has no unit.

    Attributes
    ----------
    p : float
        Shape of a customer's purchases.
    q, v : float
        Shape and rate of the Gamma over customers.
    log_likelihood : float
        Of the mean values that it was fitted to, NaN where the parameters were given by hand.
    """

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")

    def expected_value(self, purchases: npt.ArrayLike, mean_value: npt.ArrayLike) -> Float64:
        """Return each customer's expected value of a purchase, (n,), in the currency.

        Parameters
        ----------
        purchases : shape (n,)
            At least 0; without any the value of ``mean_value`` does not matter, as long as it is above 0.
        mean_value : shape (n,)
            Above 0.

        Raises
        ------
        DataError
            If values are not above 0, or where q is so small that no mean exists.

        Examples
        --------
        >>> GammaGamma(6.25, 3.74, 15.44).expected_value([0, 1, 10], [35.0, 35.0, 35.0]).round(2)
        array([35.22, 35.07, 35.01])
        """
        count, mean = _checked(purchases, mean_value, 0)
        weight = self.p * count + self.q - 1
        if (weight <= 0).any():
            raise DataError(
                Problem("Gamma-Gamma", "q", "above 1 where there are few purchases", f"{self.q:g}")
            )
        expected: Float64 = self.p * (self.v + count * mean) / weight
        return expected


def fit(purchases: npt.ArrayLike, mean_value: npt.ArrayLike) -> GammaGamma:
    """Return the model of greatest likelihood, by quasi-Newton with exact gradients from several starts.

    Parameters
    ----------
    purchases : shape (n,)
        At least 1.
    mean_value : shape (n,)
        Mean value of each customer's purchases, above 0.

    Raises
    ------
    DataError
        If numbers are missing or outside their domain, or no start converges.
    """
    count, mean = _checked(purchases, mean_value, 1)
    unit = float(mean.mean())
    best, loss = minimise(lambda at: _negative_log_likelihood(at, count, mean / unit), _STARTS, "Gamma-Gamma")
    p, q, v = (float(value) for value in best)
    return GammaGamma(p, q, v * unit, -loss * len(count) - len(count) * float(np.log(unit)))


def _negative_log_likelihood(log_parameters: Float64, count: Float64, mean: Float64) -> tuple[float, Float64]:
    """Return the mean negative log likelihood, and its gradient in the logarithms."""
    p, q, v = np.exp(log_parameters)
    shape, spent = p * count, count * mean
    log_spent, log_all = np.log(spent), np.log(spent + v)
    total = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q)
        + q * np.log(v) + shape * log_spent - np.log(mean) - (shape + q) * log_all
    )  # fmt: skip
    gradient = np.stack(
        [
            count * (digamma(shape + q) - digamma(shape) + log_spent - log_all),
            digamma(shape + q) - digamma(q) + np.log(v) - log_all,
            q / v - (shape + q) / (spent + v),
        ]
    )
    return -float(total.mean()), -gradient.mean(axis=1) * np.exp(log_parameters)


def _checked(purchases: npt.ArrayLike, mean_value: npt.ArrayLike, fewest: int) -> tuple[Float64, Float64]:
    """Return both as float64 of one length, or refuse them."""
    count, mean = np.asarray(purchases, np.float64), np.asarray(mean_value, np.float64)
    if count.ndim != 1 or count.shape != mean.shape or not len(count):
        raise DataError(
            Problem(
                "purchases", "shape", "one number a customer, at least one", f"{count.shape}, {mean.shape}"
            )
        )
    problems = []
    for name, good, expected, values in (
        ("purchases", np.isfinite(count) & (count >= fewest), f"at least {fewest}", count),
        ("mean_value", np.isfinite(mean) & (mean > 0), "finite money above 0", mean),
    ):
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            problems.append(
                Problem(
                    "purchases", name, expected, f"{values[row]:g}",
                    count=int((~good).sum()), example=f"row {row}",
                )
            )  # fmt: skip
    if problems:
        raise DataError(problems)
    return count, mean
