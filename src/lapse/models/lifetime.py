"""Lifetime: in which step from now a customer lapses, as a discrete-time hazard.

In: a frame of features, one row a snapshot; whether and after how many days each lapsed. Out: hazards and
survival by step. The observed steps come from LightGBM on person-period rows, later ones from a
shifted-beta-geometric tail (:mod:`lapse.models.tail`).

Refused: event codes below 0, durations below a day, nobody who lapses in a step that was wholly seen
(:class:`~lapse.errors.DataError`); other columns than at fit (:class:`~lapse.errors.GateError`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lapse.models import boosting, inputs
from lapse.models.ahead import Ahead
from lapse.models.encoding import Encoding
from lapse.models.exposure import counts, lapsed_of, observed_steps, rows_by_exposure, rows_by_follow_up
from lapse.models.person_period import (
    PersonPeriods,
    choose_snapshots,
    expand,
    scores_by_step,
    steps_a_year,
)
from lapse.models.tail import continued_hazard, fit_alpha, fit_sbg
from lapse.schema import Bool, Float32, Float64, Int64

MIN_TAIL_STEPS = 4
"""Fewest steps from which the fall of hazards is learned given the features."""

MOST_TAIL_SNAPSHOTS = 100_000
"""Most snapshots from which it is learned: a single number needs no more."""


class Lifetime(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Discrete-time hazard of a lapse, step by step from the snapshot.

    A snapshot has one row for each step at whose start it is at risk: ``event`` in that step or not. The
    hazard is LightGBM's probability given the snapshot's features and the step's number, where the days to
    the end of a term and the season stand as they will at that step (:mod:`lapse.models.ahead`). Any event
    code above 0 is a lapse here. Thresholds are searched for, not drawn at random (``extra_trees``): terms
    end on a day, and random ones blur a hazard that jumps there.

    Parameters
    ----------
    step_days : int
        Length of a step.
    n_estimators, learning_rate, num_leaves, min_child_samples, reg_lambda, feature_fraction, extra_trees,
    n_bags
        As in :class:`~lapse.models.defection.Defection`.
    max_rows : int, default 1_000_000
        Most person-period rows; beyond that whole snapshots are sampled with equal probability.
    random_state : int, default 0
    num_threads : int, default 0

    Attributes
    ----------
    n_steps_observed_ : int
        Last step with at least 50 rows at risk and 10 events in it or after; the tail begins behind it.
    at_risk_, events_ : float64, shape (n_steps,)
        Pooled counts by step, before sampling.
    alpha_ : float
        Of the tail: the smaller, the faster hazards fall behind the last observed step.
    n_rows_, n_snapshots_ : int
        Person-period rows that were used, and the snapshots that they come from.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"visits": rng.poisson(4, 1000)})
    >>> lapse_day = rng.geometric(1 / (60 + 60 * X["visits"]))
    >>> model = Lifetime(step_days=30, num_threads=1)
    >>> model = model.fit(X, lapse_day <= 360, np.minimum(lapse_day, 360), np.full(1000, 360))
    >>> model.n_steps_observed_
    12
    >>> model.predict_survival_function(X, 24).shape
    (1000, 24)
    """

    def __init__(
        self,
        step_days: int,
        *,
        n_estimators: int = 300,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_child_samples: int = 500,
        reg_lambda: float = 10.0,
        feature_fraction: float = 0.6,
        extra_trees: bool = False,
        n_bags: int = 1,
        max_rows: int = 1_000_000,
        random_state: int = 0,
        num_threads: int = 0,
    ) -> None:
        self.step_days = step_days
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.feature_fraction = feature_fraction
        self.extra_trees = extra_trees
        self.n_bags = n_bags
        self.max_rows = max_rows
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self,
        X: pd.DataFrame,
        event: npt.ArrayLike,
        duration_days: npt.ArrayLike,
        follow_up_days: npt.ArrayLike | None = None,
    ) -> Self:
        """Fit the hazard and the tail.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        event : array, shape (n,)
            0 where the customer had not lapsed when it was last seen, else the code of its cause (1, 2, ...).
        duration_days : array, shape (n,)
            Days from the snapshot to the lapse, or to the last day seen; at least 1.
        follow_up_days : array, shape (n,), optional
            Days from the snapshot to the end of the data, whether the customer lapsed or not. A step that
            the end of the data cuts is then left out for all who are at risk in it. Without it nobody can
            tell which events lie in such a step, so who is cut inside a step counts there in proportion to
            the part that was seen.

        Returns
        -------
        Lifetime
            Itself.
        """
        encoding = Encoding.fit(X)
        columns = encoding.columns(X)
        lapsed = lapsed_of(event, len(X))
        duration = inputs.durations(duration_days, len(X))
        if follow_up_days is None:
            rows, part = rows_by_exposure(lapsed, duration, self.step_days)
        else:
            follow_up = inputs.numbers("follow_up_days", follow_up_days, len(X))
            rows, part = rows_by_follow_up(lapsed, duration, follow_up, self.step_days)
        ends: Bool = lapsed & (rows == np.ceil(duration / self.step_days))
        self.at_risk_, self.events_ = counts(rows, part, ends)
        self.n_steps_observed_ = observed_steps(self.at_risk_, self.events_)
        self.encoding_ = encoding
        chosen = choose_snapshots(rows, self.max_rows, self.random_state)
        snapshot, step = expand(rows[chosen])
        last = step == rows[chosen][snapshot]
        label = (ends[chosen][snapshot] & last).astype(np.float64)
        weight = np.where(last, part[chosen][snapshot], 1.0)
        settings = boosting.Settings.of(self, "binary")
        matrix = columns.matrix(chosen)
        periods = PersonPeriods(matrix, snapshot, step, self._ahead())
        data = boosting.binned(settings, periods, label, weight, encoding.categorical)
        self.boosters_ = boosting.boost(settings, data)
        self.n_rows_, self.n_snapshots_ = len(snapshot), len(chosen)
        self.alpha_ = self._fit_tail(matrix, snapshot, step, label, weight)
        self._describe()
        return self

    def predict_hazard(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(lapse in step k | customer at its start), float64 of shape (n, n_steps), in (0, 1).

        Behind the last observed step K the hazard continues the level of the last observed steps (half of
        them, at most a year, so that a yearly renewal does not decide it) as ``h / (1 + j h / alpha)``.
        """
        check_is_fitted(self)
        known = self.n_steps_observed_
        matrix = self.encoding_.encode(X)
        steps = range(1, min(n_steps, known) + 1)
        scores = scores_by_step(self.boosters_, matrix, steps, self._ahead(), self.num_threads)
        hazard: Float64 = expit(scores)
        if n_steps <= known:
            return hazard
        last = steps_a_year(self.step_days, max(1, known // 2))
        steps_past = np.arange(1.0, n_steps - known + 1.0) + (last - 1) / 2
        level: Float64 = np.mean(hazard[:, -last:], axis=1, dtype=np.float64)
        later = continued_hazard(level, steps_past, self.alpha_)
        return np.hstack([hazard, later])

    def predict_survival_function(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(still a customer at the end of step k), float64 of shape (n, n_steps)."""
        survival: Float64 = np.cumprod(1.0 - self.predict_hazard(X, n_steps), axis=1, dtype=np.float64)
        return survival

    def to_folder(self, folder: Path) -> None:
        """Write the model as LightGBM text and JSON."""
        check_is_fitted(self)
        facts = {
            "parameters": self.get_params(),
            "encoding": self.encoding_.to_json(),
            "n_steps_observed": self.n_steps_observed_,
            "at_risk": self.at_risk_.tolist(),
            "events": self.events_.tolist(),
            "alpha": self.alpha_,
            "n_rows": self.n_rows_,
            "n_snapshots": self.n_snapshots_,
        }
        boosting.write(Path(folder), "lifetime", facts, self.boosters_)

    @classmethod
    def from_folder(cls, folder: Path) -> Lifetime:
        """Read a model that :meth:`to_folder` wrote; it predicts the same, bit by bit."""
        facts, boosters = boosting.read(Path(folder), "lifetime")
        model = cls(**facts["parameters"])
        model.encoding_ = Encoding.from_json(facts["encoding"])
        model.boosters_ = boosters
        model.n_steps_observed_ = facts["n_steps_observed"]
        model.at_risk_, model.events_ = np.array(facts["at_risk"]), np.array(facts["events"])
        model.alpha_ = facts["alpha"]
        model.n_rows_, model.n_snapshots_ = facts["n_rows"], facts["n_snapshots"]
        model._describe()
        return model

    def _fit_tail(
        self, matrix: Float32, snapshot: Int64, step: Int64, label: Float64, weight: Float64
    ) -> float:
        """Return alpha given each snapshot's own hazard; of the pooled counts where there are too few steps.

        The first quarter of the steps is left out: what happens there follows from how recent the last
        cover is (who has just ordered cannot lapse within the grace), not from how customers differ. Of more
        than :data:`MOST_TAIL_SNAPSHOTS` snapshots, as many are drawn with equal chances.
        """
        known = self.n_steps_observed_
        first = known // 4
        if known - first < MIN_TAIL_STEPS:
            return fit_sbg(self.at_risk_, self.events_).alpha
        some = _some(len(matrix), MOST_TAIL_SNAPSHOTS, self.random_state)
        scores = scores_by_step(
            self.boosters_, matrix[some], range(first + 1, known + 1), self._ahead(), self.num_threads
        )
        level = np.full(len(matrix), np.nan)
        level[some] = np.mean(expit(scores), axis=1, dtype=np.float64)
        rows = (step > first) & (step <= known) & ~np.isnan(level)[snapshot]
        steps_past = step[rows].astype(np.float64) - (first + 1 + known) / 2
        return fit_alpha(level[snapshot[rows]], steps_past, label[rows], weight[rows])

    def _ahead(self) -> Ahead:
        return Ahead.of(self.encoding_.names, self.step_days)

    def _describe(self) -> None:
        self.feature_names_in_ = np.array(self.encoding_.names, object)
        self.n_features_in_ = len(self.encoding_.names)


def _some(n: int, most: int, random_state: int) -> Int64:
    """Return positions, ascending, of at most so many of n, drawn with equal chances."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    drawn: Int64 = np.sort(np.random.default_rng(random_state).choice(n, most, replace=False))
    return drawn
