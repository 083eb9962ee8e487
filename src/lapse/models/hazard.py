"""The hazard of a lapse by boosting on person-period rows that are made as they are asked for.

In: the encoded columns of a table and which steps of each row were seen. Out: :class:`Rows`, which
person-period rows there are and what happened in them; LightGBM boosters of the hazard; and how hazards
fall behind the last observed step, given each row's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from lapse.models import boosting
from lapse.models.ahead import Ahead
from lapse.models.exposure import Exposure
from lapse.models.fall import Fall, fit_fall
from lapse.models.person_period import PersonPeriods, choose_snapshots, expand
from lapse.schema import Float32, Float64, Int64

MIN_TAIL_STEPS = 4
"""Fewest steps from which the fall of hazards is learned given the features."""

MOST_TAIL_SNAPSHOTS = 100_000
"""Most snapshots from which it is learned: a number or two need no more."""


@dataclass(frozen=True)
class Rows:
    """Person-period rows of some rows of a table.

    Attributes
    ----------
    chosen : int64, shape (n,)
        Positions in the table of those that are expanded.
    snapshot : int64, shape (m,)
        Which of these each person-period row belongs to.
    step : int64, shape (m,)
        From 1.
    label : float64, shape (m,)
        1 where it lapsed in that step, else 0.
    weight : float64, shape (m,)
    """

    chosen: Int64
    snapshot: Int64
    step: Int64
    label: Float64
    weight: Float64

    @classmethod
    def of(cls, exposure: Exposure, max_rows: int, random_state: int) -> Rows:
        """Return the rows of all who were seen, or of a sample of them that has at most so many rows."""
        chosen = choose_snapshots(exposure.rows, max_rows, random_state)
        snapshot, step = expand(exposure.rows[chosen], exposure.first[chosen])
        label, weight = exposure.seen(chosen[snapshot], step)
        return cls(chosen, snapshot, step, label.astype(float), weight)


def boost_hazard(
    settings: boosting.Settings, matrix: Float32, rows: Rows, ahead: Ahead, categorical: list[int]
) -> list[lgb.Booster]:
    """Fit the log-odds of a lapse in a step given the features and the step.

    Parameters
    ----------
    settings : Settings
        Of objective ``binary``.
    matrix : float32, shape (n, n_features)
        Of the rows that are expanded.
    rows : Rows
    ahead : Ahead
    categorical : list of int
        Positions of categorical columns.
    """
    periods = PersonPeriods(matrix, rows.snapshot, rows.step, ahead)
    data = boosting.binned(settings, periods, rows.label, rows.weight, categorical)
    return boosting.boost(settings, data)


def first_of_fall(known: int) -> int | None:
    """Return the first of the observed steps from which the fall is learned; None where they are too few.

    The first quarter is left out: what happens there follows from how recent the last cover is (who has just
    ordered cannot lapse within the grace), not from how customers differ.
    """
    first = known // 4
    return None if known - first < MIN_TAIL_STEPS else first + 1


def fall_of(level: Float64, rows: Rows, steps: range) -> Fall:
    """Return how hazards fall over some steps.

    Parameters
    ----------
    level : float64, shape (n,)
        Mean hazard of each expanded row over the steps; NaN where it is not to be learned from.
    rows : Rows
    steps : range
    """
    seen = (rows.step >= steps.start) & (rows.step < steps.stop) & ~np.isnan(level)[rows.snapshot]
    middle = (steps.start + steps.stop - 1) / 2
    own = level[rows.snapshot[seen]]
    return fit_fall(own, middle, rows.step[seen].astype(np.float64), rows.label[seen], rows.weight[seen])


def sampled(n: int, most: int, random_state: int) -> Int64:
    """Return positions, ascending, of at most so many of n, drawn with equal chances."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    drawn: Int64 = np.sort(np.random.default_rng(random_state).choice(n, most, replace=False))
    return drawn
