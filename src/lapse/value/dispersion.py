"""How far money strays from what is expected of it, once it is known how long the customer stays.

In: what customers brought until their lapse, and what was expected of a stay so long. Out: a
:class:`Dispersion`: the variance is ``by_mean * |expected| + by_square * expected**2``, a part as of a count
of purchases and a part as of customers who differ. Given both, money is expected times a gamma variable of
mean 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import gammaincinv

from lapse.schema import Float64

MIN_ROWS = 30
"""Fewest customers from whom the spread of money is learned; below, none is assumed."""

N_MULTIPLES = 12
_SHAPES = np.geomspace(1e-2, 1e6, 400)


@dataclass(frozen=True)
class Dispersion:
    """Variance of money around its expectation given the lifetime.

    Attributes
    ----------
    by_mean : float
        In the currency, at least 0.
    by_square : float
        No unit, at least 0.
    """

    by_mean: float = 0.0
    by_square: float = 0.0

    def variance(self, expected: Float64) -> Float64:
        """Return the variance of money of which so much is expected, float64 as ``expected``.

        Examples
        --------
        >>> Dispersion(2.0, 0.5).variance(np.array([10.0, -10.0])).tolist()
        [70.0, 70.0]
        """
        found: Float64 = self.by_mean * np.abs(expected) + self.by_square * expected**2
        return found

    def multiples(self, expected: Float64) -> Float64:
        """Return equally likely multiples of what is expected, float64 of shape (..., 12), of mean 1.

        Quantiles of a gamma distribution with shape ``expected ** 2 / variance`` (between 0.01 and a
        million), ascending.
        """
        variance = self.variance(expected)
        shape = np.divide(expected**2, variance, out=np.full(expected.shape, _SHAPES[-1]), where=variance > 0)
        place = np.interp(np.log(np.maximum(shape, _SHAPES[0])), np.log(_SHAPES), np.arange(len(_SHAPES)))
        lower = np.minimum(place.astype(np.int64), len(_SHAPES) - 2)
        inside = (place - lower)[..., None]
        found: Float64 = _TABLE[lower] * (1.0 - inside) + _TABLE[lower + 1] * inside
        return found

    def to_json(self) -> dict[str, float]:
        """Return both numbers by name."""
        return asdict(self)


def _table() -> Float64:
    share = (np.arange(N_MULTIPLES) + 0.5) / N_MULTIPLES
    quantiles = gammaincinv(_SHAPES[:, None], share[None, :])
    found: Float64 = quantiles / quantiles.mean(axis=1, keepdims=True)
    return found


_TABLE = _table()


def fit_dispersion(came: Float64, expected: Float64) -> Dispersion:
    """Learn the spread of money from customers whose lifetime is known.

    Least squares, at least 0, of the squared difference on what is expected and its square; a row counts by
    the inverse square of what is expected, but nowhere more than at the tenth percentile of it.

    Parameters
    ----------
    came, expected : float64, shape (n,)
        Money until the lapse; rows of which nothing is expected do not count.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> expected = rng.uniform(50, 500, 20_000)
    >>> came = expected * rng.gamma(4.0, 0.25, 20_000)
    >>> found = fit_dispersion(came, expected)
    >>> round(found.by_square, 1)
    0.2
    """
    size = np.abs(expected)
    rows = size > 1e-9 * (1.0 + size.mean() if len(size) else 1.0)
    if rows.sum() < MIN_ROWS:
        return Dispersion()
    came, size, off = came[rows], size[rows], (came[rows] - expected[rows]) ** 2
    weight = 1.0 / np.maximum(size, np.quantile(size, 0.1)) ** 2
    columns = np.column_stack([size, size**2]) * weight[:, None]
    scale = np.abs(columns).mean(axis=0)
    found, _ = nnls(columns / scale, off * weight)
    by_mean, by_square = (found / scale).tolist()
    return Dispersion(by_mean, by_square)
