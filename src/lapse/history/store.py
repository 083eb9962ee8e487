"""Where the normalised rows lie: one sorted Parquet file per table and bucket of customers.

In: a :class:`~lapse.history.normalise.Plan` and the condition under which its rows stay. Out: files whose
rows are sorted by customer, time and then every other column, so that the same rows in any order give the
same files, each different row once beside the number of its copies; and what is counted while they are
written.

A customer's bucket is the hash of its id modulo the number of buckets. Memory is bounded by a bucket: rows
are first dealt out to buckets in the order in which they come, and then sorted bucket by bucket.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from lapse.history.normalise import Plan
from lapse.history.quality import row_named
from lapse.history.sources import count, file_list, literal, quote

COPIES = "copies"
"""The stored column that says how many exact copies of a row there were."""


_KNOWN_LATER = ("end", "end_known_at", "cause")
"""Columns that come last in the order of rows: which of two events at one moment counts as the later one must
not hang on an end that nobody knew then."""


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
    connection: duckdb.DuckDBPyConnection, plan: Plan, kept: str, folder: Path, n_buckets: int, weight: str
) -> Stored:
    """Write one table's rows, bucket by bucket.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    kept : str
        Condition of the rows that stay.
    folder : Path
        Gets ``<table>/<bucket>.parquet``.
    n_buckets : int
    weight : str
        How often a stored row counts: ``1``, or ``copies`` where copies are kept.

    Returns
    -------
    Stored
    """
    name = plan.source.name
    columns = ", ".join(map(quote, plan.columns))
    order = ", ".join(map(quote, sorted(plan.columns, key=_KNOWN_LATER.__contains__)))
    rows = f"(SELECT {columns} FROM ({plan.query}) WHERE {kept})"
    (folder / name).mkdir()
    dealt = folder / "dealt" / name
    if n_buckets > 1:
        dealt.mkdir(parents=True)
        bucket = f"CAST(hash(customer_id) % {n_buckets} AS INTEGER) AS bucket"
        connection.execute(
            f"COPY (SELECT {columns}, {bucket} FROM {rows}) TO {literal(str(dealt))}"
            " (FORMAT parquet, PARTITION_BY (bucket))"
        )
    for number in range(n_buckets):
        part = dealt / f"bucket={number}"
        inside = rows if n_buckets == 1 else _part(part, rows)
        ordered = f"SELECT {columns}, count(*) AS {COPIES} FROM {inside} GROUP BY ALL ORDER BY {order}"
        file = literal(str(folder / name / f"{number}.parquet"))
        connection.execute(f"COPY ({ordered}) TO {file} (FORMAT parquet)")
        shutil.rmtree(part, ignore_errors=True)
    return _summary(connection, plan, folder / name, n_buckets, weight)


def _part(part: Path, rows: str) -> str:
    """Return the rows that were dealt to one bucket; where none were, none of the others."""
    if files := sorted(part.glob("*.parquet")):
        return f"read_parquet({file_list(files)}, hive_partitioning = false)"
    return f"(FROM {rows} LIMIT 0)"


def _summary(
    connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path, n_buckets: int, weight: str
) -> Stored:
    files = [folder / f"{number}.parquet" for number in range(n_buckets)]
    parts = [_counted(connection, plan, file, weight) for file in files]
    rows, copies, customers, first, last, hashes = zip(*parts, strict=True)
    first_copied = f"SELECT * FROM read_parquet({file_list(files)}) WHERE {COPIES} > 1"
    repeated = (
        f"SELECT customer_id FROM read_parquet({file_list(files)})"
        f" GROUP BY customer_id HAVING sum({weight}) > 1"
    )
    is_profile = "time" not in plan.columns
    return Stored(
        rows=sum(rows),
        copies=sum(copies),
        customers=sum(customers),
        first=min((time for time in first if time is not None), default=None),
        last=max((time for time in last if time is not None), default=None),
        repeated=count(connection, f"SELECT count(*) FROM ({repeated})") if is_profile else 0,
        hash=sum(hashes) % 2**64,
        copied_example=_first_row(connection, plan, first_copied) if any(copies) else "",
        repeated_example=_first_row(connection, plan, repeated) if is_profile else "",
    )


def _counted(
    connection: duckdb.DuckDBPyConnection, plan: Plan, file: Path, weight: str
) -> tuple[int, int, int, datetime | None, datetime | None, int]:
    known = "known_at" if "known_at" in plan.columns else "CAST(NULL AS TIMESTAMP)"
    time = "time" if "time" in plan.columns else known
    hashed = ", ".join([literal(plan.source.name), *map(quote, plan.columns)])
    row = connection.execute(
        f"SELECT coalesce(sum({weight}), 0), coalesce(sum({COPIES} - 1), 0), count(DISTINCT customer_id),"
        f" min({time}), max({time}),"
        f" coalesce(sum(CAST(hash({hashed}) AS HUGEINT) * {weight}), 0)"
        f" FROM read_parquet({file_list([file])})"
    ).fetchone()
    assert row is not None  # an aggregate without groups has one row
    return (int(row[0]), int(row[1]), int(row[2]), row[3], row[4], int(row[5]))


def _first_row(connection: duckdb.DuckDBPyConnection, plan: Plan, query: str) -> str:
    """Return the first row of a query over stored rows by customer and time, or nothing where it has none."""
    order = ", ".join(column for column in ("customer_id", "time") if column in plan.columns)
    row = connection.execute(f"SELECT {row_named(plan)} FROM ({query}) ORDER BY {order} LIMIT 1").fetchone()
    return "" if row is None else str(row[0])
