"""The mean of log-odds of boosted trees and of a logistic regression, with attributions that add up to it.

In: columns of features and 0/1 labels. Out: a :class:`Blend`; and, of a few kinds of blend, the one to trust,
judged on rows which none of them has learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from threading import Lock

import lightgbm as lgb
import numpy as np

from lapse.models import boosting
from lapse.models.encoding import Columns
from lapse.models.linear import Linear, fit_linear
from lapse.models.sampling import MOST_ROWS, sample
from lapse.models.tree_tables import Trees
from lapse.schema import Float32, Float64

LINEAR_SHARE = 1 / 3
"""Weight of the logistic regression where it takes part."""

_TABULATING = Lock()

CLEAR = 2.0
"""Standard errors by which another kind than the first must be better."""


@dataclass(frozen=True)
class Kind:
    """Which trees, and how much of a logistic regression beside them, in [0, 1)."""

    extra_trees: bool
    linear_share: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.linear_share < 1.0:
            raise ValueError(f"a linear_share in [0, 1), not {self.linear_share}")


@dataclass(frozen=True)
class Blend:
    """Fitted trees and, where its share is above 0, a fitted logistic regression."""

    kind: Kind
    boosters: Sequence[lgb.Booster]
    linear: Linear | None

    @property
    def trees(self) -> list[Trees | None]:
        """The boosters as tables, made when attributions are first asked for: once, by whichever thread."""
        with _TABULATING:
            return self._tables

    @cached_property
    def _tables(self) -> list[Trees | None]:
        return boosting.tables(self.boosters)

    def explained(self, matrix: Float32, num_threads: int) -> tuple[Float64, Float64]:
        """Return what each feature adds to the raw score (:func:`raw_scores`), and the raw score.

        Returns
        -------
        float64, shape (n, n_features + 1)
            The base value last.
        float64, shape (n,)
        """
        added, raw = boosting.explained(self.boosters, self.trees, matrix, num_threads)
        if self.linear is None:
            return added, raw
        share, line = self.kind.linear_share, self.linear.contributions(matrix)
        return _mean(share, added, line), _mean(share, raw, line.sum(axis=1))


def kinds(extra_trees: bool | None, linear_share: float | None) -> list[Kind]:
    """Return the kinds to choose from; what is given is not chosen. The first stands where nothing can be
    compared.
    """
    trees = (True, False) if extra_trees is None else (extra_trees,)
    shares = (LINEAR_SHARE, 0.0) if linear_share is None else (linear_share,)
    return [Kind(*pair) for pair in product(trees, shares)]


def fit_blends(
    asked: Sequence[Kind],
    settings: boosting.Settings,
    columns: Columns,
    label: Float64,
    weight: Float64 | None,
    categorical: Sequence[int],
) -> list[Blend]:
    """Fit blends of several kinds; what two have in common is fitted once.

    The trees learn from all rows, the regression from a weighted sample where there are more than
    :data:`~lapse.models.sampling.MOST_ROWS`.

    Parameters
    ----------
    asked : sequence of Kind
    settings : Settings
        Their ``extra_trees`` is replaced by that of each kind.
    columns : Columns, of n rows
    label : float64, shape (n,)
    weight : float64, shape (n,), optional
    categorical : positions of categorical columns

    Returns
    -------
    list of Blend
        In the order asked.
    """
    data = boosting.binned(settings, columns.table(), label, weight, categorical)
    trees = {
        extra: boosting.boost(replace(settings, extra_trees=extra), data)
        for extra in dict.fromkeys(kind.extra_trees for kind in asked)
    }
    linear = None
    if any(kind.linear_share for kind in asked):
        rows, stands_for = sample(label, weight, MOST_ROWS, settings.random_state)
        linear = fit_linear(columns.matrix(rows), label[rows], stands_for, categorical)
    return [Blend(kind, trees[kind.extra_trees], linear if kind.linear_share else None) for kind in asked]


def raw_scores(blends: Sequence[Blend], columns: Columns, num_threads: int) -> dict[Kind, Float64]:
    """Return the mean log-odds of each blend; what two have in common is asked once.

    Parameters
    ----------
    blends : sequence of Blend
        From one call of :func:`fit_blends`.
    columns : Columns, of n rows
    num_threads : int

    Returns
    -------
    dict of Kind to float64, shape (n,)
    """
    parts = [_scores(blends, matrix, num_threads) for matrix in columns.blocks()]
    return {kind: np.concatenate([part[kind] for part in parts]) for kind in parts[0]}


def _scores(blends: Sequence[Blend], matrix: Float32, num_threads: int) -> dict[Kind, Float64]:
    boosters = {blend.kind.extra_trees: blend.boosters for blend in blends}
    trees = {extra: boosting.raw_score(some, matrix, num_threads) for extra, some in boosters.items()}
    linear = next((blend.linear for blend in blends if blend.linear), None)
    if linear is None:
        return {blend.kind: trees[blend.kind.extra_trees] for blend in blends}
    line = linear.raw_score(matrix)
    return {
        kind: _mean(kind.linear_share, trees[kind.extra_trees], line) for kind in (b.kind for b in blends)
    }


def _mean(share: float, trees: Float64, line: Float64) -> Float64:
    return (1.0 - share) * trees + share * line


def choose(said: Mapping[Kind, Float64], label: Float64, weight: Float64 | None) -> Kind:
    """Return the first kind, unless another did clearly better on rows that neither has seen.

    Slices are small and kinds are alike, so the best one on a slice is often so by luck: the first is left
    only for one whose log loss is lower by :data:`CLEAR` standard errors of the paired difference. Rows
    count as independent, which those of one customer are not, so the true error is somewhat larger.

    Parameters
    ----------
    said : mapping of Kind to float64, shape (n,)
        Log-odds.
    label : float64, shape (n,)
        0 or 1.
    weight : float64, shape (n,), optional

    Returns
    -------
    Kind
        Of those that are clearly better than the first, the one with the lowest log loss.
    """
    share = np.full(len(label), 1.0 / len(label)) if weight is None else weight / weight.sum()
    first, *others = said
    best, lowest = first, 0.0
    for kind in others:
        more = _losses(said[kind], label) - _losses(said[first], label)
        mean = float(share @ more)
        error = float(np.sqrt(share**2 @ (more - mean) ** 2))
        if mean < min(lowest, -CLEAR * error):
            best, lowest = kind, mean
    return best


def _losses(raw: Float64, label: Float64) -> Float64:
    loss: Float64 = np.logaddexp(0.0, raw) - label * raw
    return loss
