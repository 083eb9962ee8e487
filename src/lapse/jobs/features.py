"""Features alone, for models of one's own: as-of dates in, Parquet out, at any size.

In: a history, as-of dates, names of features. Out: a folder of Parquet files, one a bucket of customers: a
row for every customer known at each date, with ``customer_id``, ``as_of`` and the features.
Refused: dates outside the data or given twice, a folder that exists, names that the config does not give.

Buckets are worked on by all cores; each holds one bucket and, of its frame, :data:`ROWS_AT_ONCE` rows. The
folder is written under another name and renamed when it is complete.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lapse.cohort.outcomes import all_known
from lapse.dataset import choice_day, scoring_day
from lapse.errors import ConfigError, DataError, LapseError, Problem
from lapse.features import Recipe, compute, fit_recipe
from lapse.history import History
from lapse.jobs.progress import Advance, silent
from lapse.jobs.threads import each_bucket
from lapse.schema import Snapshots

ROWS_AT_ONCE = 250_000
"""Rows of a frame that a thread holds at once; a row group of its file."""


def write_features(
    history: History,
    as_of: Iterable[date | str],
    folder: Path | str,
    names: Sequence[str] | None = None,
    *,
    advance: Advance = silent,
) -> Path:
    """Write point-in-time features of every known customer at every date.

    Parameters
    ----------
    history : History
    as_of : iterable of date or ISO date string
        Each once.
    folder : Path
        Does not exist yet; gets ``<bucket>.parquet``.
    names : sequence of str, optional
        Of the features that the config gives, those under ``features.also`` with them; default all.
    advance : callable, optional
        Told of every bucket, ``history.n_buckets`` times.

    Returns
    -------
    Path
        The folder. Rows are sorted by customer and as_of within a file; ``as_of`` is date32, features are
        float32 (missing is NaN) or dictionary<string> (missing is null).

    Raises
    ------
    ConfigError
        If the config does not give a name.
    DataError
        If a date lies outside the data or is given twice, or the folder exists.
    """
    target, days = Path(folder), _days(history, as_of)
    if target.exists():
        raise DataError(Problem(str(target), "folder", "one that does not exist yet", "one that does"))
    recipe = fit_recipe(history.business, history.buckets(), choice_day(history, max(days)))
    if names is not None:
        recipe = replace(recipe, names=_chosen(recipe, names))
    hidden = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    try:
        write = partial(_write_bucket, history, recipe, days, hidden)
        for number, _ in enumerate(each_bucket(history, write)):
            advance(f"bucket {number + 1}")
        return hidden.rename(target)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _days(history: History, as_of: Iterable[date | str]) -> tuple[int, ...]:
    """Return the dates as day numbers, ascending, or refuse all that are wrong at once."""
    days, problems = Counter[int](), list[Problem]()
    for one in as_of:
        try:
            days[scoring_day(history, one)] += 1
        except LapseError as error:
            problems += error.problems
    where = str(history.business.source)
    if not days and not problems:
        problems.append(Problem(where, "as_of", "at least one date", "none"))
    if twice := [day for day, times in days.items() if times > 1]:
        problems.append(Problem(where, "as_of", "each date once", f"{len(twice)} more than once"))
    if problems:
        raise DataError(problems)
    return tuple(sorted(days))


def _chosen(recipe: Recipe, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or refuse those that the recipe lacks and those that stand there twice."""
    given, times = set(recipe.names), Counter(names)
    where, hint = str(recipe.business.source), "list it under features.also"
    problems = [
        Problem(where, "names", "a feature that the config gives", f"'{name}'", hint=hint)
        for name in times
        if name not in given
    ]
    problems += [
        Problem(where, "names", "each name once", f"'{name}' {count} times")
        for name, count in times.items()
        if count > 1
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(names)


def _write_bucket(history: History, recipe: Recipe, days: tuple[int, ...], folder: Path, number: int) -> None:
    bucket = history.bucket(number)
    asked = all_known(bucket, days)
    file = folder / f"{number}.parquet"
    writer: pq.ParquetWriter | None = None
    try:
        for start in range(0, max(len(asked), 1), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            rows = Snapshots(asked.customer[part], asked.day[part])
            frame = compute(recipe, bucket, rows)
            keys = rows.keys(bucket)
            table = pa.table([*keys.values(), *frame.columns], names=[*keys, *frame.column_names])
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
