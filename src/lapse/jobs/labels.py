"""Which rows are added up together: the label of each row of a dataset, checked.

In: a dataset and labels by row, or none, where all are one cohort. Out: the labels by row, and all that is
wrong with them: no labels by row, another number of them, missing ones, labels that cannot be compared, an
index that is not that of the rows, a customer who is in a cohort twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionArray

from lapse.dataset import Dataset
from lapse.errors import Problem

Labels: TypeAlias = pd.Series | pd.Index | npt.NDArray[Any] | ExtensionArray | Sequence[Hashable]
"""What may say to which cohort each row belongs."""

ALL = "all"
"""The label of everybody, where no cohorts are given."""


def labels_of(cohort: object, data: Dataset) -> tuple[pd.Series, list[Problem]]:
    """Return the label of each row, in their order, and what is wrong with the labels given.

    Parameters
    ----------
    cohort : Series, Index, array, list or tuple, length n, or None
        Of what has an index of its own, that is 0 to n - 1 or the customer ids.
    data : Dataset
        Of n rows.

    Returns
    -------
    Series
        By the index of ``data.keys``; of no use where anything is wrong.
    list of Problem
    """
    nobody = pd.Series(index=data.keys.index, dtype=object)
    label = pd.Series(ALL, data.keys.index, dtype=object) if cohort is None else _by_row(cohort)
    if label is None:
        return nobody, [_problem("labels", f"one for each of {len(data):,} rows", _shown(cohort), _FEATURE)]
    if problems := [*_missing(label, len(data)), *_incomparable(label)]:
        return nobody, problems
    problems = list(_misplaced(label, data)) if isinstance(cohort, pd.Series) else []
    label = label.set_axis(data.keys.index)
    return label, [*problems, *_twice(label, data)]


_FEATURE = "a column of the features is one: data.features['customer__channel'].astype(str)"


def _by_row(cohort: object) -> pd.Series | None:
    """Return labels as a series, None where they are none, such as a name or a table."""
    if isinstance(cohort, pd.Series):
        return cohort
    if isinstance(cohort, np.ndarray) and cohort.ndim != 1:
        return None
    if isinstance(cohort, list | tuple | np.ndarray | pd.Index | ExtensionArray):
        return pd.Series(cohort, dtype=None if len(cohort) else object)
    return None


def _shown(cohort: object) -> str:
    if isinstance(cohort, str):
        return repr(cohort)
    shape = getattr(cohort, "shape", None)
    return type(cohort).__name__ if shape is None else f"{type(cohort).__name__} of shape {shape}"


def _missing(label: pd.Series, n: int) -> list[Problem]:
    missing = int(label.isna().sum())
    if len(label) == n and not missing:
        return []
    return [
        _problem(
            "labels", f"one for each of {n:,} rows", f"{len(label):,} labels, {missing:,} of them missing"
        )
    ]


def _incomparable(label: pd.Series) -> list[Problem]:
    """Refuse labels such as lists, which cannot be told to be the same."""
    wrong = [one for one in label.to_numpy(object) if not isinstance(one, Hashable)]
    if not wrong:
        return []
    expected, got = "text, numbers, dates or tuples of them", type(wrong[0]).__name__
    return [_problem("labels", expected, got, count=len(wrong))]


def _misplaced(label: pd.Series, data: Dataset) -> list[Problem]:
    in_order = (data.keys.index, pd.Index(data.keys["customer_id"]))
    if any(label.index.equals(one) for one in in_order):
        return []
    expected, got = "that of data.keys, or its customer ids", "another, or another order"
    return [_problem("index", expected, got, "reindex labels by data.keys['customer_id']")]


def _twice(label: pd.Series, data: Dataset) -> list[Problem]:
    again = data.keys[["customer_id"]].assign(label=label).duplicated()
    if not again.any():
        return []
    hint = "snapshots as of one date"
    return [_problem("customer_id", "each customer once in a cohort", "more", hint, int(again.sum()))]


def _problem(what: str, expected: str, got: str, hint: str = "", count: int | None = None) -> Problem:
    return Problem("cohort", what, expected, got, hint, count)
