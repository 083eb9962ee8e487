"""Attributions by tables are LightGBM's own, on every kind of tree that it can grow."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models import boosting, tree_paths, tree_tables
from lapse.models.attributions import ROWS_A_BLOCK, attribute
from lapse.models.tree_paths import Shape, Uncovered
from lapse.models.tree_tables import tabulate
from lapse.models.tree_walk import gauss_legendre, new_shape, say, walk
from lapse.schema import Float32, Float64


def some_rows(n: int, seed: int) -> tuple[Float32, Float64]:
    """Numbers with gaps and zeros that mean something, a category of 40 values with gaps, counts."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 8))
    matrix[rng.random(matrix.shape) < 0.15] = np.nan
    matrix[rng.random(matrix.shape) < 0.10] = 0.0
    matrix[:, 3] = rng.integers(0, 40, n)
    matrix[::9, 3] = np.nan
    matrix[:, 4] = rng.poisson(2, n)
    known = np.nan_to_num(matrix)
    risk = known[:, 0] + known[:, 1] * known[:, 2] + (known[:, 3] % 3 == 1) - 0.3 * known[:, 4]
    risk += 2.0 * (known[:, 0] == 0) - 2.0 * (matrix[:, 5] == 0) + np.isnan(matrix[:, 6])
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
    "random forest": {
        "objective": "binary",
        "boosting": "rf",
        "num_leaves": 15,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
    },
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


def chain(shares: list[float]) -> Shape:
    """Features one after the other: a row goes left all the way, or it fails; the first leaf is the end."""
    m = len(shares)
    shape = new_shape(m)
    shape.left[:], shape.right[:] = np.arange(1, m + 1), np.arange(m + 1, 2 * m + 1)
    shape.left_share[:] = shares
    return shape


def test_neighbouring_numbers_part_where_lightgbm_parts_them() -> None:
    """Thresholds lie between two float32 numbers, and some are as near to the upper one."""
    values = [np.float32(1.0)]
    for _ in range(7):
        values.append(np.nextafter(values[-1], np.float32(2)))
    matrix = np.tile(np.array(values, np.float32), 50)[:, None]
    target = np.tile([0.0, 3.0, 1.0, 7.0, 2.0, 5.0, 4.0, 9.0], 50)
    parameters = {"objective": "regression", "num_leaves": 8, "min_data_in_leaf": 1, "verbosity": -1}
    booster = lgb.train(parameters, lgb.Dataset(matrix, target, params=parameters), 20)
    expected = booster.predict(matrix[:8], pred_contrib=True)
    assert len(np.unique(expected[:, 0])) == 8
    np.testing.assert_allclose(attribute(tabulate(booster), matrix[:8], 1), expected, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.floats(-3, 3, allow_nan=False), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_a_walk_is_the_shapley_values_of_the_game(worth_of_all: float, share: list[float]) -> None:
    """Against the definition: a mean over all coalitions of what a player adds."""
    m, n = len(share), 2 ** len(share)
    shape, value = chain(share), np.zeros(m + 1)
    value[0] = worth_of_all
    met = np.array([[pattern >> bit & 1 for pattern in range(n)] for bit in range(m)], np.uint8)
    slots, found = np.arange(m, dtype=np.int32), np.zeros((m, n))
    state = np.empty_like(met)
    say(shape, slots, met, state)
    walk(shape, slots, value, state, *gauss_legendre(m), found)
    for pattern in range(n):
        for slot in range(m):
            others = [one for one in range(m) if one != slot]
            total = 0.0
            for size in range(m):
                for inside in combinations(others, size):
                    worth = value[0] * np.prod([met[j, pattern] if j in inside else share[j] for j in others])
                    total += factorial(size) * factorial(m - size - 1) / factorial(m) * worth
            expected = total * (met[slot, pattern] - share[slot])
            assert found[slot, pattern] == pytest.approx(expected, abs=1e-12)


@st.composite
def ways_to_grow(draw: st.DrawFn) -> dict[str, Any]:
    """Parameters of LightGBM that change what trees look like or how they split."""
    objective = draw(st.sampled_from(["regression", "binary", "multiclass"]))
    return {
        "objective": objective,
        "num_class": draw(st.integers(3, 4)) if objective == "multiclass" else 1,
        "num_leaves": draw(st.sampled_from([2, 3, 7, 31, 255])),
        "max_depth": draw(st.sampled_from([-1, -1, 3])),
        "min_data_in_leaf": draw(st.sampled_from([1, 5, 40])),
        "min_sum_hessian_in_leaf": 0.0,
        "extra_trees": draw(st.booleans()),
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4, 64])),
        "feature_fraction": draw(st.sampled_from([0.4, 1.0])),
        "boosting": draw(st.sampled_from(["gbdt", "dart"])),
        "rounds": draw(st.integers(1, 5)),
        "seed": draw(st.integers(0, 999)),
    }


@settings(deadline=None, max_examples=40)
@given(ways_to_grow(), st.integers(0, 99), st.integers(0, 10), st.sampled_from([0, 3_000, 1 << 25]))
def test_any_model_is_attributed_as_by_lightgbm(
    way: dict[str, Any], seed: int, widest: int, most_numbers: int
) -> None:
    """Random data and trees; parts of any width, also where the room for tables ends among the trees."""
    matrix, risk = some_rows(400, seed)
    targets = {"multiclass": np.digitize(risk, [-1, 0.5, 1.5][: way["num_class"] - 1]), "regression": risk}
    booster = grown(matrix, np.asarray(targets.get(way["objective"], risk > 0.5), np.float64), **way)
    others, _ = some_rows(100, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_tables, "WIDEST", widest)
        patch.setattr(tree_tables, "MOST_NUMBERS", most_numbers)
        trees = tabulate(booster)
    assert trees.parts.tables.size <= most_numbers
    found, width = attribute(trees, others, 1), others.shape[1] + 1
    np.testing.assert_allclose(found, booster.predict(others, pred_contrib=True), atol=1e-9)
    raw = booster.predict(others, raw_score=True).reshape(len(others), -1)
    np.testing.assert_allclose(found.reshape(len(others), -1, width).sum(axis=2), raw, atol=1e-6)


def test_deep_trees_are_walked_in_bounded_memory() -> None:
    """Trees of 255 leaves like chains, as an unregularised fit grows them."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4_000, 30)).astype(np.float32)
    chained = np.where((hit := matrix > 1.2).any(axis=1), hit.argmax(axis=1), 30) + rng.normal(size=4_000)
    parameters = {"objective": "regression", "num_leaves": 255, "max_depth": -1, "min_data_in_leaf": 1}
    parameters |= {"verbosity": -1, "num_threads": 1}
    booster = lgb.train(parameters, lgb.Dataset(matrix, chained, params=parameters), 5)
    trees = tabulate(booster)
    assert len(trees.points) > 8  # paths of more than 16 features
    assert len(trees.rests.node) > 100
    assert trees.parts.tables.nbytes < 16 << 20
    expected = booster.predict(matrix[:300], pred_contrib=True)
    np.testing.assert_allclose(attribute(trees, matrix[:300], 1), expected, atol=1e-7)


def test_a_chain_of_eighty_features_is_exact() -> None:
    """Against rational numbers; no pattern of so many conditions has a table."""
    rng = np.random.default_rng(0)
    m = 80
    shape = chain([int(share) / 64 for share in rng.integers(1, 64, m)])
    value = np.zeros(m + 1)
    value[0] = 2.0
    met, found, slots = (
        (rng.random((m, 3)) < 0.8).astype(np.uint8),
        np.zeros((m, 3)),
        np.arange(m, dtype=np.int32),
    )
    state = np.empty_like(met)
    say(shape, slots, met, state)
    walk(shape, slots, value, state, *gauss_legendre(m), found)
    for row in range(3):
        factors = [
            (Fraction(r), int(o) - Fraction(r)) for o, r in zip(met[:, row], shape.left_share, strict=True)
        ]
        for slot in (0, 41, 79):
            product = [Fraction(2)]  # coefficients of t^0, t^1, ...
            for r, slope in factors[:slot] + factors[slot + 1 :]:
                product = [r * a + slope * b for a, b in zip([*product, 0], [0, *product], strict=True)]
            exact = factors[slot][1] * sum(c / (k + 1) for k, c in enumerate(product))
            assert found[slot, row] == pytest.approx(float(exact), rel=1e-10)


def test_paths_of_eighty_features_add_up() -> None:
    """Where the sums of pred_contrib are off by thousands."""
    rng = np.random.default_rng(0)
    matrix = (rng.random((6_000, 80)) < 0.06).astype(np.float32)
    first = np.where(matrix.any(axis=1), matrix.argmax(axis=1), 80).astype(np.float64)
    parameters = {"objective": "regression", "num_leaves": 255, "min_data_in_leaf": 1, "verbosity": -1}
    booster = lgb.train(parameters, lgb.Dataset(matrix, first, params=parameters), 2)
    trees = tabulate(booster)
    assert len(trees.points) > 32  # rules for paths of more than 62 features
    found, raw = attribute(trees, matrix[:200], 1), booster.predict(matrix[:200], raw_score=True)
    np.testing.assert_allclose(found.sum(axis=1), raw, atol=1e-10)


def test_linear_trees_are_refused() -> None:
    matrix, risk = some_rows(500, 0)
    numeric = np.nan_to_num(np.delete(matrix, 3, axis=1))
    parameters = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    linear = lgb.train(parameters, lgb.Dataset(numeric, risk, params=parameters), 3)
    with pytest.raises(Uncovered, match="constant leaves"):
        tabulate(linear)


def test_what_cannot_be_read_goes_to_lightgbm_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, risk = some_rows(300, 0)
    boosters = [grown(matrix, risk, objective="regression", num_leaves=7) for _ in range(2)]
    quick = boosting.explained(boosters, boosting.tables(boosters), matrix, 1)[0]
    monkeypatch.setattr(tree_paths, "_VERSION", "v5")
    with pytest.warns(boosting.SlowAttributions, match=r"pred_contrib.* version v5, not v4"):
        trees = boosting.tables(boosters)
    assert trees == [None, None]
    slow = boosting.explained(boosters, trees, matrix, 1)[0]
    np.testing.assert_allclose(slow, quick, atol=1e-9)
    assert boosting.explained(boosters, trees, matrix[:0], 1)[0].shape == (0, 9)
