"""Person-period rows: one row a snapshot and step, bounded in number.

In: how many steps of each snapshot were observed. Out: which snapshot and which step (from 1) each row is,
and its features with the step as the last column, a batch of rows at a time; what is known ahead stands as at
the step.
Where there would be more rows than allowed, whole snapshots are drawn at random, each with the same
probability, so that the rows that remain need no weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from lapse.models import boosting
from lapse.models.ahead import Ahead
from lapse.models.encoding import BLOCK_ROWS
from lapse.schema import Float32, Float64, Int64


class PersonPeriods(lgb.Sequence):  # type: ignore[misc]  # LightGBM's has no types
    """Person-period rows, made when LightGBM asks for them.

    Parameters
    ----------
    matrix : float32, shape (n, n_features)
        Of the snapshots.
    snapshot, step : int64, shape (m,)
        Which snapshot and which step, from 1, each row is.
    ahead : Ahead
        What moves with the steps.

    Examples
    --------
    >>> rows = PersonPeriods(np.array([[7], [8]], np.float32), np.array([0, 1, 1]), np.array([1, 1, 2]),
    ...                      Ahead.of(["a"], 30))
    >>> len(rows), rows[0:2].tolist(), rows[2].tolist()
    (3, [[7.0, 1.0], [8.0, 1.0]], [8.0, 2.0])
    """

    batch_size = BLOCK_ROWS

    def __init__(self, matrix: Float32, snapshot: Int64, step: Int64, ahead: Ahead) -> None:
        self._matrix, self._snapshot, self._step, self._ahead = matrix, snapshot, step, ahead
        self._near, self._first = np.empty((0, 0)), 0

    def __len__(self) -> int:
        return len(self._snapshot)

    def __getitem__(self, index: int | slice | list[int]) -> npt.NDArray[np.floating]:
        """Return rows as float32 matrix, or one row as float64, as LightGBM wants them.

        It asks for single rows in ascending order to find the bins, so the rows about the last one are kept.
        """
        if not isinstance(index, int | np.integer):
            return with_step(self._matrix, self._snapshot[index], self._step[index], self._ahead)
        if not self._first <= index < self._first + len(self._near):
            self._first = int(index) // BLOCK_ROWS * BLOCK_ROWS
            self._near = self[self._first : self._first + BLOCK_ROWS].astype(np.float64)
        row: Float64 = self._near[index - self._first]
        return row


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


def expand(rows: Int64, first: Int64 | None = None) -> tuple[Int64, Int64]:
    """Return the snapshot's position and the step of each row; both int64 of shape (rows.sum(),).

    Parameters
    ----------
    rows : int64, shape (n,)
        Person-period rows of each snapshot.
    first : int64, shape (n,), optional
        Steps that were over before the first of them; by default none.

    Examples
    --------
    >>> [part.tolist() for part in expand(np.array([2, 0, 1]))]
    [[0, 0, 2], [1, 2, 1]]
    >>> expand(np.array([2, 0, 1]), np.array([5, 0, 0]))[1].tolist()
    [6, 7, 1]
    """
    snapshot: Int64 = np.repeat(np.arange(len(rows), dtype=np.int64), rows)
    starts = np.cumsum(rows) - rows
    step: Int64 = np.arange(len(snapshot), dtype=np.int64) - starts[snapshot] + 1
    return snapshot, step if first is None else step + first[snapshot]


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
    boosters: Sequence[lgb.Booster], matrix: Float32, steps: range, ahead: Ahead, num_threads: int
) -> Float64:
    """Return raw scores of every snapshot at some steps (from 1), float64 of shape (n, len(steps))."""
    n = len(matrix)
    everybody = np.arange(n, dtype=np.int64)
    scores = np.empty((n, len(steps)))
    for position, step in enumerate(steps):
        wide = with_step(matrix, everybody, np.full(n, step, np.int64), ahead)
        scores[:, position] = boosting.raw_score(boosters, wide, num_threads)
    return scores


def steps_a_year(step_days: int, n_steps: int) -> int:
    """Return how many of the last ``n_steps`` steps make a year, at least one: a yearly cycle averages out
    over them.
    """
    return max(1, min(n_steps, round(365 / step_days)))
