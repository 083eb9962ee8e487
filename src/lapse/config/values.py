"""What single values of the business YAML may be: lengths, names, dates, lists of columns.

In: a value as YAML gives it. Out: the value as the sections hold it. Refused, in words that end the sentence
"expected ...": a length without its unit or longer than :data:`MOST_DAYS`, a number or truth value where text
belongs, a name or column given twice.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

MOST_DAYS = 100 * 365
"""No business looks so far back or ahead; what a length costs grows with it."""

_DAYS_IN = {"d": 1, "w": 7, "mo": 30, "y": 365}
_LENGTH = re.compile(r"([0-9]+)(d|w|mo|y)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAMED = "a name in lower case, words joined by one underscore (it becomes part of feature names)"


def parse_days(value: object) -> int:
    """Return a length such as ``"90d"``, ``"12w"`` or ``"5y"`` (365 days each) in days.

    Raises
    ------
    ValueError
        If the unit is missing or has no fixed length, or the length is zero or above :data:`MOST_DAYS`.

    Examples
    --------
    >>> parse_days("12w")
    84
    """
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] == "mo":
        raise ValueError("a length with its unit, such as '90d', '12w' or '5y'")
    return _counted(match, "a length")


def _counted(match: re.Match[str], noun: str) -> int:
    days = int(match[1][:9]) * _DAYS_IN[match[2]]
    if days == 0:
        raise ValueError(f"{noun} longer than nothing")
    if days > MOST_DAYS:
        raise ValueError(f"{noun} of at most {MOST_DAYS // 365}y")
    return days


def _parse_grace(value: object) -> int:
    return 0 if value == "0d" else parse_days(value)


def _parse_step(value: object) -> str:
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] == "y":
        raise ValueError("a step with its unit, such as '14d', '2w' or '1mo'")
    _counted(match, "a step")
    return match[0]


def _parse_date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) and _DAY.fullmatch(value) else "")
    except ValueError:
        raise ValueError("a date such as 2024-01-31") from None


def _parse_path(value: object) -> Path:
    if isinstance(value, (str, Path)) and str(value).strip() and value != Path():
        return Path(value)
    raise ValueError("a path")


@cache
def _zones() -> set[str]:
    return available_timezones()


def _known_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("an IANA time zone such as 'Europe/Berlin'")
    return value


def _three_letters(value: str) -> str:
    if not re.fullmatch("[A-Z]{3}", value):
        raise ValueError("three capital letters such as 'EUR'")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("a text that is not empty")
    return value


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(_NAMED)
    return value


def _by_name(value: object) -> object:
    """Return columns by the names that they get; a list names each as it is called in the table."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, (list, tuple)) or not all(isinstance(column, str) for column in value):
        raise ValueError("a list of columns, or names with their columns")
    for column in value:
        if not _NAME.fullmatch(column):
            word = "_".join(re.findall("[a-z0-9]+", column.lower())) or "name"
            raise refused(_NAMED, f"'{column}'", f'give it a name: {{{word}: "{column}"}} in place of a list')
    if len(set(value)) < len(value):
        raise refused("each column once", _twice(list(value)))
    return {column: column for column in value}


def _each_once(columns: dict[str, str]) -> dict[str, str]:
    if len(set(columns.values())) < len(columns):
        raise refused("each column once", _twice(list(columns.values())))
    return columns


def _twice(values: list[str]) -> str:
    return ", ".join(f"'{value}' twice" for value in sorted({v for v in values if values.count(v) > 1}))


def refused(expected: str, got: str, hint: str = "") -> PydanticCustomError:
    """Return an error that says itself what it got, where the whole value would say too much."""
    return PydanticCustomError("refused", "{expected}", {"expected": expected, "got": got, "hint": hint})


def _as_given(columns: dict[str, str]) -> object:
    return list(columns) if all(name == column for name, column in columns.items()) else dict(columns)


_as_written = PlainSerializer(lambda days: f"{days}d", return_type=str)
Days = Annotated[int, BeforeValidator(parse_days), _as_written]
Grace = Annotated[int, BeforeValidator(_parse_grace), _as_written]
Step = Annotated[str, BeforeValidator(_parse_step)]
Date = Annotated[date, BeforeValidator(_parse_date)]
File = Annotated[Path, BeforeValidator(_parse_path)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Currency = Annotated[str, AfterValidator(_three_letters)]
Text = Annotated[str, AfterValidator(_said)]
Name = Annotated[str, AfterValidator(_named)]
Columns = Annotated[
    dict[Name, Text], BeforeValidator(_by_name), AfterValidator(_each_once), PlainSerializer(_as_given)
]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Cost = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
Rate = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1, le=1)]
Rule = Literal["refuse", "drop"]
