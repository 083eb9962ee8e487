"""Costs by what they bring, with bounds at 95 %: of a lead, of a customer, and worth by cost.

In: what was spent, and counts. Out: an estimate with its bounds, missing where it cannot be known. What was
spent is taken as it is; chance is in the counts. Customers of leads are binomial (Wilson's bounds, turned
round); counts that come from nowhere are Poisson's (Garwood 1936, "Fiducial limits for the Poisson
distribution", Biometrika 28).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from lapse.measurement.rates import LEVEL, NORMAL, wilson
from lapse.schema import Float64

_TAIL = (1 - LEVEL) / 2

Bounded = tuple[float, float, float]
"""An estimate, its lower and its upper bound."""


def acquisition_cost(cost: float, leads: float, customers: float) -> Bounded:
    """Return the cost of acquiring a customer with its bounds.

    Parameters
    ----------
    cost : float
        What was spent; NaN where that is not known.
    leads : float
        From which the customers came; NaN where leads are not known, then customers are a Poisson count.
    customers : float

    Examples
    --------
    >>> [round(float(one), 2) for one in acquisition_cost(1000.0, 100.0, 20.0)]
    [50.0, 34.62, 74.98]
    """
    if np.isnan(leads):
        return per_count(cost, customers)
    if leads == 0:
        return np.nan, np.nan, np.nan
    lower, upper = (float(bound[0]) for bound in wilson(np.array([customers]), np.array([leads])))
    estimate = cost / customers if customers else np.nan
    return estimate, cost / (leads * upper), cost / (leads * lower) if customers else np.nan


def per_count(cost: float, count: float) -> Bounded:
    """Return a cost by a count, with Garwood's bounds of the count."""
    if np.isnan(cost):
        return np.nan, np.nan, np.nan
    most = cost / (stats.chi2.ppf(1 - _TAIL, 2 * count + 2) / 2)
    if not count:
        return np.nan, float(most), np.nan
    return cost / count, float(most), float(cost / (stats.chi2.ppf(_TAIL, 2 * count) / 2))


def per_cost(acquisition: Bounded, n: float, total: float, squares: float) -> Bounded:
    """Return mean worth by cost of acquisition, with bounds by the delta method.

    With m the mean of n customers' worth and k = customers / cost, the variance of m k is
    ``k^2 var(m) + m^2 var(k)``; customers of leads are binomial, else a Poisson count.
    """
    cost, leads, customers = acquisition
    if not (n >= 2 and cost > 0 and customers > 0):
        return np.nan, np.nan, np.nan
    mean, per = total / n, customers / cost
    of_mean = max(squares - n * mean**2, 0.0) / (n - 1) / n
    of_count = customers if np.isnan(leads) else customers * (1 - customers / leads)
    reach = NORMAL * float(np.sqrt(per**2 * of_mean + mean**2 * of_count / cost**2))
    return mean * per, mean * per - reach, mean * per + reach


def rate(y: pd.Series | float, n: pd.Series | float, name: str) -> dict[str, Float64]:
    """Return shares y of n with Wilson's bounds, by their names; missing where n is 0 or y is missing."""
    many, of = np.atleast_1d(np.asarray(y, np.float64)), np.atleast_1d(np.asarray(n, np.float64))
    of = np.where((of > 0) & ~np.isnan(many), of, np.nan)
    lower, upper = wilson(many, of)
    return {name: many / of, f"{name}_lower": lower, f"{name}_upper": upper}


def first(rates: dict[str, Float64], known: bool = True) -> dict[str, float]:
    """Return the first of each array, missing where it is not known at all."""
    return {name: float(values[0]) if known else np.nan for name, values in rates.items()}


def named(name: str, of: tuple[float, ...]) -> dict[str, float]:
    """Return an estimate and its bounds by their names."""
    return dict(zip((name, f"{name}_lower", f"{name}_upper"), of, strict=True))
