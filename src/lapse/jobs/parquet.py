"""Tables into one Parquet file, each when it is made.

In: tables of one schema, as they come. Out: the file, a row group each, closed whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_tables(
    file: Path,
    tables: Iterable[pa.Table],
    metadata: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Write tables into one file; without any there is none.

    Parameters
    ----------
    file : Path
    tables : iterable of pyarrow.Table
    metadata : callable, optional
        Asked for key and value pairs of the file when all tables are written.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            writer = writer or _writer(file, table.schema)
            writer.write_table(table)
        if writer is not None and (told := dict(metadata())):
            writer.add_key_value_metadata(told)
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def open_tables(file: Path) -> Iterator[Callable[[Iterable[pa.Table]], None]]:
    """Give what writes tables into one file, as often as it is called; without any there is no file."""
    writer: pq.ParquetWriter | None = None

    def write(tables: Iterable[pa.Table]) -> None:
        nonlocal writer
        for table in tables:
            writer = writer or _writer(file, table.schema)
            writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _writer(file: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer that makes dictionaries of all but fractions.

    What repeats among those the compression finds too, and in less time.
    """
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=repeated)
