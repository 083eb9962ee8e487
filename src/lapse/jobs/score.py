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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lapse.dataset import Dataset, scoring_day, scoring_parts
from lapse.errors import DataError, Problem
from lapse.history import History
from lapse.jobs.model import Model
from lapse.jobs.progress import Advance, silent
from lapse.jobs.tables import lines, titled
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
    DataError
        If the date lies outside the data, nobody is known on it, another job is writing the partition, or
        rows were lost or doubled.
    GateError
        If the features are not those that the model was trained on.
    """
    day = scoring_day(history, as_of)
    partition = (folder or history.business.scores.path) / f"as_of={to_date(day)}"
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
    rows = 0
    try:
        for number, part in enumerate(scoring_parts(history, day, model.recipe)):
            advance(f"bucket {number + 1}")
            table = to_arrow(model.score(part), part, scored_at)
            rows += len(table)
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    if rows == 0:
        where = str(history.business.source)
        raise DataError(Problem(where, "as_of", "a date on which some customer is known", str(to_date(day))))
    with file.open("rb") as written:
        os.fsync(written.fileno())


def to_arrow(scores: pd.DataFrame, part: Dataset, scored_at: datetime) -> pa.Table:
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


def hindsight(model: Model, as_of: date | str) -> str:
    """Return a warning where the model learned what became of the very customers to be scored, or nothing.

    Scores of such a date look better than any that could have been made then.
    """
    learned = date.fromisoformat(model.facts["last_as_of"])
    known_until = learned + timedelta(days=model.business.snapshots.horizon)
    asked = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    if asked >= known_until:
        return ""
    return f"the model learned from outcomes up to {known_until}: scores as of {asked} are hindsight"


def summary(file: Path, rows: int = 10) -> tuple[dict[str, Any], str]:
    """Return what a written partition holds, for machines and for people.

    Parameters
    ----------
    file : Path
        What :func:`score` returned.
    rows : int, default 10
        Customers shown: those with the most value at risk (CLV times churn probability).
    """
    table = pq.read_table(file, partitioning=None).to_pandas()
    scored = table[table["status"] == "scored"]
    at_risk = scored["clv"] * scored["churn_probability"]
    document = {
        "file": str(file),
        "rows": len(table),
        "scored": len(scored),
        "excluded": table["exclusion_reason"].value_counts().to_dict(),
        "expected_lapses": float(scored["churn_probability"].sum()),
        "total_clv": float(scored["clv"].sum()),
        "value_at_risk": float(at_risk.sum()),
    }
    shown = scored.loc[at_risk.sort_values(ascending=False).index[:rows]]
    head = pd.DataFrame(
        {
            "customer": shown["customer_id"].astype(str),
            "churn": shown["churn_probability"].map("{:.1%}".format),
            "days left": shown["remaining_lifetime_days"].map("{:,.0f}".format),
            "clv": shown["clv"].map("{:,.0f}".format),
            "tier": shown["tier"],
            "rung": shown["rung"],
            "reasons": shown.apply(_reasons, axis=1) if len(shown) else [],
        }
    )
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in document["excluded"].items())
    currency = table["currency"].iloc[0]
    text = (
        f"{document['scored']:,} customers scored; not scored: {excluded or 'nobody'}\n"
        f"{document['expected_lapses']:,.0f} lapses expected; CLV of all "
        f"{document['total_clv']:,.0f} {currency}, of which at risk "
        f"{document['value_at_risk']:,.0f} {currency}\n\n"
        f"{titled('the most value at risk', lines(head))}\n\n{file}"
    )
    return document, text


def _reasons(row: pd.Series) -> str:
    told = [(row[f"reason_{k}"], row[f"reason_{k}_effect"]) for k in (1, 2, 3)]
    return "; ".join(f"{words} ({effect:+.1f})" for words, effect in told if isinstance(words, str))
