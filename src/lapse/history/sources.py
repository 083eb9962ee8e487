"""One table of the business, wherever it lies, as something that DuckDB can read.

In: a :class:`~lapse.config.Table` and a DuckDB connection. Out: a :class:`Source`: a relation, its columns
with their types, and how many rows it has. Refused, by name of table and source: a file that is not there, is
empty or is not what its ending says, CSV files whose headers differ, a database that cannot be reached, a
table that it does not have, a query that fails. A CSV file is read as text, in the declared format; its
values get their types in :mod:`lapse.history.casts`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from lapse.config import Business, Table, describe_url
from lapse.config.currency import says_currency
from lapse.config.sections import CsvFormat, mapped_columns
from lapse.errors import DataError, Problem, shown_path
from lapse.history.databases import Fetched, fetch


@dataclass(frozen=True)
class Source:
    """One table as DuckDB can read it.

    Attributes
    ----------
    name : str
        ``customers`` or the event's name.
    where : str
        The table and its source, for messages (``event 'term' (data/terms.parquet)``).
    relation : str
        What stands after FROM.
    types : mapping of str to str
        All columns in order, with their DuckDB types; ``NULL`` where a column holds nothing but nulls.
    rows : int
        How many rows the source says that it has.
    is_text : bool
        Whether every value is text (CSV).
    has_text_times : bool
        Whether times may be text, because the source has no type for them (CSV, SQLite).
    """

    name: str
    where: str
    relation: str
    types: Mapping[str, str]
    rows: int
    is_text: bool
    has_text_times: bool


def open_source(
    connection: duckdb.DuckDBPyConnection, business: Business, name: str, table: Table, folder: Path
) -> Source:
    """Open one table.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the relation will be read.
    business : Business
    name : str
        ``customers`` or the event's name.
    table : Table
        Its section of the config.
    folder : Path
        Where rows from a database are put while they are read.

    Returns
    -------
    Source

    Raises
    ------
    DataError
        If the source cannot be read or has no rows.
    """
    where = _label(business, name, table)
    with saying_where(where):
        if table.path is None:
            fetched = fetch(
                table, partial(_is_read, table), where, folder / "fetched" / name, business.source.parent
            )
            source = _from_database(connection, name, where, fetched)
        else:
            files = _find(table.path, where)
            made = _from_csv if table.path.suffix == ".csv" else _from_parquet
            source = made(connection, name, where, table, files)
    if source.rows == 0:
        raise DataError(Problem(where, "rows", "at least one row", "none"))
    return source


@contextmanager
def saying_where(where: str) -> Iterator[None]:
    """Turn what DuckDB says about a source into a :class:`~lapse.errors.DataError` that names it."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines()]
        told = "; ".join(lines[: 3 if "CSV Error" in lines[0] else 1])
        raise DataError(Problem(where, "content", "rows that can be read", told)) from error


def quote(name: str) -> str:
    """Return an SQL identifier.

    Examples
    --------
    >>> quote("starts on")
    '"starts on"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return an SQL string literal.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def file_list(files: Sequence[str | Path]) -> str:
    """Return an SQL list of files, taken literally: what looks like a pattern in a name is not one."""
    return "[" + ", ".join(literal(re.sub(r"([*?\[])", r"[\1]", str(file))) for file in files) + "]"


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return the columns of a relation with their types; that of nothing but nulls is written ``"NULL"``."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind.strip('"') for name, kind, *_ in rows}


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number that a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def _label(business: Business, name: str, table: Table) -> str:
    subject = "customers" if table is business.customers else f"event '{name}'"
    if table.path is not None:
        home = business.source.parent
        inside = business.source.name and table.path.is_relative_to(home)
        return f"{subject} ({table.path.relative_to(home) if inside else table.path})"
    part = f"table {table.table}" if table.table is not None else "query"
    return f"{subject} ({describe_url(table.url or '')}, {part})"


def _find(path: Path, where: str) -> list[Path]:
    """Return the files of a path: itself, all in it if it is a folder, or what it matches as a pattern."""
    if path.is_dir():
        found = sorted(path.rglob(f"*{path.suffix}"))
    else:
        found = [path] if path.exists() else _matching(path)
    if not found:
        raise DataError(Problem(where, "path", "a file that exists", f"none at {shown_path(path)}"))
    if empty := [file for file in found if file.stat().st_size == 0]:
        raise DataError(
            Problem(where, "file", "at least one row", f"an empty file of 0 bytes: {empty[0].name}")
        )
    return found


def _matching(pattern: Path) -> list[Path]:
    inside = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    return sorted(Path(pattern.anchor).glob(str(inside)))


def _from_parquet(
    connection: duckdb.DuckDBPyConnection, name: str, where: str, table: Table, files: list[Path]
) -> Source:
    listed = file_list(files)
    relation = f"read_parquet({listed}, hive_partitioning = false)"
    held = columns_of(connection, relation)
    given = pq.read_schema(files[0]).names
    if given != list(held):  # the engine renames a column that differs from another by nothing but case
        _check_once(given, where, f"columns of {files[0].name}")
        relation += f" AS held({', '.join(map(quote, _apart(given, mapped_columns(table))))})"
    rows = count(connection, f"SELECT sum(num_rows) FROM parquet_file_metadata({listed})")
    return Source(name, where, relation, dict(zip(given, held.values(), strict=True)), rows, False, False)


def _check_once(columns: Sequence[str], where: str, what: str) -> None:
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise DataError(Problem(where, what, "each column once", ", ".join(twice)))


def _apart(columns: Sequence[str], mapped: Sequence[str]) -> list[str]:
    """Return names that differ by more than case, as the engine needs them; mapped columns keep theirs.

    Examples
    --------
    >>> _apart(["Amount", "amount", "at"], mapped=["amount"])
    ['Amount_', 'amount', 'at']
    """
    taken = {column.lower() for column in mapped}
    names = []
    for column in columns:
        name = column
        while column not in mapped and name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        names.append(name)
    return names


def _from_csv(
    connection: duckdb.DuckDBPyConnection, name: str, where: str, table: Table, files: list[Path]
) -> Source:
    header = _header(files[0], table.csv, where)
    for file in files[1:]:
        if (other := _header(file, table.csv, where)) != header:
            raise DataError(
                Problem(where, f"header of {file.name}", f"that of {files[0].name}", ", ".join(other))
            )
    names = _apart(header, mapped_columns(table))
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in names)
    relation = (
        f"read_csv({file_list(files)}, columns = {{{columns}}}, auto_detect = false, header = true,"
        f" delim = {literal(table.csv.delimiter)}, quote = '\"', escape = '\"', comment = '',"
        f" nullstr = {literal(table.csv.null)}, encoding = {literal(table.csv.encoding)},"
        " hive_partitioning = false)"
    )
    if table.csv.time is not None:
        _check_format(connection, where, table.csv.time)
    rows = count(connection, f"SELECT count(*) FROM {relation}")
    return Source(name, where, relation, dict.fromkeys(header, "VARCHAR"), rows, True, True)


def _check_format(connection: duckdb.DuckDBPyConnection, where: str, form: str) -> None:
    try:
        connection.execute(f"SELECT try_strptime('', {literal(form)})")
    except duckdb.Error as error:
        raise DataError(Problem(where, "csv.time", "a strptime format", repr(form), str(error))) from error


def _header(file: Path, form: CsvFormat, where: str) -> list[str]:
    if len(form.delimiter) != 1:
        raise DataError(Problem(where, "csv.delimiter", "one character", repr(form.delimiter)))
    encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
    try:
        with file.open(encoding=encoding, newline="") as lines:
            header = next(csv.reader(lines, delimiter=form.delimiter), [])
    except (UnicodeError, csv.Error) as error:
        raise DataError(
            Problem(where, "csv.encoding", f"text in {form.encoding}", f"{file.name}: {error}")
        ) from error
    _check_once(header, where, f"header of {file.name}")
    return header


def _is_read(table: Table, column: str) -> bool:
    """Return whether a column is looked at; the engine takes names that differ by case alone for one."""
    mapped = mapped_columns(table)
    taken = {name.lower() for name in mapped}
    return column in mapped or (column.lower() not in taken and says_currency(table, column))


def _from_database(connection: duckdb.DuckDBPyConnection, name: str, where: str, fetched: Fetched) -> Source:
    if not fetched.files:
        return Source(name, where, "", dict.fromkeys(fetched.names, "NULL"), 0, False, False)
    relation = f"read_parquet({file_list(fetched.files)})"
    held = columns_of(connection, relation)
    types = {column: held.get(column, "") for column in fetched.names}
    return Source(name, where, relation, types, fetched.rows, False, fetched.dialect == "sqlite")
