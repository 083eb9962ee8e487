"""What each part of a tree adds to each feature, for every way in which a row can meet its conditions.

In: a LightGBM booster. Out: :class:`Trees`, all that :mod:`lapse.models.attributions` needs to attribute its
raw score to features.

A **part** is a subtree so small that everything a row can do to it fits in a few bits: a bit for each feature
on the way to it (are its conditions met?), and a bit for each node inside (left or right?). So all its leaves
share one table, with a column for each pattern of bits and a row for each feature; the table is made by
walking the part (:mod:`lapse.models.tree_walk`) once for every pattern. A tree is cut into the largest such
parts, from the root down. What is left is its **rest**: leaves with too many features on their way, and all
leaves of trees for whose tables there is no room. Rests are walked anew for each row, which takes longer and
no memory.

Refused (:class:`~lapse.models.tree_paths.Uncovered`): what :func:`~lapse.models.tree_paths.read_trees`
refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.models.tree_cuttings import Laid, lay_out, mark, prune
from lapse.models.tree_paths import Forest, Shape, Splits, UInt8, read_trees
from lapse.models.tree_walk import gauss_legendre, part_of, say, walk
from lapse.schema import Float64, Int32, Int64

WIDEST = 10
"""Most bits of a part: a row of its table has 2^WIDEST numbers at most, and stays in cache."""

MOST_NUMBERS = 1 << 25
"""Room for the tables of a booster, in numbers of 8 bytes."""


class Parts(NamedTuple):
    """The parts of all trees, tabulated.

    Offsets are of shape (number + 1,): ``bits`` by part, ``conditions`` by bit. A bit is 1 where all its
    conditions hold; ``node`` counts from the tree's first node, ``left`` is 1 where the row must go left
    there. Of each part ``n_features`` are asked for, named in ``feature`` from the part's first bit on: the
    rows of its table, which begins at ``table`` in ``tables``, row by row of 2^bits numbers.
    """

    bits: Int64
    conditions: Int64
    node: Int32
    left: UInt8
    n_features: Int64
    feature: Int32
    table: Int64
    tables: Float64


class Rests(NamedTuple):
    """What is walked of each tree.

    ``first`` is the offset of its nodes, of shape (n_trees + 1,); its leaves begin at ``first[t] + t``.
    ``node`` counts from the tree's first node; leaves that are in parts have a value of 0. ``points`` is the
    size of the rule that serves.
    """

    first: Int64
    node: Int32
    feature: Int32
    shape: Shape
    value: Float64
    points: Int64


@dataclass(frozen=True)
class Trees:
    """A booster, tabulated.

    Attributes
    ----------
    n_features, n_outputs : int
        Outputs are classes of a multiclass model, else one; tree t adds to output t modulo n_outputs.
    first_node, first_part : int64, shape (n_trees + 1,)
    splits : Splits
    parts : Parts
    rests : Rests
    base : float64, shape (n_outputs,)
        Mean raw score over the training rows.
    points, weights : float64, shape (most points + 1, most points)
        Row k is the Gauss-Legendre rule on [0, 1] with k points.
    """

    n_features: int
    n_outputs: int
    first_node: Int64
    first_part: Int64
    splits: Splits
    parts: Parts
    rests: Rests
    base: Float64
    points: Float64
    weights: Float64


def tabulate(booster: lgb.Booster) -> Trees:
    """Return a booster's trees as arrays and tables.

    Parameters
    ----------
    booster : lightgbm.Booster

    Returns
    -------
    Trees
        Its tables have at most :data:`MOST_NUMBERS` numbers; trees that come later are rests.

    Raises
    ------
    Uncovered
        If a leaf holds a linear model, or the booster's text is of a version unknown here.
    """
    forest = read_trees(booster)
    depths, n_trees = forest.depths, len(forest.first_node) - 1
    first_place = 2 * forest.first_node + np.arange(n_trees + 1)
    tree = np.repeat(np.arange(n_trees), np.diff(first_place))
    bits = depths.features.astype(np.int64) + depths.inner
    fits = (bits > 0) & (bits <= WIDEST)
    heads = np.flatnonzero(fits & ~((depths.parent >= 0) & fits[first_place[tree] + depths.parent]))
    room = np.bincount(tree[heads], bits[heads] << bits[heads], n_trees)
    has_room = np.cumsum(room) <= MOST_NUMBERS
    heads = heads[has_room[tree[heads]]]
    points, weights = _rules(int(depths.features.max(initial=1)))
    return Trees(
        n_features=forest.n_features,
        n_outputs=forest.n_outputs,
        first_node=forest.first_node,
        first_part=_offsets(np.bincount(tree[heads], minlength=n_trees)),
        splits=forest.splits,
        parts=_parts(forest, tree[heads], heads, points, weights),
        rests=_rests(forest, (bits > WIDEST) | ((bits > 0) & ~has_room[tree])),
        base=forest.base,
        points=points,
        weights=weights,
    )


def _rules(n_features: int) -> tuple[Float64, Float64]:
    """Return Gauss-Legendre rules for up to so many features on a path; row k has k points."""
    most = (n_features + 1) // 2
    points, weights = np.zeros((2, most + 1, most))
    for k in range(1, most + 1):
        points[k, :k], weights[k, :k] = gauss_legendre(2 * k)
    return points, weights


def _offsets(sizes: npt.ArrayLike) -> Int64:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _parts(forest: Forest, tree: Int64, place: Int64, points: Float64, weights: Float64) -> Parts:
    """Return the parts whose uppermost places are given, tabulated."""
    depths = forest.depths
    bits = _offsets(depths.features[place] + depths.inner[place])
    asked = _offsets(depths.steps[place] + depths.inner[place])
    node, first_place = forest.first_node[tree], 2 * forest.first_node[tree] + tree
    shape, value, laid = lay_out(
        node,
        forest.first_node[tree + 1] - node,
        first_place,
        place - first_place,
        bits,
        asked,
        forest.splits.feature,
        forest.shape,
        depths.parent,
        forest.value,
    )
    table = _offsets(laid.n_features << np.diff(bits))
    tables = np.zeros(table[-1])
    way = (np.arange(1 << WIDEST) >> np.arange(WIDEST)[:, None]).astype(np.uint8) & np.uint8(1)
    _fill(bits, laid, shape, value, table, way, points, weights, tables)
    return Parts(
        bits, laid.conditions, laid.node, laid.left, laid.n_features, laid.feature, table[:-1], tables
    )


@njit(cache=True, nogil=True)
def _fill(
    bits: Int64,
    laid: Laid,
    shape: Shape,
    value: Float64,
    table: Int64,
    way: UInt8,
    points: Float64,
    weights: Float64,
    tables: Float64,
) -> None:
    """Walk each part for every pattern of its bits; ``way`` says which bits a pattern has."""
    every_bit = np.arange(len(way)).astype(np.int32)
    for part in range(len(table) - 1):
        begin, end, n_features = bits[part], bits[part + 1], laid.n_features[part]
        small, rule = part_of(shape, begin, end), min((n_features + 1) // 2, len(points) - 1)
        state = np.empty((end - begin, 1 << (end - begin)), np.uint8)
        say(small, every_bit[: end - begin], way, state)
        walk(
            small,
            laid.slot[begin:end],
            value[begin + part : end + part + 1],
            state,
            points[rule, :rule],
            weights[rule, :rule],
            tables[table[part] : table[part + 1]].reshape(n_features, -1),
        )


def _rests(forest: Forest, is_rest: npt.NDArray[np.bool_]) -> Rests:
    """Return what leads to the places that are in no part."""
    is_walked = is_rest.copy()
    n_nodes, points = mark(forest.first_node, forest.shape, forest.depths, is_walked)
    first = _offsets(n_nodes)
    node, shape, value = prune(forest.first_node, forest.shape, is_walked, forest.value, first)
    feature = forest.splits.feature[node + np.repeat(forest.first_node[:-1], n_nodes)]
    return Rests(first, node, feature, shape, value, points)
