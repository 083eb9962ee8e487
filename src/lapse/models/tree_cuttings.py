"""Smaller trees cut out of trees: parts, as they are tabulated, and what is left when these are gone.

In: trees as flat arrays (:mod:`lapse.models.tree_paths`), the places where parts begin, the leaves that are
in none. Out: the shapes and leaf values of the smaller trees, as :func:`lapse.models.tree_walk.walk` takes
them. What a part and a rest are is told in :mod:`lapse.models.tree_tables`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lapse.models.tree_paths import Depths, Shape, UInt8
from lapse.models.tree_walk import new_shape, part_of
from lapse.schema import Float64, Int32, Int64


class Laid(NamedTuple):
    """What of :class:`Parts` is known before the tables; ``slot`` is each bit's place among the features."""

    conditions: Int64
    node: Int32
    left: UInt8
    n_features: Int64
    feature: Int32
    slot: Int32


@njit(cache=True, nogil=True)
def lay_out(
    first_node: Int64,
    n_nodes: Int64,
    first_place: Int64,
    top: Int64,
    bits: Int64,
    asked: Int64,
    feature: Int32,
    shape: Shape,
    parent: Int32,
    value: Float64,
) -> tuple[Shape, Float64, Laid]:
    """Lay parts out as small trees, a node a bit, which goes left where the bit is 1.

    The features on the way to a part come first, a node each for all conditions on it, with a leaf of value 0
    on its right; then come the nodes of the part.

    Parameters
    ----------
    first_node, n_nodes, first_place, top : int64, shape (n_parts,)
        Of the tree that each part is cut from: its first node and place among those of all trees, how many
        nodes it has; and the part's uppermost place in it.
    bits, asked : int64, shape (n_parts + 1,)
        Offsets of the parts' bits and conditions.
    feature, shape, parent, value
        Of all trees, as in :class:`~lapse.models.tree_paths.Forest`.

    Returns
    -------
    Shape
        Of all parts, from ``bits`` on.
    float64, shape (n_bits + n_parts,)
        Values of their leaves, which begin one later a part.
    Laid
    """
    n_parts, n_bits = len(top), bits[-1]
    small, values = new_shape(n_bits), np.zeros(n_bits + n_parts)
    laid = Laid(
        np.zeros(n_bits + 1, np.int64),
        np.empty(asked[-1], np.int32),
        np.empty(asked[-1], np.uint8),
        np.zeros(n_parts, np.int64),
        np.empty(n_bits, np.int32),
        np.empty(n_bits, np.int32),
    )
    for part in range(n_parts):
        node, end = first_node[part], first_node[part] + n_nodes[part]
        begin, first_leaf = bits[part], first_place[part] - first_node[part]
        tree, asks = part_of(shape, node, end), feature[node:end]
        above = parent[first_place[part] : first_place[part] + 2 * n_nodes[part] + 1]
        own, into = part_of(small, begin, bits[part + 1]), values[begin + part : bits[part + 1] + part + 1]
        n_before = _lay_way(laid, part, begin, asked[part], top[part], tree, asks, above, own)
        leaves = value[first_leaf : first_leaf + n_nodes[part] + 1]
        _lay_inside(laid, part, begin, n_before, top[part], tree, asks, above, leaves, own, into)
    return small, values, laid


@njit(cache=True, nogil=True)
def _lay_way(
    laid: Laid,
    part: int,
    begin: int,
    first_asked: int,
    top: int,
    tree: Shape,
    feature: Int32,
    parent: Int32,
    own: Shape,
) -> int:
    """Lay the features on the way to a part, each with all its conditions, and return how many."""
    bit_of = np.empty(len(feature), np.int64)
    here, up = top, parent[top]
    while up >= 0:
        bit = bit_of[up] = _slot(laid, part, begin, feature[up])
        own.left_share[bit] *= tree.left_share[up] if tree.left[up] == here else tree.right_share[up]
        here, up = up, parent[up]
    n_before, at = int(laid.n_features[part]), first_asked
    for bit in range(n_before):
        laid.slot[begin + bit] = bit
        own.left[bit], own.right[bit] = bit + 1, len(own.left) + bit  # a leaf of value 0
        here, up = top, parent[top]
        while up >= 0:
            if bit_of[up] == bit:
                laid.node[at], laid.left[at] = up, tree.left[up] == here
                at += 1
            here, up = up, parent[up]
        laid.conditions[begin + bit + 1] = at
    if top >= len(feature):
        own.left[n_before - 1] = len(own.left) + n_before
    return n_before


@njit(cache=True, nogil=True)
def _lay_inside(
    laid: Laid,
    part: int,
    begin: int,
    n_before: int,
    top: int,
    tree: Shape,
    feature: Int32,
    parent: Int32,
    leaves: Float64,
    own: Shape,
    value: Float64,
) -> None:
    """Lay the nodes and leaves of a part behind the features on its way."""
    k, bit, leaf = len(feature), n_before, n_before
    if top >= k:
        value[leaf] = leaves[top - k]
    bit_of = np.full(k, -1, np.int64)
    for node in range(top, k):
        if node == top or (parent[node] >= 0 and bit_of[parent[node]] >= 0):
            bit_of[node] = bit
            bit += 1
    for node in range(top, k):
        bit = bit_of[node]
        if bit < 0:
            continue
        at = laid.conditions[begin + bit]
        laid.node[at], laid.left[at], laid.conditions[begin + bit + 1] = node, True, at + 1
        laid.slot[begin + bit] = _slot(laid, part, begin, feature[node])
        leaf = _copy(tree, leaves, node, bit_of, own, value, leaf)
        above = tree.above[node]
        if above >= 0 and bit_of[above] < 0:  # on the way
            own.above[bit], own.above_left[bit] = laid.slot[begin + bit], True


@njit(cache=True, nogil=True)
def _copy(
    tree: Shape, leaves: Float64, node: int, number: Int64, own: Shape, value: Float64, leaf: int
) -> int:
    """Copy a node into a smaller tree, whose next leaf is given; return which is the next one then."""
    k, size, at = len(number), len(own.left), number[node]
    for is_left in (True, False):
        child = tree.left[node] if is_left else tree.right[node]
        if child < k and number[child] >= 0:
            place = number[child]
        else:
            place = size + leaf
            value[leaf] = leaves[child - k] if child >= k else 0.0
            leaf += 1
        if is_left:
            own.left[at], own.left_share[at] = place, tree.left_share[node]
        else:
            own.right[at], own.right_share[at] = place, tree.right_share[node]
    above = tree.above[node]
    own.above[at] = number[above] if above >= 0 else -1
    own.above_left[at], own.kept[at] = tree.above_left[node], tree.kept[node]
    return leaf


@njit(cache=True, nogil=True)
def _slot(laid: Laid, part: int, begin: int, feature: int) -> int:
    """Return the place of a feature among those of a part, a new one where it has none yet."""
    for slot in range(laid.n_features[part]):
        if laid.feature[begin + slot] == feature:
            return slot
    laid.feature[begin + laid.n_features[part]] = feature
    laid.n_features[part] += 1
    return int(laid.n_features[part]) - 1


@njit(cache=True, nogil=True)
def mark(first_node: Int64, shape: Shape, depths: Depths, is_walked: UInt8) -> tuple[Int64, Int64]:
    """Leave of all places the leaves to be walked and the nodes on their way; return for each tree how many
    nodes these are, and the points of the rule that serves.
    """
    n_trees = len(first_node) - 1
    n_nodes, points = np.zeros((2, n_trees), np.int64)
    for tree in range(n_trees):
        node, place, k = (
            first_node[tree],
            2 * first_node[tree] + tree,
            first_node[tree + 1] - first_node[tree],
        )
        for leaf in range(place + k, place + 2 * k + 1):
            if is_walked[leaf]:
                points[tree] = max(points[tree], (depths.features[leaf] + 1) // 2)
        for i in range(k - 1, -1, -1):
            below = is_walked[place + shape.left[node + i]] or is_walked[place + shape.right[node + i]]
            is_walked[place + i] = below
            n_nodes[tree] += below
    return n_nodes, points


@njit(cache=True, nogil=True)
def prune(
    first_node: Int64, shape: Shape, is_walked: UInt8, value: Float64, first: Int64
) -> tuple[Int32, Shape, Float64]:
    """Cut off what is not marked.

    Parameters
    ----------
    first_node, shape, value
        Of all trees, as in :class:`~lapse.models.tree_paths.Forest`.
    is_walked : bool, shape (n_places,)
        What :func:`mark` left.
    first : int64, shape (n_trees + 1,)
        Offsets of the marked nodes.

    Returns
    -------
    int32, shape (n_marked,)
        Each marked node, from its tree's first on.
    Shape
    float64, shape (n_marked + n_trees,)
        Values of the leaves, which begin one later a tree: 0 where something was cut off.
    """
    n_trees = len(first_node) - 1
    node_of, pruned, values = (
        np.empty(first[-1], np.int32),
        new_shape(first[-1]),
        np.zeros(first[-1] + n_trees),
    )
    for tree in range(n_trees):
        node, leaf = first_node[tree], first_node[tree] + tree
        begin, end, k = first[tree], first[tree + 1], first_node[tree + 1] - first_node[tree]
        number, at = np.full(k, -1, np.int64), 0
        for i in range(k):
            if is_walked[node + leaf + i]:
                number[i], node_of[begin + at] = at, i
                at += 1
        whole, own = part_of(shape, node, first_node[tree + 1]), part_of(pruned, begin, end)
        leaves = value[leaf : leaf + k + 1] * is_walked[node + leaf + k : node + leaf + 2 * k + 1]
        at = 0
        for i in node_of[begin:end]:
            at = _copy(whole, leaves, i, number, own, values[begin + tree : end + tree + 1], at)
    return node_of, pruned, values
