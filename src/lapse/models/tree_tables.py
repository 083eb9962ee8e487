"""What each part of a tree adds to each feature, for every way in which a row can meet its conditions.

In: a LightGBM booster. Out: :class:`Trees`, all that :mod:`lapse.models.attributions` needs to attribute its
raw score to features, tabulated once.

A leaf is reached by conditions on m features (those on the same feature count as one). In the game whose
players are these features, a coalition S is worth the leaf's value times, for each feature, 1 or 0 in S (the
row meets its conditions or not) and its share outside S (the rows of the training data that go on along the
path, of those at each of its nodes). The Shapley value of feature i is then::

    value * (o_i - r_i) * integral over t in [0, 1] of  product over j != i of  (t o_j + (1 - t) r_j)

with o 0 or 1 and r the share: the weights |S|! (m - |S| - 1)! / m! are integrals of
t^|S| (1 - t)^(m - |S| - 1). The integrand is a polynomial of degree m - 1, so Gauss-Legendre quadrature with
m / 2 points is exact. This is the attribution by paths of Lundberg et al. (2020, "From local explanations to
global understanding with explainable AI for trees"), which LightGBM's ``pred_contrib`` computes row by row.

A **part** is a subtree so small that everything a row can do to it fits in a few bits: a bit for each feature
on the way to it (are its conditions met?), and a bit for each node inside (left or right?). So all its leaves
share one table, with a column for each pattern of bits and a row for each feature. A tree is cut into the
largest such parts, from the root down. A leaf with too many features on its way has no table; there each row
is integrated anew.

Refused (ValueError): linear trees, paths of more than :data:`LONGEST_PATH` features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
from numba import njit

from lapse.models.tree_paths import (
    Leaf,
    Nodes,
    Place,
    Step,
    UInt8,
    flat_nodes,
    inner_nodes,
    leaves,
    read_trees,
)
from lapse.schema import Float64, Int32, Int64

WIDEST = 10
"""Most bits of a part: its table has 2^WIDEST columns at most, and stays in cache."""

LONGEST_PATH = 62
"""Most features on the path of any leaf: a pattern is the bits of one integer."""


class Parts(NamedTuple):
    """The parts of all trees.

    Offsets are of shape (number + 1,): ``bits`` and ``rows`` by part, ``conditions`` by bit. A bit is 1 where
    all its conditions hold; ``node`` counts from the tree's first node, ``left`` is 1 where the row must go
    left there. ``feature`` is that of each row of the part's table, which begins at ``table`` in ``tables``:
    row by row, 2^bits numbers each. Where ``table`` is -1 the part is a leaf of ``value`` without a table,
    whose bits are its features, with the ``share`` of each.
    """

    bits: Int64
    rows: Int64
    conditions: Int64
    node: Int32
    left: UInt8
    feature: Int32
    share: Float64
    value: Float64
    table: Int64
    tables: Float64


@dataclass(frozen=True)
class Trees:
    """A booster, tabulated.

    Attributes
    ----------
    n_features, n_outputs : int
        Outputs are classes of a multiclass model, else one; tree t adds to output t modulo n_outputs.
    first_node, first_part : int64, shape (n_trees + 1,)
    nodes : Nodes
    parts : Parts
    base : float64, shape (n_outputs,)
        Mean raw score over the training rows.
    points, weights : float64, shape (longest path + 1, half of it)
        Row m is a Gauss-Legendre rule on [0, 1] for a leaf of m features that has no table.
    """

    n_features: int
    n_outputs: int
    first_node: Int64
    first_part: Int64
    nodes: Nodes
    parts: Parts
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

    Raises
    ------
    ValueError
        If a leaf holds a linear model, or its path has too many features.
    """
    found = read_trees(booster)
    longest = max((len(_features(leaf.path)) for root in found.roots for leaf in leaves(root)), default=1)
    if longest > LONGEST_PATH:
        raise ValueError(f"paths of at most {LONGEST_PATH} features, not {longest}")
    cut = [_cut(root) for root in found.roots]
    base = np.zeros(found.n_outputs)
    for number, root in enumerate(found.roots):
        base[number % found.n_outputs] += sum(leaf.value * _share(leaf.path) for leaf in leaves(root))
    points, weights = np.zeros((2, longest + 1, max(1, (longest + 1) // 2)))
    for m in range(1, longest + 1):
        points[m, : (m + 1) // 2], weights[m, : (m + 1) // 2] = gauss_legendre(m)
    return Trees(
        n_features=found.n_features,
        n_outputs=found.n_outputs,
        first_node=_offsets([len(inner_nodes(root)) for root in found.roots]),
        first_part=_offsets([len(places) for places in cut]),
        nodes=flat_nodes(found.roots),
        parts=_parts([_Part.of(place) for places in cut for place in places]),
        base=base,
        points=points,
        weights=weights,
    )


def _cut(place: Place) -> list[Place]:
    """Return the largest subtrees, from a place down, that fit into :data:`WIDEST` bits."""
    if isinstance(place, Leaf) or len(_features(place.path)) + len(inner_nodes(place)) <= WIDEST:
        return [place]
    return _cut(place.left) + _cut(place.right)


@dataclass(frozen=True)
class _Part:
    """A part before it is laid out flat: the conditions of each bit, features of the rows, and the table."""

    bits: tuple[tuple[Step, ...], ...]
    features: tuple[int, ...]
    shares: tuple[float, ...]
    value: float
    table: Float64 | None

    @classmethod
    def of(cls, place: Place) -> _Part:
        """Tabulate a place; a leaf with too many features on its way gets no table."""
        before = tuple(_features(place.path).values())
        inner = inner_nodes(place)
        own = tuple((Step(node.number, node.feature, True, 1.0),) for node in inner)
        bits = before + own
        features = tuple(dict.fromkeys(steps[0].feature for steps in bits))
        shares = tuple(_share(steps) for steps in bits)
        if len(bits) > WIDEST:
            assert isinstance(place, Leaf)  # _cut goes on until then
            return cls(bits, features, shares, place.value, None)
        table = np.zeros((len(features), 1 << len(bits)))
        position = {node.number: len(before) + place for place, node in enumerate(inner)}
        of_feature = {steps[0].feature: bit for bit, steps in enumerate(before)}
        for leaf in leaves(place):
            slots = _features(leaf.path)
            asked = [
                (slot, position[step.node], step.left)
                if step.node in position
                else (slot, of_feature[step.feature], True)
                for slot, steps in enumerate(slots.values())
                for step in steps
            ]
            add_leaf(
                table,
                leaf.value,
                np.array([_share(steps) for steps in slots.values()]),
                np.array([features.index(name) for name in slots], np.int64),
                np.array(asked, np.int64).reshape(-1, 3),
                *gauss_legendre(len(slots)),
            )
        return cls(bits, features, shares, 0.0, table)


def _parts(parts: Sequence[_Part]) -> Parts:
    steps = [steps for part in parts for steps in part.bits]
    sizes = [0 if part.table is None else part.table.size for part in parts]
    table = np.where([part.table is None for part in parts], -1, _offsets(sizes)[:-1])
    tables = [part.table.ravel() for part in parts if part.table is not None]
    return Parts(
        bits=_offsets([len(part.bits) for part in parts]),
        rows=_offsets([len(part.features) for part in parts]),
        conditions=_offsets([len(one) for one in steps]),
        node=np.array([step.node for one in steps for step in one], np.int32),
        left=np.array([step.left for one in steps for step in one], np.uint8),
        feature=np.array([name for part in parts for name in part.features], np.int32),
        share=np.array([share for part in parts for share in part.shares], np.float64),
        value=np.array([part.value for part in parts], np.float64),
        table=table.astype(np.int64),
        tables=np.concatenate([np.zeros(0), *tables]),
    )


def _offsets(sizes: Sequence[int]) -> Int64:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _features(path: Sequence[Step]) -> dict[int, tuple[Step, ...]]:
    """Return the steps of a path by feature, in the order in which the features come."""
    found: dict[int, tuple[Step, ...]] = {}
    for step in path:
        found[step.feature] = (*found.get(step.feature, ()), step)
    return found


def _share(steps: Sequence[Step]) -> float:
    return float(np.prod([step.share for step in steps]))


@cache
def gauss_legendre(n_features: int) -> tuple[Float64, Float64]:
    """Return the Gauss-Legendre points and weights on [0, 1], exact up to degree n_features - 1."""
    points, weights = np.polynomial.legendre.leggauss(max(1, (n_features + 1) // 2))
    return (points + 1) / 2, weights / 2


@njit(cache=True, nogil=True)
def add_leaf(
    table: Float64,
    value: float,
    share: Float64,
    row: Int64,
    asked: Int64,
    points: Float64,
    weights: Float64,
) -> None:
    """Add a leaf's Shapley values to its part's table.

    Parameters
    ----------
    table : float64, shape (n_rows, 2^bits)
    value : float
    share : float64, shape (m,)
        Of the leaf's features.
    row : int64, shape (m,)
        The table's row of each feature.
    asked : int64, shape (n_conditions, 3)
        Feature (from 0 to m - 1), bit, and what the bit must be.
    points, weights : float64
        A rule on [0, 1], exact up to degree m - 1.
    """
    own = shapley(value, share, np.arange(1 << len(share)), points, weights)
    for pattern in range(table.shape[1]):
        met = (1 << len(share)) - 1
        for c in range(len(asked)):
            if (pattern >> asked[c, 1]) & 1 != asked[c, 2]:
                met &= ~(1 << asked[c, 0])
        for slot in range(len(share)):
            table[row[slot], pattern] += own[slot, met]


@njit(cache=True, nogil=True)
def shapley(value: float, share: Float64, pattern: Int64, points: Float64, weights: Float64) -> Float64:
    """Return the Shapley values of a leaf for patterns of conditions met: the integral of the module.

    Parameters
    ----------
    value : float
        Of the leaf.
    share : float64, shape (m,)
    pattern : int64, shape (n,)
        Bit k says whether slot k is met.
    points, weights : float64
        A rule on [0, 1], exact up to degree m - 1.

    Returns
    -------
    float64, shape (m, n)
    """
    m, n = len(share), len(pattern)
    met, before, total = np.empty((m, n)), np.empty((m, n)), np.zeros((m, n))
    for slot in range(m):
        for row in range(n):
            met[slot, row] = (pattern[row] >> slot) & 1
    product = np.empty(n)
    for q in range(len(points)):
        t = points[q]
        product[:] = weights[q]
        for slot in range(m):
            rest = (1.0 - t) * share[slot]
            for row in range(n):
                before[slot, row] = product[row]
                product[row] *= t * met[slot, row] + rest
        product[:] = 1.0
        for slot in range(m - 1, -1, -1):
            rest = (1.0 - t) * share[slot]
            for row in range(n):
                total[slot, row] += before[slot, row] * product[row]
                product[row] *= t * met[slot, row] + rest
    for slot in range(m):
        for row in range(n):
            total[slot, row] *= value * (met[slot, row] - share[slot])
    return total
