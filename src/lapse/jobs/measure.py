"""The measurement: one walk over the customers, all tables, and one page to read.

In: a history and a date. Out: a :class:`Measurement`. Its parts (:data:`PARTS`) are modules with two
functions: ``collect(asked, bucket)`` gives frames that add up over customers, ``conclude(asked, sums)``
makes tables of their sums. So memory follows a bucket and the tables, not the company.

Written is a folder ``<measure path>/as_of=YYYY-MM-DD/`` with a Parquet file for each table and
``measure.html``, replaced as a whole: a reader sees the old folder or the new one. Refused: what the parts
refuse, a date outside the data, one on which nobody was a customer yet, a folder that holds anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse import __version__
from lapse.config import Business
from lapse.dataset import scoring_day
from lapse.errors import DataError, Problem
from lapse.history import History
from lapse.jobs.own_folder import MADE_BY, PAGE, require_folder
from lapse.jobs.page import render
from lapse.jobs.parquet import write_tables
from lapse.jobs.progress import Advance, silent
from lapse.jobs.scored import scored_values
from lapse.jobs.swap import written_whole
from lapse.jobs.threads import each_bucket
from lapse.leaks.sampling import choose_customers
from lapse.measurement import (
    benchmarks,
    claims,
    cohorts,
    comparison,
    lifecycle,
    lifetime_values,
    lifetimes,
    programmes,
    pyramid,
    retention,
    rungs,
    worth,
    worth_per_cost,
)
from lapse.measurement.asked import Asked, Given
from lapse.measurement.begins import begins, joined
from lapse.measurement.given import read_given
from lapse.measurement.told import Measured
from lapse.schema import Bucket, to_date

CUSTOMERS_AT_ONCE = 50_000
"""Whose rows are in memory at a time, however many customers a bucket has."""

_PENDING_ROWS = 500_000


class Part(Protocol):
    """A part of a measurement: a module."""

    def collect(self, asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
        """Return sums of one bucket by name, which add up over buckets."""

    def conclude(self, asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
        """Return what the sums of all buckets say."""


PARTS: tuple[Part, ...] = (
    retention,
    comparison,
    lifetimes,
    cohorts,
    benchmarks,
    pyramid,
    lifetime_values,
    rungs,
    worth,
    lifecycle,
    worth_per_cost,
    programmes,
    claims,
)
"""In the order of the page."""


@dataclass(frozen=True)
class Measurement:
    """What a measurement found.

    Attributes
    ----------
    business : Business
    as_of : date
    measured : tuple of Measured
        Tables with their titles, words, warnings and pictures.
    """

    business: Business
    as_of: date
    measured: tuple[Measured, ...]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {one.name: one.frame for one in self.measured}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be known before anything is believed, each with the title of its table."""
        return tuple(f"{one.title}: {warning}" for one in self.measured for warning in one.warnings)

    def page(self) -> str:
        """Return one HTML page that needs nothing from outside itself."""
        return render(self.business, self.as_of, self.measured)

    def write(self, folder: Path | None = None) -> tuple[Path, ...]:
        """Write every table and the page, wholly or not at all.

        Parameters
        ----------
        folder : Path, optional
            Where the folders ``as_of=YYYY-MM-DD`` lie; default the config's ``measure.path``.

        Returns
        -------
        tuple of Path
            The files, the page last.

        Raises
        ------
        ConfigError
            If the folder cannot be written, or holds anything that no measurement wrote.
        """
        partition = require_folder(self.business, folder, self.as_of)
        with written_whole(partition) as hidden:
            for one in self.measured:
                table = pa.Table.from_pandas(one.frame, preserve_index=False)
                write_tables(hidden / f"{one.name}.parquet", [table], lambda: {MADE_BY: __version__})
            (hidden / PAGE).write_text(self.page(), encoding="utf-8")
        return (*(partition / f"{one.name}.parquet" for one in self.measured), partition / PAGE)


def measure(
    history: History,
    as_of: date | str | None = None,
    advance: Advance = silent,
    scores: Path | None = None,
    given: Given | None = None,
) -> Measurement:
    """Measure retention as of one day.

    Lifetime values are those of the score table's partition of that very day, as
    ``lapse score`` wrote it; without one their figures are missing, and a warning says so.

    Parameters
    ----------
    history : History
    as_of : date or ISO date string, optional
        Default the end of the data. Only what was known by then counts.
    advance : callable, optional
        Told of every stage, ``stages(history)`` times.
    scores : Path, optional
        Where the partitions of the score table lie; default the config's ``scores.path``.
    given : Given, optional
        The tables of published rates and of costs, where they have been read already.

    Raises
    ------
    DataError
        If the date lies outside the data, nobody had become a customer by then, a part refuses the tables, or
        the scores of the day are damaged or of other customers.

    Examples
    --------
    >>> import tempfile
    >>> import lapse
    >>> from lapse.demo import write_demo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gym = lapse.load(write_demo("gym", Path(folder), n_customers=100))
    ...     with lapse.read(gym) as history:
    ...         found = lapse.measure(history)
    >>> found.tables["retention_by_year"]["period"].tolist()[:2]
    ['2025', '2024']
    """
    day = history.data_end if as_of is None else scoring_day(history, as_of)
    given = read_given(history.business) if given is None else given
    lifetime = scored_values(history.business, day, scores)
    asked = replace(_asked(history, day, advance), lifetime=lifetime, given=given)

    def one(number: int) -> dict[str, pd.DataFrame]:
        pieces = pieces_of(history.bucket(number), CUSTOMERS_AT_ONCE)
        return add_up(part.collect(asked, piece) for piece in pieces for part in PARTS)

    def told() -> Iterator[dict[str, pd.DataFrame]]:
        for number, found in enumerate(each_bucket(history, one)):
            advance(f"bucket {number + 1}")
            yield found

    sums = add_up(told())
    advance("conclusions")
    measured = [one for part in PARTS for one in part.conclude(asked, sums)]
    return Measurement(history.business, to_date(day), tuple(measured))


def stages(history: History) -> int:
    """Return how often :func:`measure` tells of its progress."""
    return history.n_buckets + 2


def add_up(parts: Iterable[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Return the sum of frames by name and index; pieces are joined as they come, so that few wait."""
    waiting: dict[str, list[pd.DataFrame]] = {}
    for part in parts:
        for name, frame in part.items():
            pieces = waiting.setdefault(name, [])
            pieces.append(frame)
            if sum(map(len, pieces[1:])) > max(_PENDING_ROWS, len(pieces[0])):
                waiting[name] = [_joined(pieces)]
    return {name: _joined(pieces) for name, pieces in waiting.items()}


def _joined(pieces: list[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat(pieces)
    return whole.groupby(level=list(range(whole.index.nlevels)), sort=True, dropna=False).sum()


def pieces_of(bucket: Bucket, size: int) -> Iterator[Bucket]:
    """Yield a bucket as smaller ones with numbers of their own, in the order of its customers.

    Parameters
    ----------
    bucket : Bucket
    size : int
        The most customers of a piece.
    """
    for place, start in enumerate(range(0, len(bucket), size)):
        customers = np.arange(start, min(start + size, len(bucket)), dtype=np.int64)
        yield replace(choose_customers(bucket, customers), number=(bucket.number << 12) + place)


def _asked(history: History, as_of: int, advance: Advance) -> Asked:
    """Return what is asked; the first days too are those of rows known at as_of."""
    advance("the first days")
    business = history.business
    first = joined(each_bucket(history, lambda number: begins(business, history.bucket(number), as_of)))
    if not first.covers:
        where, expected = str(business.source), f"a date by which a row of '{business.churn.event}' is known"
        raise DataError(Problem(where, "as_of", expected, str(to_date(as_of))))
    return Asked(business, first.event, as_of, first_money_day=first.money, first_lapse_day=first.lapse)
