"""Into which groups customers fall: all of them, the segments and the products that the config names.

In: a bucket, and customers at days. Out: for each split the group of each row, as known on its day. A
segment is an attribute of the customer; a product is the category of the latest churn event known. Refused:
a split with more than :data:`MOST_GROUPS` groups, in which every rate would be one of a handful of
customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lapse.errors import DataError, Problem
from lapse.features.latest import profile_positions
from lapse.features.visibility import latest_positions
from lapse.measurement.asked import Asked
from lapse.schema import Bucket, Int64, Snapshots, encoded

MOST_GROUPS = 50
"""The most groups of one split."""

ALL = "all"
"""The split that has one group, and its name."""

NOT_KNOWN = "(not known)"
"""The group of those whose segment or product is missing, or was not known yet."""


@dataclass(frozen=True)
class Split:
    """One way to tell customers apart.

    Attributes
    ----------
    name : str
        The segment or product, or :data:`ALL`.
    names : tuple of str
        The groups.
    code : int64, shape (n,)
        Which of them each row is in.
    """

    name: str
    names: tuple[str, ...]
    code: Int64


def split_names(asked: Asked) -> tuple[str, ...]:
    """Return the names of all splits, in the order of the tables."""
    measure = asked.business.measure
    return (ALL, *measure.segments, *measure.products)


def splits_of(asked: Asked, bucket: Bucket, snapshots: Snapshots) -> list[Split]:
    """Return every split of some customers at some days.

    Raises
    ------
    DataError
        If a split has more than :data:`MOST_GROUPS` groups among them.
    """
    measure, churn = asked.business.measure, bucket.events[asked.business.churn.event]
    splits = [Split(ALL, (ALL,), np.zeros(len(snapshots), np.int64))]
    if measure.segments:
        positions = profile_positions(bucket, snapshots)
        splits += [
            _split(name, bucket.profile.column(name).combine_chunks(), positions) for name in measure.segments
        ]
    if measure.products:
        positions = latest_positions(churn, snapshots)
        splits += [_split(name, churn.attributes[name], positions) for name in measure.products]
    require_few(asked, {split.name: len(np.unique(split.code)) for split in splits})
    return splits


def require_few(asked: Asked, found: Mapping[str, int]) -> None:
    """Refuse splits with too many groups; all of them at once.

    Parameters
    ----------
    asked : Asked
    found : mapping of split to its number of groups

    Raises
    ------
    DataError
    """
    products = asked.business.measure.products
    problems = [
        Problem(
            str(asked.business.source),
            f"measure.{'products' if name in products else 'segments'}",
            f"at most {MOST_GROUPS} values of '{name}'",
            f"{count:,} or more",
            "map a column that has few: join rare values to one, or cut numbers into ranges, in a query",
        )
        for name, count in found.items()
        if count > MOST_GROUPS
    ]
    if problems:
        raise DataError(problems)


def _split(name: str, column: pa.Array, positions: Int64) -> Split:
    """Return the group of each row; positions are rows of the column, -1 for none.

    Values that no row has are no groups: a column's dictionary may hold many more.
    """
    known = encoded(column)
    names = _texts(known.dictionary.to_pylist())
    of_row = np.asarray(known.indices.fill_null(len(names)), np.int64)
    code = np.full(len(positions), len(names), np.int64)
    code[positions >= 0] = of_row[positions[positions >= 0]]
    seen, code = np.unique(code, return_inverse=True)
    return Split(name, tuple((*names, NOT_KNOWN)[one] for one in seen), code.astype(np.int64))


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
