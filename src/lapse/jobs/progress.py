"""How long it will take: a bar with the time left on a terminal, plain log lines elsewhere.

In: the parts of a piece of work and their shares of its time. Out: what begins, and about how long all will
still take; nothing of that before :data:`LEAST` of it is done, since the first parts tell too little.
Everything goes to standard error, so that standard output holds results alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

Advance = Callable[[str], None]
"""Says what begins now; everything said before is done."""


LEAST = 0.1
"""Share of the work that must be done before the time left is told."""


def silent(what: str) -> None:
    """Report nothing: the default of functions that are called from Python."""


def time_left(spent: float, shares: Sequence[float], done: int, since: float = 0.0) -> str:
    """Return in words how long the rest takes, if it goes on as so far.

    Parameters
    ----------
    spent : float
        Seconds that the parts took that are done.
    shares : sequence of float
        What each part takes of the whole, in any unit.
    done : int
        Parts that are done.
    since : float, default 0.0
        Seconds that have gone by in the part that goes on. Where it takes longer than it should, the rest is
        what comes behind it.

    Examples
    --------
    >>> time_left(20.0, (1, 5, 4), 1), time_left(1.0, (1, 90, 9), 1)
    ('about 180 s left', '')
    >>> time_left(20.0, (1, 5, 4), 1, since=30.0), time_left(20.0, (1, 5, 4), 1, since=130.0)
    ('about 150 s left', 'about 80 s left')
    """
    before = sum(shares[:done])
    if before < LEAST * sum(shares):
        return ""
    pace = spent / before
    now, behind = sum(shares[done : done + 1]), sum(shares[done + 1 :])
    return f"about {max(pace * now - since, 0.0) + pace * behind:.0f} s left"


class TimeLeft(ProgressColumn):
    """The time left as it is when the bar is drawn, so that it goes down while a part goes on.

    Parameters
    ----------
    shares : sequence of float
        As in :func:`time_left`. A task has the fields ``part``, the number of the part that goes on, from 1,
        and ``begun``, the seconds after which that began.
    """

    def __init__(self, shares: Sequence[float]) -> None:
        super().__init__()
        self.shares = shares

    def render(self, task: Task) -> Text:
        """Return the time left of a task, nothing where it is done or not begun."""
        if task.finished or not task.fields["part"]:
            return Text()
        begun = task.fields["begun"]
        since = (task.elapsed or 0.0) - begun
        return Text(time_left(begun, self.shares, task.fields["part"] - 1, since))


@contextmanager
def reporting(title: str, parts: int | Sequence[float]) -> Iterator[Advance]:
    """Report the parts of a long piece of work as they begin.

    Parameters
    ----------
    title : str
        What is being done.
    parts : int or sequence of float
        How many parts it has, all alike, or what each takes of the whole.

    Yields
    ------
    callable
        To be called with a part's name when it begins.
    """
    console = Console(stderr=True)
    report = _bar if console.is_terminal else _lines
    with report(console, title, (1.0,) * parts if isinstance(parts, int) else parts) as advance:
        yield advance


@contextmanager
def _bar(console: Console, title: str, shares: Sequence[float]) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(),
        TextColumn("{task.fields[part]}/{task.fields[parts]}"),
        TimeElapsedColumn(),
        TimeLeft(shares),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=sum(shares), title=title, part=0, parts=len(shares), begun=0.0)
        done = -1

        def advance(what: str) -> None:
            nonlocal done
            done += 1
            begun = progress.tasks[0].elapsed or 0.0
            before = sum(shares[:done])
            progress.update(task, completed=before, description=what, part=done + 1, begun=begun)

        yield advance
        progress.update(task, completed=sum(shares), description="done")


@contextmanager
def _lines(_: Console, title: str, shares: Sequence[float]) -> Iterator[Advance]:
    start = time.monotonic()
    done = -1

    def advance(what: str) -> None:
        nonlocal done
        done += 1
        spent = time.monotonic() - start
        left = time_left(spent, shares, done)
        told = ", ".join(filter(None, (f"{done + 1}/{len(shares)}", f"{spent:.0f} s", left)))
        sys.stderr.write(f"{title}: {what} ({told})\n")

    yield advance
    sys.stderr.write(f"{title}: done in {time.monotonic() - start:.0f} s\n")
