"""Whether everybody's features are the same.

In: files or folders with ``customer_id``, ``as_of`` and the features. Out: how many rows there are, or a
refusal that names what differs. Counts, maxima and ages must be equal; sums may differ by the rounding of
32-bit floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from benchmarks.features_question import NAMES

KEYS = ("customer_id", "as_of")
ROUNDING = 1e-6
"""Relative difference that sums may have."""


def agree(answers: Mapping[str, Path], sampled: int) -> int:
    """Return how many rows everybody has.

    Parameters
    ----------
    answers : mapping of name to Path
        What each has written.
    sampled : int
        One customer in so many, by id, has its values compared.

    Raises
    ------
    ValueError
        If two do not have as many rows, or not the same values.
    """
    counts = {name: ds.dataset(path).count_rows() for name, path in answers.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"rows: {counts}")
    (first, ours), *others = answers.items()
    ids = np.unique(ds.dataset(ours).to_table(["customer_id"])["customer_id"].to_numpy())
    some = pa.array(ids[ids % sampled == 0])
    for name, path in others:
        agree_on(some, {first: ours, name: path})
    return counts[first]


def agree_on(customers: pa.Array, answers: Mapping[str, Path]) -> int:
    """Return how many rows two have of these customers.

    Raises
    ------
    ValueError
        If they do not have the same rows and values.
    """
    mine, other = (_rows_of(path, customers) for path in answers.values())
    pair = " and ".join(answers)
    if not all(mine[key].equals(other[key]) for key in KEYS):
        raise ValueError(f"{pair} have other rows")
    if differing := [name for name in NAMES if not _same(mine[name], other[name], name)]:
        raise ValueError(f"{pair} differ in {', '.join(differing)}")
    return len(mine)


def _rows_of(path: Path, customers: pa.Array) -> pa.Table:
    """Return the rows of these customers, in the order of their keys."""
    table = ds.dataset(path).to_table(filter=pc.field("customer_id").isin(customers))
    for key, kind in zip(KEYS, (pa.int64(), pa.date32()), strict=True):
        table = table.set_column(table.column_names.index(key), key, table[key].cast(kind))
    return table.sort_by([(key, "ascending") for key in KEYS])


def _same(mine: pa.ChunkedArray, other: pa.ChunkedArray, name: str) -> bool:
    a, b = (column.to_numpy().astype(np.float64) for column in (mine, other))
    if "__sum__" in name:
        return bool(np.allclose(a, b, rtol=ROUNDING, atol=0.0, equal_nan=True))
    return bool(np.array_equal(a, b, equal_nan=True))
