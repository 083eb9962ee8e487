"""The logistic regression beside the trees: what it learns, what it does with gaps, and its attributions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import expit

from lapse.models.linear import EDGE, PRIOR_VARIANCE, Linear, fit_linear
from lapse.models.sampling import sample
from lapse.schema import Float32, Float64


def some_rows(n: int = 4_000, seed: int = 0) -> tuple[Float32, Float64]:
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.lognormal(2, 1, n), rng.normal(0, 3, n), rng.poisson(2, n)])
    odds = -1 + 0.8 * np.log1p(matrix[:, 0]) - 0.3 * matrix[:, 2]
    label = (rng.random(n) < expit(odds)).astype(np.float64)
    matrix[rng.random(n) < 0.2, 1] = np.nan
    return matrix.astype(np.float32), label


def test_the_fit_is_the_penalised_maximum_likelihood() -> None:
    """The coefficients minimise the loss as written out here, found by another optimiser."""
    matrix, label = some_rows()
    weight = np.random.default_rng(1).uniform(0.5, 2, len(label))
    fitted = fit_linear(matrix, label, weight, [])
    value = np.sign(matrix) * np.log1p(np.abs(matrix.astype(np.float64)))
    there = ~np.isnan(value)
    mean = [np.average(value[there[:, j], j], weights=weight[there[:, j]]) for j in range(3)]
    spread = [
        np.sqrt(np.average((value[there[:, j], j] - mean[j]) ** 2, weights=weight[there[:, j]]))
        for j in range(3)
    ]
    z = np.where(there, np.clip((value - mean) / spread, -EDGE, EDGE), 0.0)
    design = np.column_stack([z, ~there[:, 1]])

    def loss(parameters: Float64) -> float:
        odds = design @ parameters[:4] + parameters[4]
        likelihood = weight @ (np.logaddexp(0, odds) - label * odds)
        return float(likelihood + (parameters[:4] @ parameters[:4]) / (2 * PRIOR_VARIANCE))

    best = minimize(loss, np.zeros(5), tol=1e-12).x
    assert np.array(fitted.slope) == pytest.approx(best[:3], abs=1e-3)
    assert fitted.gap == pytest.approx((0, best[3], 0), abs=1e-3)
    assert fitted.raw_score(matrix) == pytest.approx(design @ best[:4] + best[4], abs=1e-3)


def test_effects_are_zero_on_average_and_add_up() -> None:
    matrix, label = some_rows()
    fitted = fit_linear(matrix, label, None, [])
    effects = fitted.contributions(matrix)
    assert effects[:, :-1].mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert effects.sum(axis=1) == pytest.approx(fitted.raw_score(matrix), abs=1e-9)
    assert expit(fitted.raw_score(matrix)).mean() == pytest.approx(label.mean(), abs=1e-4)


def test_categorical_and_empty_and_constant_columns_say_nothing() -> None:
    matrix, label = some_rows()
    wide = np.column_stack([matrix, label, np.full(len(label), np.nan), np.full(len(label), 7.0)])
    fitted = fit_linear(wide.astype(np.float32), label, None, [3])
    alone = fit_linear(matrix, label, None, [])
    # A column that is missing everywhere is a second intercept, which only the penalty tells from the first.
    assert fitted.slope[3:] == pytest.approx((0, 0, 0), abs=1e-9)
    assert fitted.raw_score(wide.astype(np.float32)) == pytest.approx(alone.raw_score(matrix), abs=1e-3)
    assert fitted.contributions(wide.astype(np.float32))[:, 3:6] == pytest.approx(0, abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (3, 3), elements=st.floats(width=32, allow_infinity=False)))
def test_any_value_gets_a_bounded_score(rows: Float32) -> None:
    """However far a value lies outside, and wherever one is missing that never was, it counts for so much."""
    fitted = ANY_FIT
    most = EDGE * np.abs(fitted.slope).sum() + np.abs(fitted.gap).sum() + np.abs(fitted.usual).sum()
    assert (np.abs(fitted.raw_score(rows) - fitted.base) <= most + 1e-9).all()


def test_a_weighted_sample_is_fitted_like_all_rows() -> None:
    matrix, label = some_rows(20_000)
    whole = fit_linear(matrix, label, np.ones(len(label)), [])
    rows, weight = sample(label, None, 5_000, 0)
    part = fit_linear(matrix[rows], label[rows], weight, [])
    assert part.slope == pytest.approx(whole.slope, abs=0.15)
    assert expit(part.raw_score(matrix)).mean() == pytest.approx(label.mean(), abs=0.02)


def test_rare_lapses_are_all_fitted_and_the_level_is_right() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(60_000, 2)).astype(np.float32)
    label = (rng.random(60_000) < expit(-8 + matrix[:, 0])).astype(np.float64)
    assert 10 < label.sum() < 100
    whole = fit_linear(matrix, label, None, [])
    assert expit(whole.raw_score(matrix)).mean() == pytest.approx(label.mean(), rel=1e-4)

    def of_some(label: Float64) -> Linear:
        rows, weight = sample(label, None, 10_000, 0)
        return fit_linear(matrix[rows], label[rows], weight, [])

    part = of_some(label)
    assert expit(part.raw_score(matrix)).mean() == pytest.approx(label.mean(), rel=0.1)
    assert part.slope[0] == pytest.approx(whole.slope[0], abs=0.15)
    one = np.zeros(60_000)
    one[-1] = 1.0
    assert of_some(one).raw_score(matrix).max() < 0


def test_json_keeps_every_digit() -> None:
    matrix, label = some_rows(500)
    fitted = fit_linear(matrix, label, None, [])
    assert Linear.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


ANY_FIT = fit_linear(*some_rows(), None, [])
