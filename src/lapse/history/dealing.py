"""Rows dealt out to the buckets of their customers, as they come from DuckDB.

In: a :class:`~lapse.history.normalise.Plan` and the condition of its odd rows, which are counted and left to
be asked about. Out: in a folder, for each bucket a file of the rows that were dealt to it, some hundred
thousand of the table at a time, and the sum of their hashes. Nothing is sorted yet.

So a table that has no odd rows, as most have none, is read once. A customer's bucket is the range in which
the upper bits of its id's hash lie, when all that they can be is cut into as many equal ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from lapse.history.arrange import deal, one_array
from lapse.history.normalise import Plan
from lapse.history.sources import literal, quote
from lapse.schema import Int32

ROWS_AT_ONCE = 500_000
"""Rows that are dealt out at a time."""

_FEW = 1_000
"""Different values of text in rows that are dealt at once, up to which a dictionary of them is light."""

_UPPER, _HASH = "upper", "hash"
_UPPER_BITS = 31
_ODD = -1
TWO_64 = 2**64


@dataclass(frozen=True)
class Dealt:
    """What was dealt out.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of the files; text is dictionary-encoded.
    hash : int
        Sum of the hashes of the rows, modulo 2**64.
    """

    schema: pa.Schema
    hash: int

    def and_then(self, more: Dealt) -> Dealt:
        """Return what was dealt when more rows of the table, of those that were odd, are dealt too."""
        return replace(self, hash=(self.hash + more.hash) % TWO_64)


def deal_out(
    connection: duckdb.DuckDBPyConnection, plan: Plan, odd: str, place: Path, n_buckets: int, of: str = "true"
) -> tuple[Dealt, int]:
    """Append every row that is not odd to the file of its bucket.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    odd : str
        Condition of the rows that are counted and not dealt.
    place : Path
        A folder, which gets ``<bucket>.dealt``.
    n_buckets : int
    of : str
        Condition of the rows that are looked at.

    Returns
    -------
    Dealt
    int
        Odd rows, which were not dealt.
    """
    columns = ", ".join(map(quote, plan.columns))
    upper = f"CAST(hash(customer_id) >> {64 - _UPPER_BITS} AS INTEGER)"
    marked = f"CASE WHEN {odd} THEN {_ODD} ELSE {upper} END AS {_UPPER}"
    query = f"SELECT {columns}, {row_hash(plan)} AS {_HASH}, {marked} FROM ({plan.query}) WHERE {of}"
    connection.complete()  # what was asked before
    reader = connection.sql(query).to_arrow_reader(ROWS_AT_ONCE)
    n_odd, total = 0, 0
    for batch in _batches(reader):
        odd_ones, hash_of_others = _append(pa.table(batch), place, n_buckets)
        n_odd, total = n_odd + odd_ones, total + hash_of_others
    schema = _coded(reader.schema.empty_table().select(list(plan.columns))).schema
    return Dealt(schema, total % TWO_64), n_odd


def row_hash(plan: Plan) -> str:
    """Return the SQL of the hash of a row over the stored columns."""
    return f"hash({', '.join([literal(plan.source.name), *map(quote, plan.columns)])})"


def dealt_to(place: Path, dealt: Dealt, number: int) -> pa.Table:
    """Return the rows that were dealt to a bucket, mapped into memory, piece by piece as they came."""
    return pa.concat_tables([dealt.schema.empty_table(), *_streams(dealt_file(place, number))])


def dealt_file(place: Path, number: int) -> Path:
    """Return the file of a bucket; there is none if no row was dealt to it."""
    return place / f"{number}.dealt"


def _append(rows: pa.Table, place: Path, n_buckets: int) -> tuple[int, int]:
    """Append each row to the file of its bucket.

    Returns how many rows are odd and the sum of the hashes of the others.
    """
    order, starts = deal(_behind_odd(rows[_UPPER].to_numpy(), n_buckets), n_buckets + 1)
    n_odd = int(starts[1])
    sound, begin = order[n_odd:], starts[1:] - n_odd
    hashes = rows[_HASH].to_numpy()
    total = int((hashes[sound] if n_odd else hashes).sum(dtype=np.uint64))
    lighter = _lighter(rows.drop_columns([_UPPER, _HASH]))
    dealt = pc.take(lighter, pa.array(sound), boundscheck=False).combine_chunks()
    for number in np.flatnonzero(np.diff(begin)).tolist():
        mine = dealt.slice(begin[number], begin[number + 1] - begin[number])
        with dealt_file(place, number).open("ab") as file, pa.ipc.new_stream(file, mine.schema) as out:
            out.write_table(mine)
    return n_odd, total


@njit(cache=True, nogil=True)
def _behind_odd(upper: Int32, n_buckets: int) -> Int32:
    """Return one more than the bucket of each row, and 0 of an odd one."""
    places = np.empty(len(upper), np.int32)
    for row in range(len(upper)):
        places[row] = (np.int64(upper[row]) * n_buckets >> _UPPER_BITS) + 1  # of -1, and no other, that is 0
    return places


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield what DuckDB finds, its errors as its own and not as those of the reader between."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (OSError, pa.ArrowException) as error:
            told = str(error)
            kind = duckdb.OutOfMemoryException if told.startswith("Out of Memory") else duckdb.Error
            raise kind(told) from error
        yield batch


def _lighter(table: pa.Table) -> pa.Table:
    """Return a table whose text is dictionaries where there are few values; ids are many.

    A part of a column is written with its whole dictionary, so that of many values would be written again for
    every bucket.
    """
    for position, field in enumerate(table.schema):
        if not _is_text(field.type):
            continue
        values = one_array(table[field.name].cast(pa.string()))
        if field.name != "customer_id" and len((coded := values.dictionary_encode()).dictionary) <= _FEW:
            values = coded
        table = table.set_column(position, field.name, values)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _coded(table: pa.Table) -> pa.Table:
    """Return a table with its text as dictionaries."""
    for position, field in enumerate(table.schema):
        if _is_text(field.type):
            values = table[field.name].cast(pa.string()).dictionary_encode()
            table = table.set_column(position, field.name, values)
    return table


def _streams(file: Path) -> Iterator[pa.Table]:
    """Yield what was appended to a file, piece by piece."""
    if file.exists():
        with pa.memory_map(str(file)) as source:
            while source.tell() < source.size():
                yield _coded(pa.ipc.open_stream(source).read_all())
