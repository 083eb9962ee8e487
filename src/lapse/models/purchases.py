"""Purchases: how often a customer is expected to buy, from a buy-till-you-die model and from features.

In: a frame of features, one row a snapshot; for each row the purchases that a buy-till-you-die model
(:mod:`lapse.models.btyd`) expects in some time ahead, how many there were, and whose row it is. Out: expected
purchases.

Refused: expectations that are not above 0, purchases below 0, another number of them than of rows, fewer than
five customers, nobody who bought (:class:`~lapse.errors.DataError`); other columns than at fit
(:class:`~lapse.errors.GateError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lapse.errors import DataError, Problem
from lapse.models import boosting, inputs, parameters
from lapse.models.encoding import Columns, Encoding, n_rows
from lapse.schema import Float32, Float64, Int64

_FOLDS = 5
_EVERY = 20  # rounds between two looks at what is left out


class Purchases(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Expected purchases: half what is expected without features, half that times a factor of the features.

    The factor is learned by LightGBM with Poisson's loss, the logarithm of the expectation being where it
    starts. It has to learn who buys more or less often than it seems, not how often people buy: the level of
    the expectation stays, since the rows to learn from look less far ahead than the question does, and a
    buy-till-you-die model knows how buying fades. How many trees are grown is chosen by five folds of
    customers: the fewest whose loss is within two standard errors of the best. The mean of both is better
    than either.

    Parameters
    ----------
    n_estimators : int, default 400
        Most rounds of boosting.
    learning_rate, num_leaves, min_child_samples, reg_lambda, feature_fraction, extra_trees, n_bags
        As in :class:`~lapse.models.defection.Defection`.
    random_state : int, default 0
    num_threads : int, default 0

    Attributes
    ----------
    n_rounds_ : int
        Trees that were chosen; at 0 the expectation stands as it was given.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"late": rng.integers(0, 2, 4000)})
    >>> expected, whose = rng.gamma(2.0, 1.0, 4000), np.arange(4000)
    >>> bought = rng.poisson(expected * np.where(X["late"] == 1, 0.5, 1.5))
    >>> model = Purchases(num_threads=1).fit(X, expected, bought, whose)
    >>> model.predict(pd.DataFrame({"late": [0, 1]}), [2.0, 2.0]).round(1).tolist()
    [2.5, 1.5]
    """

    def __init__(
        self,
        *,
        n_estimators: int = 400,
        learning_rate: float = 0.03,
        num_leaves: int = 7,
        min_child_samples: int = 200,
        reg_lambda: float = 10.0,
        feature_fraction: float = 0.7,
        extra_trees: bool = False,
        n_bags: int = 1,
        random_state: int = 0,
        num_threads: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.feature_fraction = feature_fraction
        self.extra_trees = extra_trees
        self.n_bags = n_bags
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self, X: pd.DataFrame, expected: npt.ArrayLike, purchases: npt.ArrayLike, customer: npt.ArrayLike
    ) -> Self:
        """Fit the factor.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        expected : shape (n,)
            Purchases expected in the row's time ahead, above 0.
        purchases : shape (n,)
            How many there were.
        customer : shape (n,)
            Whose row it is; rows of one customer are never on both sides of a fold.

        Returns
        -------
        Purchases
            Itself.
        """
        encoding: Encoding
        _, (encoding, columns), bought, plain, whose = inputs.together(
            lambda: parameters.checked(self),
            lambda: Encoding.learn(X),
            lambda: _purchases(purchases, n_rows(X)),
            lambda: _expected(expected, n_rows(X)),
            lambda: inputs.customers(customer, n_rows(X)),
        )
        start = np.log(plain)
        start += np.log(bought.sum() / np.exp(start).sum())
        if (n_customers := int(whose.max(initial=-1)) + 1) < _FOLDS:
            raise DataError(
                Problem("purchases", "customer", f"at least {_FOLDS} customers", f"{n_customers}")
            )
        self.encoding_ = encoding
        self.n_rounds_ = self._choose_rounds(columns, bought, start, whose)
        self.boosters_ = self._grow(columns, bought, start, self.n_rounds_) if self.n_rounds_ else []
        self._describe()
        return self

    def predict(self, X: pd.DataFrame, expected: npt.ArrayLike) -> Float64:
        """Return expected purchases in the time ahead that ``expected`` speaks of.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        expected : shape (n,)
            Purchases expected without features, above 0.

        Returns
        -------
        float64, shape (n,)
        """
        check_is_fitted(self)
        matrix = self.encoding_.encode(X)
        plain = _expected(expected, len(X))
        if not self.boosters_:
            return plain
        factor = np.exp(boosting.raw_score(self.boosters_, matrix, self.num_threads))
        both: Float64 = plain * (1 + factor) / 2
        return both

    def to_folder(self, folder: Path) -> None:
        """Write the model as LightGBM text and JSON."""
        check_is_fitted(self)
        facts: dict[str, Any] = {
            "parameters": self.get_params(),
            "encoding": self.encoding_.to_json(),
            "n_rounds": self.n_rounds_,
        }
        boosting.write(Path(folder), "purchases", facts, self.boosters_)

    @classmethod
    def from_folder(cls, folder: Path) -> Purchases:
        """Read a model that :meth:`to_folder` wrote; it predicts the same, bit by bit."""
        facts, boosters = boosting.read(Path(folder), "purchases")
        model = cls(**facts["parameters"])
        model.encoding_ = Encoding.from_json(facts["encoding"])
        model.boosters_, model.n_rounds_ = boosters, facts["n_rounds"]
        model._describe()
        return model

    def _choose_rounds(self, columns: Columns, bought: Float64, start: Float64, whose: Int64) -> int:
        """Return the fewest rounds that do as well as the best on customers left out."""
        most = int(self.n_estimators)
        looks = np.arange(0, most + 1, _EVERY)
        fold = np.random.default_rng(self.random_state).permutation(int(whose.max()) + 1)[whose] % _FOLDS
        loss = np.empty((len(looks), int(whose.max()) + 1))
        for one in range(_FOLDS):
            learn, left_out = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
            boosters = self._grow(columns.take(learn), bought[learn], start[learn], most)
            matrix, who = columns.matrix(left_out), np.unique(whose[left_out], return_inverse=True)
            for look, rounds in enumerate(looks):
                score = start[left_out] + self._score(boosters, matrix, int(rounds))
                row_loss = np.exp(score) - bought[left_out] * score  # Poisson's, but for a constant
                loss[look, who[0]] = np.bincount(who[1], row_loss)
        return int(looks[_fewest_as_good(loss)])

    def _grow(self, columns: Columns, bought: Float64, start: Float64, rounds: int) -> list[lgb.Booster]:
        settings = replace(boosting.Settings.of(self, "poisson"), n_estimators=rounds)
        bins = boosting.binned(settings, columns.table(), bought, None, self.encoding_.categorical)
        return boosting.boost(settings, bins.set_init_score(start))

    def _score(self, boosters: Sequence[lgb.Booster], matrix: Float32, rounds: int) -> Float64:
        if not rounds:
            return np.zeros(len(matrix))
        threads = self.num_threads
        scores = [
            one.predict(matrix, raw_score=True, num_iteration=rounds, num_threads=threads) for one in boosters
        ]
        mean: Float64 = np.mean(scores, axis=0)
        return mean

    def _describe(self) -> None:
        self.feature_names_in_ = np.array(self.encoding_.names, object)
        self.n_features_in_ = len(self.encoding_.names)


def _fewest_as_good(loss: Float64) -> int:
    """Return the first row of losses (looks, customers) within two standard errors of the least in total."""
    worse = loss - loss[loss.sum(axis=1).argmin()]
    within = worse.sum(axis=1) <= 2 * np.sqrt(loss.shape[1]) * worse.std(axis=1)
    return int(np.flatnonzero(within)[0])


def _expected(expected: npt.ArrayLike, n: int) -> Float64:
    number = inputs.numbers("expected", expected, n)
    if (number <= 0).any():
        raise DataError(Problem("purchases", "expected", "above 0", f"{number.min():g}"))
    return number


def _purchases(purchases: npt.ArrayLike, n: int) -> Float64:
    number = inputs.numbers("purchases", purchases, n)
    if (number < 0).any():
        raise DataError(Problem("purchases", "purchases", "at least 0", f"{number.min():g}"))
    if not number.any():
        raise DataError(Problem("purchases", "purchases", "somebody who buys", "nobody", "a longer time"))
    return number
