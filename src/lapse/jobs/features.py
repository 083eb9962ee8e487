"""Features alone, for models of one's own: as-of dates in, Parquet out, at any size.

In: a history, as-of dates, names of features. Out: a folder of Parquet files, one a bucket of customers: a
row for every customer known at each date, with ``customer_id``, ``as_of`` and the features.
Refused: dates outside the data or given twice, a folder that exists, names that the config does not give.

Buckets are worked on by all cores; each holds one bucket and, of its frame, :data:`ROWS_AT_ONCE` rows. The
folder is written under a name of its own and renamed when it is complete. Each file says in its metadata by
which recipe its columns were made.
"""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa

from lapse.cohort.outcomes import all_known
from lapse.dataset import choice_day, scoring_day
from lapse.errors import ConfigError, DataError, LapseError, Problem
from lapse.features import Recipe, Seen, compute, recipe_of, refuse_other_history, seen_in
from lapse.history import History
from lapse.jobs.parquet import write_tables
from lapse.jobs.progress import Advance, silent
from lapse.jobs.swap import flush, hidden_beside
from lapse.jobs.threads import each_bucket
from lapse.schema import Bucket

ROWS_AT_ONCE = 250_000
"""Rows of a frame that a thread holds at once, but at least one customer's; a row group of its file."""

_KEY = b"lapse"
"""Under which a file keeps its recipe, as JSON."""


def write_features(
    history: History,
    as_of: Iterable[date | str],
    folder: Path | str,
    names: Sequence[str] | None = None,
    *,
    recipe: Recipe | None = None,
    advance: Advance = silent,
) -> Path:
    """Write point-in-time features of every known customer at every date.

    Without a recipe two calls may differ: the most frequent values of ``categories``, the day on which each
    kind of event begins, and whether a season is told are chosen from what happened and was known by the
    last as_of, or by the first test date where that is earlier. To get the same columns again, at other dates
    or from newer tables, give the recipe of the first call. Each file keeps it in its Parquet metadata, as
    JSON under ``lapse``::

        kept = json.loads(pq.read_schema("first/0.parquet").metadata[b"lapse"])
        write_features(history, dates, "second", recipe=Recipe.from_json(history.business, kept))

    Parameters
    ----------
    history : History
    as_of : iterable of date or ISO date string
        Each once; or one alone.
    folder : Path
        Does not exist yet; gets ``<bucket>.parquet``.
    names : sequence of str, optional
        One or more of the features that the config gives, those under ``features.also`` with them; default
        all. Of those of the recipe, where one is given.
    recipe : Recipe, optional
        By which columns are made, such as that of a model; default one fitted as above.
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
    GateError
        If the recipe was made from tables, columns or roles that the history does not have.
    """
    target, days = Path(folder), _days(history, as_of)
    if target.exists():
        raise _taken(target)
    if recipe is None:
        recipe = _fitted(history, choice_day(history, max(days)))
    if names is not None:
        recipe = replace(recipe, names=_chosen(recipe, [names] if isinstance(names, str) else names))
    with hidden_beside(target) as files:
        write = partial(_write_bucket, history, recipe, days, files)
        for number, _ in enumerate(each_bucket(history, write)):
            advance(f"bucket {number + 1}")
        return _renamed(files, target)


def _fitted(history: History, until: int) -> Recipe:
    """Return the recipe that :func:`~lapse.features.fit_recipe` chooses, by all cores."""

    def seen(number: int) -> Seen:
        return seen_in(history.business, history.bucket(number), until)

    return recipe_of(history.business, each_bucket(history, seen), until)


def _taken(target: Path) -> DataError:
    return DataError(Problem(str(target), "folder", "one that does not exist yet", "one that does"))


def _renamed(files: Path, target: Path) -> Path:
    """Give a folder its name, unless another job was faster."""
    try:
        return files.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _taken(target) from error
        raise


def _days(history: History, as_of: Iterable[date | str]) -> tuple[int, ...]:
    """Return the dates as day numbers, ascending, or refuse all that are wrong at once."""
    days, problems = Counter[int](), list[Problem]()
    for one in [as_of] if isinstance(as_of, str | date) else as_of:
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
    refuse_other_history(recipe, history.business, bucket)
    frames = _frames(recipe, bucket, days)
    file = folder / f"{number}.parquet"
    write_tables(file, frames)
    flush(file)


def _frames(recipe: Recipe, bucket: Bucket, days: tuple[int, ...]) -> Iterator[pa.Table]:
    """Yield the frame of a bucket in pieces of whole customers, one piece at least."""
    customers, kept = max(1, ROWS_AT_ONCE // len(days)), {_KEY: json.dumps(recipe.to_json())}
    for first in range(0, max(len(bucket), 1), customers):
        rows = all_known(bucket, days, first, first + customers)
        if first and not len(rows):
            continue
        frame, keys = compute(recipe, bucket, rows), rows.keys(bucket)
        table = pa.table([*keys.values(), *frame.columns], names=[*keys, *frame.column_names])
        yield table.replace_schema_metadata(kept)
