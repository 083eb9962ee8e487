"""How long it will take: a bar with the time left on a terminal, plain log lines elsewhere.

Everything goes to standard error, so that standard output holds results alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[str], None]
"""Says what begins now; everything said before is done."""


def silent(what: str) -> None:
    """Report nothing: the default of functions that are called from Python."""


@contextmanager
def reporting(title: str, total: int) -> Iterator[Advance]:
    """Report the parts of a long piece of work as they begin.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How many parts it has.

    Yields
    ------
    callable
        To be called with a part's name when it begins.
    """
    console = Console(stderr=True)
    report = _bar if console.is_terminal else _lines
    with report(console, title, total) as advance:
        yield advance


@contextmanager
def _bar(console: Console, title: str, total: int) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total, title=title)
        begun = False

        def advance(what: str) -> None:
            nonlocal begun
            progress.update(task, advance=1 if begun else 0, description=what)
            begun = True

        yield advance
        progress.update(task, completed=total, description="done")


@contextmanager
def _lines(_: Console, title: str, total: int) -> Iterator[Advance]:
    start = time.monotonic()
    done = -1

    def advance(what: str) -> None:
        nonlocal done
        done += 1
        spent = time.monotonic() - start
        left = f", about {spent / done * (total - done):.0f} s left" if done else ""
        sys.stderr.write(f"{title}: {what} ({done + 1}/{total}, {spent:.0f} s{left})\n")

    yield advance
    sys.stderr.write(f"{title}: done in {time.monotonic() - start:.0f} s\n")
