"""Person-period rows: one row a snapshot and step, bounded in number.

In: how many steps of each snapshot were observed. Out: which snapshot and which step (from 1) each row is,
and the matrix of features with the step as its last column; what is known ahead stands as at the step.
Where there would be more rows than allowed, whole snapshots are drawn at random, each with the same
probability, so that the rows that remain need no weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

from lapse.models import boosting
from lapse.models.ahead import Ahead
from lapse.schema import Float32, Float64, Int64


def choose_snapshots(rows: Int64, max_rows: int, random_state: int) -> Int64:
    """Return positions, ascending, of the snapshots that are expanded.

    Parameters
    ----------
    rows : int64, shape (n,)
        Person-period rows of each snapshot; those with none are never chosen.
    max_rows : int
        At most so many rows in total.
    random_state : int

    Returns
    -------
    int64, shape (m,)
        All snapshots with rows where they fit, else a simple random sample of them (at least one).
    """
    some: Int64 = np.flatnonzero(rows > 0)
    if rows[some].sum() <= max_rows:
        return some
    shuffled = np.random.default_rng(random_state).permutation(some)
    fitting = int(np.searchsorted(np.cumsum(rows[shuffled]), max_rows, side="right"))
    chosen: Int64 = np.sort(shuffled[: max(fitting, 1)])
    return chosen


def expand(rows: Int64) -> tuple[Int64, Int64]:
    """Return the snapshot's position and the step, from 1, of each row; both int64 of shape (rows.sum(),).

    Examples
    --------
    >>> [part.tolist() for part in expand(np.array([2, 0, 1]))]
    [[0, 0, 2], [1, 2, 1]]
    """
    snapshot: Int64 = np.repeat(np.arange(len(rows), dtype=np.int64), rows)
    starts = np.cumsum(rows) - rows
    step: Int64 = np.arange(len(snapshot), dtype=np.int64) - starts[snapshot] + 1
    return snapshot, step


def with_step(matrix: Float32, snapshot: Int64, step: Int64, ahead: Ahead) -> Float32:
    """Return the features of each row's snapshot, moved on to its step where they are known ahead, with the
    step as last column, float32 of shape (m, n_features + 1).
    """
    wide = np.empty((len(snapshot), matrix.shape[1] + 1), np.float32)
    np.take(matrix, snapshot, axis=0, out=wide[:, :-1])
    wide[:, -1] = step
    ahead.move(wide, step)
    return wide


def scores_by_step(
    boosters: Sequence[lgb.Booster], matrix: Float32, n_steps: int, ahead: Ahead, num_threads: int
) -> Float64:
    """Return raw scores of every snapshot at steps 1 to n_steps, float64 of shape (n, n_steps)."""
    n = len(matrix)
    everybody = np.arange(n, dtype=np.int64)
    scores = np.empty((n, n_steps))
    for step in range(1, n_steps + 1):
        wide = with_step(matrix, everybody, np.full(n, step, np.int64), ahead)
        scores[:, step - 1] = boosting.raw_score(boosters, wide, num_threads)
    return scores


def steps_a_year(step_days: int, n_steps: int) -> int:
    """Return how many of the last ``n_steps`` steps make a year, at least one: a yearly cycle averages out
    over them.
    """
    return max(1, min(n_steps, round(365 / step_days)))
