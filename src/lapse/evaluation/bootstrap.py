"""How sure a metric is: bootstrap intervals that resample customers, not rows.

In: what happened, one or more methods' predictions for the same rows, and which customer each row belongs to.
Out: every metric on every resample, and from it intervals and paired differences at :data:`LEVEL`. Refused:
other lengths, fewer than two customers.

A customer has a row at every as_of, and its rows resemble each other; resampling rows would pretend to more
evidence than there is. A resample draws as many customers as there are, with replacement; each row then
counts as often as its customer was drawn. Resampling is by these multiplicities, so nothing is copied, and
all methods see the same resamples: a difference between two methods is paired.

The intervals are percentile intervals. They are not right for measures that noise can only worsen, such as
errors by decile: see :data:`lapse.evaluation.tables.ABSOLUTE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.schema import Float64, Int64

LEVEL = 0.95
"""The level of every interval."""

REPLICATES = 1000
"""How many resamples, unless told otherwise."""

_ENOUGH = 0.9  # share of resamples on which a metric must exist for its interval to mean anything

Array = npt.NDArray[Any]
Metric = Callable[[Array, Array, Float64], Any]
"""A function of (y, p, weight) that returns one number or a sequence of them."""


def draw(customer_id: Sequence[object] | Array, n_replicates: int, seed: int) -> Iterator[Float64]:
    """Yield how often each row counts in each resample of the customers, (n,) float64.

    Examples
    --------
    >>> [weight.tolist() for weight in draw(["a", "a", "b"], 2, seed=0)]
    [[0.0, 0.0, 2.0], [1.0, 1.0, 1.0]]
    """
    code, n_customers = _codes(customer_id)
    rng = np.random.default_rng(seed)
    for _ in range(n_replicates):
        drawn = np.bincount(rng.integers(n_customers, size=n_customers), minlength=n_customers)
        yield drawn.astype(np.float64)[code]


def _codes(customer_id: Sequence[object] | Array) -> tuple[Int64, int]:
    code, distinct = pd.factorize(np.asarray(customer_id))
    if len(distinct) < 2:
        raise DataError(
            Problem("evaluation", "customer_id", "at least 2 customers to resample", str(len(distinct)))
        )
    return code.astype(np.int64), len(distinct)


def replicate(
    metrics: Mapping[str, Metric],
    y: Array,
    predictions: Mapping[str, Array],
    customer_id: Sequence[object] | Array,
    *,
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[tuple[str, str], Float64]:
    """Return every metric of every method on the same resamples of the customers.

    Parameters
    ----------
    metrics : mapping of name to function of (y, p, weight)
        A function may return one number or k of them.
    y : shape (n, ...)
    predictions : mapping of method to shape (n, ...)
    customer_id : shape (n,)
    n_replicates, seed : int

    Returns
    -------
    dict of (method, metric) to float64
        Shape (n_replicates,) or (n_replicates, k); NaN where the metric does not exist on a resample.
    """
    for method, p in predictions.items():
        if not len(y) == len(p) == len(customer_id):
            raise ValueError(f"{method}: expected {len(customer_id)} rows, got y {len(y)} and p {len(p)}")
    # rows in the order of the prediction: the metrics' own stable sort then has nothing left to do
    order = {method: _ascending(p) for method, p in predictions.items()}
    sorted_ = {method: (y[order[method]], p[order[method]]) for method, p in predictions.items()}
    found: dict[tuple[str, str], list[Any]] = {(m, name): [] for m in predictions for name in metrics}
    for weight in draw(customer_id, n_replicates, seed):
        for method, (y_, p_) in sorted_.items():
            weight_ = weight[order[method]]
            for name, metric in metrics.items():
                found[method, name].append(metric(y_, p_, weight_))
    return {key: np.asarray(values, np.float64) for key, values in found.items()}


def _ascending(p: Array) -> Int64:
    order: Int64 = np.argsort(p, kind="stable") if p.ndim == 1 else np.arange(len(p))
    return order


def bounds(replicates: Float64) -> tuple[Any, Any]:
    """Return the percentile bounds of replicates over their first axis, NaN where too few of them exist.

    Parameters
    ----------
    replicates : float64, shape (n_replicates,) or (n_replicates, k)

    Returns
    -------
    lower, upper : float64, shape () or (k,)
        NaN where the metric exists on fewer than nine in ten resamples.

    Examples
    --------
    >>> lower, upper = bounds(np.arange(1001.0))
    >>> round(float(lower)), round(float(upper))
    (25, 975)
    """
    known = np.isfinite(replicates)
    held = known.mean(axis=0) >= _ENOUGH
    filled = np.where(known | ~held, replicates, np.nan)
    filled = np.where(held, filled, 0.0)
    lower, upper = np.nanquantile(filled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return np.where(held, lower, np.nan), np.where(held, upper, np.nan)
