"""A measurement as one page: HTML with its style and pictures in it, readable on a phone.

In: tables with titles, words, warnings and pictures. Out: the page's text, the same for the same tables: a
summary, then the tables by chapter, then what their columns mean. It holds no script and no address of
anything outside. Every value is escaped. An estimate and its bounds share a cell; what is missing is a dash,
and in a row that is still open it says so. Columns of which nothing can be known are named, and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd

from lapse import __version__, pages
from lapse.config import Business
from lapse.features.wording import several
from lapse.measurement.glossary import UNSHOWN, VALUES, Word, word_of
from lapse.measurement.groups import ALL
from lapse.measurement.headlines import summary_of
from lapse.measurement.told import Measured
from lapse.pages import embedded
from lapse.pages.figures import MISSING, number

STILL_OPEN = "still open"
"""What stands for a missing value in a row whose status is open."""

CHAPTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Lifetimes", ("retention_lifetimes",)),
    ("Cohorts", ("retention_cohorts",)),
    ("Retention rate", ("retention", "benchmarks")),
    ("Customer pyramid", ("pyramid",)),
    ("Loyalty ladder", ("ladder",)),
    ("Financial and strategic worth", ("worth", "strategic")),
    ("Lifecycle economics", ("lifecycle", "programmes")),
    ("Claims about loyalty", ("claims",)),
)
"""Titles of chapters with how the names of their tables begin; the first that fits counts."""

_FIRST_ROWS, _MOST_ROWS = 10, 300
_FIRST_WARNINGS = 6
_SUMMARY_WARNINGS = 5


class Cell(NamedTuple):
    """The text of a cell, and of the bounds beside it, where it has any."""

    text: str
    bounds: str = ""


class Column(NamedTuple):
    """A column as it is shown: its name in the file, its word, what makes a row's cell of it."""

    name: str
    word: Word
    numeric: bool
    cell: Callable[[dict[Hashable, Any]], Cell]


@dataclass(frozen=True)
class Shown:
    """One table as the page shows it."""

    name: str
    title: str
    text: str
    warnings: tuple[str, ...]
    more_warnings: tuple[str, ...]
    picture: str
    columns: tuple[Column, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: tuple[tuple[Cell, ...], ...]
    left_out: int
    has_missing: bool
    unknown: tuple[str, ...]

    @property
    def n_warnings(self) -> int:
        """How many warnings it has."""
        return len(self.warnings) + len(self.more_warnings)


def render(business: Business, as_of: date, measured: tuple[Measured, ...]) -> str:
    """Return the page.

    Parameters
    ----------
    business : Business
    as_of : date
    measured : tuple of Measured
        In the order of the page.
    """
    sections = [shown(one, business.currency) for one in measured]
    summary = summary_of(measured, business.currency)
    return pages.render(
        "measure.html",
        version=__version__,
        business=business,
        as_of=as_of,
        summary=summary,
        warnings=summary.warnings[:_SUMMARY_WARNINGS],
        more_warnings=summary.warnings[_SUMMARY_WARNINGS:],
        chapters=chapters_of(sections),
        words=list(_explained(sections, business.currency)),
        missing=MISSING,
        several=several,
    )


def chapters_of(sections: Sequence[Shown]) -> list[tuple[str, list[Shown]]]:
    """Return the tables by chapter, in the order in which chapters first appear."""

    def chapter(one: Shown) -> str:
        return next((title for title, names in CHAPTERS if one.name.startswith(names)), "Other tables")

    order = list(dict.fromkeys(map(chapter, sections)))
    ordered = sorted(sections, key=lambda one: order.index(chapter(one)))
    return [(title, list(found)) for title, found in groupby(ordered, chapter)]


def shown(one: Measured, currency: str = "") -> Shown:
    """Return a table's texts, ready for the page.

    Parameters
    ----------
    one : Measured
    currency : str, optional
        In headings of columns that hold money.
    """
    frame = _with_groups(one.name, one.frame)
    empty = [name for name in map(str, frame) if len(frame) and frame[name].isna().all()]
    every = list(_columns(one.name, frame))
    columns = tuple(column for column in every if column.name not in empty)
    body = frame.head(_MOST_ROWS if len(columns) > 1 or not empty else 0).to_dict("records")
    rows = tuple(tuple(column.cell(row) for column in columns) for row in body)
    return Shown(
        name=one.name,
        title=one.title,
        text=one.text,
        warnings=one.warnings[:_FIRST_WARNINGS],
        more_warnings=one.warnings[_FIRST_WARNINGS:],
        picture="" if one.picture is None else embedded(one.picture(), one.name),
        columns=columns,
        head=tuple(_heading(column.word, currency) for column in columns),
        rows=rows[:_FIRST_ROWS],
        more=rows[_FIRST_ROWS:],
        left_out=len(frame) - len(rows) if rows else 0,
        has_missing=any(cell.text == MISSING for row in rows for cell in row),
        unknown=tuple(_heading(column.word, currency) for column in every if column.name in empty),
    )


def _with_groups(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is shown of a table, its split and level as one column, none where there is one group."""
    kept = frame.drop(columns=[name for name in frame if {name, f"{table}.{name}"} & UNSHOWN])
    if not {"split", "level"} <= set(kept):
        return kept
    names = [
        "all customers" if split == ALL else f"{split}: {str(level).strip('()')}"
        for split, level in zip(kept["split"], kept["level"], strict=True)
    ]
    place = list(kept).index("split")
    kept = kept.drop(columns=["split", "level"])
    if len(set(names)) > 1:
        kept.insert(place, "group", names)
    return kept


def _columns(table: str, frame: pd.DataFrame) -> Iterator[Column]:
    """Yield what is shown of a table: bounds share the cell of their estimate."""
    names = [str(name) for name in frame.columns]
    bounds = {f"{name}{bound}" for name in names for bound in ("_lower", "_upper")}
    for name in names:
        if name in bounds:
            continue
        word = word_of(table, name)
        between = [f"{name}_lower", f"{name}_upper"] if f"{name}_lower" in names else []

        def cell(
            row: dict[Hashable, Any], name: str = name, word: Word = word, between: list[str] = between
        ) -> Cell:
            told = (
                str(row[name])
                if name == "customer_id"
                else VALUES.get(row[name], number(row[name], word.kind))
            )
            if told == MISSING:
                return Cell(STILL_OPEN if row.get("status") == "open" else MISSING)
            return Cell(told, " to ".join(number(row[bound], word.kind) for bound in between))

        yield Column(name, word, bool(pd.api.types.is_numeric_dtype(frame[name])), cell)


def _heading(word: Word, currency: str) -> str:
    return word.heading.replace("{money}", currency or "money")


def _explained(sections: Sequence[Shown], currency: str) -> Iterator[tuple[str, str, str]]:
    """Yield heading, meaning and names in the files of every word on the page, each once, by heading."""
    found: dict[Word, list[str]] = {}
    for column in (column for section in sections for column in section.columns):
        names = found.setdefault(column.word, [])
        if column.name not in names:
            names.append(column.name)
    for word in sorted(found, key=lambda word: _heading(word, currency).lower()):
        if word.meaning:
            yield _heading(word, currency), word.meaning, ", ".join(found[word])
