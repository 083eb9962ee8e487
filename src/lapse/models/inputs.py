"""What the estimators are given beside the features, checked and typed.

In: array-likes. Out: NumPy arrays of one length. Refused (:class:`~lapse.errors.DataError`): other lengths,
missing values, and values outside their domain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.schema import Float64, Int32


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


def numbers(name: str, values: npt.ArrayLike, n: int) -> Float64:
    """Return finite numbers as float64, shape (n,)."""
    array: Any = np.asarray(values)
    if array.shape != (n,):
        raise DataError(Problem("outcomes", name, f"one value a row, shape ({n},)", f"shape {array.shape}"))
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
    """Return dates (objects, datetime64 or ISO 8601 text) or whole day numbers as int32, shape (n,)."""
    values = pd.Series(np.asarray(as_of))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        try:
            dates = pd.to_datetime(values, format="ISO8601")
        except (TypeError, ValueError) as error:
            raise DataError(Problem("outcomes", name, "dates", str(error))) from error
        values = (dates.dt.normalize() - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return numbers(name, values.to_numpy(np.float64), n).astype(np.int32)
