"""Where the normalised rows lie: one sorted Arrow file per table and bucket of customers.

In: a :class:`~lapse.history.normalise.Plan` and the condition under which its rows stay. Out: files whose
rows are sorted by customer, time and then every other column, so that the same rows in any order give the
same files, each different row once beside the number of its copies; and what is counted while they are
written.

A customer's bucket is the hash of its id modulo the number of buckets. Memory is bounded by a bucket: rows
are first dealt out to buckets as they come from DuckDB, some hundred thousand at a time, and then brought
into their order bucket by bucket (:mod:`lapse.history.arrange`). The files are uncompressed and mapped into
memory when they are read, so reading one costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lapse.history.arrange import HASH, Arranged, arrange, deal, one_array
from lapse.history.normalise import Plan
from lapse.history.quality import row_named
from lapse.history.sources import literal, quote
from lapse.schema import Int64

ROWS_AT_ONCE = 500_000
"""Rows that are dealt out at a time."""

_FEW = 1_000
"""Different values of text in rows that are dealt at once, up to which a dictionary of them is light."""

_BUCKET = "bucket"
_TWO_64 = 2**64


@dataclass(frozen=True)
class Stored:
    """What one table's files hold, without the copies of a row unless they are kept.

    Attributes
    ----------
    rows, copies, customers : int
        Rows; further exact copies of them; different customers.
    first, last : datetime or None
        Of ``time`` (of ``known_at`` for customers), wall-clock.
    repeated : int
        Customers with more than one row, in the customers table.
    hash : int
        Sum of the rows' hashes, modulo 2**64.
    copied_example, repeated_example : str
        The first row that has copies; the first customer with more than one row, if any.
    """

    rows: int
    copies: int
    customers: int
    first: datetime | None
    last: datetime | None
    repeated: int
    hash: int
    copied_example: str
    repeated_example: str


@dataclass(frozen=True)
class _Part:
    """What is counted in one bucket."""

    rows: int
    copies: int
    customers: int
    first: datetime | None
    last: datetime | None
    repeated: int
    hash: int
    copied: pa.Table
    twice: pa.Table


def connect(folder: Path, memory: int) -> duckdb.DuckDBPyConnection:
    """Return an in-process DuckDB that holds so many bytes at most and spills the rest into the folder."""
    limit = f"{memory // 10**6}MB"
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "memory_limit": limit})
    connection.execute(f"SET temp_directory = {literal(str(folder / 'spilled'))}")
    connection.execute("SET preserve_insertion_order = false")
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (True,):
        connection.execute("SET enable_progress_bar = false")  # in a notebook without widgets even this fails
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def store(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    kept: str,
    folder: Path,
    n_buckets: int,
    *,
    keep_copies: bool,
    workers: int = 1,
) -> Stored:
    """Write one table's rows, bucket by bucket.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    kept : str
        Condition of the rows that stay.
    folder : Path
        Gets ``<table>/<bucket>.arrow``.
    n_buckets : int
    keep_copies : bool
        Whether each copy of a row counts, or all of them as one.
    workers : int
        Buckets that are sorted at once.

    Returns
    -------
    Stored
    """
    place = folder / plan.source.name
    place.mkdir()
    schema = _deal_out(connection, plan, kept, place, n_buckets)
    work = partial(_arrange, plan, place, schema, keep_copies)
    with ThreadPoolExecutor(workers) as threads:
        parts = list(threads.map(work, range(n_buckets)))
    return Stored(
        rows=sum(part.rows for part in parts),
        copies=sum(part.copies for part in parts),
        customers=sum(part.customers for part in parts),
        first=min((part.first for part in parts if part.first is not None), default=None),
        last=max((part.last for part in parts if part.last is not None), default=None),
        repeated=sum(part.repeated for part in parts),
        hash=sum(part.hash for part in parts) % _TWO_64,
        copied_example=_first_row(connection, plan, [part.copied for part in parts]),
        repeated_example=_first_row(connection, plan, [part.twice for part in parts]),
    )


def read_stored(folder: Path, table: str, number: int) -> pa.Table:
    """Return one bucket's rows of one table, mapped into memory."""
    with pa.memory_map(str(folder / table / f"{number}.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


def _deal_out(
    connection: duckdb.DuckDBPyConnection, plan: Plan, kept: str, place: Path, n_buckets: int
) -> pa.Schema:
    """Append every row to the file of its bucket, and return the columns."""
    columns = ", ".join(map(quote, plan.columns))
    hashed = ", ".join([literal(plan.source.name), *map(quote, plan.columns)])
    bucket = f"CAST(hash(customer_id) % {n_buckets} AS INTEGER) AS {_BUCKET}"
    query = f"SELECT {columns}, hash({hashed}) AS {HASH}, {bucket} FROM ({plan.query}) WHERE {kept}"
    connection.complete()  # what was asked before
    reader = connection.sql(query).to_arrow_reader(ROWS_AT_ONCE)
    for batch in _batches(reader):
        rows = pa.table(batch)
        order, starts = deal(rows[_BUCKET].to_numpy(), n_buckets)
        dealt = _lighter(rows.drop_columns([_BUCKET])).take(pa.array(order)).combine_chunks()
        for number in np.flatnonzero(np.diff(starts)):
            mine = dealt.slice(starts[number], starts[number + 1] - starts[number])
            with (place / f"{number}.dealt").open("ab") as file, pa.ipc.new_stream(file, mine.schema) as out:
                out.write_table(mine)
    return _coded(reader.schema.empty_table()).drop_columns([_BUCKET]).schema


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
    coded = _coded(table)
    for position, field in enumerate(table.schema):
        kept = coded.schema.field(position).type == field.type
        if not kept and (field.name == "customer_id" or len(one_array(coded[field.name]).dictionary) > _FEW):
            coded = coded.set_column(position, field.name, table[field.name].cast(pa.string()))
    return coded


def _coded(table: pa.Table) -> pa.Table:
    """Return a table with its text as dictionaries."""
    for position, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = table[field.name].cast(pa.string()).dictionary_encode()
            table = table.set_column(position, field.name, values)
    return table


def _arrange(plan: Plan, place: Path, schema: pa.Schema, keep_copies: bool, number: int) -> _Part:
    """Bring one bucket's rows into their order, write them, and count."""
    dealt = place / f"{number}.dealt"
    arranged = arrange(pa.concat_tables([schema.empty_table(), *_streams(dealt)]))
    dealt.unlink(missing_ok=True)
    table = arranged.table
    with pa.OSFile(str(place / f"{number}.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    copies = arranged.copies
    extra = int(copies.sum()) - len(copies)
    first, last = arranged.span
    twice = _twice(arranged, keep_copies) if "time" not in plan.columns else np.empty(0, np.int64)
    return _Part(
        rows=len(table) + (extra if keep_copies else 0),
        copies=extra,
        customers=arranged.n_customers,
        first=first,
        last=last,
        repeated=len(twice),
        hash=arranged.hash + (arranged.hash_of_copies if keep_copies else 0),
        copied=table.take(pa.array(np.flatnonzero(copies > 1)[:1])),
        twice=table.take(pa.array(twice[:1])),
    )


def _twice(arranged: Arranged, keep_copies: bool) -> Int64:
    """Return the first row of every customer with more than one."""
    owner = arranged.customer.indices.to_numpy()
    times = np.bincount(owner, arranged.copies if keep_copies else None)
    rows: Int64 = np.searchsorted(owner, np.flatnonzero(times > 1))
    return rows


def _streams(file: Path) -> Iterator[pa.Table]:
    """Yield what was appended to a file, piece by piece."""
    if file.exists():
        with pa.memory_map(str(file)) as source:
            while source.tell() < source.size():
                yield _coded(pa.ipc.open_stream(source).read_all())


def _first_row(connection: duckdb.DuckDBPyConnection, plan: Plan, found: list[pa.Table]) -> str:
    """Return the first of some rows by customer and time, or nothing where there is none."""
    named = [column for column in ("customer_id", "time") if column in plan.columns]
    plain = [table.select(named) for table in found if len(table)]
    if not plain:
        return ""
    connection.complete()
    connection.register("found", pa.concat_tables(map(_decoded, plain)))
    rows = connection.execute(
        f"SELECT {row_named(plan)} FROM found ORDER BY {', '.join(named)} LIMIT 1"
    ).fetchall()
    connection.unregister("found")
    return str(rows[0][0])


def _decoded(table: pa.Table) -> pa.Table:
    ids = pc.cast(table["customer_id"], table.schema.field("customer_id").type.value_type)
    return table.set_column(0, "customer_id", ids)
