"""Attributes as they were last known, and the time of the year.

In: attribute columns and the positions from which to take them (-1 for nowhere). Out: Arrow columns, text as
``dictionary<string>`` with nulls, numbers and booleans as float32 with NaN. Dates and nested values are
refused.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lapse.errors import DataError, Problem
from lapse.schema import Bucket, Float32, Int32, Snapshots

TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type of a text column in every frame."""


def is_text(column: pa.Array, where: str) -> bool | None:
    """Say whether an attribute is text (True) or a number or boolean (False); None where all is null.

    Raises
    ------
    DataError
        If it is neither.
    """
    kind = kind_of(column)
    if kind not in ("text", "numbers", ""):
        raise DataError(
            Problem(where, "type", "text, a number or a boolean", kind, "cast it in the table or a query")
        )
    return kind == "text" if kind else None


def kind_of(column: pa.Array) -> str:
    """Return what an attribute is: ``text``, ``numbers``, nothing where all is null, or its type.

    Examples
    --------
    >>> kind_of(pa.array(["gold"])), kind_of(pa.array([True])), kind_of(pa.nulls(1))
    ('text', 'numbers', '')
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_null(kind):
        return ""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return "numbers"
    return "numbers" if pa.types.is_decimal(kind) else str(kind)


def take(column: pa.Array, positions: npt.NDArray[np.int64], text: bool) -> pa.Array:
    """Return an attribute's value at each position, missing where the position is -1.

    Parameters
    ----------
    column : pyarrow.Array
        Plain or dictionary-encoded.
    positions : int64, shape (n,)
    text : bool
        Whether the recipe knows the attribute as text, and so the column is.
    """
    places = pa.array(positions, mask=positions < 0)
    if text:
        plain = (
            column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
        )
        return plain.take(places).cast(TEXT)
    taken = column.take(places)
    if pa.types.is_dictionary(taken.type):
        taken = taken.dictionary_decode()
    return taken.cast(pa.float64()).cast(pa.float32(), safe=False).fill_null(float("nan"))


def profile_positions(bucket: Bucket, snapshots: Snapshots) -> npt.NDArray[np.int64]:
    """Return the row of each snapshot's customer in the profile, -1 where it is not known at as_of."""
    known = bucket.profile_known_day[snapshots.customer] <= snapshots.day
    return np.where(known, snapshots.customer, -1)


def time_of_year(as_of: Int32) -> tuple[Float32, Float32]:
    """Return sine and cosine of the day of the year on the circle, 1 January at angle 0.

    Both are needed to tell the seasons apart; 31 December lies beside 1 January, in leap years too.
    """
    days = as_of.astype("datetime64[D]")
    year = days.astype("datetime64[Y]")
    begin, end = year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
    angle = 2 * np.pi * (days - begin).astype(float) / (end - begin).astype(float)
    return np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)
