"""What the estimators are given beside the features, checked and typed.

In: array-likes, and numbers that a call asks with. Out: NumPy arrays of one length, whole numbers, levels.
Refused (:class:`~lapse.errors.DataError`): other lengths, missing values, values that are no numbers (time
spans and text too, which NumPy would turn into some), and values outside their domain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.schema import Float64, Int32, Int64


def labels(y: npt.ArrayLike, n: int) -> Float64:
    """Return 0/1 or boolean outcomes as float64, shape (n,), of which some must be 1 and some 0."""
    label = numbers("y", y, n)
    if not np.isin(label, (0.0, 1.0)).all():
        odd = label[~np.isin(label, (0.0, 1.0))][0]
        raise DataError(Problem("outcomes", "y", "0 and 1, or booleans", f"{odd:g}"))
    if not label.any():
        raise DataError(
            Problem(
                "outcomes",
                "y",
                "some customers who lapse",
                f"no positive outcomes in {n:,} rows",
                "a longer history, a longer horizon, or a shorter grace",
            )
        )
    if label.all():
        raise DataError(
            Problem(
                "outcomes",
                "y",
                "some customers who stay",
                f"no negative outcomes in {n:,} rows",
                "a shorter horizon, or a longer grace",
            )
        )
    return label


def weights(sample_weight: npt.ArrayLike, n: int) -> Float64:
    """Return weights above 0 as float64, shape (n,)."""
    weight = numbers("sample_weight", sample_weight, n)
    if (weight <= 0).any():
        raise DataError(Problem("outcomes", "sample_weight", "weights above 0", f"{weight.min():g}"))
    return weight


def durations(duration_days: npt.ArrayLike, n: int) -> Float64:
    """Return durations of at least one day as float64, shape (n,)."""
    duration = numbers("duration_days", duration_days, n)
    if (short := duration < 1).any():
        raise DataError(
            Problem(
                "outcomes",
                "duration_days",
                "at least one day",
                f"{duration.min():g}",
                count=int(short.sum()),
                example=f"row {int(short.argmax())}",
            )
        )
    return duration


def elapsed(elapsed_days: npt.ArrayLike, n: int) -> Float64:
    """Return days that are over, one number or one a row, at least 0, as float64, shape (n,)."""
    given = np.asarray(elapsed_days)
    days = numbers("elapsed_days", np.full(n, given) if given.ndim == 0 else given, n)
    if (days < 0).any():
        raise DataError(Problem("outcomes", "elapsed_days", "at least 0", f"{days.min():g}"))
    return days


def customers(customer: npt.ArrayLike, n: int) -> Int64:
    """Return the number of each row's customer, from 0, as int64, shape (n,); none may be missing."""
    whose = np.asarray(customer)
    if whose.shape != (n,):
        raise DataError(Problem("outcomes", "customer", f"one a row, shape ({n},)", f"shape {whose.shape}"))
    code = pd.factorize(whose)[0].astype(np.int64)
    if (missing := code < 0).any():
        count, example = int(missing.sum()), f"row {int(missing.argmax())}"
        raise DataError(
            Problem("outcomes", "customer", "none missing", "missing", count=count, example=example)
        )
    return code


def numbers(name: str, values: npt.ArrayLike, n: int) -> Float64:
    """Return finite numbers as float64, shape (n,)."""
    array: Any = np.asarray(values)
    if array.shape != (n,):
        raise DataError(Problem("outcomes", name, f"one value a row, shape ({n},)", f"shape {array.shape}"))
    if array.dtype.kind not in "biufO":
        hint = "whole days, as `.dt.days` gives them" if array.dtype.kind == "m" else ""
        raise DataError(Problem("outcomes", name, "numbers", str(array.dtype), hint))
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(Problem("outcomes", name, "numbers", str(error))) from error
    if not np.isfinite(array).all():
        wrong = ~np.isfinite(array)
        raise DataError(
            Problem(
                "outcomes",
                name,
                "finite numbers",
                "missing or infinite ones",
                count=int(wrong.sum()),
                example=f"row {int(wrong.argmax())}",
            )
        )
    number: Float64 = array
    return number


def days(as_of: npt.ArrayLike, n: int, name: str = "as_of") -> Int32:
    """Return dates (objects, datetime64 or ISO 8601 text) or whole day numbers as int32, shape (n,).

    Of a moment with a time zone it is the date there.
    """
    values = pd.Series(np.asarray(as_of))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        try:
            dates = pd.to_datetime(values, format="ISO8601").dt.tz_localize(None)
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(Problem("outcomes", name, "dates", str(error))) from error
        values = (dates.dt.normalize() - pd.Timestamp(0)) / pd.Timedelta(days=1)
    number = numbers(name, values.to_numpy(np.float64), n)
    wrong = (number != np.floor(number)) | (np.abs(number) > np.iinfo(np.int32).max)
    if wrong.any():
        row = int(wrong.argmax())
        example = f"row {row}: {number[row]:g}"
        expected = "dates or whole day numbers since 1970"
        raise DataError(
            Problem("outcomes", name, expected, "others", count=int(wrong.sum()), example=example)
        )
    return number.astype(np.int32)


MOST = 100_000
"""No number of steps, days or trees above it is meant."""


def whole(name: str, value: object) -> int:
    """Return a whole number from 1 to :data:`MOST`, which may be a float such as 365.0."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (is_number and 1 <= float(value) <= MOST and float(value).is_integer()):  # type: ignore[arg-type]  # a number
        raise DataError(Problem("parameters", name, f"a whole number from 1 to {MOST:,}", f"{value!r}"))
    return int(value)  # type: ignore[call-overload,no-any-return]  # a number


def level(value: float) -> float:
    """Return the level of an interval, which lies between 0 and 1."""
    if not 0 < value < 1:
        raise DataError(Problem("parameters", "level", "a share between 0 and 1, such as 0.8", f"{value!r}"))
    return value
