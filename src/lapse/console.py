"""How the command line answers: results, warnings, errors, and how it ends.

In: what a verb found, or what went wrong. Out: texts for people, or one JSON document for machines, and the
exit code. Results go to standard output, warnings and errors to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import Any, NoReturn

import typer

from lapse.errors import ConfigError, LapseError, Problem

INTERRUPTED = 130
"""The exit code after an interruption."""


def fail(error: LapseError, as_json: bool, found: dict[str, Any] | None = None) -> NoReturn:
    """Say what is wrong, to machines together with what was found all the same, and end."""
    kind = type(error).__name__
    sys.stderr.write(f"{kind}:\n" + "\n".join(f"  {problem}" for problem in error.problems) + "\n")
    if as_json:
        problems = [asdict(problem) for problem in error.problems]
        typer.echo(
            to_json({**(found or {}), "error": kind, "exit_code": error.exit_code, "problems": problems})
        )
    sys.exit(error.exit_code)


def to_json(document: dict[str, Any]) -> str:
    """Return a document as JSON."""
    return json.dumps(document, indent=1, default=str)


@contextmanager
def stoppable(left: str, as_json: bool) -> Iterator[None]:
    """Where the user interrupts, say what is left behind, and end."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted: {left}\n")
        if as_json:
            document = {"error": "Interrupted", "exit_code": INTERRUPTED, "problems": [], "left": left}
            typer.echo(to_json(document))
        sys.exit(INTERRUPTED)


def all_of(*asked: Callable[[], Any]) -> list[Any]:
    """Return every answer; where some are refused, all of what is wrong at once, the command line's first."""
    answers, errors = [], []
    for one in asked:
        try:
            answers.append(one())
        except LapseError as error:
            errors.append(error)
    if errors:
        first = min(errors, key=lambda error: error.exit_code)
        raise type(first)(p for error in errors if type(error) is type(first) for p in error.problems)
    return answers


def day_of(as_of: str | None) -> date | None:
    """Return the date of ``--as-of``; None where it is not given.

    Raises
    ------
    ConfigError
        If it is no date.
    """
    try:
        return None if as_of is None else date.fromisoformat(as_of)
    except ValueError as error:
        expected, hint = "a date such as 2025-06-30", "the year, the month, the day; and one that there is"
        raise ConfigError(Problem("command line", "--as-of", expected, f"'{as_of}'", hint)) from error


def say(as_json: bool, document: dict[str, Any], text: str) -> None:
    """Print a result, for machines or for people."""
    typer.echo(to_json(document) if as_json else text)


def warn(warnings: Sequence[object]) -> None:
    """Print warnings to standard error, a line each."""
    sys.stderr.writelines(f"warning: {warning}\n" for warning in warnings)
