"""Exact attributions of a tree model's raw score to its features, for many rows at once.

In: tabulated trees (:mod:`lapse.models.tree_tables`) and a float32 matrix. Out: what each feature adds, and
the base value. Tree by tree over a block of rows that stays in cache: first which way each node sends every
row, then for each part of the tree the pattern of conditions met, which finds the column of its table.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.models.tree_paths import Splits, UInt8
from lapse.models.tree_tables import Parts, Rests, Trees
from lapse.models.tree_walk import part_of, say, walk
from lapse.schema import Float32, Float64, Int64

ROWS_A_BLOCK = 4_096
"""Rows that are worked on together."""

_NEARLY_ZERO = np.float32(1e-35)

UInt16 = npt.NDArray[np.uint16]


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
    most_nodes = int(np.diff(trees.first_node).max(initial=0))
    most_walked = int(np.diff(trees.rests.first).max(initial=0))

    def work(begin: int) -> None:
        rows = slice(begin, begin + ROWS_A_BLOCK)
        block = np.ascontiguousarray(matrix[rows].T)
        added = np.zeros((trees.n_outputs, width, block.shape[1]))
        added[:, -1, :] = trees.base[:, None]
        _add_block(
            block,
            trees.first_node,
            trees.first_part,
            trees.splits,
            trees.parts,
            trees.rests,
            trees.points,
            trees.weights,
            np.empty((most_nodes, block.shape[1]), np.uint8),
            np.empty((most_walked, block.shape[1]), np.uint8),
            added,
        )
        out[rows] = added.reshape(-1, block.shape[1]).T

    with ThreadPoolExecutor(num_threads if num_threads > 0 else len(os.sched_getaffinity(0))) as pool:
        list(pool.map(work, range(0, n, ROWS_A_BLOCK)))
    return out


@njit(cache=True, nogil=True)
def _add_block(
    block: Float32,
    first_node: Int64,
    first_part: Int64,
    splits: Splits,
    parts: Parts,
    rests: Rests,
    points: Float64,
    weights: Float64,
    goes_left: UInt8,
    state: UInt8,
    added: Float64,
) -> None:
    """Add what the trees give to a block of rows; ``goes_left`` and ``state`` are to work in."""
    n_trees, n_rows = len(first_node) - 1, block.shape[1]
    pattern = np.empty(n_rows, np.uint16)
    met = np.empty(n_rows, np.uint8)
    for tree in range(n_trees):
        for node in range(first_node[tree], first_node[tree + 1]):
            _decide(splits, node, block[splits.feature[node]], goes_left[node - first_node[tree]])
        out = added[tree % added.shape[0]]
        for part in range(first_part[tree], first_part[tree + 1]):
            _meet(parts, part, goes_left, met, pattern)
            _look_up(parts, part, pattern, out)
        begin, end, rule = rests.first[tree], rests.first[tree + 1], rests.points[tree]
        if end > begin:
            shape, value = part_of(rests.shape, begin, end), rests.value[begin + tree : end + tree + 1]
            say(shape, rests.node[begin:end], goes_left, state[: end - begin])
            walk(
                shape,
                rests.feature[begin:end],
                value,
                state[: end - begin],
                points[rule, :rule],
                weights[rule, :rule],
                out,
            )


@njit(cache=True, nogil=True)
def _meet(parts: Parts, part: int, goes_left: UInt8, met: UInt8, pattern: UInt16) -> None:
    """Write for every row which conditions of a part it meets, a bit each."""
    pattern[:] = 0
    begin = parts.bits[part]
    for bit in range(begin, parts.bits[part + 1]):
        met[:] = 1
        for c in range(parts.conditions[bit], parts.conditions[bit + 1]):
            way, left = goes_left[parts.node[c]], parts.left[c]
            for row in range(len(pattern)):
                met[row] &= way[row] == left
        shift = np.uint16(bit - begin)
        for row in range(len(pattern)):
            pattern[row] |= np.uint16(np.uint16(met[row]) << shift)


@njit(cache=True, nogil=True)
def _look_up(parts: Parts, part: int, pattern: UInt16, out: Float64) -> None:
    """Add what a part's table gives to every row."""
    begin, size = parts.bits[part], 1 << (parts.bits[part + 1] - parts.bits[part])
    for slot in range(parts.n_features[part]):
        first = parts.table[part] + slot * size
        table, total = parts.tables[first : first + size], out[parts.feature[begin + slot]]
        for row in range(len(pattern)):
            total[row] += table[pattern[row]]


@njit(cache=True, nogil=True)
def _decide(splits: Splits, node: int, value: Float32, goes_left: UInt8) -> None:
    """Write for every row whether a node sends it left, as LightGBM does."""
    threshold, nan_left = splits.threshold[node], splits.nan_left[node]
    if splits.n_words[node] >= 0:
        _decide_by_set(splits, node, value, goes_left)
    elif splits.zero_missing[node]:
        for row in range(len(value)):
            gone = np.isnan(value[row]) or abs(value[row]) <= _NEARLY_ZERO
            goes_left[row] = nan_left if gone else np.uint8(value[row] <= threshold)
    elif nan_left:
        for row in range(len(value)):
            goes_left[row] = not value[row] > threshold
    else:
        for row in range(len(value)):
            goes_left[row] = value[row] <= threshold


@njit(cache=True, nogil=True)
def _decide_by_set(splits: Splits, node: int, value: Float32, goes_left: UInt8) -> None:
    first, end = splits.first_word[node], np.float32(splits.n_words[node] * 32)
    for row in range(len(value)):
        known = value[row] >= 0 and value[row] < end
        category = np.uint32(value[row]) if known else np.uint32(0)
        word = splits.words[first + (category >> np.uint32(5))]
        goes_left[row] = known and (word >> (category & np.uint32(31))) & np.uint32(1)
