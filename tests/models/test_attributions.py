"""Attributions by tables are LightGBM's own, on every kind of tree that it can grow."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models import tree_tables
from lapse.models.attributions import ROWS_A_BLOCK, attribute
from lapse.models.tree_tables import shapley, tabulate
from lapse.schema import Float32, Float64


def some_rows(n: int, seed: int) -> tuple[Float32, Float64]:
    """Numbers with gaps and zeros, a category of 40 values with gaps, counts."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 8))
    matrix[rng.random(matrix.shape) < 0.15] = np.nan
    matrix[rng.random(matrix.shape) < 0.10] = 0.0
    matrix[:, 3] = rng.integers(0, 40, n)
    matrix[::9, 3] = np.nan
    matrix[:, 4] = rng.poisson(2, n)
    known = np.nan_to_num(matrix)
    risk = known[:, 0] + known[:, 1] * known[:, 2] + (known[:, 3] % 3 == 1) - 0.3 * known[:, 4]
    return matrix.astype(np.float32), risk + rng.normal(size=n)


def grown(matrix: Float32, target: Float64, **parameters: Any) -> lgb.Booster:
    fixed = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 5}
    asked = {**fixed, **parameters}
    weight = asked.pop("weight", None)
    data = lgb.Dataset(matrix, target, weight=weight, categorical_feature=[3], params=asked)
    return lgb.train(asked, data, asked.pop("rounds", 12))


CASES: dict[str, dict[str, Any]] = {
    "small trees": {"objective": "regression", "num_leaves": 7},
    "two leaves": {"objective": "binary", "num_leaves": 2},
    "one leaf": {"objective": "binary", "min_data_in_leaf": 100_000},
    "deep and narrow": {"objective": "regression", "num_leaves": 120, "min_data_in_leaf": 1, "rounds": 4},
    "random thresholds": {"objective": "binary", "extra_trees": True, "num_leaves": 15},
    "zero is missing": {"objective": "binary", "zero_as_missing": True, "num_leaves": 15},
    "nothing is missing": {"objective": "binary", "use_missing": False, "num_leaves": 15},
    "one category at a time": {"objective": "binary", "max_cat_to_onehot": 64, "num_leaves": 15},
    "log of a mean": {"objective": "poisson", "num_leaves": 15},
    "three classes": {"objective": "multiclass", "num_class": 3, "num_leaves": 7},
    "weights": {"objective": "binary", "num_leaves": 15, "weight": True},
    "bagging": {"objective": "binary", "num_leaves": 15, "bagging_fraction": 0.5, "bagging_freq": 1},
    "dropped trees": {"objective": "binary", "boosting": "dart", "num_leaves": 15},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("widest", [10, 4, 2, 0], ids=["tables", "small tables", "small parts", "integrals"])
def test_they_are_lightgbms_own(name: str, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 1e-9, also where hardly a leaf has a table, on rows of other gaps and categories than at fit."""
    monkeypatch.setattr(tree_tables, "WIDEST", widest)
    matrix, risk = some_rows(2_000, 0)
    settings_of = dict(CASES[name])
    targets = {"multiclass": np.digitize(risk, [-0.5, 0.8]), "poisson": np.exp(risk / 3), "regression": risk}
    target = targets.get(settings_of["objective"], risk > 0.5)
    if settings_of.get("weight"):
        settings_of["weight"] = np.random.default_rng(2).uniform(0.1, 3, len(matrix))
    booster = grown(matrix, np.asarray(target, np.float64), **settings_of)
    others, _ = some_rows(ROWS_A_BLOCK + 37, 1)
    others[:20, 3] = [-1, 40, 41, 64, 1e9, -0.0, 0.7, 39.5, np.nan, 3, *range(10)]
    others[20:30, 0] = 1e-36
    expected = booster.predict(others, pred_contrib=True)
    found = attribute(tabulate(booster), others, 1)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_threads_and_blocks_change_nothing() -> None:
    matrix, risk = some_rows(3 * ROWS_A_BLOCK + 1, 0)
    trees = tabulate(grown(matrix, risk, objective="regression"))
    whole = attribute(trees, matrix, 1)
    np.testing.assert_array_equal(whole, attribute(trees, matrix, 4))
    np.testing.assert_array_equal(whole[700:701], attribute(trees, matrix[700:701], 0))
    assert attribute(trees, matrix[:0], 1).shape == (0, 9)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-3, 3, allow_nan=False),
    st.lists(st.floats(0, 1), min_size=1, max_size=6),
)
def test_a_table_is_the_shapley_values_of_the_game(value: float, shares: list[float]) -> None:
    """Against the definition: a mean over all coalitions of what a player adds."""
    m = len(shares)
    share = np.array(shares)
    table = shapley(value, share, np.arange(2**m), *tree_tables.gauss_legendre(m))
    for pattern in range(2**m):
        met = [(pattern >> slot) & 1 for slot in range(m)]
        for slot in range(m):
            others = [one for one in range(m) if one != slot]
            total = 0.0
            for size in range(m):
                for inside in combinations(others, size):
                    worth = value * np.prod([met[j] if j in inside else share[j] for j in others])
                    total += factorial(size) * factorial(m - size - 1) / factorial(m) * worth
            expected = total * (met[slot] - share[slot])
            assert table[slot, pattern] == pytest.approx(expected, abs=1e-12)


def test_what_is_not_covered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, risk = some_rows(500, 0)
    numeric = np.nan_to_num(np.delete(matrix, 3, axis=1))
    parameters = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    linear = lgb.train(parameters, lgb.Dataset(numeric, risk, params=parameters), 3)
    with pytest.raises(ValueError, match="constant leaves"):
        tabulate(linear)
    monkeypatch.setattr(tree_tables, "LONGEST_PATH", 2)
    with pytest.raises(ValueError, match="at most 2 features"):
        tabulate(grown(matrix, risk, objective="regression", num_leaves=15))
