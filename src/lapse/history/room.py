"""How much memory the work on a history may take, and what follows from it.

In: a budget such as ``"4GB"``. Out: a :class:`Room`: rows a bucket, what the engine that reads and sorts may
hold, and how many buckets may be worked on at once. Refused: a budget without its unit, or below
:data:`LEAST`.

Rows a bucket hang on the budget alone, and not on the machine, so that the same job writes the same bytes
everywhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from lapse.errors import ConfigError, Problem

LEAST = 10**9
"""Bytes below which no budget can be kept: the libraries alone take half of it."""

DEFAULT = "4GB"
"""The budget where none is given."""

SHARED = 4
"""Cores that share the buckets evenly, and half as many too."""

_UNITS = {"MB": 10**6, "GB": 10**9}
_BUDGET = re.compile(r"([0-9]{1,6})(MB|GB)")
_LIBRARIES = 500 * 10**6
"""Bytes of the process itself: libraries, compiled code, a model."""
_PIECE = 300 * 10**6
"""Bytes of the frames of one piece of a bucket, whatever its size."""
_ROW = 150
"""Bytes of a stored row in a bucket in memory, arrays on the way included."""
_SHARE_OF_ROWS = 2_000
"""Bytes of the budget for each row of a bucket: a worker in three has its rows in memory at a time."""


@dataclass(frozen=True)
class Room:
    """A budget of memory.

    Attributes
    ----------
    memory : int
        Bytes.
    """

    memory: int

    @property
    def rows_per_bucket(self) -> int:
        """Rows that are worked on at once, on average.

        Examples
        --------
        >>> Room(4 * 10**9).rows_per_bucket
        2000000
        """
        return self.memory // _SHARE_OF_ROWS

    @property
    def engine(self) -> int:
        """Bytes that reading and sorting may hold before they write to disk."""
        return self.memory // 4

    def workers(self, n_buckets: int) -> int:
        """Return how many buckets may be worked on at once: at most one a core, and at least one.

        Examples
        --------
        >>> Room(10**9).workers(8)
        1
        """
        each = _PIECE + self.rows_per_bucket * _ROW
        return max(1, min(n_buckets, cores(), (self.memory - _LIBRARIES) // each))


def buckets_of(rows: int, rows_per_bucket: int) -> int:
    """Return into how many buckets so many rows go.

    Where it is more than one it is a multiple of :data:`SHARED`, so that none of as many cores waits long for
    the last bucket.

    Examples
    --------
    >>> buckets_of(900, 1_000), buckets_of(9_000, 1_000)
    (1, 12)
    """
    needed = max(1, -(-rows // rows_per_bucket))
    return needed if needed == 1 else -(-needed // SHARED) * SHARED


def cores() -> int:
    """Return how many cores this process may run on, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def room_of(memory: str) -> Room:
    """Return the room that a budget gives.

    Raises
    ------
    ConfigError
        If it is no number of MB or GB, or too small.

    Examples
    --------
    >>> room_of("4GB")
    Room(memory=4000000000)
    """
    match = _BUDGET.fullmatch(memory.strip().upper())
    if match is None:
        raise ConfigError(Problem("memory", "budget", "a size such as 4GB or 1500MB", f"'{memory}'"))
    held = int(match[1]) * _UNITS[match[2]]
    if held < LEAST:
        hint = "what is read is worked on in buckets, but the libraries need their room"
        raise ConfigError(Problem("memory", "budget", "at least 1GB", f"'{memory}'", hint))
    return Room(held)
