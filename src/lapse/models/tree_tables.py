"""Trees as flat arrays, and what each leaf adds to features for every way in which a row can meet its path.

In: a LightGBM booster. Out: :class:`Trees`, all that :mod:`lapse.models.attributions` needs to attribute its
raw score to features, tabulated once.

A leaf is reached by conditions on m features (those on the same feature count as one). In the game whose
players are these features, a coalition S is worth the leaf's value times, for each feature, 1 or 0 in S (the
row meets its conditions or not) and its share outside S (the rows of the training data that go on along the
path, of those at each of its nodes). The Shapley value of feature i is then::

    value * (o_i - r_i) * integral over t in [0, 1] of  product over j != i of  (t o_j + (1 - t) r_j)

with o 0 or 1 and r the share: the weights |S|! (m - |S| - 1)! / m! are integrals of
t^|S| (1 - t)^(m - |S| - 1). The integrand is a polynomial of degree m - 1, so Gauss-Legendre quadrature with
m / 2 points is exact. As o is one of 2^m patterns, the m values of each are a table. This is the attribution
by paths of Lundberg et al. (2020, "From local explanations to global understanding with explainable AI for
trees"), which LightGBM's ``pred_contrib`` computes row by row.

Refused (ValueError): linear trees, paths of more than :data:`LONGEST_PATH` features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.schema import Float64, Int32, Int64

UInt8 = npt.NDArray[np.uint8]

WIDEST_TABLE = 11
"""Most features on the path of a leaf that gets a table of 2^m rows; beyond, each row is integrated anew."""

LONGEST_PATH = 62
"""Most features on the path of any leaf: a pattern is the bits of one integer."""

ZERO, NAN = 1, 2
"""How a node knows a missing value: by being (nearly) 0, or by being no number; else none is missing."""


class Nodes(NamedTuple):
    """The inner nodes of all trees, one after the other.

    ``categories`` holds, for a categorical node, 32 values a word from ``first_word`` on, ``n_words`` of
    them; ``n_words`` is -1 for a numeric node.
    """

    feature: Int32
    threshold: Float64
    missing: UInt8
    default_left: UInt8
    first_word: Int64
    n_words: Int32
    categories: npt.NDArray[np.uint32]


class Leaves(NamedTuple):
    """The leaves of all trees: their features ("slots"), the conditions of each slot, and the tables.

    Offsets are of shape (number + 1,): ``slots`` by leaf, ``conditions`` by slot. ``node`` counts from the
    tree's first node, ``left`` is 1 where the path goes left. ``share`` is the slot's r. ``table`` is where
    the leaf's table begins in ``tables``, -1 where it has none: slot by slot, 2^m numbers each.
    """

    value: Float64
    slots: Int64
    feature: Int32
    share: Float64
    conditions: Int64
    node: Int32
    left: UInt8
    table: Int64
    tables: Float64


@dataclass(frozen=True)
class Trees:
    """A booster, tabulated.

    Attributes
    ----------
    n_features, n_outputs : int
        Outputs are classes of a multiclass model, else one; tree t adds to output t modulo n_outputs.
    first_node, first_leaf : int64, shape (n_trees + 1,)
    nodes : Nodes
    leaves : Leaves
    base : float64, shape (n_outputs,)
        Mean raw score over the training rows.
    points, weights : float64
        Gauss-Legendre rules on [0, 1] for leaves without a table, exact for the longest path.
    """

    n_features: int
    n_outputs: int
    first_node: Int64
    first_leaf: Int64
    nodes: Nodes
    leaves: Leaves
    base: Float64
    points: Float64
    weights: Float64


@dataclass(frozen=True)
class _Step:
    """A node on a path: which, on what feature, whether the path goes left, and which share goes along."""

    node: int
    feature: int
    left: bool
    share: float


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
    model = booster.dump_model()
    n_outputs = int(model["num_tree_per_iteration"])
    nodes: list[Mapping[str, Any]] = []
    paths: list[tuple[float, tuple[_Step, ...]]] = []
    first_node, first_leaf, base = [0], [0], np.zeros(n_outputs)
    for number, tree in enumerate(model["tree_info"]):
        root = tree["tree_structure"]
        begin = len(nodes)
        found = list(_walk(root, nodes, begin, ()))
        paths += [(float(leaf["leaf_value"]), path) for leaf, path in found]
        base[number % n_outputs] += sum(
            float(leaf["leaf_value"]) * np.prod([step.share for step in path]) for leaf, path in found
        )
        first_node.append(len(nodes))
        first_leaf.append(len(paths))
    longest = max((len({step.feature for step in path}) for _, path in paths), default=1)
    if longest > LONGEST_PATH:
        raise ValueError(f"paths of at most {LONGEST_PATH} features, not {longest}")
    points, weights = gauss_legendre(longest)
    return Trees(
        n_features=int(model["max_feature_idx"]) + 1,
        n_outputs=n_outputs,
        first_node=np.array(first_node, np.int64),
        first_leaf=np.array(first_leaf, np.int64),
        nodes=_nodes(nodes),
        leaves=_leaves(paths),
        base=base,
        points=points,
        weights=weights,
    )


def _walk(
    place: Mapping[str, Any], nodes: list[Mapping[str, Any]], begin: int, path: tuple[_Step, ...]
) -> Iterator[tuple[Mapping[str, Any], tuple[_Step, ...]]]:
    """Yield every leaf below a place with its path, and note the nodes on the way."""
    if "leaf_coeff" in place:
        raise ValueError("trees with constant leaves, not linear ones")
    if "split_feature" not in place:
        yield place, path
        return
    number = len(nodes) - begin
    nodes.append(place)
    for child, left in ((place["left_child"], True), (place["right_child"], False)):
        count = child["internal_count"] if "split_feature" in child else child["leaf_count"]
        share = count / place["internal_count"]
        step = _Step(number, int(place["split_feature"]), left, share)
        yield from _walk(child, nodes, begin, (*path, step))


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> Nodes:
    is_set = [node["decision_type"] == "==" for node in nodes]
    words = [
        _bits(str(node["threshold"])) if categorical else np.empty(0, np.uint32)
        for node, categorical in zip(nodes, is_set, strict=True)
    ]
    n_words = np.array([len(part) for part in words], np.int32)
    threshold = [
        0.0 if categorical else float(node["threshold"])
        for node, categorical in zip(nodes, is_set, strict=True)
    ]
    missing = {"None": 0, "Zero": ZERO, "NaN": NAN}
    return Nodes(
        feature=np.array([node["split_feature"] for node in nodes], np.int32),
        threshold=np.array(threshold, np.float64),
        missing=np.array([missing[node["missing_type"]] for node in nodes], np.uint8),
        default_left=np.array([node["default_left"] for node in nodes], np.uint8),
        first_word=np.cumsum(n_words, dtype=np.int64) - n_words,
        n_words=np.where(is_set, n_words, -1).astype(np.int32),
        categories=np.concatenate([*words, np.zeros(1, np.uint32)]),
    )


def _bits(categories: str) -> npt.NDArray[np.uint32]:
    """Return the categories of a node, "1||4||7", as bits, 32 a word."""
    values = np.array(categories.split("||"), np.int64)
    words = np.zeros(values.max() // 32 + 1, np.uint32)
    np.bitwise_or.at(words, values // 32, np.uint32(1) << (values % 32).astype(np.uint32))
    return words


def _leaves(paths: Sequence[tuple[float, tuple[_Step, ...]]]) -> Leaves:
    slots, conditions, feature, share, node, left = [0], [0], [], [], [], []
    table, tables, size = [], [np.zeros(1)], 1
    for value, path in paths:
        by_feature: dict[int, list[_Step]] = {}
        for step in path:
            by_feature.setdefault(step.feature, []).append(step)
        shares = np.array([np.prod([step.share for step in steps]) for steps in by_feature.values()])
        for name, steps in by_feature.items():
            feature.append(name)
            node += [step.node for step in steps]
            left += [step.left for step in steps]
            conditions.append(len(node))
        share += shares.tolist()
        slots.append(len(feature))
        if len(shares) <= WIDEST_TABLE:
            tables.append(leaf_table(value, shares, *gauss_legendre(len(shares))))
            table.append(size)
            size += len(tables[-1])
        else:
            table.append(-1)
    return Leaves(
        value=np.array([value for value, _ in paths], np.float64),
        slots=np.array(slots, np.int64),
        feature=np.array(feature, np.int32),
        share=np.array(share, np.float64),
        conditions=np.array(conditions, np.int64),
        node=np.array(node, np.int32),
        left=np.array(left, np.uint8),
        table=np.array(table, np.int64),
        tables=np.concatenate(tables),
    )


def gauss_legendre(n_features: int) -> tuple[Float64, Float64]:
    """Return the Gauss-Legendre points and weights on [0, 1], exact up to degree n_features - 1."""
    points, weights = np.polynomial.legendre.leggauss(max(1, (n_features + 1) // 2))
    return (points + 1) / 2, weights / 2


@njit(cache=True, nogil=True)
def leaf_table(value: float, share: Float64, points: Float64, weights: Float64) -> Float64:
    """Return the Shapley values of a leaf for every pattern of conditions met.

    Parameters
    ----------
    value : float
        Of the leaf.
    share : float64, shape (m,)
    points, weights : float64
        A rule on [0, 1], exact up to degree m - 1.

    Returns
    -------
    float64, shape (m * 2^m,)
        Slot by slot; the pattern's bit k says whether slot k is met.
    """
    m = len(share)
    table = np.zeros(m << m)
    added = np.empty(m)
    for pattern in range(1 << m):
        add_shapley(value, share, pattern, points, weights, added)
        for slot in range(m):
            table[(slot << m) + pattern] = added[slot]
    return table


@njit(cache=True, nogil=True)
def add_shapley(
    value: float, share: Float64, pattern: int, points: Float64, weights: Float64, out: Float64
) -> None:
    """Write the Shapley values of a leaf's slots for one pattern into ``out``."""
    m = len(share)
    before = np.empty(m)
    out[:m] = 0.0
    for q in range(len(points)):
        t = points[q]
        product = weights[q]
        for slot in range(m):
            before[slot] = product
            product *= t * ((pattern >> slot) & 1) + (1.0 - t) * share[slot]
        product = 1.0
        for slot in range(m - 1, -1, -1):
            out[slot] += before[slot] * product
            product *= t * ((pattern >> slot) & 1) + (1.0 - t) * share[slot]
    for slot in range(m):
        out[slot] *= value * (((pattern >> slot) & 1) - share[slot])
