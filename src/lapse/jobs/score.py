"""The nightly job: one as-of date in, one partition of the score table out, wholly or not at all.

In: a history, a model, a date. Out: ``<scores.path>/as_of=YYYY-MM-DD/scores.parquet``, one row for every
customer known at as_of, sorted by customer within each bucket. The date stands in the folder's name, as Hive
partitions have it, and not in the file, so that one reader sees the whole table. Cash flows, where they are
asked for, lie in folders of the same kind.

Buckets are scored on all cores, each into a part of its own (:mod:`lapse.jobs.unfinished`). When all are
there they are put together under another name, which is then changed: a reader sees the old partition or the
new one. After a kill the next run goes on with the parts that are there; after an error nothing is left, nor
a folder that the job made. Two jobs at one partition exclude each other by a lock on its folder, which the
system releases with the process.

Refused: a partition that another job is writing, rows lost or doubled on the way, features other than the
model's.
"""

from __future__ import annotations

import fcntl
import inspect
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lapse import __version__
from lapse.dataset import Unlabelled, bucket_parts, scoring_day
from lapse.errors import ConfigError, DataError, Problem
from lapse.features.custom import load_functions
from lapse.history import History
from lapse.jobs.clock import Clock
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes
from lapse.jobs.progress import Advance, silent
from lapse.jobs.reach import scores_problems
from lapse.jobs.threads import each_bucket
from lapse.jobs.unfinished import Told, Unfinished, added
from lapse.schema import SCORE_COLUMNS, to_date
from lapse.value import flow_tables, no_flows

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(
        (
            "status", "exclusion_reason", "currency", "tier", "rung",
            "reason_1", "reason_2", "reason_3", "model_name", "model_version", "config_hash",
        ),
        pa.string(),
    ),
}  # fmt: skip
_SCORED_AT = pa.timestamp("us", tz="UTC")
_HIDDEN = ".scores.complete"
_HIDDEN_FLOWS = ".cash_flows.complete"


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
    made = not partition.exists()
    partition.mkdir(parents=True, exist_ok=True)
    with _alone(partition), _left_as_it_was(partition, made):
        unfinished = Unfinished(partition, _stamp(history, model, day))
        try:
            told = _score_buckets(history, model, day, unfinished, advance)
            _put_together(history, model, day, unfinished, told, partition / _HIDDEN)
            _put_flows_together(model, day, unfinished, history.n_buckets, partition / _HIDDEN)
        except Exception:
            unfinished.remove()
            raise
        file = (partition / _HIDDEN).replace(partition / "scores.parquet")
        unfinished.remove()
        return file


def _put_together(
    history: History, model: Model, day: int, unfinished: Unfinished, told: Told, file: Path
) -> None:
    """Write the parts into one file, with its notes: their seconds are all but those of its last bytes."""
    start = time.monotonic()

    def notes() -> dict[str, str]:
        seconds = {**told.seconds, "putting together": time.monotonic() - start}
        return Notes.of(model, to_date(day), told.unknown, seconds, told.sums).metadata()

    now = pa.scalar(datetime.now(UTC), _SCORED_AT)
    unfinished.put_together(history.n_buckets, file, ("scored_at", now), notes)


def _put_flows_together(model: Model, day: int, unfinished: Unfinished, n_buckets: int, scores: Path) -> None:
    """Write the cash flows of all buckets, where they are asked for, and replace those of the date."""
    folder = model.business.value.cash_flows
    if folder is None:
        return
    partition = folder / f"as_of={to_date(day)}"
    partition.mkdir(parents=True, exist_ok=True)
    hidden = partition / _HIDDEN_FLOWS
    try:
        nothing = _beside_its_date(no_flows(pq.read_schema(scores).field("customer_id").type))
        unfinished.put_beside_together(n_buckets, hidden, nothing)
        hidden.replace(partition / "cash_flows.parquet")
    except Exception:
        hidden.unlink(missing_ok=True)
        raise


def _beside_its_date(flows: pa.Table) -> pa.Table:
    """Return cash flows without their as_of, which the name of their folder says."""
    return flows.drop_columns("as_of")


def _stamp(history: History, model: Model, day: int) -> dict[str, Any]:
    """Return all that the scores of a bucket hang on."""
    return {
        "as_of": str(to_date(day)),
        "data": history.fingerprint,
        "buckets": history.n_buckets,
        "config": model.business.config_hash,
        "model": [model.name, model.version, model.digest()],
        "custom": _sources(model),
        "lapse": __version__,
    }


def _sources(model: Model) -> dict[str, str]:
    """Return the text of the modules that the model's custom features are functions of.

    What those import from elsewhere is not in it, nor is a module without a text, such as a compiled one.
    """
    business = model.business
    asked = [name for name in model.recipe.names if name in business.features.custom]
    named = {business.features.custom[name].partition(":")[0] for name in asked}
    defined = {function.__module__ for function in load_functions(business, asked).values()}
    found = {}
    for module in sorted(named | defined):
        with suppress(OSError, TypeError):
            found[module] = inspect.getsource(sys.modules[module])
    return found


@contextmanager
def _left_as_it_was(partition: Path, made: bool) -> Iterator[None]:
    """After an error leave no half of a file, and no folder that was made for nothing."""
    try:
        yield
    except Exception:
        (partition / _HIDDEN).unlink(missing_ok=True)
        if made:
            with suppress(OSError):  # what somebody else put there stays
                partition.rmdir()
        raise


@contextmanager
def _alone(partition: Path) -> Iterator[None]:
    """Hold a partition for this job; whoever comes second is refused rather than made to wait."""
    folder = os.open(partition, os.O_RDONLY)
    try:
        if not _locked(folder, partition):
            where, got = str(partition), "another job that is writing it"
            raise DataError(Problem(where, "score table", "no other job at it", got, "wait for it"))
        yield
        os.fsync(folder)  # the rename, too, survives a power cut
    finally:
        os.close(folder)


def _locked(folder: int, partition: Path) -> bool:
    """Lock an open folder, unless another job has locked it, or removed it since it was opened."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(folder), partition.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _score_buckets(
    history: History, model: Model, day: int, unfinished: Unfinished, advance: Advance
) -> Told:
    """Score the buckets that have no part yet, and return what was counted in all of them."""

    def one(number: int) -> Told:
        return unfinished.told(number) or _score_bucket(history, model, day, unfinished, number)

    parts = []
    start = time.monotonic()
    for number, part in enumerate(each_bucket(history, one)):
        advance(f"bucket {number + 1}")
        parts.append(part)
    told = Told.sum(parts)
    if told.rows == 0:
        where = str(history.business.source)
        raise DataError(Problem(where, "as_of", "a date on which some customer is known", str(to_date(day))))
    return replace(told, seconds=_of_the_clock(history.seconds, time.monotonic() - start, told.seconds))


def _of_the_clock(reading: float, scoring: float, busy: Mapping[str, float]) -> dict[str, float]:
    """Return seconds on the wall by stage: those of threads at once are scaled to the time they took."""
    scale = scoring / max(sum(busy.values()), 1e-9)
    return {"reading tables": reading, **{stage: spent * scale for stage, spent in busy.items()}}


def _score_bucket(history: History, model: Model, day: int, unfinished: Unfinished, number: int) -> Told:
    """Score one bucket piece by piece, each on its way to disk before the next one is made."""
    clock, rows, unknown = Clock(), 0, Counter[str]()
    sums: dict[str, float] = {}
    value = model.business.value

    def pieces() -> Iterator[pa.Table]:
        nonlocal rows, sums
        with clock("reading buckets"):
            bucket = history.bucket(number)
        with unfinished.beside(number) as write_beside:
            for part in clock.each("features", bucket_parts(history, bucket, day, model.recipe)):
                scores, valued = (scored := model.scored(part, clock)).table, scored.valued
                unknown.update(model.unknown_categories(part))
                rows += len(scores)
                sums = added(sums, valued.sums if valued else {})
                with clock("writing"):  # until the next piece is asked for
                    if value.cash_flows is not None and valued is not None:
                        step = model.business.step_days
                        flows = flow_tables(part.keys, valued.flows, step, value.limit)
                        write_beside(map(_beside_its_date, flows))
                    yield to_arrow(scores, part)

    def told() -> Told:
        return Told(rows, dict(unknown), dict(clock.seconds), sums)

    unfinished.write(number, pieces(), told)
    return told()


def to_arrow(scores: pd.DataFrame, part: Unlabelled) -> pa.Table:
    """Return a piece's scores with the table's columns and types, if every customer is accounted for."""
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
    return pa.table(arrays)
