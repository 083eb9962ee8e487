"""A frame of features as float32, with columns and categories fixed when a model is fitted.

In: a pandas frame of numeric, boolean, category and string columns; missing values are welcome. Out:
:class:`Columns`, in which a category is its code and a missing or unknown one is NaN
(:meth:`Encoding.unknown` counts unknown ones). What is float32 already is not copied; a matrix is made only
of the rows that somebody asks for.

Refused: a frame with other columns than at fit (:class:`~lapse.errors.GateError`, a model for other columns);
infinite values, repeated names, names of several levels and columns that are neither numbers nor strings
(:class:`~lapse.errors.DataError`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.errors import DataError, GateError, Problem
from lapse.schema import Float32, Int64

BLOCK_ROWS: int = 65_536
"""Rows of which a matrix is made at a time where all rows are gone through."""

_ANEW = "train again, or compute the features with the recipe that is kept beside the model"


@dataclass(frozen=True)
class Columns:
    """Features column by column.

    Attributes
    ----------
    values : tuple of float32, each of shape (n,)
        Views into the frame where it holds float32.

    Examples
    --------
    >>> columns = Columns((np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)))
    >>> columns.matrix(slice(1, 3)).tolist(), columns.take(np.array([0, 2])).matrix().tolist()
    ([[2.0, 5.0], [3.0, 6.0]], [[1.0, 4.0], [3.0, 6.0]])
    """

    values: tuple[Float32, ...]

    def __len__(self) -> int:
        return len(self.values[0])

    def take(self, rows: Int64) -> Columns:
        """Return some rows, by position."""
        return Columns(tuple(column[rows] for column in self.values))

    def matrix(self, rows: slice | Int64 = slice(None)) -> Float32:
        """Return some rows as a C-contiguous matrix, float32 of shape (n_rows, n_features)."""
        parts = [column[rows] for column in self.values]
        matrix = np.empty((len(parts[0]), len(parts)), np.float32)
        for position, part in enumerate(parts):
            matrix[:, position] = part
        return matrix

    def blocks(self) -> Iterator[Float32]:
        """Yield all rows in order, :data:`BLOCK_ROWS` at a time, as matrices; one where there are no rows."""
        for start in range(0, max(len(self), 1), BLOCK_ROWS):
            yield self.matrix(slice(start, start + BLOCK_ROWS))

    def table(self) -> pa.Table:
        """Return the columns as an Arrow table that shares their memory, named as LightGBM names them."""
        names = [f"Column_{position}" for position in range(len(self.values))]
        return pa.table([pa.array(np.ascontiguousarray(column)) for column in self.values], names)


@dataclass(frozen=True)
class Encoding:
    """Columns, their order and the categories of each, as they were when a model was fitted.

    Attributes
    ----------
    names : tuple of str
        Columns of the matrix, in order.
    categories : mapping of name to tuple of str
        For each categorical column its categories in the order of their codes 0, 1, ...

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [30.0, None], "plan": ["gold", "iron"]})
    >>> encoding = Encoding.fit(frame)
    >>> encoding.encode(frame.assign(plan=["iron", None])).tolist()
    [[30.0, 1.0], [nan, nan]]
    >>> encoding.unknown(frame.assign(plan=["iron", "brass"]))
    {'plan': 1}
    """

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Encoding:
        """Fix the columns of a frame, and for the categorical ones the categories that occur in it.

        Raises
        ------
        DataError
            If it is no frame, has no columns or no rows, repeats a name, or has a column of another type.
        """
        problems = list(_wrong_frame(frame))
        if problems:
            raise DataError(problems)
        frame = frame.rename(columns=str)
        names = tuple(frame.columns)
        kinds = {name: _is_categorical(frame[name]) for name in names}
        if odd := [name for name, kind in kinds.items() if kind is None]:
            others = (
                Problem("features", f"column '{name}'", "numbers or strings", str(frame[name].dtype))
                for name in odd
            )
            rest = {name: _numbers(frame[name]) for name, kind in kinds.items() if kind is False}
            raise DataError([*others, *_infinite(rest)])
        return cls(names, {name: _found(frame[name]) for name, categorical in kinds.items() if categorical})

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> tuple[Encoding, Columns]:
        """Return what :meth:`fit` returns and the features, or refuse what either of the two refuses."""
        encoding = cls.fit(frame)
        return encoding, encoding.columns(frame)

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical columns in the matrix."""
        return [position for position, name in enumerate(self.names) if name in self.categories]

    def columns(self, frame: pd.DataFrame) -> Columns:
        """Return the features of a frame that has the same columns, in any order.

        Returns
        -------
        Columns
            As long as the frame; float32 columns are views. A category that did not occur at fit is NaN:
            LightGBM takes it for missing, and so does lapse.

        Raises
        ------
        GateError
            If columns are missing or unexpected, or a column holds numbers where it held categories or the
            reverse.
        DataError
            If a value is infinite as a float32.
        """
        frame = self._checked(frame)
        columns = Columns(
            tuple(
                _codes(frame[name], self.categories[name])
                if name in self.categories
                else _numbers(frame[name])
                for name in self.names
            )
        )
        if problems := _infinite(dict(zip(self.names, columns.values, strict=True))):
            raise DataError(problems)
        return columns

    def encode(self, frame: pd.DataFrame) -> Float32:
        """Return :meth:`columns` of a frame as one matrix, float32 of shape (n_rows, n_features)."""
        return self.columns(frame).matrix()

    def unknown(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return, by column that has any, how many rows have a category that did not occur at fit."""
        frame = self._checked(frame)
        counts = {
            name: int((np.isnan(_codes(frame[name], known)) & frame[name].notna()).sum())
            for name, known in self.categories.items()
        }
        return {name: count for name, count in counts.items() if count}

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {"names": list(self.names), "categories": {k: list(v) for k, v in self.categories.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Encoding:
        """Return the encoding that :meth:`to_json` wrote."""
        return cls(tuple(value["names"]), {k: tuple(v) for k, v in value["categories"].items()})

    def _checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        if problems := [p for p in _wrong_frame(frame) if p.what != "rows"]:
            raise DataError(problems)
        frame = frame.rename(columns=str)
        if problems := [*self._other_names(list(frame.columns)), *self._other_types(frame)]:
            raise GateError(problems)
        return frame

    def _other_names(self, given: list[str]) -> Iterator[Problem]:
        missing = [name for name in self.names if name not in given]
        unexpected = [name for name in given if name not in self.names]
        if missing or unexpected:
            expected = f"the {len(self.names)} columns that the model was trained on"
            yield Problem("features", "columns", expected, told_names(missing, unexpected), _ANEW)

    def _other_types(self, frame: pd.DataFrame) -> Iterator[Problem]:
        for name in self.names:
            # A column without any value has no type of its own: it fits both.
            if name not in frame or not frame[name].notna().any():
                continue
            if _is_categorical(frame[name]) is not (name in self.categories):
                expected = "categories" if name in self.categories else "numbers"
                yield Problem("features", f"column '{name}'", expected, str(frame[name].dtype), _ANEW)


def told_names(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """Return which columns are missing and which are unexpected, in words.

    Examples
    --------
    >>> told_names(["age", "plan"], ["size"])
    'missing: age, plan; unexpected: size'
    """
    sides = (("missing", missing), ("unexpected", unexpected))
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in sides if names)


def n_rows(frame: object) -> int:
    """Return how many rows a frame has, and refuse what is none."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(_wrong_frame(frame))
    return len(frame)


def _infinite(columns: Mapping[str, Float32]) -> list[Problem]:
    problems = []
    for name, column in columns.items():
        if len(rows := np.flatnonzero(np.isinf(column))):
            expected, got = "finite numbers or missing values", "infinite ones (as float32)"
            where = ("features", f"column '{name}'", expected, got)
            problems.append(Problem(*where, count=len(rows), example=f"row {rows[0]}"))
    return problems


def _wrong_frame(frame: object) -> Iterator[Problem]:
    if not isinstance(frame, pd.DataFrame):
        yield Problem("features", "type", "a pandas DataFrame with named columns", type(frame).__name__)
        return
    if isinstance(frame.columns, pd.MultiIndex):
        hint = "X.columns = ['_'.join(map(str, name)) for name in X.columns]"
        yield Problem("features", "columns", "names of one level", f"{frame.columns.nlevels} levels", hint)
        return
    if not len(frame.columns):
        yield Problem("features", "columns", "at least one", "none")
    if not len(frame):
        yield Problem("features", "rows", "at least one", "none")
    names = pd.Index(map(str, frame.columns))
    if names.has_duplicates:
        twice = ", ".join(names[names.duplicated()].unique())
        yield Problem("features", "columns", "every name once", f"repeated: {twice}")


def _is_categorical(column: pd.Series[Any]) -> bool | None:
    """Return whether a column holds categories (True) or numbers (False); None for anything else."""
    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        return True
    if pd.api.types.is_bool_dtype(column.dtype) or (
        pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)
    ):
        return False
    if column.dtype == object and column.dropna().map(lambda value: isinstance(value, str)).all():
        return True
    return None


def _found(column: pd.Series[Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, column.dropna().unique())))


def _numbers(column: pd.Series[Any]) -> Float32:
    if column.dtype == np.float32:
        numbers: Float32 = column.to_numpy()
        return numbers
    with np.errstate(over="ignore"):
        return column.to_numpy(np.float64, na_value=np.nan).astype(np.float32)


def _codes(column: pd.Series[Any], known: tuple[str, ...]) -> Float32:
    """Return the code of each row's category; NaN where it is missing or not known."""
    code = {name: float(position) for position, name in enumerate(known)}
    positions, found = pd.factorize(column)
    table = np.array([code.get(str(value), np.nan) for value in found] + [np.nan], np.float32)
    return table[positions]  # a missing value has position -1, the last entry
