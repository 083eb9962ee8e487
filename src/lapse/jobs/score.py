"""The nightly job: one as-of date in, one partition of the score table out, wholly or not at all.

In: a history, a model, a date. Out: ``<scores.path>/as_of=YYYY-MM-DD/scores.parquet``, one row for every
customer known at as_of, sorted by customer within each bucket. The date stands in the folder's name, as Hive
partitions have it, and not in the file, so that one reader sees the whole table.

The file is written under another name in the same folder and renamed when it is complete: a reader sees the
old partition or the new one. The other name does not end in ``.parquet``, so no pattern takes it for scores.
A job that is killed leaves at most such a file, which the next run removes. Two jobs at one partition exclude
each other by a lock on its folder, which the system releases with the process. Refused: a partition that
another job is writing, rows lost or doubled on the way, features other than the model's.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lapse.dataset import Unlabelled, scoring_day, scoring_parts
from lapse.errors import ConfigError, DataError, Problem
from lapse.history import History
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes
from lapse.jobs.progress import Advance, silent
from lapse.jobs.reach import scores_problems
from lapse.schema import SCORE_COLUMNS, to_date

_TYPES: dict[str, pa.DataType] = {
    "scored_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(
        (
            "status", "exclusion_reason", "currency", "tier", "rung",
            "reason_1", "reason_2", "reason_3", "model_name", "model_version", "config_hash",
        ),
        pa.string(),
    ),
}  # fmt: skip
_UNFINISHED = ".unfinished"


def score(
    history: History, model: Model, as_of: date | str, folder: Path | None = None, advance: Advance = silent
) -> Path:
    """Write the score table of one date and return the file.

    Parameters
    ----------
    history : History
    model : Model
        Fetched for this history's business.
    as_of : date or ISO date string
    folder : Path, optional
        Where the partitions lie; default the config's ``scores.path``.
    advance : callable, optional
        Told of every bucket, ``history.n_buckets`` times.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    DataError
        If the date lies outside the data, nobody is known on it, another job is writing the partition, or
        rows were lost or doubled.
    GateError
        If the features are not those that the model was trained on.
    """
    day = scoring_day(history, as_of)
    partition = (folder or history.business.scores.path) / f"as_of={to_date(day)}"
    if problems := scores_problems(history.business, partition):
        raise ConfigError(problems)
    partition.mkdir(parents=True, exist_ok=True)
    with _alone(partition):
        for stale in partition.glob(f"*{_UNFINISHED}"):
            stale.unlink()
        hidden = partition / f".scores{_UNFINISHED}"
        try:
            _write(history, model, day, hidden, advance)
            return hidden.replace(partition / "scores.parquet")
        finally:
            hidden.unlink(missing_ok=True)


@contextmanager
def _alone(partition: Path) -> Iterator[None]:
    """Hold a partition for this job; whoever comes second is refused rather than made to wait."""
    folder = os.open(partition, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            where, got = str(partition), "another job that is writing it"
            raise DataError(
                Problem(where, "score table", "no other job at it", got, "wait for it")
            ) from error
        yield
        os.fsync(folder)  # the rename, too, survives a power cut
    finally:
        os.close(folder)


def _write(history: History, model: Model, day: int, file: Path, advance: Advance) -> None:
    scored_at = datetime.now(UTC)
    writer: pq.ParquetWriter | None = None
    rows, unknown = 0, Counter[str]()
    try:
        for number, part in enumerate(scoring_parts(history, day, model.recipe)):
            advance(f"bucket {number + 1}")
            table = to_arrow(model.score(part), part, scored_at)
            unknown.update(model.unknown_categories(part))
            rows += len(table)
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.add_key_value_metadata(Notes.of(model, to_date(day), unknown).metadata())
    finally:
        if writer is not None:
            writer.close()
    if rows == 0:
        where = str(history.business.source)
        raise DataError(Problem(where, "as_of", "a date on which some customer is known", str(to_date(day))))
    with file.open("rb") as written:
        os.fsync(written.fileno())


def to_arrow(scores: pd.DataFrame, part: Unlabelled, scored_at: datetime) -> pa.Table:
    """Return one bucket's scores with the table's columns and types, if every customer is accounted for."""
    expected = len(part) + len(part.excluded)
    if len(scores) != expected or scores["customer_id"].duplicated().any():
        raise DataError(
            Problem(
                str(part.business.source),
                "score table",
                f"one row for each of {expected:,} customers known at as_of",
                f"{len(scores):,} rows",
            )
        )
    columns = [name for name in SCORE_COLUMNS if name not in ("as_of", "scored_at")]
    whole = pd.api.types.is_integer_dtype(scores["customer_id"])
    types = {**_TYPES, "customer_id": pa.int64() if whole else pa.string()}
    arrays = {
        name: pa.array(scores[name], types.get(name, pa.float64()), from_pandas=True) for name in columns
    }
    return pa.table({**arrays, "scored_at": pa.array([scored_at] * len(scores), _TYPES["scored_at"])})
