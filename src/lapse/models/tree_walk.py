"""What a tree adds to each of its features: the exact integral of each path's product, for many rows at once.

In: the shape of a tree (:class:`~lapse.models.tree_paths.Shape`) and which way each node sends each row. Out:
the Shapley values, added to rows of a matrix.

A leaf is reached by conditions on m features (those on the same feature count as one). In the game whose
players are these features, a coalition S is worth the leaf's value times, for each feature, 1 or 0 in S (the
row meets its conditions or not) and its share outside S (the rows of the training data that go on along the
path, of those at each of its nodes). The Shapley value of feature i is then::

    value * integral over t in [0, 1] of  (o_i - r_i) / p_i(t) * product over all j of p_j(t),
    p_j(t) = t o_j + (1 - t) r_j

with o 0 or 1 and r the share: the weights |S|! (m - |S| - 1)! / m! are integrals of
t^|S| (1 - t)^(m - |S| - 1). The integrand is a polynomial of degree m - 1, so Gauss-Legendre quadrature with
m / 2 points is exact. This is the attribution by paths of Lundberg et al. (2020, "From local explanations to
global understanding with explainable AI for trees"), which LightGBM's ``pred_contrib`` computes row by row.

At one point t all leaves are done in one walk down and one up, after Yu et al. (2022, "Linear TreeSHAP").
Down, the product grows by p_i / p_i' at each edge, where p_i' is the factor of the same feature so far (1 at
its first condition). Up, products times values are summed below each edge, and the edge adds to its feature i
the sum times ``(o_i - r_i) / p_i - (o_i' - r_i') / p_i'``: what edges further up have added for the same
feature is taken back, and only the last edge on each path counts. Every factor is positive, so nothing
cancels on the way down, however long the path; the memory that it takes is a number a place and row.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from lapse.models.tree_paths import Shape, UInt8
from lapse.schema import Float64, Int32

ROWS_A_WALK = 512
"""Rows that walk together, so that a number a place and row stays in cache."""

FAILED, LEFT, RIGHT = 0, 1, 2
"""What a node says of a row: it fails a condition on the same feature further up; or it goes that way."""


@cache
def gauss_legendre(n_features: int) -> tuple[Float64, Float64]:
    """Return the Gauss-Legendre points and weights on [0, 1], exact up to degree n_features - 1."""
    points, weights = np.polynomial.legendre.leggauss(max(1, (n_features + 1) // 2))
    return (points + 1) / 2, weights / 2


@njit(cache=True, nogil=True)
def new_shape(n_nodes: int) -> Shape:
    """Return a shape to be filled, of nodes without one above on the same feature."""
    return Shape(
        np.empty(n_nodes, np.int32),
        np.empty(n_nodes, np.int32),
        np.ones(n_nodes),
        np.ones(n_nodes),
        np.full(n_nodes, -1, np.int32),
        np.zeros(n_nodes, np.uint8),
        np.ones(n_nodes),
    )


@njit(cache=True, nogil=True)
def part_of(shape: Shape, begin: int, end: int) -> Shape:
    """Return the entries of a shape from begin to end."""
    return Shape(
        shape.left[begin:end],
        shape.right[begin:end],
        shape.left_share[begin:end],
        shape.right_share[begin:end],
        shape.above[begin:end],
        shape.above_left[begin:end],
        shape.kept[begin:end],
    )


@njit(cache=True, nogil=True)
def say(shape: Shape, way_of: Int32, goes_left: UInt8, state: UInt8) -> None:
    """Write what each node says of each row.

    Parameters
    ----------
    shape : Shape
        Of one tree of k nodes.
    way_of : int32, shape (k,)
        Row of ``goes_left`` for each node.
    goes_left : uint8, shape (n_ways, at least n)
    state : uint8, shape (k, n)
        Is written: FAILED, LEFT or RIGHT.
    """
    n = state.shape[1]
    for node in range(len(way_of)):
        way, said, above = goes_left[way_of[node]], state[node], shape.above[node]
        if above < 0:
            for row in range(n):
                said[row] = LEFT if way[row] else RIGHT
        else:
            asked, before = LEFT if shape.above_left[node] else RIGHT, state[above]
            for row in range(n):
                said[row] = (LEFT if way[row] else RIGHT) if before[row] == asked else FAILED


@njit(cache=True, nogil=True)
def walk(
    shape: Shape, slot: Int32, value: Float64, state: UInt8, points: Float64, weights: Float64, out: Float64
) -> None:
    """Add a tree's Shapley values.

    Parameters
    ----------
    shape : Shape
        Of one tree of k nodes, k at least 1; a node comes after the node above it.
    slot : int32, shape (k,)
        Row of ``out`` for the feature of each node.
    value : float64, shape (k + 1,)
        Of the leaves.
    state : uint8, shape (k, n)
        What :func:`say` wrote.
    points, weights : float64
        A rule on [0, 1], exact up to the degree of the longest path, in features, less 1.
    out : float64, shape (n_slots, n)
        Is added to.
    """
    n = state.shape[1]
    product = np.empty((2 * len(slot) + 1, min(n, ROWS_A_WALK)))
    for begin in range(0, n, ROWS_A_WALK):
        end = min(n, begin + ROWS_A_WALK)
        for q in range(len(points)):
            _walk_down(shape, value, state, begin, end, points[q], product)
            _walk_up(shape, slot, state, begin, end, points[q], weights[q], product, out)


@njit(cache=True, nogil=True)
def _walk_down(
    shape: Shape, value: Float64, state: UInt8, begin: int, end: int, t: float, product: Float64
) -> None:
    k = len(shape.left)
    product[0, :] = 1.0
    for node in range(k):
        left, right = shape.left[node], shape.right[node]
        of_left = value[left - k] if left >= k else 1.0
        of_right = value[right - k] if right >= k else 1.0
        kept, left_share, right_share = shape.kept[node], shape.left_share[node], shape.right_share[node]
        so_far = t + (1.0 - t) * kept
        _go_down(
            of_left * (t + (1.0 - t) * kept * left_share) / so_far,
            of_left * (1.0 - t) * kept * left_share / so_far,
            of_left * left_share,
            of_right * (t + (1.0 - t) * kept * right_share) / so_far,
            of_right * (1.0 - t) * kept * right_share / so_far,
            of_right * right_share,
            state[node, begin:end],
            product[node],
            product[left],
            product[right],
        )


@njit(cache=True, nogil=True)
def _walk_up(
    shape: Shape,
    slot: Int32,
    state: UInt8,
    begin: int,
    end: int,
    t: float,
    weight: float,
    product: Float64,
    out: Float64,
) -> None:
    for node in range(len(slot) - 1, -1, -1):
        kept = shape.kept[node]
        left, right = kept * shape.left_share[node], kept * shape.right_share[node]
        so_far = (1.0 - kept) / (t + (1.0 - t) * kept)
        _go_up(
            weight * ((1.0 - left) / (t + (1.0 - t) * left) - so_far),
            weight * ((1.0 - right) / (t + (1.0 - t) * right) - so_far),
            weight * (-1.0 / (1.0 - t) - so_far),
            state[node, begin:end],
            product[shape.left[node]],
            product[shape.right[node]],
            product[node],
            out[slot[node], begin:end],
        )


@njit(cache=True, nogil=True)
def _go_down(
    left_met: float,
    left_missed: float,
    left_failed: float,
    right_met: float,
    right_missed: float,
    right_failed: float,
    said: UInt8,
    here: Float64,
    left: Float64,
    right: Float64,
) -> None:
    for row in range(len(said)):
        is_left, is_right = said[row] == LEFT, said[row] == RIGHT
        left[row] = here[row] * (left_met if is_left else (left_missed if is_right else left_failed))
        right[row] = here[row] * (right_met if is_right else (right_missed if is_left else right_failed))


@njit(cache=True, nogil=True)
def _go_up(
    left_met: float,
    right_met: float,
    missed: float,
    said: UInt8,
    left: Float64,
    right: Float64,
    here: Float64,
    out: Float64,
) -> None:
    for row in range(len(said)):
        is_left, is_right = said[row] == LEFT, said[row] == RIGHT
        for_left = left_met if is_left else (missed if is_right else 0.0)
        for_right = right_met if is_right else (missed if is_left else 0.0)
        here[row] = left[row] + right[row]
        out[row] += for_left * left[row] + for_right * right[row]
