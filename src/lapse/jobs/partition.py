"""A written partition of the score table: what it says of itself beside its rows, and its summary.

In: a model and a date, or a file of scores. Out: :class:`Notes`, kept in the Parquet file's metadata, and
what is shown of the file to people and to machines. A file is read row group by row group, so a summary of
many customers takes no more memory than one of few.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lapse.features.wording import several
from lapse.jobs.clock import shares
from lapse.jobs.estimators import LEVEL
from lapse.jobs.model import Model
from lapse.jobs.tables import lines, titled
from lapse.jobs.totals import in_words, told_of
from lapse.schema import Float64, Int64
from lapse.value import value_to_keep

METADATA_KEY = "lapse"
"""Under which a file of scores keeps its notes, as JSON."""

_ADDED_UP = ("status", "exclusion_reason", "churn_probability", "churn_probability_voluntary", "clv")

_NO_VALUE = (
    "no value to show: nobody has a CLV above 0; are the amounts mapped, and in the tables, "
    "and is cost_to_serve below what customers bring?"
)


@dataclass(frozen=True)
class Notes:
    """What holds for all rows of a partition.

    Attributes
    ----------
    lifetime_limit_days : int
        Up to which lifetime and CLV are counted: ``value.limit``.
    interval_level : float
        Level of the intervals of lifetime and CLV.
    hindsight_until : str
        ISO date up to which the model knew outcomes, where that is after the as-of; else empty.
    unknown_categories : mapping of column to int
        Rows whose category did not occur at training; the model takes it for missing.
    seconds : mapping of stage to float
        Where the time of the job went.
    value : mapping
        What all who are scored are worth together: see :func:`lapse.jobs.totals.told_of`.
    """

    lifetime_limit_days: int
    interval_level: float
    hindsight_until: str = ""
    unknown_categories: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    value: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: Model,
        as_of: date,
        unknown: Mapping[str, int],
        seconds: Mapping[str, float] | None = None,
        sums: Mapping[str, float] | None = None,
    ) -> Notes:
        """Return what is to be said of one date's scores by one model."""
        learned = date.fromisoformat(model.facts["last_as_of"])
        known_until = learned + timedelta(days=model.business.snapshots.horizon)
        hindsight = str(known_until) if as_of < known_until else ""
        told = told_of(sums or {}, model.estimators.spreads.shocks)
        limit, met = model.business.value.limit, dict(sorted(unknown.items()))
        return cls(limit, LEVEL, hindsight, met, seconds or {}, told)

    @classmethod
    def read(cls, file: Path) -> Notes:
        """Return the notes of a file of scores."""
        metadata: Mapping[bytes, bytes] = pq.read_metadata(file).metadata
        return cls(**json.loads(metadata[METADATA_KEY.encode()]))

    def metadata(self) -> dict[str, str]:
        """Return the notes as a Parquet file keeps them."""
        return {METADATA_KEY: json.dumps(asdict(self))}

    @property
    def bounds(self) -> str:
        """What lifetime and CLV count, and how wide their intervals are, in words.

        Examples
        --------
        >>> Notes(1095, 0.8).bounds
        'lifetime and CLV are counted up to 1,095 days ahead; their intervals are at 80 %'
        """
        return (
            f"lifetime and CLV are counted up to {self.lifetime_limit_days:,} days ahead; "
            f"their intervals are at {self.interval_level * 100:.0f} %"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before trusting the rows, in words.

        Scores with hindsight look better than any that could have been made then.
        """
        unknown = tuple(
            f"column '{name}': {several(rows, 'row')} with a category that did not occur at "
            "training, taken for missing"
            for name, rows in self.unknown_categories.items()
        )
        if not self.hindsight_until:
            return unknown
        return (
            f"the model learned from outcomes up to {self.hindsight_until}: "
            "scores of an earlier date are hindsight",
            *unknown,
        )


@dataclass
class _Best:
    """The rows of the highest values met so far; of equal ones those that came first."""

    most: int
    values: Float64 = field(default_factory=lambda: np.empty(0))
    rows: Int64 = field(default_factory=lambda: np.empty(0, np.int64))

    def meet(self, values: Float64, rows: Int64) -> None:
        values, rows = np.append(self.values, values), np.append(self.rows, rows)
        first = np.argsort(-values, kind="stable")[: self.most]
        self.values, self.rows = values[first], rows[first]


class _Totals:
    """What is added up over all rows of a file, and which rows stand first."""

    def __init__(self, most: int) -> None:
        self.rows = self.scored = 0
        self.apart = False
        self.excluded: Counter[str] = Counter()
        self.lapses = self.clv = self.at_risk = 0.0
        self.by_value, self.by_churn = _Best(most), _Best(most)

    def add(self, group: pd.DataFrame) -> None:
        """Add a row group, its columns :data:`_ADDED_UP`."""
        self.excluded.update(group["exclusion_reason"].dropna())
        at = np.flatnonzero(group["status"] == "scored")
        churn, voluntary, clv = (group[name].to_numpy(np.float64)[at] for name in _ADDED_UP[2:])
        self.apart = self.apart or not np.isnan(voluntary).all()
        self.by_value.meet(value_to_keep(clv, churn, voluntary), self.rows + at)
        self.by_churn.meet(churn, self.rows + at)
        self.rows, self.scored = self.rows + len(group), self.scored + len(at)
        self.lapses += float(np.nansum(churn))
        self.clv += float(np.nansum(clv))
        self.at_risk += float(np.nansum(clv * churn))

    @property
    def has_value(self) -> bool:
        """Whether anybody has value at risk."""
        return bool((self.by_value.values[:1] > 0).any())

    @property
    def title(self) -> str:
        """What the first rows have the most of."""
        if not self.has_value:
            return "the most likely to lapse"
        return "the most value at risk" + (" from voluntary lapses" if self.apart else "")


def summary(file: Path, rows: int = 10) -> tuple[dict[str, Any], str]:
    """Return what a written partition holds, for machines and for people.

    Parameters
    ----------
    file : Path
        What :func:`lapse.jobs.score.score` returned.
    rows : int, default 10
        Customers shown, at least 1: those with the most value at risk (CLV times churn probability, or times
        its voluntary part where causes are kept apart), or where nobody has any, those who are most likely to
        lapse. Of equal ones, those that stand first in the file.
    """
    with pq.ParquetFile(file) as table:
        totals = _Totals(rows)
        for number in range(table.num_row_groups):
            totals.add(table.read_row_group(number, list(_ADDED_UP)).to_pandas())
        best = totals.by_value if totals.has_value else totals.by_churn
        shown = _rows_of(table, best.rows)
        currency = table.read_row_group(0, ["currency"])["currency"][0].as_py()
    notes = Notes.read(file)
    document = _document(file, totals, notes)
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in document["excluded"].items())
    time_told = f"done in {shares(notes.seconds)}\n" if notes.seconds else ""
    text = (
        f"{several(totals.scored, 'customer')} scored; not scored: {excluded or 'nobody'}\n"
        f"{several(round(totals.lapses), 'lapse')} expected; CLV of all {totals.clv:,.0f} {currency}, "
        f"of which at risk {totals.at_risk:,.0f} {currency}\n"
        f"{notes.bounds}\n{in_words(notes.value, currency)}\n\n"
        f"{titled(totals.title, lines(_head(shown)))}\n\n{time_told}{file}"
    )
    return document, text


def _rows_of(table: pq.ParquetFile, rows: Int64) -> pd.DataFrame:
    """Return some rows of a file, in the order asked; one row group is in memory at a time."""
    sizes = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
    begins = np.cumsum([0, *sizes])
    group = np.searchsorted(begins, rows, side="right") - 1
    found = [
        table.read_row_group(number).take(rows[group == number] - begins[number])
        for number in np.unique(group).tolist()
    ]
    there = pa.concat_tables(found) if found else table.schema_arrow.empty_table()
    # the pieces lie in the order of their groups, and within each in the order asked
    back = np.argsort(np.argsort(group, kind="stable"), kind="stable")
    shown: pd.DataFrame = there.take(back).to_pandas()
    return shown


def _document(file: Path, totals: _Totals, notes: Notes) -> dict[str, Any]:
    worthless = totals.scored > 0 and not totals.has_value
    return {
        "file": str(file),
        "rows": totals.rows,
        "scored": totals.scored,
        "excluded": dict(totals.excluded.most_common()),
        "expected_lapses": totals.lapses,
        "total_clv": totals.clv,
        "value_at_risk": totals.at_risk,
        **asdict(notes),
        "warnings": [*notes.warnings, *([_NO_VALUE] if worthless else [])],
    }


def _head(shown: pd.DataFrame) -> pd.DataFrame:
    voluntary = shown["churn_probability_voluntary"]
    apart = {} if voluntary.isna().all() else {"voluntary": voluntary.map("{:.1%}".format)}
    return pd.DataFrame(
        {
            "customer": shown["customer_id"].astype(str),
            "churn": shown["churn_probability"].map("{:.1%}".format),
            **apart,
            "days left": shown["remaining_lifetime_days"].map("{:,.0f}".format),
            "clv": shown["clv"].map("{:,.0f}".format),
            "tier": shown["tier"],
            "rung": shown["rung"],
            "reasons": shown.apply(_reasons, axis=1) if len(shown) else [],
        }
    )


def _reasons(row: pd.Series) -> str:
    told = [(row[f"reason_{k}"], row[f"reason_{k}_effect"]) for k in (1, 2, 3)]
    return "; ".join(f"{words} ({effect:+.1f})" for words, effect in told if isinstance(words, str))
