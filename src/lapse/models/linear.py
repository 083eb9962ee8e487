"""A logistic regression on the same features as the trees, to be averaged with them.

In: a float32 matrix with missing values, 0/1 labels. Out: log-odds, and what each feature adds to them.
Counts, amounts and days are skewed, so each feature enters as ``sign(x) log(1 + |x|)``, standardised and
held within :data:`EDGE` standard deviations; a missing value is the average, with a coefficient of its own
where there were any at fit. Categorical features stay with the trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lapse.schema import Float32, Float64

EDGE: float = 4.0
"""Standard deviations from the mean within which a value counts."""

PRIOR_VARIANCE: float = 0.1
"""Variance of the normal prior of each standardised coefficient: the ridge penalty is its inverse."""


@dataclass(frozen=True)
class Linear:
    """log-odds = base + sum over features of (slope z + gap [missing]), less its mean at fit.

    Attributes
    ----------
    mean, scale : tuple of float, one a feature
        Of the transformed values at fit; the scale is 1 where a feature did not vary.
    slope, gap : tuple of float, one a feature
        Coefficient of the standardised value, and of being missing; 0 for categorical features.
    usual : tuple of float, one a feature
        What the feature added on average at fit, so that its effect is that above an average row's.
    base : float
        Mean log-odds at fit.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    slope: tuple[float, ...]
    gap: tuple[float, ...]
    usual: tuple[float, ...]
    base: float

    def contributions(self, matrix: Float32) -> Float64:
        """Return what each feature adds, then the base value; float64 of shape (n, n_features + 1).

        With independent features these are the Shapley values of the log-odds (Lundberg and Lee 2017).
        """
        added = np.empty((len(matrix), matrix.shape[1] + 1))
        added[:, :-1] = _standardised(matrix, self.mean, self.scale) * np.array(self.slope)
        added[:, :-1] += np.isnan(matrix) * np.array(self.gap) - np.array(self.usual)
        added[:, -1] = self.base
        return added

    def raw_score(self, matrix: Float32) -> Float64:
        """Return log-odds, float64 of shape (n,)."""
        score: Float64 = self.contributions(matrix).sum(axis=1)
        return score

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Linear:
        """Return what :meth:`to_json` wrote."""
        lists = {name: tuple(value[name]) for name in ("mean", "scale", "slope", "gap", "usual")}
        return cls(**lists, base=value["base"])


def fit_linear(matrix: Float32, label: Float64, weight: Float64 | None, categorical: Sequence[int]) -> Linear:
    """Fit it by penalised maximum likelihood.

    Parameters
    ----------
    matrix : float32, shape (n, n_features)
        NaN where a value is missing.
    label : float64, shape (n,)
        0 or 1.
    weight : float64, shape (n,), optional
    categorical : positions of categorical columns

    Returns
    -------
    Linear

    Examples
    --------
    >>> matrix = np.array([[0.0], [1.0], [2.0], [3.0], [np.nan]] * 20, np.float32)
    >>> fitted = fit_linear(matrix, np.array([0.0, 0, 1, 1, 1] * 20), None, [])
    >>> fitted.raw_score(matrix[:5]).round(1).tolist()
    [-1.7, 0.1, 1.1, 1.8, 0.9]
    """
    missing = np.isnan(matrix)
    # The scaler warns of a feature without any value, for which 0 stands as well as any other.
    spread = StandardScaler().fit(
        np.where(missing.all(axis=0), 0.0, _transformed(matrix)), sample_weight=weight
    )
    mean, scale = spread.mean_, spread.scale_
    values = _standardised(matrix, mean, scale)
    values[:, list(categorical)] = 0.0
    missing[:, list(categorical)] = False
    some = np.flatnonzero(missing.any(axis=0))
    design = np.hstack([values, missing[:, some]])
    model = LogisticRegression(C=PRIOR_VARIANCE, solver="newton-cholesky", tol=1e-10, max_iter=200)
    model.fit(design, label, sample_weight=weight)
    n = matrix.shape[1]
    slope, gap = model.coef_[0, :n], np.zeros(n)
    gap[some] = model.coef_[0, n:]
    usual = np.average(values * slope + missing * gap, axis=0, weights=weight)
    return Linear(
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        slope=tuple(slope.tolist()),
        gap=tuple(gap.tolist()),
        usual=tuple(usual.tolist()),
        base=float(model.intercept_[0] + usual.sum()),
    )


def _standardised(
    matrix: Float32, mean: Sequence[float] | Float64, scale: Sequence[float] | Float64
) -> Float64:
    value = (_transformed(matrix) - np.asarray(mean)) / np.asarray(scale)
    held: Float64 = np.nan_to_num(np.clip(value, -EDGE, EDGE), nan=0.0)
    return held


def _transformed(matrix: Float32) -> Float64:
    value = matrix.astype(np.float64)
    logged: Float64 = np.sign(value) * np.log1p(np.abs(value))
    return logged
