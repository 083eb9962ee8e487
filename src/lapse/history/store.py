"""Where the normalised rows lie: one sorted Arrow file per table and bucket of customers.

In: rows that were dealt out to buckets (:mod:`lapse.history.dealing`). Out: files whose rows are sorted by
customer, time and then every other column (:mod:`lapse.history.arrange`), so that the same rows in any order
give the same files, each different row once beside the number of its copies; and what is counted while they
are written. A time of which only the day counts is stored as its date, and copies where a row of the bucket
has any.

Memory is bounded by a bucket. The files are uncompressed and mapped into memory when they are read, so
reading one costs next to nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from lapse.history.arrange import COPIES, Arranged, arrange, one_array
from lapse.history.days import dates_of
from lapse.history.dealing import TWO_64, Dealt, dealt_file, dealt_to, row_hash
from lapse.history.normalise import Plan
from lapse.history.quality import row_named
from lapse.history.sources import literal
from lapse.schema import Int64


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
    hash_left_out: int
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
    dealt: Dealt,
    folder: Path,
    n_buckets: int,
    *,
    keep_copies: bool,
    workers: int = 1,
) -> Stored:
    """Bring one table's dealt rows into their order, bucket by bucket.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    dealt : Dealt
        What lies in the table's folder (:func:`lapse.history.dealing.deal_out`).
    folder : Path
        Of all tables; ``<table>/<bucket>.arrow`` takes the place of what was dealt.
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
    work = partial(_arrange, connection, plan, place, dealt, keep_copies)
    with ThreadPoolExecutor(workers) as threads:
        parts = list(threads.map(work, range(n_buckets)))
    return Stored(
        rows=sum(part.rows for part in parts),
        copies=sum(part.copies for part in parts),
        customers=sum(part.customers for part in parts),
        first=min((part.first for part in parts if part.first is not None), default=None),
        last=max((part.last for part in parts if part.last is not None), default=None),
        repeated=sum(part.repeated for part in parts),
        hash=(dealt.hash - sum(part.hash_left_out for part in parts)) % TWO_64,
        copied_example=_first_row(connection, plan, [part.copied for part in parts]),
        repeated_example=_first_row(connection, plan, [part.twice for part in parts]),
    )


def read_stored(folder: Path, table: str, number: int) -> pa.Table:
    """Return one bucket's rows of one table, mapped into memory."""
    with pa.memory_map(str(folder / table / f"{number}.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


def _arrange(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    place: Path,
    dealt: Dealt,
    keep_copies: bool,
    number: int,
) -> _Part:
    """Bring one bucket's rows into their order, write them over what was dealt, and count.

    What is arranged is a copy, column by column: nothing of it lies in the file.
    """
    arranged = arrange(dealt_to(place, dealt, number))
    table, copies = arranged.table, arranged.copies
    extra = int(copies.sum()) - len(copies)
    hash_left_out = 0 if keep_copies else _hash_of(connection, plan, arranged.copied)
    stored = _in_days(table if extra else table.drop_columns([COPIES]))
    _write_over(dealt_file(place, number), stored).rename(place / f"{number}.arrow")
    first, last = arranged.span
    twice = _twice(arranged, keep_copies) if "time" not in plan.columns else np.empty(0, np.int64)
    return _Part(
        rows=len(table) + (extra if keep_copies else 0),
        copies=extra,
        customers=arranged.n_customers,
        first=first,
        last=last,
        repeated=len(twice),
        hash_left_out=hash_left_out,
        copied=table.take(pa.array(np.flatnonzero(copies > 1)[:1])),
        twice=table.take(pa.array(twice[:1])),
    )


def _hash_of(connection: duckdb.DuckDBPyConnection, plan: Plan, rows: pa.Table) -> int:
    """Return the sum of the hashes of rows, which are those that they had when they were dealt."""
    if not len(rows):
        return 0
    with connection.cursor() as own:  # a thread needs one of its own
        own.register("copied", _decoded(rows))
        found = own.execute(f"SELECT CAST(sum({row_hash(plan)}) AS VARCHAR) FROM copied").fetchall()
    return int(found[0][0])


def _write_over(file: Path, table: pa.Table) -> Path:
    """Write a table over what a file holds, whose pages the system then need not free and find again."""
    file.touch()
    with file.open("r+b") as over:
        with pa.ipc.new_file(over, table.schema) as out:
            out.write_table(table)
        over.truncate()
    return file


def _in_days(table: pa.Table) -> pa.Table:
    """Return a table whose times are dates, but for ``time``: of the others nobody asks for the hour."""
    for position, name in enumerate(table.column_names):
        if name in ("known_at", "end", "end_known_at"):
            table = table.set_column(position, name, dates_of(one_array(table[name])))
    return table


def _twice(arranged: Arranged, keep_copies: bool) -> Int64:
    """Return the first row of every customer with more than one."""
    owner = arranged.customer.indices.to_numpy()
    times = np.bincount(owner, arranged.copies if keep_copies else None)
    rows: Int64 = np.searchsorted(owner, np.flatnonzero(times > 1))
    return rows


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
    """Return a table without dictionaries."""
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(position, field.name, table[field.name].cast(field.type.value_type))
    return table
