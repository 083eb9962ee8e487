"""A frame of features as one float32 matrix, with columns and categories fixed when a model is fitted.

In: a pandas frame of numeric, boolean, category and string columns; missing values are welcome. Out: a
C-contiguous float32 matrix in which a category is its code and a missing or unknown one is NaN.

Refused: a frame with other columns than at fit (:class:`~lapse.errors.GateError`, a model for other columns);
infinite values, repeated names and columns that are neither numbers nor strings
(:class:`~lapse.errors.DataError`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lapse.errors import DataError, GateError, Problem
from lapse.schema import Bool, Float32


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
    >>> encoding.encode(frame.assign(plan=["iron", "brass"])).tolist()
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
            raise DataError(
                Problem("features", f"column '{name}'", "numbers or strings", str(frame[name].dtype))
                for name in odd
            )
        return cls(names, {name: _found(frame[name]) for name, categorical in kinds.items() if categorical})

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical columns in the matrix."""
        return [position for position, name in enumerate(self.names) if name in self.categories]

    def encode(self, frame: pd.DataFrame) -> Float32:
        """Return the matrix of a frame that has the same columns, in any order.

        Returns
        -------
        float32, shape (n_rows, n_features), C-contiguous

        Raises
        ------
        GateError
            If columns are missing or unexpected, or a column holds numbers where it held categories or the
            reverse.
        DataError
            If a value is infinite as a float32.
        """
        frame = self._checked(frame)
        matrix = np.empty((len(frame), len(self.names)), np.float32)
        for position, name in enumerate(self.names):
            column = frame[name]
            if name in self.categories:
                matrix[:, position] = _codes(column, self.categories[name])
            else:
                with np.errstate(over="ignore"):
                    matrix[:, position] = column.to_numpy(np.float64, na_value=np.nan)
        self._finite(matrix)
        return matrix

    def unknown(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return, by column that has any, how many rows have a category that did not occur at fit."""
        frame = self._checked(frame)
        counts = {
            name: int(np.sum(np.isnan(_codes(frame[name], known)) & frame[name].notna().to_numpy()))
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
        given = list(frame.columns)
        missing = [name for name in self.names if name not in given]
        unexpected = [name for name in given if name not in self.names]
        if missing or unexpected:
            raise GateError(
                Problem(
                    "features",
                    "columns",
                    f"the {len(self.names)} columns that the model was trained on",
                    "; ".join(
                        f"{word}: {', '.join(names)}"
                        for word, names in (("missing", missing), ("unexpected", unexpected))
                        if names
                    ),
                    "train again, or compute the features with the recipe that is kept beside the model",
                )
            )
        kinds = {name: _is_categorical(frame[name]) for name in self.names}
        # A column without any value has no type of its own: it fits both.
        changed = [
            name
            for name, kind in kinds.items()
            if kind is not (name in self.categories) and frame[name].notna().any()
        ]
        if changed:
            raise GateError(
                Problem(
                    "features",
                    f"column '{name}'",
                    "categories" if name in self.categories else "numbers",
                    str(frame[name].dtype),
                )
                for name in changed
            )
        return frame

    def _finite(self, matrix: Float32) -> None:
        infinite: Bool = np.isinf(matrix)
        if infinite.any():
            raise DataError(
                Problem(
                    "features",
                    f"column '{self.names[position]}'",
                    "finite numbers or missing values",
                    "infinite ones (as float32)",
                    count=int(infinite[:, position].sum()),
                    example=f"row {int(infinite[:, position].argmax())}",
                )
                for position in np.flatnonzero(infinite.any(axis=0))
            )


def _wrong_frame(frame: object) -> Iterator[Problem]:
    if not isinstance(frame, pd.DataFrame):
        yield Problem("features", "type", "a pandas DataFrame with named columns", type(frame).__name__)
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


def _codes(column: pd.Series[Any], known: tuple[str, ...]) -> Float32:
    """Return the code of each row's category; NaN where it is missing or not known."""
    code = {name: float(position) for position, name in enumerate(known)}
    positions, found = pd.factorize(column)
    table = np.array([code.get(str(value), np.nan) for value in found] + [np.nan], np.float32)
    return table[positions]  # a missing value has position -1, the last entry
