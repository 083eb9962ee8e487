"""A partition that is not complete yet: the scores of the buckets that are, and how to go on.

In: a partition's folder and a stamp, all that the scores hang on. Out: an :class:`Unfinished`, which keeps
each bucket's scores in a file of its own and at the end puts them together. A job that was killed or
interrupted is continued by the next one with the same stamp; parts under another stamp are removed.

The parts lie in a hidden folder and their names do not end in ``.parquet``, so no reader takes them for
scores. A part is renamed when it is complete and on disk: there is no half of one, and one that cannot be
read all the same is made again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lapse.jobs.parquet import open_tables, write_tables
from lapse.jobs.swap import flush

FOLDER = ".scores.unfinished"
_KEY = "part"


@dataclass(frozen=True)
class Told:
    """What is counted while scores are made.

    Attributes
    ----------
    rows : int
    unknown : mapping of column to int
        Rows with a category that training never saw.
    seconds : mapping of stage to float
        How long each took.
    sums : mapping of name to float
        What is added up over customers.
    """

    rows: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def sum(cls, parts: Iterable[Told]) -> Told:
        """Return the totals of several parts."""
        rows, unknown, seconds = 0, Counter[str](), Counter[str]()
        sums: dict[str, float] = {}
        for part in parts:
            rows += part.rows
            unknown.update(part.unknown)
            seconds.update(part.seconds)
            sums = added(sums, part.sums)
        return cls(rows, dict(unknown), dict(seconds), sums)


def added(sums: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Return the sums of two parts, name by name."""
    return {name: sums.get(name, 0.0) + more.get(name, 0.0) for name in {**sums, **more}}


class Unfinished:
    """The parts of one partition.

    Parameters
    ----------
    partition : Path
        Exists.
    stamp : mapping
        What JSON can say: parts are good for this stamp alone.

    Raises
    ------
    OSError
        If parts under another stamp cannot be removed.
    """

    def __init__(self, partition: Path, stamp: Mapping[str, Any]) -> None:
        self.folder = partition / FOLDER
        written = self.folder / "stamp.json"
        text = json.dumps(stamp, sort_keys=True).encode()
        if not written.is_file() or written.read_bytes() != text:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self.folder.mkdir()
            written.write_bytes(text)

    def told(self, number: int) -> Told | None:
        """Return what was counted in a bucket's part; None where there is none yet, or none to be read."""
        file = self._part(number)
        if not file.is_file():
            return None
        try:
            return Told(**json.loads(pq.read_metadata(file).metadata[_KEY.encode()]))
        except (OSError, ValueError, KeyError, TypeError):  # Arrow says ValueError of what is no Parquet
            file.unlink()
            return None

    def write(self, number: int, tables: Iterable[pa.Table], told: Callable[[], Told]) -> None:
        """Write one bucket's scores as they come, and what ``told`` says of them when all have come."""
        hidden = self._part(number).with_suffix(".half")
        write_tables(hidden, tables, lambda: {_KEY: json.dumps(asdict(told()))})
        flush(hidden)
        hidden.replace(self._part(number))

    @contextmanager
    def beside(self, number: int) -> Iterator[Callable[[Iterable[pa.Table]], None]]:
        """Give what writes further tables beside one bucket's scores; kept if nothing goes wrong."""
        hidden = self.folder / f"{number}.beside.half"
        with open_tables(hidden) as write:
            yield write
        if hidden.exists():
            flush(hidden)
            hidden.replace(self._beside(number))

    def put_beside_together(self, n_parts: int, file: Path, nothing: pa.Table) -> None:
        """Write what lies beside all parts into one file, or ``nothing``, and see it safely on disk."""
        there = [part for number in range(n_parts) if (part := self._beside(number)).is_file()]
        write_tables(file, (table for part in there for table in _groups(part)) if there else [nothing])
        flush(file)

    def put_together(
        self,
        n_parts: int,
        file: Path,
        last: tuple[str, pa.Scalar],
        metadata: Callable[[], Mapping[str, str]],
    ) -> None:
        """Write all parts into one file, a constant column behind their own, and see it safely on disk.

        ``metadata`` is asked for when all rows are written.
        """
        write_tables(file, self._rows(n_parts, last), metadata)
        flush(file)

    def _rows(self, n_parts: int, last: tuple[str, pa.Scalar]) -> Iterator[pa.Table]:
        """Yield the rows of all parts, in their order, with the constant column."""
        name, value = last
        for number in range(n_parts):
            for table in _groups(self._part(number)):
                yield table.append_column(name, pa.repeat(value, len(table)))

    def remove(self) -> None:
        """Remove all parts, as far as they can be."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number}.part"

    def _beside(self, number: int) -> Path:
        return self.folder / f"{number}.beside"


def _groups(file: Path) -> Iterator[pa.Table]:
    """Yield a file's row groups, one in memory at a time."""
    with pq.ParquetFile(file) as part:
        for group in range(part.num_row_groups):
            yield part.read_row_group(group).replace_schema_metadata(None)
