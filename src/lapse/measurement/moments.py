"""Sums over customers who count in several periods: what a pooled rate, its interval and a test need.

In: customers at the start of periods, and the groups that they are in. Out: for each group sums over
customers of what each did in all closed periods, and of products of these; for each pair of groups the same
across. All of them add up over buckets, since all rows of a customer lie in one.

Of customer i in one group: ``y`` periods kept, ``n`` periods, ``ty`` and ``tn`` the same weighted with the
period's number t, ``ttn`` weighted with t squared; ``before``, ``gross``, ``during`` its money. ``a_b`` is
the sum over customers of the product of a and b. Numbers of periods are counted from the middle one.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from scipy import sparse

from lapse.measurement.groups import Split
from lapse.measurement.periods import Rows
from lapse.schema import Float64, Int64

COUNTS = ("y", "ty", "n", "tn", "ttn")
MONEY = ("gross", "during", "before")


def customer_sums(rows: Rows, money: tuple[Float64, Float64], split: Split, n_edges: int) -> pd.DataFrame:
    """Return sums by group (``level``, its code) of what customers did in closed periods, and of products.

    Parameters
    ----------
    rows : Rows
    money : two of float64, shape (n,)
        Each row's money before and during its period.
    split : Split
        Of these rows.
    n_edges : int
        How many edges there are: tells the middle period.

    Returns
    -------
    DataFrame
        ``customers`` and ``paying`` (who counts in money), the sums of :data:`COUNTS` and :data:`MONEY`,
        and of the products within each of the two.
    """
    closed = np.flatnonzero(rows.closed)
    pair, place = np.unique(
        rows.customer[closed] * len(split.names) + split.code[closed], return_inverse=True
    )
    level = (pair % len(split.names)).astype(np.int64)
    of_pair = _per_pair(rows, money, closed, place, len(pair), (n_edges - 2) / 2)
    size = len(split.names)
    sums = {
        "customers": np.bincount(level, minlength=size).astype(np.float64),
        "paying": np.bincount(level, of_pair.pop("paid") > 0, size),
        **{name: np.bincount(level, value, size) for name, value in of_pair.items()},
    }
    for family in (COUNTS, MONEY):
        for one, other in combinations_with_replacement(family, 2):
            sums[f"{one}_{other}"] = np.bincount(level, of_pair[one] * of_pair[other], size)
    frame = pd.DataFrame(sums, index=pd.RangeIndex(size, name="level"))
    return frame[frame["customers"] > 0]


def cross_sums(rows: Rows, split: Split) -> pd.DataFrame:
    """Return sums over customers across groups, by (``level``, ``other``), both codes.

    Returns
    -------
    DataFrame
        ``yy``, ``yn`` and ``nn``: of ``y`` in the one times ``y`` in the other, and so on. ``customers``:
        who is in both; on the diagonal, who is in the group.
    """
    closed = np.flatnonzero(rows.closed)
    shape = (int(rows.customer.max(initial=0)) + 1, len(split.names))
    where = (rows.customer[closed], split.code[closed])
    y = sparse.csr_array((rows.kept[closed].astype(np.float64), where), shape=shape)
    n = sparse.csr_array((np.ones(len(closed)), where), shape=shape)
    there = n.copy()
    there.data[:] = 1.0
    found = {"yy": y.T @ y, "yn": y.T @ n, "nn": n.T @ n, "customers": there.T @ there}
    size = range(len(split.names))
    index = pd.MultiIndex.from_product([size, size], names=["level", "other"])
    frame = pd.DataFrame({name: one.toarray().ravel() for name, one in found.items()}, index=index)
    return frame[frame["customers"] > 0]


def _per_pair(
    rows: Rows, money: tuple[Float64, Float64], closed: Int64, place: Int64, size: int, middle: float
) -> dict[str, Float64]:
    """Return what each customer did in each group, summed over its closed periods."""
    t = rows.period[closed] - middle
    kept = rows.kept[closed].astype(np.float64)
    before, during = (one[closed] for one in money)
    paid = ~np.isnan(before)
    weights = {
        "y": kept,
        "ty": t * kept,
        "n": np.ones(len(t)),
        "tn": t,
        "ttn": t**2,
        "paid": paid.astype(np.float64),
        "gross": np.where(paid, np.minimum(before, during), 0.0),
        "during": np.where(paid, during, 0.0),
        "before": np.where(paid, before, 0.0),
    }
    return {name: np.bincount(place, weight, size).astype(np.float64) for name, weight in weights.items()}
