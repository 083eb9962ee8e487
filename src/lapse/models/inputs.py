"""What the estimators are given beside the features, checked and typed.

In: array-likes, and numbers that a call asks with. Out: NumPy arrays of one length, whole numbers, levels.
Refused (:class:`~lapse.errors.DataError`): other lengths, missing values, values that are no numbers (time
spans and text too, which NumPy would turn into some, one by one in arrays of objects), and values outside
their domain, such as more days than anybody lives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, LapseError, Problem
from lapse.schema import Bool, Float64, Int32, Int64

_T = TypeVar("_T")

MOST = 100_000
"""No number of steps, days or trees above it is meant."""

_A_DATE = "dates or whole day numbers since 1970"

_SPAN_HINT = "whole days, as `.dt.days` gives them"

_HEAVIEST = 1e30
"""LightGBM keeps weights as float32, and adds them up."""


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
    light = Domain(lambda weight: weight <= 0, "weights above 0", "0 or less")
    heavy = Domain(lambda weight: weight > _HEAVIEST, f"weights of at most {_HEAVIEST:g}", "more")
    return numbers("sample_weight", sample_weight, n, light, heavy)


def elapsed(elapsed_days: npt.ArrayLike, n: int) -> Float64:
    """Return days that are over, one number or one a row, from 0 to :data:`MOST`, as float64, shape (n,)."""
    given = np.asarray(elapsed_days)
    rows = np.full(n, given) if given.ndim == 0 else given
    return numbers("elapsed_days", rows, n, Domain(lambda days: days < 0, "at least 0"), TOO_LONG)


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
    hint: str = ""


TOO_LONG = Domain(lambda days: days > MOST, f"days, at most {MOST:,}", "more", "are these days?")
"""More days than are meant: seconds, or a date far ahead that stands for "never"."""


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
        hint = _SPAN_HINT if array.dtype.kind == "m" else ""
        return nothing, [Problem("outcomes", name, "numbers", str(array.dtype), hint)]
    if array.dtype == object:
        if odd := _no_numbers(name, array):
            return nothing, odd
        array = np.where(pd.isna(array), np.nan, array)
    try:
        number: Float64 = array.astype(np.float64)
    except (OverflowError, ValueError) as error:
        return nothing, [Problem("outcomes", name, "numbers", str(error))]
    finite = np.isfinite(number)
    number = np.where(finite, number, np.nan)
    found = [(~finite, "finite numbers", "missing or infinite ones", "")]
    found += [(domain.outside(number), domain.expected, domain.got, domain.hint) for domain in domains]
    problems = [
        Problem("outcomes", name, expected, got, hint, int(wrong.sum()), _example(number, wrong))
        for wrong, expected, got, hint in found
        if wrong.any()
    ]
    return np.where(np.any([wrong for wrong, *_ in found], axis=0), np.nan, number), problems


def _no_numbers(name: str, array: npt.NDArray[np.object_]) -> list[Problem]:
    """Return what is wrong with an array of objects of which some are neither numbers nor missing."""
    a_number = (is_number(value) or isinstance(value, bool | np.bool_ | Decimal) for value in array)
    odd = ~np.fromiter(a_number, bool, len(array)) & ~pd.isna(array)
    if not odd.any():
        return []
    first = array[row := int(odd.argmax())]
    got, hint = type(first).__name__, ""
    if isinstance(first, str):
        got, hint = "text", "`pd.to_numeric` makes numbers of text that holds some"
    elif isinstance(first, timedelta | np.timedelta64):
        hint = _SPAN_HINT
    example = f"row {row}: {str(first)!r}"
    return [Problem("outcomes", name, "numbers", got, hint, int(odd.sum()), example)]


def is_number(value: object) -> bool:
    """Return whether a value is a real number: no truth, and no span of time, which NumPy takes for one.

    Examples
    --------
    >>> [is_number(value) for value in (3, np.float32(0.5), True, "3", np.timedelta64(3, "D"))]
    [True, True, False, False, False]
    """
    a_number = isinstance(value, int | float | np.integer | np.floating)
    return a_number and not isinstance(value, bool | np.timedelta64)


def together(*checks: Callable[[], Any]) -> list[Any]:
    """Return what all checks return, or refuse at once all that any of them refuses, each mistake once.

    Examples
    --------
    >>> together(lambda: whole("n_steps", 3), lambda: level(0.8))
    [3, 0.8]
    >>> together(lambda: whole("n_steps", 0), lambda: level(80))
    Traceback (most recent call last):
    lapse.errors.DataError: parameters: n_steps: expected a whole number from 1 to 100,000, got 0
    parameters: level: expected a share between 0 and 1, such as 0.8, got 80
    """
    found = [tried(check, None) for check in checks]
    if problems := dict.fromkeys(problem for _, wrong in found for problem in wrong):
        raise DataError(problems)
    return [value for value, _ in found]


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
    except LapseError as error:
        return otherwise, list(error.problems)


def _example(number: Float64, wrong: Bool) -> str:
    row = int(wrong.argmax())
    return f"row {row}" if np.isnan(number[row]) else f"row {row}: {number[row]:g}"


def days(as_of: npt.ArrayLike, n: int, name: str = "as_of") -> Int32:
    """Return dates (objects, datetime64 or ISO 8601 text) or whole day numbers as int32, shape (n,).

    Of a moment with a time zone it is the date there.
    """
    given: Any = np.asarray(as_of)
    if given.shape == (n,) and not _are_day_numbers(given):
        given = _day_numbers(name, given)
    domain = Domain(
        lambda day: (day != np.floor(day)) & ~np.isnan(day) | (np.abs(day) > np.iinfo(np.int32).max),
        _A_DATE,
        "others",
    )
    return numbers(name, given, n, domain).astype(np.int32)


def _are_day_numbers(given: npt.NDArray[Any]) -> bool:
    if given.dtype == object:
        return all(map(is_number, given[~pd.isna(given)]))
    return given.dtype.kind in "iuf"


def _day_numbers(name: str, given: npt.NDArray[Any]) -> Float64:
    """Return the day number of each date as float64, NaN where it is missing."""
    if given.dtype.kind not in "MOU":
        raise DataError(Problem("outcomes", name, _A_DATE, str(given.dtype)))
    odd = np.zeros(len(given), bool)
    if given.dtype == object:  # numbers among dates, which pandas would read as some
        odd = np.fromiter(map(is_number, given), bool, len(given)) & ~pd.isna(given)
    read = pd.Series(given).mask(odd)
    try:
        dates = pd.to_datetime(read, format="ISO8601", errors="coerce").dt.tz_localize(None)
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(Problem("outcomes", name, _A_DATE, "no dates, or mixed time zones")) from error
    missing = dates.isna().to_numpy()
    odd |= missing & ~pd.isna(given)
    if odd.any():
        row = int(odd.argmax())
        example, hint = f"row {row}: {str(given[row])!r}", "dates as text are written 2024-03-31"
        raise DataError(Problem("outcomes", name, _A_DATE, "others", hint, int(odd.sum()), example))
    day = dates.dt.normalize().to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.where(missing, np.nan, day)


def whole(name: str, value: Any, most: int = MOST, least: int = 1) -> int:
    """Return a whole number from ``least`` to ``most``, which may be a float such as 365.0."""
    if not (is_number(value) and least <= value <= most and float(value).is_integer()):
        expected = f"a whole number from {least:,} to {most:,}"
        raise DataError(Problem("parameters", name, expected, f"{value!r}"))
    return int(value)


def level(value: Any) -> float:
    """Return the level of an interval, which lies between 0 and 1."""
    if not (is_number(value) and 0 < value < 1):
        raise DataError(Problem("parameters", "level", "a share between 0 and 1, such as 0.8", f"{value!r}"))
    return float(value)
