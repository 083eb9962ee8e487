"""The trees of a LightGBM booster as places: inner nodes and leaves, each with the path that leads to it.

In: a booster. Out: :class:`Booster`, a root for every tree, and its inner nodes as flat arrays
(:class:`Nodes`). Refused (ValueError): linear trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from lapse.schema import Float64, Int32, Int64

UInt8 = npt.NDArray[np.uint8]

ZERO, NAN = 1, 2
"""How a node knows a missing value: by being (nearly) 0, or by being no number; else none is missing."""


@dataclass(frozen=True)
class Step:
    """A node on a path: which, on what feature, whether the path goes left, and which share goes along."""

    node: int
    feature: int
    left: bool
    share: float


@dataclass(frozen=True)
class Leaf:
    """A leaf, and the way to it from the root."""

    path: tuple[Step, ...]
    value: float


@dataclass(frozen=True)
class Branch:
    """An inner node, numbered within its tree in the order of :func:`inner_nodes`, and the way to it."""

    path: tuple[Step, ...]
    number: int
    split: Mapping[str, Any]
    left: Leaf | Branch
    right: Leaf | Branch

    @property
    def feature(self) -> int:
        """Position of the feature that it asks for."""
        return int(self.split["split_feature"])


Place = Leaf | Branch


@dataclass(frozen=True)
class Booster:
    """The trees of a booster; tree t adds to output t modulo ``n_outputs``."""

    n_features: int
    n_outputs: int
    roots: tuple[Place, ...]


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


def read_trees(booster: lgb.Booster) -> Booster:
    """Return the trees of a booster."""
    model = booster.dump_model()
    roots = tuple(_place(tree["tree_structure"], (), count()) for tree in model["tree_info"])
    return Booster(int(model["max_feature_idx"]) + 1, int(model["num_tree_per_iteration"]), roots)


def inner_nodes(place: Place) -> list[Branch]:
    """Return the inner nodes at and below a place: a node, those on its left, those on its right."""
    if isinstance(place, Leaf):
        return []
    return [place, *inner_nodes(place.left), *inner_nodes(place.right)]


def leaves(place: Place) -> list[Leaf]:
    """Return the leaves at and below a place."""
    return [place] if isinstance(place, Leaf) else leaves(place.left) + leaves(place.right)


def flat_nodes(roots: Sequence[Place]) -> Nodes:
    """Return the inner nodes of all trees as arrays."""
    splits = [node.split for root in roots for node in inner_nodes(root)]
    is_set = [split["decision_type"] == "==" for split in splits]
    words = [
        _bits(str(split["threshold"])) if categorical else np.empty(0, np.uint32)
        for split, categorical in zip(splits, is_set, strict=True)
    ]
    n_words = np.array([len(part) for part in words], np.int32)
    threshold = [
        0.0 if categorical else float(split["threshold"])
        for split, categorical in zip(splits, is_set, strict=True)
    ]
    missing = {"None": 0, "Zero": ZERO, "NaN": NAN}
    return Nodes(
        feature=np.array([split["split_feature"] for split in splits], np.int32),
        threshold=np.array(threshold, np.float64),
        missing=np.array([missing[split["missing_type"]] for split in splits], np.uint8),
        default_left=np.array([split["default_left"] for split in splits], np.uint8),
        first_word=np.cumsum(n_words, dtype=np.int64) - n_words,
        n_words=np.where(is_set, n_words, -1).astype(np.int32),
        categories=np.concatenate([*words, np.zeros(1, np.uint32)]),
    )


def _place(found: Mapping[str, Any], path: tuple[Step, ...], numbers: count[int]) -> Place:
    if "leaf_coeff" in found:
        raise ValueError("trees with constant leaves, not linear ones")
    if "split_feature" not in found:
        return Leaf(path, float(found["leaf_value"]))
    number, feature = next(numbers), int(found["split_feature"])
    children = []
    for side, left in (("left_child", True), ("right_child", False)):
        child = found[side]
        share = child.get("internal_count", child.get("leaf_count")) / found["internal_count"]
        children.append(_place(child, (*path, Step(number, feature, left, share)), numbers))
    return Branch(path, number, found, *children)


def _bits(categories: str) -> npt.NDArray[np.uint32]:
    """Return the categories of a node, "1||4||7", as bits, 32 a word."""
    values = np.array(categories.split("||"), np.int64)
    words = np.zeros(values.max() // 32 + 1, np.uint32)
    np.bitwise_or.at(words, values // 32, np.uint32(1) << (values % 32).astype(np.uint32))
    return words
