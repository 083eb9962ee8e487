"""The trees of a LightGBM booster as flat arrays: how each node splits, and how the paths lie.

In: a booster. Out: :class:`Forest`. The arrays come from the booster's text, which lapse keeps its models in
too; walking LightGBM's nested dump in Python takes ten times as long. Refused (:class:`Uncovered`): linear
trees, and a text of another version than 4.

The **places** of a tree of k inner nodes are numbered as LightGBM does: node i is place i, leaf j is place
k + j, and a node comes after the node above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.schema import Float32, Float64, Int32, Int64

UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]

_VERSION = "v4"
_CATEGORICAL, _DEFAULT_LEFT, _ZERO, _NAN = 1, 2, 4, 8
"""Bits of a node's ``decision_type``: by set or by threshold, where missing goes, and what is missing."""


class Uncovered(ValueError):  # noqa: N818 - it says what the trees are
    """Trees that cannot be read here."""


class Splits(NamedTuple):
    """How the inner nodes of all trees split.

    A number goes left up to ``threshold``, the largest float32 that LightGBM's own does not exceed;
    ``nan_left`` says where no number goes, and where zeros go with it if ``zero_missing``. A category goes
    left if its bit is set, 32 a word from ``first_word`` on; ``n_words`` is -1 for a numeric node.
    """

    feature: Int32
    threshold: Float32
    nan_left: UInt8
    zero_missing: UInt8
    first_word: Int64
    n_words: Int32
    words: UInt32


class Shape(NamedTuple):
    """How inner nodes hang together; an entry each.

    ``left`` and ``right`` are places, with the share of the node's training rows that goes to each. ``above``
    is the nearest node further up that asks for the same feature (-1: none), ``above_left`` whether the way
    here goes left there, and ``kept`` the share of the rows that meet all conditions on that feature so far.
    """

    left: Int32
    right: Int32
    left_share: Float64
    right_share: Float64
    above: Int32
    above_left: UInt8
    kept: Float64


class Depths(NamedTuple):
    """Of each place: the node above it (-1: none), how many nodes and how many features lie on its path, and
    how many inner nodes stand at it and below.
    """

    parent: Int32
    steps: Int32
    features: Int32
    inner: Int32


@dataclass(frozen=True)
class Forest:
    """The trees of a booster; tree t adds to output t modulo ``n_outputs``.

    Attributes
    ----------
    n_features, n_outputs : int
    first_node : int64, shape (n_trees + 1,)
        Of a tree's inner nodes; its leaves begin at ``first_node[t] + t``, its places at both together.
    splits : Splits
    shape : Shape
    depths : Depths
    value : float64, shape (n_leaves,)
        What each leaf adds to the raw score.
    base : float64, shape (n_outputs,)
        Mean raw score over the training rows.
    """

    n_features: int
    n_outputs: int
    first_node: Int64
    splits: Splits
    shape: Shape
    depths: Depths
    value: Float64
    base: Float64


def read_trees(booster: lgb.Booster) -> Forest:
    """Return the trees of a booster.

    Parameters
    ----------
    booster : lightgbm.Booster

    Returns
    -------
    Forest

    Raises
    ------
    Uncovered
        If a leaf holds a linear model, or the booster's text is of a version unknown here.
    """
    head, *texts = booster.model_to_string().split("\n\nend of trees")[0].split("\nTree=")
    facts, trees = _lines(head), [_lines(text) for text in texts]
    if facts["version"] != _VERSION:
        raise Uncovered(f"trees written in version {_VERSION}, not {facts['version']}")
    if any(tree["is_linear"] != "0" for tree in trees):
        raise Uncovered("trees with constant leaves, not linear ones")
    n_nodes = [int(tree["num_leaves"]) - 1 for tree in trees]
    first_node = np.concatenate([[0], np.cumsum(n_nodes)]).astype(np.int64)
    n_features, n_outputs = int(facts["max_feature_idx"]) + 1, int(facts["num_tree_per_iteration"])
    splits = _splits(trees)
    value = _numbers(trees, "leaf_value", np.float64)
    # a tree of one leaf has no counts
    of_leaf = [tree.get("leaf_count", "1") or "1" for tree in trees]
    shape, depths, mean = _hang(
        first_node,
        splits.feature,
        _numbers(trees, "left_child", np.int32),
        _numbers(trees, "right_child", np.int32),
        _numbers(trees, "internal_count", np.float64),
        np.array(" ".join(of_leaf).split(), np.float64),
        value,
    )
    base = np.array([mean[output::n_outputs].sum() for output in range(n_outputs)])
    return Forest(n_features, n_outputs, first_node, splits, shape, depths, value, base)


def _lines(text: str) -> dict[str, str]:
    """Return the lines "key=value" of a text by key."""
    return {key: value for key, _, value in (line.partition("=") for line in text.split("\n"))}


def _numbers(trees: Sequence[dict[str, str]], key: str, dtype: Any) -> npt.NDArray[Any]:
    return np.array(" ".join(tree.get(key, "") for tree in trees).split(), dtype)


def _splits(trees: Sequence[dict[str, str]]) -> Splits:
    kind = _numbers(trees, "decision_type", np.int32)
    threshold = _numbers(trees, "threshold", np.float64)
    is_set = kind & _CATEGORICAL > 0
    words = _numbers(trees, "cat_threshold", np.uint32)
    bounds = [np.array(tree.get("cat_boundaries", "0").split(), np.int64) for tree in trees]
    sizes = np.concatenate([np.zeros(0, np.int64), *(np.diff(bound) for bound in bounds)])
    n_words, first_word = np.full(len(kind), -1, np.int32), np.zeros(len(kind), np.int64)
    # the sets of a tree stand in the order of the number that is its node's threshold
    of_tree = np.repeat(np.arange(len(trees)), [int(tree["num_leaves"]) - 1 for tree in trees])
    before = np.cumsum([0, *(len(bound) - 1 for bound in bounds)])
    number = before[of_tree[is_set]] + threshold[is_set].astype(np.int64)
    n_words[is_set] = sizes[number]
    first_word[is_set] = (np.cumsum(sizes) - sizes)[number]
    default_left = kind & _DEFAULT_LEFT > 0
    # where nothing is missing, LightGBM takes no number for 0
    nan_left = np.where(kind & (_NAN | _ZERO) > 0, default_left, threshold >= 0)
    return Splits(
        feature=_numbers(trees, "split_feature", np.int32),
        threshold=_not_above(np.where(is_set, 0.0, threshold)),
        nan_left=nan_left.astype(np.uint8),
        zero_missing=(kind & _ZERO > 0).astype(np.uint8),
        first_word=first_word,
        n_words=n_words,
        words=words,
    )


def _not_above(threshold: Float64) -> Float32:
    """Return the largest float32 that is not above: ``x <= it`` is the same for every float32 x."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


@njit(cache=True, nogil=True)
def _hang(
    first_node: Int64,
    feature: Int32,
    left_child: Int32,
    right_child: Int32,
    node_count: Float64,
    leaf_count: Float64,
    value: Float64,
) -> tuple[Shape, Depths, Float64]:
    """Return shape and depths of all trees, and the mean of each."""
    n_trees, n_nodes = len(first_node) - 1, len(feature)
    n_places = 2 * n_nodes + n_trees
    shape = Shape(
        np.empty(n_nodes, np.int32),
        np.empty(n_nodes, np.int32),
        np.empty(n_nodes),
        np.empty(n_nodes),
        np.full(n_nodes, -1, np.int32),
        np.zeros(n_nodes, np.uint8),
        np.ones(n_nodes),
    )
    depths = Depths(
        np.full(n_places, -1, np.int32),
        np.zeros(n_places, np.int32),
        np.zeros(n_places, np.int32),
        np.zeros(n_places, np.int32),
    )
    mean = np.zeros(n_trees)
    for tree in range(n_trees):
        node, leaf = first_node[tree], first_node[tree] + tree
        place, size = node + leaf, first_node[tree + 1] - node
        share = np.ones(2 * size + 1)
        for i in range(size):
            _look_up_the_path(shape, depths.parent[place:], feature, node, i)
            further = np.int32(shape.above[node + i] < 0)
            for is_left in (True, False):
                child = left_child[node + i] if is_left else right_child[node + i]
                count = node_count[node + child] if child >= 0 else leaf_count[leaf + ~child]
                below = child if child >= 0 else size + ~child
                part = count / node_count[node + i]
                if is_left:
                    shape.left[node + i], shape.left_share[node + i] = below, part
                else:
                    shape.right[node + i], shape.right_share[node + i] = below, part
                depths.parent[place + below] = i
                depths.steps[place + below] = depths.steps[place + i] + 1
                depths.features[place + below] = depths.features[place + i] + further
                share[below] = share[i] * part
        for i in range(size - 1, -1, -1):
            left, right = shape.left[node + i], shape.right[node + i]
            depths.inner[place + i] = 1 + depths.inner[place + left] + depths.inner[place + right]
        for j in range(size + 1):
            mean[tree] += share[size + j] * value[leaf + j]
    return shape, depths, mean


@njit(cache=True, nogil=True)
def _look_up_the_path(shape: Shape, parent: Int32, feature: Int32, node: int, i: int) -> None:
    """Write the nearest node above node i on the same feature, and what is kept of all rows by then."""
    here, up = i, parent[i]
    while up >= 0 and feature[node + up] != feature[node + i]:
        here, up = up, parent[up]
    if up >= 0:
        left = shape.left[node + up] == here
        share = shape.left_share[node + up] if left else shape.right_share[node + up]
        shape.above[node + i], shape.above_left[node + i] = up, left
        shape.kept[node + i] = shape.kept[node + up] * share
