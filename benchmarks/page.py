"""``docs/benchmarks.md``, made from ``benchmarks/speed.json`` and nothing else.

In: the published rows (:class:`~benchmarks.measuring.Row`), and a :class:`Chapter` from each script in
:data:`SCRIPTS`, its ``CHAPTER``. Out: the page. Numbers come from the rows; the chapters say what was asked
and why lapse loses where it does. Refused: rows of a benchmark that no chapter names.

    python -m benchmarks.page
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, SPEED

PAGE = ROOT / "docs" / "benchmarks.md"
SCRIPTS = ("features", "attributions", "scoring", "training")
"""Modules of benchmarks/ with a CHAPTER, in the order of the page; importing one needs no peer."""

OPENING = """# Benchmarks

How fast lapse is beside what a user would otherwise write or install. `make bench` runs all of it,
`make bench-small` a small version in a few minutes; both need the extra `bench`. Each figure is the median
of as many runs as its table says, each run a process of its own, lapse and its peers in turn where they do
the same; imports and, unless it is said, the loading of compiled code are not timed. Memory is the most that
the process was resident in, its imports included. A *ratio* is the peer's seconds over lapse's: above 1,
lapse is faster. Where there is a goal, it is the least ratio that lapse is held to. Answers are compared
before anything is published.

This page is written by `python -m benchmarks.page` from [speed.json](../benchmarks/speed.json).
"""


@dataclass(frozen=True)
class Chapter:
    """What one script says about its benchmarks.

    Attributes
    ----------
    title : str
    text : str
        What was asked of whom: Markdown, no measured numbers.
    benchmarks : sequence of str
        Names of the rows that belong here, in the order of the page.
    loses : str
        Where lapse loses, and why: Markdown; empty where it does not.
    """

    title: str
    text: str
    benchmarks: Sequence[str]
    loses: str = ""


def chapters() -> list[Chapter]:
    """Return the chapters of the scripts, in the order of the page."""
    return [importlib.import_module(f"benchmarks.{name}").CHAPTER for name in SCRIPTS]


def page(rows: Sequence[dict[str, Any]], parts: Sequence[Chapter]) -> str:
    """Return the page for these rows.

    Raises
    ------
    ValueError
        If a row belongs to no chapter.
    """
    told = {name for part in parts for name in part.benchmarks}
    homeless = sorted({row["benchmark"] for row in rows} - told)
    if homeless:
        raise ValueError(f"no chapter names {', '.join(homeless)}")
    body = [_chapter(part, rows) for part in parts]
    return "\n".join(filter(None, [OPENING, *body, _losses(rows, parts), _made_with(rows)]))


def _chapter(part: Chapter, rows: Sequence[dict[str, Any]]) -> str:
    tables = [
        f"### {name[0].upper()}{name[1:]}\n\n{_table(mine)}"
        for name in part.benchmarks
        if (mine := [row for row in rows if row["benchmark"] == name])
    ]
    return "\n".join([f"## {part.title}\n\n{part.text.strip()}\n", *tables]) if tables else ""


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| peer | ratio | goal | lapse, s | peer, s | lapse, MB | peer, MB | runs | note |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(row) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    runs = f"{row['lapse_runs']}, {row['peer_runs']}" if row["peer"] else str(row["lapse_runs"])
    cells = [
        row["peer"],
        _number(row["ratio"]),
        _number(row["goal"]),
        _number(row["lapse_seconds"]),
        _number(row["peer_seconds"]),
        _number(row["lapse_peak_mb"]),
        _number(row["peer_peak_mb"]),
        runs,
        row["note"],
    ]
    return f"| {' | '.join(cells)} |"


def _losses(rows: Sequence[dict[str, Any]], parts: Sequence[Chapter]) -> str:
    slower = [row for row in rows if row["ratio"] is not None and row["ratio"] < 1]
    missed = [row for row in rows if row["goal"] is not None and row["ratio"] < row["goal"]]
    lines = ["## Where lapse loses, and why", ""]
    lines += [f"- {_beside(row)}: the peer takes {row['ratio']:.0%} of the time." for row in slower]
    lines += [
        f"- {_beside(row)}: {_number(row['ratio'])}, short of {_number(row['goal'])}." for row in missed
    ]
    lines += [""] if slower or missed else []
    lines += [f"{part.loses.strip()}\n" for part in parts if part.loses]
    return "\n".join(lines)


def _beside(row: dict[str, Any]) -> str:
    return f"{row['benchmark'][0].upper()}{row['benchmark'][1:]}, beside {row['peer']}"


def _made_with(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    machines = sorted({row["machine"] for row in rows})
    versions = sorted({f"{name} {number}" for row in rows for name, number in row["versions"].items()})
    return f"## Machine and versions\n\n{'; '.join(machines)}. {', '.join(versions)}.\n"


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def read_rows(file: Path = SPEED) -> list[dict[str, Any]]:
    """Return the rows of a file."""
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(read_rows(), chapters()), encoding="utf-8")
    print(PAGE)
