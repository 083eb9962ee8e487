"""A written partition of the score table: what it says of itself beside its rows, and its summary.

In: a model and a date, or a file of scores. Out: :class:`Notes`, kept in the Parquet file's metadata, and
what is shown of the file to people and to machines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from lapse.jobs.clock import shares
from lapse.jobs.estimators import LEVEL
from lapse.jobs.model import Model
from lapse.jobs.tables import lines, titled

METADATA_KEY = "lapse"
"""Under which a file of scores keeps its notes, as JSON."""

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
    """

    lifetime_limit_days: int
    interval_level: float
    hindsight_until: str = ""
    unknown_categories: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, model: Model, as_of: date, unknown: Mapping[str, int], seconds: Mapping[str, float] | None = None
    ) -> Notes:
        """Return what is to be said of one date's scores by one model."""
        learned = date.fromisoformat(model.facts["last_as_of"])
        known_until = learned + timedelta(days=model.business.snapshots.horizon)
        hindsight = str(known_until) if as_of < known_until else ""
        return cls(model.business.value.limit, LEVEL, hindsight, dict(sorted(unknown.items())), seconds or {})

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
            f"column '{name}': {rows:,} row{'' if rows == 1 else 's'} with a category that did not occur at "
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


def summary(file: Path, rows: int = 10) -> tuple[dict[str, Any], str]:
    """Return what a written partition holds, for machines and for people.

    Parameters
    ----------
    file : Path
        What :func:`lapse.jobs.score.score` returned.
    rows : int, default 10
        Customers shown: those with the most value at risk (CLV times churn probability), or where nobody has
        any, those who are most likely to lapse.
    """
    table, notes = pq.read_table(file, partitioning=None).to_pandas(), Notes.read(file)
    scored = table[table["status"] == "scored"]
    at_risk = scored["clv"] * scored["churn_probability"]
    has_value = bool((at_risk > 0).any())
    title = "the most value at risk" if has_value else "the most likely to lapse"
    rank = at_risk if has_value else scored["churn_probability"]
    document = {
        "file": str(file),
        "rows": len(table),
        "scored": len(scored),
        "excluded": table["exclusion_reason"].value_counts().to_dict(),
        "expected_lapses": float(scored["churn_probability"].sum()),
        "total_clv": float(scored["clv"].sum()),
        "value_at_risk": float(at_risk.sum()),
        **asdict(notes),
        "warnings": [*notes.warnings, *([_NO_VALUE] if len(scored) and not has_value else [])],
    }
    shown = scored.loc[rank.sort_values(ascending=False).index[:rows]]
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
    time_told = f"{shares(notes.seconds)}\n" if notes.seconds else ""
    text = (
        f"{document['scored']:,} customers scored; not scored: {excluded or 'nobody'}\n"
        f"{document['expected_lapses']:,.0f} lapses expected; CLV of all "
        f"{document['total_clv']:,.0f} {currency}, of which at risk "
        f"{document['value_at_risk']:,.0f} {currency}\n{notes.bounds}\n\n"
        f"{titled(title, lines(head))}\n\n{time_told}{file}"
    )
    return document, text


def _reasons(row: pd.Series) -> str:
    told = [(row[f"reason_{k}"], row[f"reason_{k}_effect"]) for k in (1, 2, 3)]
    return "; ".join(f"{words} ({effect:+.1f})" for words, effect in told if isinstance(words, str))
