"""The mean of log-odds of boosted trees and of a logistic regression, with attributions that add up to it.

In: a float32 matrix and 0/1 labels. Out: a :class:`Blend`; and, of a few kinds of blend, the one that does
best on rows which none of them has learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import lightgbm as lgb
import numpy as np

from lapse.models import boosting
from lapse.models.linear import Linear, fit_linear
from lapse.schema import Float32, Float64

LINEAR_SHARE = 1 / 3
"""Weight of the logistic regression where it takes part."""


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

    def raw_score(self, matrix: Float32, num_threads: int) -> Float64:
        """Return the mean log-odds, float64 of shape (n,)."""
        trees = boosting.raw_score(self.boosters, matrix, num_threads)
        if self.linear is None:
            return trees
        share = self.kind.linear_share
        return (1.0 - share) * trees + share * self.linear.raw_score(matrix)

    def contributions(self, matrix: Float32, num_threads: int) -> Float64:
        """Return what each feature adds to :meth:`raw_score`, the base value last.

        Returns
        -------
        float64, shape (n, n_features + 1)
        """
        trees = boosting.contributions(self.boosters, matrix, num_threads)
        if self.linear is None:
            return trees
        share = self.kind.linear_share
        return (1.0 - share) * trees + share * self.linear.contributions(matrix)


def kinds(extra_trees: bool | None, linear_share: float | None) -> list[Kind]:
    """Return the kinds to choose from; what is given is not chosen. The first stands where nothing can be
    compared.
    """
    trees = (True, False) if extra_trees is None else (extra_trees,)
    shares = (0.0, LINEAR_SHARE) if linear_share is None else (linear_share,)
    return [Kind(*pair) for pair in product(trees, shares)]


def fit_blends(
    asked: Sequence[Kind],
    settings: boosting.Settings,
    matrix: Float32,
    label: Float64,
    weight: Float64 | None,
    categorical: Sequence[int],
) -> list[Blend]:
    """Fit blends of several kinds; what two have in common is fitted once.

    Parameters
    ----------
    asked : sequence of Kind
    settings : Settings
        Their ``extra_trees`` is replaced by that of each kind.
    matrix : float32, shape (n, n_features)
    label : float64, shape (n,)
    weight : float64, shape (n,), optional
    categorical : positions of categorical columns

    Returns
    -------
    list of Blend
        In the order asked.
    """
    trees = {
        extra: boosting.boost(replace(settings, extra_trees=extra), matrix, label, weight, categorical)
        for extra in dict.fromkeys(kind.extra_trees for kind in asked)
    }
    linear = None
    if any(kind.linear_share for kind in asked):
        linear = fit_linear(matrix, label, weight, categorical, settings.random_state)
    return [Blend(kind, trees[kind.extra_trees], linear if kind.linear_share else None) for kind in asked]


def log_loss(raw: Float64, label: Float64, weight: Float64 | None) -> float:
    """Return the mean negative log-likelihood of 0/1 labels under log-odds, in nats."""
    return float(np.average(np.logaddexp(0.0, raw) - label * raw, weights=weight))
