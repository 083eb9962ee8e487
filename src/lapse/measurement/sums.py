"""Intervals from sums over customers, so that no customer has to be in memory when they are made.

In: what each customer adds to a numerator and a denominator. Out: sums that add up over buckets, and from
them shares and other statistics with bounds at 95 %.

For a **share** six sums over customers are kept, and :mod:`lapse.measurement.rates` makes its interval. For
any other statistic customers are dealt to :data:`GROUPS` groups by a hash of their ids, sums are kept by
group, and the statistic is computed with each group left out in turn (the grouped jackknife: Wolter,
Introduction to Variance Estimation, 2007, chapter 4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import stats

from lapse.measurement.rates import LEVEL, clustered_share
from lapse.schema import Bucket, Float64, Int64

GROUPS = 40
"""Into how many groups customers are dealt."""

SUMS: tuple[str, ...] = ("y", "n", "yy", "yn", "nn", "customers")
"""What is kept of a share."""


def codes_of(bucket: Bucket) -> Int64:
    """Return one number for each customer of a bucket that no customer of another bucket has, int64 (n,)."""
    return (np.int64(bucket.number) << np.int64(32)) + np.arange(len(bucket), dtype=np.int64)


def groups_of(bucket: Bucket) -> Int64:
    """Return the group of each customer of a bucket, from 0, by a hash of its id, int64 (n,).

    A customer is in the same group however the history is cut into buckets.
    """
    return (hashes_of(bucket.customer_id) % np.uint64(GROUPS)).astype(np.int64)


def hashes_of(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """Return a number for each id that hangs on nothing but the id, uint64 of shape (n,)."""
    values = np.asarray(ids) if pa.types.is_integer(ids.type) else np.asarray(ids.to_pylist(), object)
    return np.asarray(pd.util.hash_array(values))


def share_sums(y: Float64, n: Float64) -> dict[str, float]:
    """Return the sums that a share needs, from what each customer adds.

    Parameters
    ----------
    y, n : float64, shape (m,)
        How often it happened, and how often it could have.
    """
    parts = (y, n, y * y, y * n, n * n, n > 0)
    return {name: float(part.sum()) for name, part in zip(SUMS, parts, strict=True)}


def shares(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each row of sums, with Wilson bounds that know of repeated customers.

    Parameters
    ----------
    sums : DataFrame
        Columns :data:`SUMS`.

    Returns
    -------
    DataFrame
        share, share_lower, share_upper; missing where nothing could have happened, bounds also where there is
        one customer.

    Examples
    --------
    >>> once = pd.DataFrame([share_sums(np.array([1.0, 0, 0, 1]), np.ones(4))])
    >>> shares(once).round(3).iloc[0].tolist()
    [0.5, 0.061, 0.939]
    """
    y, n, yy, yn, nn, m = (sums[name].to_numpy(np.float64) for name in SUMS)
    lower, upper = clustered_share(y, n, yy, yn, nn, m)
    share = np.divide(y, n, out=np.full(len(n), np.nan), where=n > 0)
    return pd.DataFrame({"share": share, "share_lower": lower, "share_upper": upper}, index=sums.index)


def jackknife(by_group: Float64, statistic: Callable[[Float64], Any]) -> tuple[Float64, Float64, Float64]:
    """Return a statistic of sums, with bounds at 95 % from leaving out a group of customers at a time.

    Parameters
    ----------
    by_group : float64, shape (n_groups, ...)
        Sums of each group; empty groups (all zero) are no groups.
    statistic : function of sums, shape (...)
        Returns a number or an array of them, NaN where it does not exist.

    Returns
    -------
    estimate, lower, upper : float64, of the statistic's shape
        Bounds missing where the statistic is, or where it does not exist without some group.

    Examples
    --------
    >>> groups = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0], [2.0, 2.0]])
    >>> mean, lower, upper = jackknife(groups, lambda sums: sums[0] / sums[1])
    >>> float(mean), round(float(lower), 3), round(float(upper), 3)
    (1.0, 0.35, 1.65)
    """
    used = by_group[np.abs(by_group).reshape(len(by_group), -1).sum(axis=1) > 0]
    total = by_group.sum(axis=0)
    estimate = np.asarray(statistic(total), np.float64)
    if len(used) < 2:
        missing = np.full(estimate.shape, np.nan)
        return estimate, missing, missing
    without = np.stack([np.asarray(statistic(total - one), np.float64) for one in used])
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0) * (len(used) - 1) / len(used)
    half = float(stats.t.ppf(1 - (1 - LEVEL) / 2, len(used) - 1)) * np.sqrt(spread)
    return estimate, estimate - half, estimate + half
