"""The interval of a customer's value: how long it may stay, and how far what it brings may stray.

In: curves, the ``value`` section, a :class:`~lapse.value.dispersion.Dispersion`. Out: a :class:`Spread`: a
lower and an upper bound of each value, and its variance. It is read off 32 equally likely lifetimes
(:mod:`lapse.value.paths`), each with 12 equally likely multiples of the money that so long a stay is expected
to bring.

This is the spread of what may happen to one customer. How sure the level is that all customers share stands
in the interval of a total (:mod:`lapse.value.total`).

Refused (ValueError): a limit beyond the curve, a level outside (0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from lapse.config import Value
from lapse.models.curve import Curve
from lapse.schema import Float64
from lapse.value.dispersion import Dispersion
from lapse.value.flows import Flows, flows_of
from lapse.value.paths import paths_of

_ROWS_AT_ONCE = 2_000
"""Whose scenarios are in memory at a time."""


@dataclass(frozen=True)
class Spread:
    """What may become of n customers.

    Attributes
    ----------
    margin, cost : float64, shape (n, 32)
        Discounted money by lifetime, all lifetimes equally likely.
    clv : float64, shape (n,)
        Expected value.
    dispersion : Dispersion
        Of the margin given the lifetime.
    """

    margin: Float64
    cost: Float64
    clv: Float64
    dispersion: Dispersion

    @property
    def variance(self) -> Float64:
        """Variance of each customer's value, float64 of shape (n,), in the currency squared."""
        between = (self.margin - self.cost).var(axis=1)
        within = self.dispersion.variance(self.margin).mean(axis=1)
        total: Float64 = between + within
        return total

    def interval(self, level: float = 0.8) -> tuple[Float64, Float64]:
        """Return the bounds between which the value of a customer falls with at least the chance ``level``.

        Returns
        -------
        lower, upper : float64, shape (n,)
            As many below as above, but where many are worth the same, such as nothing: then fewer lie beyond
            that bound, and what is over is left to the other side, so that the interval is no wider than it
            must be. They hold ``clv`` between them.
        """
        if not 0 < level < 1:
            raise ValueError(f"a level in (0, 1), not {level}")
        bounds = np.empty((2, len(self.clv)))
        for start in range(0, len(self.clv), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            bounds[:, rows] = _bounds(self.scenarios(rows), 1.0 - level)
        return np.minimum(bounds[0], self.clv), np.maximum(bounds[1], self.clv)

    def scenarios(self, rows: slice) -> Float64:
        """Return equally likely values of some customers, float64 of shape (rows, 384), in no order."""
        margin = self.margin[rows]
        money = margin[..., None] * self.dispersion.multiples(margin)
        return (money - self.cost[rows][..., None]).reshape(len(margin), -1)


def spread_of(
    curve: Curve, value: Value, dispersion: Dispersion | None = None, flows: Flows | None = None
) -> Spread:
    """Return what may become of each customer.

    Parameters
    ----------
    curve : Curve
    value : Value
    dispersion : Dispersion, optional
        By default a customer brings what is expected of one that stays so long.
    flows : Flows, optional
        Those of the same curve and value, where they are there already.
    """
    flows = flows_of(curve, value) if flows is None else flows
    paths = paths_of(curve, value, flows)
    return Spread(paths.margin(paths.days), paths.cost(paths.days), flows.clv, dispersion or Dispersion())


def clv_interval(
    curve: Curve, value: Value, level: float = 0.8, dispersion: Dispersion | None = None
) -> tuple[Float64, Float64]:
    """Return the bounds of each customer's value; see :meth:`Spread.interval`.

    Examples
    --------
    >>> value = Value(margin_rate=1.0, discount_rate=0.0, limit="60d")
    >>> curve = Curve(30, np.array([[0.5, 0.0]]), np.array([[30.0, 30.0]]))
    >>> lower, upper = clv_interval(curve, value)
    >>> lower.round().tolist(), upper.round().tolist()
    ([10.0], [80.0])
    """
    return spread_of(curve, value, dispersion).interval(level)


@njit(cache=True, nogil=True)
def _bounds(values, left):  # type: ignore[no-untyped-def]
    """Return lower and upper bound of each row's equally likely values, shape (2, n)."""
    n_rows, n = values.shape
    found = np.empty((2, n_rows))
    for row in range(n_rows):
        ascending = np.sort(values[row])
        near = 1e-9 * max(abs(ascending[0]), abs(ascending[-1]))
        lowest = ascending[int(left / 2 * n)]
        below = np.searchsorted(ascending, lowest - near)
        upper = ascending[min(int(np.ceil((1.0 - left) * n)) - 1 + below, n - 1)]
        above = n - np.searchsorted(ascending, upper + near, side="right")
        lower = ascending[max(min(int(left * n) - above, n - 1), 0)]
        found[0, row], found[1, row] = max(lower, lowest), upper
    return found
