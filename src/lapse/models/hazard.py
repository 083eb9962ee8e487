"""The hazard of a lapse by boosting on person-period rows that are made as they are asked for.

In: the encoded columns of a table and which steps of each row were seen. Out: :class:`Rows`, which
person-period rows there are and what happened in them; LightGBM boosters of the hazard; and how hazards
fall behind the last observed step, given each row's own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from scipy.special import expit

from lapse.models import boosting
from lapse.models.ahead import Ahead
from lapse.models.exposure import Exposure
from lapse.models.fall import Fall, fit_fall
from lapse.models.person_period import PersonPeriods, choose_snapshots, expand, scores_by_step
from lapse.schema import Float32, Float64, Int64

ALONE = Fall(1.0)
"""How hazards fall where a single step was seen, which cannot tell: customers are taken to differ about as
much as in published retention tables (alpha of 0.7 in both of Fader and Hardie 2007)."""

FEW_LAPSES = 30
"""Below so many lapses a hazard says little of customers: of thirty, the level alone is known to a fifth."""

_TOO_FEW = 4
"""Of so many steps none is left out."""

MOST_TAIL_SNAPSHOTS = 100_000
"""Most snapshots from which the fall is learned: a number or two need no more."""


class FewLapses(UserWarning):
    """A hazard was learned from fewer than :data:`FEW_LAPSES` lapses."""


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


def warn_of_few(rows: Rows) -> None:
    """Warn, in the name of who called the caller, where few lapses are learned from (:class:`FewLapses`)."""
    lapses = int(rows.label.sum())
    if lapses < FEW_LAPSES:
        text = (
            f"lapses learned from: {lapses}, snapshots: {len(rows.chosen):,}; "
            f"with fewer than {FEW_LAPSES} a hazard tells little: take a longer history, or a larger max_rows"
        )
        warnings.warn(text, FewLapses, stacklevel=3)


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


def learn_fall(
    settings: boosting.Settings,
    boosters: Sequence[lgb.Booster],
    matrix: Float32,
    rows: Rows,
    known: int,
    ahead: Ahead,
) -> Fall:
    """Return how hazards fall behind the last observed step, given each row's own hazard.

    It is learned from the observed steps without their first quarter, where there are more than four: what
    happens there follows from how recent the last cover is (who has just ordered cannot lapse within the
    grace), not from how customers differ. Nothing can be learned from a single step, see :data:`ALONE`.

    Parameters
    ----------
    settings : Settings
    boosters : sequence of lightgbm.Booster
        Of the hazard.
    matrix : float32, shape (n, n_features)
        Of the rows that are expanded.
    rows : Rows
    known : int
        Last observed step.
    ahead : Ahead
    """
    if known == 1:
        return ALONE
    some = sampled(len(matrix), MOST_TAIL_SNAPSHOTS, settings.random_state)
    steps = range(known // 4 + 1 if known > _TOO_FEW else 1, known + 1)
    scores = scores_by_step(boosters, matrix[some], steps, ahead, settings.num_threads)
    level = np.full(len(matrix), np.nan)
    level[some] = np.mean(expit(scores), axis=1, dtype=np.float64)
    seen = (rows.step >= steps.start) & (rows.step < steps.stop) & ~np.isnan(level)[rows.snapshot]
    own = level[rows.snapshot[seen]]
    middle = (steps.start + steps.stop - 1) / 2
    return fit_fall(own, middle, rows.step[seen].astype(np.float64), rows.label[seen], rows.weight[seen])


def sampled(n: int, most: int, random_state: int) -> Int64:
    """Return positions, ascending, of at most so many of n, drawn with equal chances."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    drawn: Int64 = np.sort(np.random.default_rng(random_state).choice(n, most, replace=False))
    return drawn
