"""One table or query of a database, streamed into Parquet.

In: a SQLAlchemy URL with a table or a query. Out: Parquet files that hold its rows, chunk by chunk, so that
memory is bounded by a chunk however long the result. Refused, without showing a password: a database that
cannot be reached, a driver that is not installed, a table that is not there, a query that fails or returns no
rows, a column whose values have different types.

Reading changes nothing: the database itself is told to refuse writing where it can (:data:`READ_ONLY`), and
whatever a query did is rolled back in any case.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from lapse.config import Table, resolve_url
from lapse.errors import DataError, Problem, shown_path

CHUNK_ROWS = 50_000
"""Rows that are in memory at once while a result is streamed."""

READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
"""How a kind of database is told, before anything else, that nothing may be written through a connection."""


@dataclass(frozen=True)
class Fetched:
    """What a database gave.

    Attributes
    ----------
    files : tuple of Path
        Parquet files of one schema, with the wanted columns that exist.
    names : tuple of str
        All columns that the table or query has.
    rows : int
    dialect : str
        SQLAlchemy's name of the kind of database.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    rows: int
    dialect: str


def fetch(table: Table, wanted: Callable[[str], bool], where: str, folder: Path, home: Path) -> Fetched:
    """Stream the wanted columns of a table or query into Parquet files.

    Parameters
    ----------
    table : Table
        With a ``url`` and a ``table`` or ``query``.
    wanted : callable
        Whether a column is kept, by its name.
    where : str
        The table's name in messages.
    folder : Path
        Made here; holds the files.
    home : Path
        Where the path of a SQLite file begins, if it is relative.

    Returns
    -------
    Fetched

    Raises
    ------
    DataError
        If the database, the table or the query fails, or values of a column have no common type.
    ConfigError
        If an environment variable of the URL is not set.
    """
    folder.mkdir(parents=True)
    with _connected(table, where, home) as connection:
        if table.table is not None:
            address, names = _columns(connection, table.table, where)
            chosen = [name for name in names if wanted(name)] or names[:1]
            quoted = ", ".join(_quoted(connection, name) for name in chosen)
            result = _run(connection, f"SELECT {quoted} FROM {address}")
        else:
            result = _run(connection, table.query or "")
            if not result.returns_rows:
                raise DataError(Problem(where, "query", "a query that returns rows", "one that does not"))
            names = tuple(result.keys())
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise DataError(Problem(where, "query", "each column once", ", ".join(twice)))
        files = _write(result, wanted, where, folder)
        return Fetched(tuple(files), tuple(names), _agree(files, where), connection.dialect.name)


@contextmanager
def _connected(table: Table, where: str, home: Path) -> Iterator[sa.Connection]:
    """Connect; whatever the database says becomes an error of ours without what the URL hides.

    The driver's own exception is not chained: it may carry the URL.
    """
    url = resolve_url(table.url or "")
    try:
        engine = sa.create_engine(_located(sa.make_url(url), where, home), poolclass=sa.NullPool)
        with engine.connect() as connection:
            if (statement := READ_ONLY.get(connection.dialect.name)) is not None:
                connection.exec_driver_sql(statement)
            yield connection  # and closing it rolls back
    except sa.exc.NoSuchModuleError as error:
        problem = Problem(where, "url", "a kind of database that SQLAlchemy knows", str(error))
        raise DataError(problem) from None
    except ModuleNotFoundError as error:
        package = "'lapse[postgres]'" if error.name == "psycopg" else str(error.name)
        problem = Problem(
            where, "url", "a driver that is installed", str(error), hint=f"pip install {package}"
        )
        raise DataError(problem) from None
    except sa.exc.ArgumentError:
        raise DataError(Problem(where, "url", "a SQLAlchemy URL", "something else")) from None
    except sa.exc.SQLAlchemyError as error:
        told = " ".join(str(getattr(error, "orig", None) or error).split())
        key, expected = ("url", "a database that can be reached")
        if isinstance(error, sa.exc.DBAPIError) and error.statement:
            key, expected = "table", "a table that can be read"
            if table.query is not None:
                key, expected = "query", "a query that runs and does nothing but read"
        raise DataError(Problem(where, key, expected, _without_secrets(told, url, table.url or ""))) from None


def _located(url: sa.URL, where: str, home: Path) -> sa.URL:
    """Return the URL with an absolute path to a SQLite file; one that is not there would be made."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return url
    path = home / url.database
    if not path.is_file():
        got = f"no file at {shown_path(path)}"
        raise DataError(Problem(where, "url", "a database that can be reached", got))
    return url.set(database=str(path))


def _without_secrets(text: str, url: str, written: str) -> str:
    secrets = {os.environ.get(name) for name in re.findall(r"\$\{(\w+)\}", written)}
    for secret in (secrets | {sa.make_url(url).password}) - {None, ""}:
        text = text.replace(str(secret), "***")
    return text


def _run(connection: sa.Connection, statement: str) -> sa.CursorResult[Any]:
    """Run a statement as it stands (``:`` and ``%`` mean nothing), with a cursor on the server."""
    streaming = connection.execution_options(yield_per=CHUNK_ROWS, no_parameters=True)
    return streaming.exec_driver_sql(statement)


def _columns(connection: sa.Connection, table: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Return how to write the table in SQL, and its columns."""
    inspector = sa.inspect(connection)
    schema, _, name = table.rpartition(".")
    if known := _names_of(inspector, table, None):
        schema, name = "", table
    elif schema:
        known = _names_of(inspector, name, schema)
    if not known:
        tables = [*inspector.get_table_names(), *inspector.get_view_names()]
        close = difflib.get_close_matches(table, tables, n=1)
        hint = (
            f"did you mean '{close[0]}'?" if close else f"there: {', '.join(sorted(tables)[:20]) or 'none'}"
        )
        raise DataError(Problem(where, "table", "a table of that database", f"none named '{table}'", hint))
    parts = [part for part in (schema, name) if part]
    return ".".join(_quoted(connection, part) for part in parts), known


def _names_of(inspector: sa.Inspector, table: str, schema: str | None) -> tuple[str, ...]:
    try:
        return tuple(column["name"] for column in inspector.get_columns(table, schema))
    except sa.exc.NoSuchTableError:
        return ()


def _write(
    result: sa.CursorResult[Any], wanted: Callable[[str], bool], where: str, folder: Path
) -> list[Path]:
    """Write the wanted columns, one file a chunk, each with the types that its values have."""
    names = list(result.keys())
    kept = [place for place, name in enumerate(names) if wanted(name)] or [0]
    files = []
    for number, chunk in enumerate(result.partitions(CHUNK_ROWS)):
        values = list(zip(*chunk, strict=True))
        columns = {names[place]: _column(names[place], values[place], where) for place in kept}
        files.append(folder / f"{number:06d}.parquet")
        pq.write_table(pa.table(columns), files[-1])
    return files


def _column(name: str, values: tuple[Any, ...], where: str) -> pa.Array:
    try:
        made = pa.array(values)
    except OverflowError:
        problem = Problem(
            where, f"column '{name}'", "integers that fit 64 bits", "larger ones", "cast to text"
        )
        raise DataError(problem) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(Problem(where, f"column '{name}'", "values of one type", str(error))) from error
    if pa.types.is_timestamp(made.type) and made.type.tz:
        return made.cast(pa.timestamp("us", "UTC"))
    return made


def _quoted(connection: sa.Connection, name: str) -> str:
    """Return a name as SQL without parameters has it: some dialects double every %, for their formatting."""
    text = connection.dialect.identifier_preparer.quote(name)
    return text.replace("%%", "%") if connection.dialect.paramstyle in ("format", "pyformat") else text


def _agree(files: Sequence[Path], where: str) -> int:
    """Give all files one schema; return how many rows they have."""
    schemas = [pq.read_schema(file) for file in files]
    try:
        common = pa.unify_schemas([pa.schema([]), *schemas], promote_options="permissive")
        for file, schema in zip(files, schemas, strict=True):
            if schema != common:
                pq.write_table(pq.read_table(file).cast(common), file)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(Problem(where, "columns", "values of one type in each", str(error))) from error
    return sum(pq.read_metadata(file).num_rows for file in files)
