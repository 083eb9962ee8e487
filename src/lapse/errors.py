"""What can go wrong, said so that the reader can mend it.

A :class:`Problem` is one mistake: where it is, how often, the first example, what was expected, what was
found, and a hint. Checks collect problems and raise one :class:`LapseError` with all of them, so that a user
mends a file once. Each kind of error has its own exit code on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


def shown_path(path: str | Path) -> str:
    """Return an absolute path below the working directory relative to it, and all else as it is.

    Examples
    --------
    >>> shown_path(Path.cwd() / "configs" / "gym.yaml")
    'configs/gym.yaml'
    >>> shown_path("event 'visit'")
    "event 'visit'"
    """
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


@dataclass(frozen=True)
class Problem:
    """One mistake, with all that is needed to find and mend it.

    Parameters
    ----------
    where : str
        File, table or object that is wrong (``configs/gym.yaml``, ``event 'term' (data/terms.parquet)``). An
        absolute path below the working directory is shown relative to it.
    what : str
        Key, column or check (``churn.grace``, ``column 'ends_on'``).
    expected, got : str
        What should stand there, and what does.
    hint : str, optional
        What to do about it.
    count : int, optional
        How many rows are concerned.
    example : str, optional
        The first of them.

    Examples
    --------
    >>> print(Problem("gym.yaml", "churn.grace", expected="a length such as '14d'", got="14"))
    gym.yaml: churn.grace: expected a length such as '14d', got 14
    """

    where: str
    what: str
    expected: str
    got: str
    hint: str = ""
    count: int | None = None
    example: str = ""

    def __str__(self) -> str:
        text = f"{shown_path(self.where)}: {self.what}: expected {self.expected}, got {self.got}"
        if self.count is not None:
            text += f" ({self.count:,} row{'' if self.count == 1 else 's'})"
        if self.example:
            text += f"; first: {self.example}"
        if self.hint:
            text += f"\n    hint: {self.hint}"
        return text


class LapseError(Exception):
    """All that is wrong with one input, in one exception.

    Parameters
    ----------
    problems : iterable of Problem or a single Problem
        At least one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        if not self.problems:
            raise ValueError("an error needs at least one problem")
        super().__init__("\n".join(map(str, self.problems)))


class ConfigError(LapseError):
    """The YAML asks for something that cannot be."""

    exit_code = 2


class DataError(LapseError):
    """The tables are not what the YAML says, or cannot answer what it asks."""

    exit_code = 3


class ArgumentError(DataError, ValueError):
    """What a call asks with cannot be meant; a ValueError too, as Python has it."""


class GateError(LapseError):
    """A check that protects the user refused: a leak, an overlap of windows, a model for other columns."""

    exit_code = 4
