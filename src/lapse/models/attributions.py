"""Exact attributions of a tree model's raw score to its features, for many rows at once.

In: tabulated trees (:mod:`lapse.models.tree_tables`) and a float32 matrix. Out: what each feature adds, and
the base value. Tree by tree over a block of rows that stays in cache: first which way each node sends every
row, then for each part of the tree the pattern of conditions met, which finds the column of its table.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from lapse.models.tree_paths import NAN, ZERO, Nodes, UInt8
from lapse.models.tree_tables import Parts, Trees, shapley
from lapse.schema import Float32, Float64, Int64

ROWS_A_BLOCK = 2_048
"""Rows that are worked on together."""

_NEARLY_ZERO = 1e-35


def attribute(trees: Trees, matrix: Float32, num_threads: int) -> Float64:
    """Return what each feature adds to the raw score.

    Parameters
    ----------
    trees : Trees
    matrix : float32, shape (n, n_features)
    num_threads : int
        0 or less for one a core. The result does not depend on it.

    Returns
    -------
    float64, shape (n, n_outputs * (n_features + 1))
        As LightGBM's ``pred_contrib``: for each output the features in order, then the base value.
    """
    n, width = len(matrix), trees.n_features + 1
    out = np.empty((n, trees.n_outputs * width))

    def work(begin: int) -> None:
        rows = slice(begin, begin + ROWS_A_BLOCK)
        block = np.ascontiguousarray(matrix[rows].T)
        added = np.zeros((trees.n_outputs, width, block.shape[1]))
        added[:, -1, :] = trees.base[:, None]
        _add_block(
            block,
            trees.first_node,
            trees.first_part,
            trees.nodes,
            trees.parts,
            trees.points,
            trees.weights,
            added,
        )
        out[rows] = added.reshape(-1, block.shape[1]).T

    with ThreadPoolExecutor(num_threads if num_threads > 0 else os.cpu_count()) as pool:
        list(pool.map(work, range(0, n, ROWS_A_BLOCK)))
    return out


@njit(cache=True, nogil=True)
def _add_block(
    block: Float32,
    first_node: Int64,
    first_part: Int64,
    nodes: Nodes,
    parts: Parts,
    points: Float64,
    weights: Float64,
    added: Float64,
) -> None:
    n_trees, n_rows = len(first_node) - 1, block.shape[1]
    goes_left = np.empty((max(1, np.diff(first_node).max()), n_rows), np.uint8)
    pattern = np.empty(n_rows, np.int64)
    met = np.empty(n_rows, np.uint8)
    for tree in range(n_trees):
        for node in range(first_node[tree], first_node[tree + 1]):
            _decide(nodes, node, block[nodes.feature[node]], goes_left[node - first_node[tree]])
        out = added[tree % added.shape[0]]
        for part in range(first_part[tree], first_part[tree + 1]):
            _meet(parts, part, goes_left, met, pattern)
            if parts.table[part] >= 0:
                _look_up(parts, part, pattern, out)
            else:
                _integrate(parts, part, pattern, points, weights, out)


@njit(cache=True, nogil=True)
def _meet(parts: Parts, part: int, goes_left: UInt8, met: UInt8, pattern: Int64) -> None:
    """Write for every row which conditions of a part it meets, a bit each."""
    pattern[:] = 0
    begin = parts.bits[part]
    for bit in range(begin, parts.bits[part + 1]):
        met[:] = 1
        for c in range(parts.conditions[bit], parts.conditions[bit + 1]):
            way, left = goes_left[parts.node[c]], parts.left[c]
            for row in range(len(pattern)):
                met[row] &= way[row] == left
        for row in range(len(pattern)):
            pattern[row] |= np.int64(met[row]) << (bit - begin)


@njit(cache=True, nogil=True)
def _look_up(parts: Parts, part: int, pattern: Int64, out: Float64) -> None:
    """Add what a part's table gives to every row."""
    begin, size = parts.rows[part], 1 << (parts.bits[part + 1] - parts.bits[part])
    for one in range(begin, parts.rows[part + 1]):
        first = parts.table[part] + (one - begin) * size
        table, total = parts.tables[first : first + size], out[parts.feature[one]]
        for row in range(len(pattern)):
            total[row] += table[pattern[row]]


@njit(cache=True, nogil=True)
def _integrate(
    parts: Parts, part: int, pattern: Int64, points: Float64, weights: Float64, out: Float64
) -> None:
    """Add what a leaf without a table gives to every row."""
    begin, end = parts.bits[part], parts.bits[part + 1]
    first, m = parts.rows[part], end - begin
    rule = (m + 1) // 2
    added = shapley(parts.value[part], parts.share[begin:end], pattern, points[m, :rule], weights[m, :rule])
    for slot in range(m):
        feature = parts.feature[first + slot]
        for row in range(len(pattern)):
            out[feature, row] += added[slot, row]


@njit(cache=True, nogil=True)
def _decide(nodes: Nodes, node: int, value: Float32, goes_left: UInt8) -> None:
    """Write for every row whether a node sends it left, as LightGBM does."""
    n_words = nodes.n_words[node]
    if n_words >= 0:
        first = nodes.first_word[node]
        for row in range(len(value)):
            known = value[row] >= 0 and value[row] < n_words * 32
            category = np.int64(value[row]) if known else 0
            bit = (nodes.categories[first + category // 32] >> np.uint32(category % 32)) & np.uint32(1)
            goes_left[row] = known and bit == 1
        return
    threshold, default_left = nodes.threshold[node], nodes.default_left[node]
    if nodes.missing[node] == NAN:
        for row in range(len(value)):
            x = np.float64(value[row])
            goes_left[row] = default_left if np.isnan(x) else np.uint8(x <= threshold)
    elif nodes.missing[node] == ZERO:
        for row in range(len(value)):
            x = np.float64(value[row])
            gone = np.isnan(x) or abs(x) <= _NEARLY_ZERO
            goes_left[row] = default_left if gone else np.uint8(x <= threshold)
    else:
        for row in range(len(value)):
            x = np.float64(value[row])
            goes_left[row] = np.uint8((0.0 if np.isnan(x) else x) <= threshold)
