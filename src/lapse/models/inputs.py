"""What the estimators are given beside the features, checked and typed.

In: array-likes, and numbers that a call asks with. Out: NumPy arrays of one length, whole numbers, levels.
Refused (:class:`~lapse.errors.DataError`): other lengths, missing values, values that are no numbers (time
spans and text too, which NumPy would turn into some), and values outside their domain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.schema import Bool, Float64, Int32, Int64

_T = TypeVar("_T")


def labels(y: npt.ArrayLike, n: int) -> Float64:
    """Return 0/1 or boolean outcomes as float64, shape (n,), of which some must be 1 and some 0."""
    others = Domain(lambda y: ~np.isin(y, (0.0, 1.0)) & ~np.isnan(y), "0 and 1, or booleans", "others")
    label = numbers("y", y, n, others)
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
    domain = Domain(lambda weight: weight <= 0, "weights above 0", "0 or less")
    return numbers("sample_weight", sample_weight, n, domain)


def elapsed(elapsed_days: npt.ArrayLike, n: int) -> Float64:
    """Return days that are over, one number or one a row, at least 0, as float64, shape (n,)."""
    given = np.asarray(elapsed_days)
    rows = np.full(n, given) if given.ndim == 0 else given
    return numbers("elapsed_days", rows, n, Domain(lambda days: days < 0, "at least 0"))


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


@dataclass(frozen=True)
class Domain:
    """Where numbers lie outside (missing ones do not), and in words what they should be and are instead."""

    outside: Callable[[Float64], Bool]
    expected: str
    got: str = "less"


def numbers(name: str, values: npt.ArrayLike, n: int, *domains: Domain) -> Float64:
    """Return finite numbers that lie in all domains as float64, shape (n,)."""
    number, problems = checked(name, values, n, *domains)
    if problems:
        raise DataError(problems)
    return number


def checked(name: str, values: npt.ArrayLike, n: int, *domains: Domain) -> tuple[Float64, list[Problem]]:
    """Return numbers as float64, shape (n,), NaN where they are wrong, and all that is wrong."""
    array: Any = np.asarray(values)
    nothing = np.full(n, np.nan)
    if array.shape != (n,):
        got = f"shape {array.shape}"
        return nothing, [Problem("outcomes", name, f"one value a row, shape ({n},)", got)]
    if array.dtype.kind not in "biufO":
        hint = "whole days, as `.dt.days` gives them" if array.dtype.kind == "m" else ""
        return nothing, [Problem("outcomes", name, "numbers", str(array.dtype), hint)]
    try:
        number: Float64 = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        return nothing, [Problem("outcomes", name, "numbers", str(error))]
    finite = np.isfinite(number)
    number = np.where(finite, number, np.nan)
    found = [(~finite, "finite numbers", "missing or infinite ones")]
    found += [(domain.outside(number), domain.expected, domain.got) for domain in domains]
    problems = [
        Problem("outcomes", name, expected, got, count=int(wrong.sum()), example=_example(number, wrong))
        for wrong, expected, got in found
        if wrong.any()
    ]
    return np.where(np.any([wrong for wrong, _, _ in found], axis=0), np.nan, number), problems


def tried(check: Callable[[], _T], otherwise: _T) -> tuple[_T, list[Problem]]:
    """Return what a check returns, or something else where it refuses, and all that is wrong.

    Examples
    --------
    >>> value, problems = tried(lambda: whole("n_steps", 0), 1)
    >>> value, [problem.what for problem in problems]
    (1, ['n_steps'])
    """
    try:
        return check(), []
    except DataError as error:
        return otherwise, list(error.problems)


def _example(number: Float64, wrong: Bool) -> str:
    row = int(wrong.argmax())
    return f"row {row}" if np.isnan(number[row]) else f"row {row}: {number[row]:g}"


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
    domain = Domain(
        lambda day: (day != np.floor(day)) & ~np.isnan(day) | (np.abs(day) > np.iinfo(np.int32).max),
        "dates or whole day numbers since 1970",
        "others",
    )
    return numbers(name, values.to_numpy(np.float64), n, domain).astype(np.int32)


MOST = 100_000
"""No number of steps, days or trees above it is meant."""


def whole(name: str, value: object, most: int = MOST) -> int:
    """Return a whole number from 1 to ``most``, which may be a float such as 365.0."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (is_number and 1 <= float(value) <= most and float(value).is_integer()):  # type: ignore[arg-type]  # a number
        raise DataError(Problem("parameters", name, f"a whole number from 1 to {most:,}", f"{value!r}"))
    return int(value)  # type: ignore[call-overload,no-any-return]  # a number


def level(value: object) -> float:
    """Return the level of an interval, a number between 0 and 1."""
    if not (isinstance(value, int | float | np.integer | np.floating) and 0 < value < 1):
        raise DataError(Problem("parameters", "level", "a share between 0 and 1, such as 0.8", f"{value!r}"))
    return float(value)
