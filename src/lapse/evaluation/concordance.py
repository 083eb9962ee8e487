"""Harrell's C: whether those who lapse first were told the higher risk.

In: whether each of n rows lapsed, after how long, and a risk. Out: a float. Refused (ValueError): other
lengths, durations that are not finite numbers above 0, risks that are not finite.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.evaluation.censoring import checked


def concordance(lapsed: npt.ArrayLike, duration: npt.ArrayLike, risk: npt.ArrayLike) -> float:
    """Return Harrell's C: of two customers whose order is known, how often the first to lapse has more risk.

    It tells nothing of how true probabilities are: curves that are all wrong by the same factor keep it.

    Parameters
    ----------
    risk : array, shape (n,)
        The higher, the sooner the lapse is expected.

    Returns
    -------
    float
        Ties in risk count one half. A pair's order is known where one lapsed and the other was watched for
        longer, or as long without a lapse. NaN where there is no such pair.

    Examples
    --------
    >>> concordance([True, True, False], [1, 2, 3], [0.9, 0.1, 0.5])
    0.6666666666666666
    """
    seen, time = checked(lapsed, duration)
    score = np.asarray(risk, np.float64)
    if score.shape != time.shape or not np.isfinite(score).all():
        raise ValueError("risk: expected one finite number a row")
    order = np.lexsort((seen, -time))
    rank = np.unique(score, return_inverse=True)[1].astype(np.int64)
    twice, pairs = _concordant(time[order], seen[order], rank[order], int(rank.max()) + 1)
    return float(twice / (2 * pairs)) if pairs else float("nan")


@njit(cache=True, nogil=True)
def _concordant(time, lapsed, rank, n_ranks):  # type: ignore[no-untyped-def]  # compiled
    """Return twice the concordant pairs and all pairs; rows by falling time, the censored first among equals.

    Walks from the last to the first, keeping how many of those known to last longer have which rank, in a
    tree of partial sums (Fenwick 1994).
    """
    tree = np.zeros(n_ranks + 1, np.int64)
    twice, pairs, kept = 0, 0, 0
    begin = 0
    n = len(time)
    while begin < n:
        end = begin
        while end < n and time[end] == time[begin]:
            end += 1
        row = begin
        while row < end and not lapsed[row]:
            place = rank[row] + 1
            while place <= n_ranks:
                tree[place] += 1
                place += place & -place
            kept += 1
            row += 1
        for one in range(row, end):
            below, upto = 0, 0
            place = rank[one]
            while place > 0:
                below += tree[place]
                place -= place & -place
            place = rank[one] + 1
            while place > 0:
                upto += tree[place]
                place -= place & -place
            twice += 2 * below + (upto - below)
            pairs += kept
        for one in range(row, end):
            place = rank[one] + 1
            while place <= n_ranks:
                tree[place] += 1
                place += place & -place
            kept += 1
        begin = end
    return twice, pairs
