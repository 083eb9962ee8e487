"""Spend: what a customer is expected to bring in each step, given that it is still one at the step's start.

In: a frame of features, one row a snapshot; spend by step, missing where it was not wholly seen or the
customer was gone at the step's start. Out: expected spend by step.

Refused: a spend that is infinite or has another shape, or none seen at all, rows of no customer, lengths or
numbers of steps that are none (:class:`~lapse.errors.DataError`); other columns than at fit
(:class:`~lapse.errors.GateError`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from lapse.errors import DataError, Problem
from lapse.models import boosting, inputs, parameters
from lapse.models.ahead import Ahead
from lapse.models.encoding import BLOCK_ROWS, Encoding, n_rows
from lapse.models.exposure import MIN_ROWS
from lapse.models.level import Level
from lapse.models.person_period import PersonPeriods, choose_snapshots, scores_by_step, steps_a_year
from lapse.schema import Bool, Float32, Float64, Int64

_FOLDS = 3
_MOST_REFUNDED = 0.1  # of what came in, for Poisson's loss


class Spend(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Expected spend in each step, given a customer at its start.

    LightGBM on one row a snapshot and step, with the step's number as a feature and what is known ahead
    (:mod:`lapse.models.ahead`) as at that step. The objective is Poisson: it needs nothing Poisson about
    money, only that the spread grows with the mean, and its totals are right where its means are. Steps with
    more refunds than purchases count as 0 there, and the level takes them off again. The level
    (:mod:`lapse.models.level`) is a factor by step, learned from three folds of customers. Where what is
    negative is more than a tenth of what is positive, the objective is least squares, and there is no level.
    Spend is divided by its mean size before the fit, so that the currency's unit changes nothing.

    Parameters
    ----------
    step_days : int
        Length of a step.
    n_estimators, learning_rate, num_leaves, min_child_samples, reg_lambda, feature_fraction, extra_trees,
    n_bags
        As in :class:`~lapse.models.defection.Defection`.
    max_rows : int, default 1_000_000
        Most person-period rows, at least 1,000; beyond that a simple random sample of snapshots.
    random_state : int, default 0
    num_threads : int, default 0

    Attributes
    ----------
    encoding_ : Encoding
        Columns and categories at fit; others are taken for missing, and ``encoding_.unknown(X)`` counts them.
    objective_ : str
        ``poisson``, ``regression`` (least squares), or ``zero`` where nothing was ever spent.
    scale_ : float
        Mean absolute spend a row, by which spend was divided.
    n_steps_observed_ : int
        Last step with at least 50 rows; later ones get the mean over the last year of observed steps.
    level_ : Level
        Factor by step, 1 everywhere for least squares.
    n_rows_, n_snapshots_ : int
        Person-period rows that were used, and the snapshots that they come from.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"orders": rng.poisson(4, 1000)})
    >>> spend = rng.gamma(2.0, 5.0 * X["orders"].to_numpy()[:, None], (1000, 6))
    >>> model = Spend(step_days=30, num_threads=1).fit(X, spend)
    >>> model.objective_, model.predict(X, 12).shape
    ('poisson', (1000, 12))
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
        feature_fraction: float = 0.8,
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

    def fit(self, X: pd.DataFrame, spend: npt.ArrayLike, customer: npt.ArrayLike | None = None) -> Self:
        """Fit the expected spend.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        spend : array, shape (n, n_steps)
            Signed money in step 1, 2, ...; NaN where the step was not wholly seen or the customer was gone at
            its start.
        customer : shape (n,), optional
            Whose row it is, so that no customer vouches for itself in the level; by default each row is
            another's.

        Returns
        -------
        Spend
            Itself.
        """
        encoding: Encoding
        _, (encoding, columns), money, whose = inputs.together(
            lambda: parameters.checked(self),
            lambda: Encoding.learn(X),
            lambda: _money(spend, n_rows(X)),
            lambda: inputs.customers(np.arange(n_rows(X)) if customer is None else customer, n_rows(X)),
        )
        seen: Bool = ~np.isnan(money)
        chosen = choose_snapshots(seen.sum(axis=1).astype(np.int64), self.max_rows, self.random_state)
        position, step = np.nonzero(seen[chosen])
        target = money[chosen[position], step]
        self.encoding_ = encoding
        self.n_rows_, self.n_snapshots_ = len(target), len(chosen)
        self.n_steps_observed_ = _observed(seen)
        self.scale_ = float(np.abs(target).mean())
        self.objective_ = _objective(target)
        self.boosters_, self.level_ = [], Level()
        if self.objective_ != "zero":
            rows = _Rows(columns.matrix(chosen), position, step + 1, target / self.scale_)
            self.boosters_ = self._boost(rows)
            if self.objective_ == "poisson":
                self.level_ = self._learn_level(rows, whose[chosen[position]])
        self._describe()
        return self

    def predict(self, X: pd.DataFrame, n_steps: int | None = None) -> Float64:
        """Return the expected spend in each step given a customer at its start.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        n_steps : int, optional
            Default the observed steps. Later steps get the mean prediction of the last year of observed ones
            (all of them where they are fewer), so that a yearly renewal is spread over its year.

        Returns
        -------
        float64, shape (n, n_steps)
        """
        check_is_fitted(self)
        matrix = self.encoding_.encode(X)
        n_steps = self.n_steps_observed_ if n_steps is None else inputs.whole("n_steps", n_steps)
        if self.objective_ == "zero":
            return np.zeros((len(matrix), n_steps))
        observed = min(n_steps, self.n_steps_observed_)
        score = scores_by_step(
            self.boosters_, matrix, range(1, observed + 1), self._ahead(), self.num_threads
        )
        money = self.scale_ * (np.exp(score) if self.objective_ == "poisson" else score)
        money *= self.level_.factor(observed)
        if n_steps == observed:
            return money
        later = money[:, -steps_a_year(self.step_days, observed) :].mean(axis=1, keepdims=True)
        return np.hstack([money, np.repeat(later, n_steps - observed, axis=1)])

    def to_folder(self, folder: Path) -> None:
        """Write the model as LightGBM text and JSON."""
        check_is_fitted(self)
        facts: dict[str, Any] = {
            "parameters": self.get_params(),
            "encoding": self.encoding_.to_json(),
            "objective": self.objective_,
            "scale": self.scale_,
            "level": asdict(self.level_),
            "n_steps_observed": self.n_steps_observed_,
            "n_rows": self.n_rows_,
            "n_snapshots": self.n_snapshots_,
        }
        boosting.write(Path(folder), "spend", facts, self.boosters_)

    @classmethod
    def from_folder(cls, folder: Path) -> Spend:
        """Read a model that :meth:`to_folder` wrote; it predicts the same, bit by bit."""
        facts, boosters = boosting.read(Path(folder), "spend")
        model = cls(**facts["parameters"])
        model.encoding_ = Encoding.from_json(facts["encoding"])
        model.boosters_ = boosters
        model.objective_, model.scale_ = facts["objective"], facts["scale"]
        model.level_, model.n_steps_observed_ = Level(**facts["level"]), facts["n_steps_observed"]
        model.n_rows_, model.n_snapshots_ = facts["n_rows"], facts["n_snapshots"]
        model._describe()
        return model

    def _boost(self, rows: _Rows) -> list[lgb.Booster]:
        settings = boosting.Settings.of(self, self.objective_)
        target = np.maximum(rows.target, 0.0) if self.objective_ == "poisson" else rows.target
        periods = PersonPeriods(rows.matrix, rows.position, rows.step, self._ahead())
        return boosting.boost(
            settings, boosting.binned(settings, periods, target, None, self.encoding_.categorical)
        )

    def _learn_level(self, rows: _Rows, whose: Int64) -> Level:
        """Return the level that customers left out ask for; 1 where they are too few, or bring nothing."""
        distinct, whose = np.unique(whose, return_inverse=True)
        if len(distinct) < _FOLDS:
            return Level()
        fold = np.random.default_rng(self.random_state).permutation(len(distinct))[whose] % _FOLDS
        predicted = np.empty(len(whose))
        for one in range(_FOLDS):
            boosters = self._boost(rows.take(np.flatnonzero(fold != one)))
            predicted[fold == one] = self._mean(boosters, rows.take(np.flatnonzero(fold == one)))
        within = rows.step <= self.n_steps_observed_
        if rows.target[within].sum() <= 0:
            return Level()
        return Level.fit(
            predicted[within],
            rows.target[within],
            rows.step[within],
            whose[within],
            max(1, round(365 / self.step_days)),
        )

    def _mean(self, boosters: list[lgb.Booster], rows: _Rows) -> Float64:
        """Return the expected spend of person-period rows over the scale, a block of them at a time."""
        periods = PersonPeriods(rows.matrix, rows.position, rows.step, self._ahead())
        score = [
            boosting.raw_score(
                boosters, np.asarray(periods[start : start + BLOCK_ROWS], np.float32), self.num_threads
            )
            for start in range(0, len(periods), BLOCK_ROWS)
        ]
        mean: Float64 = np.exp(np.concatenate(score))
        return mean

    def _ahead(self) -> Ahead:
        return Ahead.of(self.encoding_.names, self.step_days)

    def _describe(self) -> None:
        self.feature_names_in_ = np.array(self.encoding_.names, object)
        self.n_features_in_ = len(self.encoding_.names)


@dataclass(frozen=True)
class _Rows:
    """Person-period rows: the snapshots' matrix, which snapshot and step each row is, and its spend."""

    matrix: Float32
    position: Int64
    step: Int64
    target: Float64

    def take(self, rows: Int64) -> _Rows:
        """Return some rows, of the same matrix."""
        return _Rows(self.matrix, self.position[rows], self.step[rows], self.target[rows])


def _objective(target: Float64) -> str:
    """Return how to learn this money."""
    if not target.any():
        return "zero"
    refunded, came = -float(np.minimum(target, 0.0).sum()), float(np.maximum(target, 0.0).sum())
    return "poisson" if refunded <= _MOST_REFUNDED * came else "regression"


def _money(spend: npt.ArrayLike, n: int) -> Float64:
    money = np.asarray(spend, np.float64)
    if money.ndim != 2 or money.shape[0] != n or not money.shape[1]:
        raise DataError(Problem("outcomes", "spend", f"shape ({n}, n_steps)", f"shape {money.shape}"))
    if np.isinf(money).any():
        raise DataError(Problem("outcomes", "spend", "finite money or missing values", "infinite ones"))
    if np.isnan(money).all():
        raise DataError(Problem("outcomes", "spend", "some step wholly seen", "none", "a longer history"))
    return money


def _observed(seen: Bool) -> int:
    """Return the last step with enough rows, else the last with any."""
    count = seen.sum(axis=0)
    enough = np.flatnonzero(count >= MIN_ROWS)
    return int((enough if len(enough) else np.flatnonzero(count)).max()) + 1
