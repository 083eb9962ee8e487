"""Lifetime: in which step from now a customer lapses, as a discrete-time hazard, and for which cause.

In: a frame of features, one row a snapshot; whether, after how many days and for which cause each lapsed.
Out: hazards by step and shares of causes, and what follows from them (:mod:`lapse.models.from_hazards`). The
observed steps come from LightGBM on person-period rows, later ones from a shifted-beta-geometric or
beta-discrete-Weibull tail (:mod:`lapse.models.fall`), causes from a model of those who lapsed
(:mod:`lapse.models.causes`).

Refused: what :mod:`lapse.models.person_time` and :mod:`lapse.models.parameters` refuse, nobody who lapses in
a step that was wholly seen or in the sample that ``max_rows`` leaves, a cause that was not learned
(:class:`~lapse.errors.DataError`); other columns than at fit (:class:`~lapse.errors.GateError`). Warned of:
few lapses to learn from (:class:`~lapse.models.hazard.FewLapses`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lapse.errors import DataError, Problem
from lapse.models import boosting, inputs
from lapse.models.ahead import Ahead
from lapse.models.causes import CauseShares, fit_causes
from lapse.models.encoding import Encoding, n_rows
from lapse.models.exposure import Exposure, observed_steps
from lapse.models.fall import Fall
from lapse.models.from_hazards import FromHazards
from lapse.models.hazard import Rows, boost_hazard, learn_fall, warn_of_few
from lapse.models.person_period import scores_by_step, steps_a_year
from lapse.models.person_time import person_time
from lapse.models.recent import ALL, Learner, Recent, choose_recent
from lapse.schema import Float32, Float64, Int64


class Lifetime(FromHazards, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Discrete-time hazard of a lapse, step by step from the snapshot.

    A snapshot has one row for each step at whose start it is at risk: ``event`` in that step or not. The
    hazard is LightGBM's probability given the snapshot's features and the step's number, where the days to
    the end of a term and the season stand as they will at that step (:mod:`lapse.models.ahead`). Any event
    code above 0 is a lapse; causes share its hazard. Thresholds are searched for, not drawn at random
    (``extra_trees``): terms end on a day, and random ones blur a hazard that jumps there. Every tree sees all
    features (``feature_fraction``): the step is one of them, and a tree without it cannot tell when.

    Parameters
    ----------
    step_days : int
        Length of a step.
    n_estimators, learning_rate, num_leaves, min_child_samples, reg_lambda, feature_fraction, extra_trees,
    n_bags
        As in :class:`~lapse.models.defection.Defection`. More than one bag differ only where
        ``feature_fraction`` is below 1 or ``extra_trees`` is true.
    max_rows : int, default 1_000_000
        Most person-period rows, at least 1,000; beyond that a simple random sample of snapshots.
    random_state : int, default 0
    num_threads : int, default 0

    Attributes
    ----------
    encoding_ : Encoding
        Columns and categories at fit; others are taken for missing, and ``encoding_.unknown(X)`` counts them.
    causes_ : tuple of int
        Event codes of the lapses that were learned from.
    n_steps_observed_ : int
        Last step with at least 50 rows at risk and 10 events in it or after; the tail begins behind it.
    at_risk_, events_ : float64, shape (n_steps,)
        Pooled counts by step, before sampling.
    fall_ : Fall
        How hazards go on behind it: alpha, and a power other than 1 where hazards of a single customer were
        seen to change with time.
    recent_ : Recent
        The window of person-time that was learned from, and the number of trees; without ``entered_on`` all,
        and ``n_estimators``.
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
        feature_fraction: float = 1.0,
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
        *,
        entry_days: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        entered_on: npt.ArrayLike | None = None,
    ) -> Self:
        """Fit the hazard, the tail and the shares of causes.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        event : array, shape (n,)
            0 where the customer had not lapsed when it was last seen, else the code of its cause (1, 2, ...,
            at most 127).
        duration_days : array, shape (n,)
            Days from the snapshot to the lapse, or to the last day seen; from 1 to 100,000, as all days here.
        follow_up_days : array, shape (n,), optional
            Days from the snapshot to the end of the data, whether the customer lapsed or not. A step that
            the end of the data cuts is then left out for all who are at risk in it. Without it nobody can
            tell which events lie in such a step, so who is cut inside a step counts there in proportion to
            the part that was seen, as who is lost from sight before the end of the data always does.
        entry_days : array, shape (n,), optional
            Days from the snapshot (or another origin, such as the day of issue) to the day from which the
            row was watched: nobody knows of those who lapsed before (left truncation). Below the duration;
            by default 0.
        sample_weight : array, shape (n,), optional
            Above 0, at most 1e30; only their ratios matter.
        entered_on : array of dates or day numbers, shape (n,), optional
            On which day that entry was. Where given, an inner backtest chooses how much recent person-time
            is learned from, and with how many trees (:mod:`lapse.models.recent`).

        Returns
        -------
        Lifetime
            Itself.
        """
        encoding: Encoding
        settings, (encoding, columns), person = inputs.together(
            lambda: boosting.Settings.of(self, "binary"),
            lambda: Encoding.learn(X),
            lambda: person_time(
                n_rows(X),
                self.step_days,
                event,
                duration_days,
                follow_up_days,
                entry_days=entry_days,
                sample_weight=sample_weight,
                entered_on=entered_on,
            ),
        )
        self.encoding_ = encoding
        self.recent_ = Recent(ALL, settings.n_estimators, ())
        if person.entered_on is not None:
            shared = (columns, self._ahead(), encoding.categorical, self.step_days, self.max_rows)
            self.recent_ = choose_recent(Learner(settings, *shared), person)
            last = person.calendar[1]
            kept, person = person.between(last - self.recent_.window_days, last)
            columns = columns.take(kept)
            settings = replace(settings, n_estimators=self.recent_.n_estimators)
        exposure = Exposure.of(person, self.step_days)
        self.at_risk_, self.events_ = exposure.counts()
        self.n_steps_observed_ = observed_steps(self.at_risk_, self.events_)
        rows = Rows.of(exposure, self.max_rows, self.random_state)
        if not rows.label.any():
            wanted = "a sample with customers who lapse"
            raise DataError(Problem("lifetime", "max_rows", wanted, "none", "more rows, or longer steps"))
        warn_of_few(rows)
        matrix = columns.matrix(rows.chosen)
        self.boosters_ = boost_hazard(settings, matrix, rows, self._ahead(), encoding.categorical)
        self.shares_ = self._fit_causes(settings, matrix, rows, person.event[rows.chosen])
        self.n_rows_, self.n_snapshots_ = len(rows.snapshot), len(rows.chosen)
        self.fall_ = learn_fall(settings, self.boosters_, matrix, rows, self.n_steps_observed_, self._ahead())
        self._describe()
        return self

    def predict_hazard(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(lapse in step k | customer at its start), float64 of shape (n, n_steps), in (0, 1).

        Behind the last observed step K the hazard continues the level of the last observed steps (half of
        them, at most a year, so that a yearly renewal does not decide it) as :class:`~lapse.models.fall.Fall`
        says: ``h / (1 + j h / alpha)`` with a power of 1.
        """
        check_is_fitted(self)
        n_steps, known = inputs.whole("n_steps", n_steps), self.n_steps_observed_
        matrix = self.encoding_.encode(X)
        steps = range(1, min(n_steps, known) + 1)
        scores = scores_by_step(self.boosters_, matrix, steps, self._ahead(), self.num_threads)
        hazard: Float64 = expit(scores)
        if n_steps <= known:
            return hazard
        last = steps_a_year(self.step_days, max(1, known // 2))
        level: Float64 = np.mean(hazard[:, -last:], axis=1, dtype=np.float64)
        later = np.arange(known + 1.0, n_steps + 1.0)
        return np.hstack([hazard, self.fall_.hazard(level, known - (last - 1) / 2, later)])

    def predict_cause_shares(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(cause | lapse in step k), in the order of ``causes_``.

        Returns
        -------
        float64, shape (n, n_causes, n_steps)
            1 together in every step; behind the last observed step as in it.
        """
        check_is_fitted(self)
        n_steps = inputs.whole("n_steps", n_steps)
        matrix, known = self.encoding_.encode(X), min(n_steps, self.n_steps_observed_)
        shares = self.shares_.predict(matrix, known, self._ahead(), self.num_threads)
        later = np.repeat(shares[:, :, -1:], n_steps - known, axis=2)
        return np.concatenate([shares, later], axis=2)

    def to_folder(self, folder: Path) -> None:
        """Write the model as LightGBM text and JSON."""
        check_is_fitted(self)
        facts = {
            "parameters": self.get_params(),
            "encoding": self.encoding_.to_json(),
            "n_steps_observed": self.n_steps_observed_,
            "at_risk": self.at_risk_.tolist(),
            "events": self.events_.tolist(),
            "fall": [self.fall_.alpha, self.fall_.power],
            "recent": self.recent_.to_json(),
            "n_rows": self.n_rows_,
            "n_snapshots": self.n_snapshots_,
        }
        boosting.write(Path(folder), "lifetime", facts, self.boosters_)
        self.shares_.to_folder(Path(folder) / "causes")

    @classmethod
    def from_folder(cls, folder: Path) -> Lifetime:
        """Read a model that :meth:`to_folder` wrote; it predicts the same, bit by bit."""
        facts, boosters = boosting.read(Path(folder), "lifetime")
        model = cls(**facts["parameters"])
        model.encoding_ = Encoding.from_json(facts["encoding"])
        model.boosters_ = boosters
        model.shares_ = CauseShares.from_folder(Path(folder) / "causes")
        model.n_steps_observed_ = facts["n_steps_observed"]
        model.at_risk_, model.events_ = np.array(facts["at_risk"]), np.array(facts["events"])
        model.fall_ = Fall(*facts["fall"])
        model.recent_ = Recent.from_json(facts["recent"])
        model.n_rows_, model.n_snapshots_ = facts["n_rows"], facts["n_snapshots"]
        model._describe()
        return model

    def _fit_causes(
        self, settings: boosting.Settings, matrix: Float32, rows: Rows, code: Int64
    ) -> CauseShares:
        ends = np.flatnonzero(rows.label)
        who = rows.snapshot[ends]
        learned = (matrix[who], code[who], rows.step[ends], rows.weight[ends])
        return fit_causes(settings, *learned, self._ahead(), self.encoding_.categorical)

    @property
    def causes_(self) -> tuple[int, ...]:
        """Event codes of the lapses that were learned from, ascending."""
        return self.shares_.causes

    def _ahead(self) -> Ahead:
        return Ahead.of(self.encoding_.names, self.step_days)

    def _describe(self) -> None:
        self.feature_names_in_ = np.array(self.encoding_.names, object)
        self.n_features_in_ = len(self.encoding_.names)
