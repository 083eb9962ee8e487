"""A history that was read: all that happened, and when it was known, in buckets of customers.

In: where its rows lie, and what was counted while they were read (:mod:`lapse.history.reading`). Out: one
:class:`~lapse.schema.Bucket` at a time, read when it is asked for. Refused: a bucket that there is not, and
any once the history is closed.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from types import TracebackType

from lapse.config import Business
from lapse.history.buckets import read_bucket
from lapse.history.place import Place
from lapse.history.quality import Finding
from lapse.history.room import Room
from lapse.schema import Bucket


@dataclass(frozen=True)
class TableSummary:
    """What one table holds, after what its rules dropped.

    Attributes
    ----------
    name : str
        ``customers`` or the event's name.
    rows, customers : int
    first, last : date or None
        Local days of the first and last ``time`` (for customers ``known_at``; None where none is mapped).
    columns : tuple of str
        The source's columns that the config names.
    """

    name: str
    rows: int
    customers: int
    first: date | None
    last: date | None
    columns: tuple[str, ...]


class History:
    """All that happened, and when it was known, in buckets of customers.

    Closing it (or leaving its ``with`` block, or the end of the process) removes its temporary folder. What a
    killed process leaves behind is removed by the next :func:`read`.

    Attributes
    ----------
    business : Business
    findings : tuple of Finding
        Rows that were dropped or kept although they cannot be right.
    summaries : tuple of TableSummary
        In the order of the config, customers first.
    data_end : int
        The last day observed: ``observed_until``, else the last day on which a churn event became known.
        What other tables show later lies beyond it: whether a customer lapsed then, nobody can see.
    fingerprint : str
        16 hexadecimal digits over the normalised rows, whatever their order and the number of buckets. The
        same for the same rows under the same version of DuckDB, whose hash it sums.
    n_buckets : int
    room : Room
        The memory that work on it may take.
    seconds : float
        How long reading took.
    """

    def __init__(
        self,
        business: Business,
        findings: tuple[Finding, ...],
        summaries: tuple[TableSummary, ...],
        data_end: int,
        fingerprint: str,
        n_buckets: int,
        place: Place,
        room: Room,
        seconds: float,
    ) -> None:
        self.business = business
        self.findings = findings
        self.summaries = summaries
        self.data_end = data_end
        self.fingerprint = fingerprint
        self.n_buckets = n_buckets
        self.room = room
        self.seconds = seconds
        self._folder = place.folder
        self._remove = weakref.finalize(self, place.remove)

    def bucket(self, number: int) -> Bucket:
        """Return one bucket.

        Parameters
        ----------
        number : int
            From 0 to ``n_buckets - 1``.

        Raises
        ------
        IndexError
            If there is no such bucket.
        ValueError
            If the history is closed.
        """
        if not self._remove.alive:
            raise ValueError("the history is closed")
        if not 0 <= number < self.n_buckets:
            raise IndexError(f"bucket {number} of {self.n_buckets}")
        return read_bucket(self.business, self._folder, number)

    def buckets(self) -> Iterator[Bucket]:
        """Yield the buckets in order, each read when it is asked for."""
        return map(self.bucket, range(self.n_buckets))

    def close(self) -> None:
        """Remove the temporary folder."""
        self._remove()

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
