"""A measurement as one page: HTML with its style and pictures in it, readable on a phone.

In: tables with titles, words, warnings and pictures. Out: the page's text, the same for the same tables. It
holds no script and no address of anything outside. Every value is escaped. An estimate and its
bounds share a cell; what is missing is a dash, and in a row that is still open it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from lapse import __version__, pages
from lapse.config import Business
from lapse.measurement.told import Measured
from lapse.pages import embedded

MISSING = "\N{EN DASH}"
"""What stands for a missing value."""

STILL_OPEN = "still open"
"""What stands for a missing value in a row whose status is open."""

_FIRST_ROWS, _MOST_ROWS = 14, 300
_FIRST_WARNINGS = 6
_SHARE = re.compile(r"(^|_)(rate|share)(_|$)")
_BOUND = re.compile(r"_(lower|upper)$")


@dataclass(frozen=True)
class Shown:
    """One table as the page shows it."""

    name: str
    title: str
    text: str
    warnings: tuple[str, ...]
    more_warnings: tuple[str, ...]
    picture: str
    head: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    more: tuple[tuple[str, ...], ...]
    left_out: int
    has_missing: bool


def render(business: Business, as_of: date, measured: tuple[Measured, ...]) -> str:
    """Return the page.

    Parameters
    ----------
    business : Business
    as_of : date
    measured : tuple of Measured
        In the order of the page.
    """
    return pages.render(
        "measure.html",
        version=__version__,
        business=business,
        as_of=as_of,
        sections=[shown(one) for one in measured],
        n_warnings=sum(len(one.warnings) for one in measured),
        missing=MISSING,
    )


def shown(one: Measured) -> Shown:
    """Return a table's texts, ready for the page."""
    columns = list(_columns(one))
    body = one.frame.head(_MOST_ROWS)
    rows = tuple(tuple(cell(row) for _, _, cell in columns) for row in body.to_dict("records"))
    return Shown(
        name=one.name,
        title=one.title,
        text=one.text,
        warnings=one.warnings[:_FIRST_WARNINGS],
        more_warnings=one.warnings[_FIRST_WARNINGS:],
        picture=_picture(one),
        head=tuple(title for title, _, _ in columns),
        numeric=tuple(numeric for _, numeric, _ in columns),
        rows=rows[:_FIRST_ROWS],
        more=rows[_FIRST_ROWS:],
        left_out=len(one.frame) - len(rows),
        has_missing=any(MISSING in row for row in rows),
    )


def number(value: Any, share: bool) -> str:
    """Return a value as people read it: shares as per cents, thousands separated.

    Examples
    --------
    >>> number(0.8125, True), number(1234.5, False), number(float("inf"), False)
    ('81.2%', '1,234', '∞')
    """
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (datetime, date)):
        return str(value)[:10]
    if not isinstance(value, (int, float)):
        return str(value)
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "-∞"
    if share:
        return f"{value:.1%}"
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def _columns(one: Measured) -> Iterator[tuple[str, bool, Callable[[dict[Hashable, Any]], str]]]:
    """Yield title, whether it is a number, and what makes a row's text of every column that is shown."""
    names = [str(name) for name in one.frame.columns]
    for name in names:
        if _BOUND.search(name) and _BOUND.sub("", name) in names:
            continue
        share = _is_share(name, one)
        bounds = [f"{name}_{bound}" for bound in ("lower", "upper")]
        has_bounds = all(bound in names for bound in bounds)
        numeric = pd.api.types.is_numeric_dtype(one.frame[name])

        def cell(
            row: dict[Hashable, Any],
            name: str = name,
            share: bool = share,
            bounds: list[str] = bounds if has_bounds else [],
        ) -> str:
            told = str(row[name]) if name == "customer_id" else number(row[name], share)
            if told == MISSING:
                return STILL_OPEN if row.get("status") == "open" else MISSING
            between = [number(row[bound], share) for bound in bounds]
            return f"{told} ({between[0]} to {between[1]})" if between else told

        yield name.replace("_", " "), bool(numeric), cell


def _is_share(name: str, one: Measured) -> bool:
    """Return whether a column holds shares, by its name or since its table says so."""
    return bool(_SHARE.search(name)) or name in one.per_cent


def _picture(one: Measured) -> str:
    """Return the picture as data that an image element takes, empty where there is none."""
    return "" if one.picture is None else embedded(one.picture(), one.name)
