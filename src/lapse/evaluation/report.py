"""An evaluation as one thing: the tables, what they are about, and how it reads when printed.

In: the tables of :mod:`lapse.evaluation.tables` and the facts of the protocol. Out: an :class:`Evaluation`,
which prints itself and goes to JSON and back. Refused: a JSON of another shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lapse.evaluation.bootstrap import LEVEL
from lapse.evaluation.lapse_periods import PERIOD_COLUMNS
from lapse.evaluation.lifetime_tables import DECILE_COLUMNS
from lapse.evaluation.printed import (
    overall,
    print_dates,
    print_metrics,
    print_periods,
    print_steps,
    records,
)
from lapse.evaluation.tables import COLUMNS
from lapse.features.wording import several

_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("days", "n", "decile", "period", "realised"), np.int64),
    **dict.fromkeys(("value", "lower", "upper", "predicted", "observed", "expected", "error"), float),
}
"""Kinds of the columns that hold numbers."""

ENOUGH_LAPSES = 30
"""With fewer lapses on the test dates a figure says little of the model."""


@dataclass(frozen=True)
class Protocol:
    """What was asked of whom: without it a number means nothing.

    Attributes
    ----------
    fit_as_of, test_as_of : tuple of str
        ISO dates of the snapshots that the model learned from (calibration included), and was tested on.
    horizon_days : int
        From a snapshot to the end of what it asks about.
    n, n_customers : int
        Test rows that were judged, and the customers to whom they belong.
    base_rate : float
        Share of the test rows that lapsed.
    n_replicates, seed : int
        Of the bootstrap by customers, at the level of :data:`~lapse.evaluation.bootstrap.LEVEL`.
    n_all : int
        Test rows that there are: more than ``n`` where only some of the customers were judged, chosen by a
        hash of their ids. 0 in evaluations that do not say.
    n_fit, n_yardstick : int
        Rows that the model learned from, and those that its yardsticks did; 0 in evaluations that do not say.
    """

    fit_as_of: tuple[str, ...]
    test_as_of: tuple[str, ...]
    horizon_days: int
    n: int
    n_customers: int
    base_rate: float
    n_replicates: int
    seed: int
    n_all: int = 0
    n_fit: int = 0
    n_yardstick: int = 0


@dataclass(frozen=True)
class Evaluation:
    """How true a model was out of time, beside its yardsticks.

    Attributes
    ----------
    protocol : Protocol
    probabilities : pandas.DataFrame
        From :func:`~lapse.evaluation.tables.evaluate_probabilities`.
    lifetime : pandas.DataFrame
        From :func:`~lapse.evaluation.tables.evaluate_lifetime`, and below it what
        :func:`~lapse.evaluation.lifetime_tables.evaluate_curves` says over all; empty where not evaluated.
    spend, clv : pandas.DataFrame
        From :func:`~lapse.evaluation.tables.evaluate_money`: of spend, and of customer value, both as far as
        the horizon shows them; empty where not evaluated.
    lifetime_deciles, lifetime_periods : pandas.DataFrame
        From :func:`~lapse.evaluation.lifetime_tables.evaluate_curves`: predicted and observed shares lapsed
        and restricted means by decile; expected and realised lapses by month. Empty where not evaluated.
    absent : mapping of str to str
        Yardsticks that do not apply, and why.
    reference : str
        The method whose intervals are printed and with which the others are compared.
    """

    protocol: Protocol
    probabilities: pd.DataFrame
    lifetime: pd.DataFrame = field(default_factory=lambda: _from_records([]))
    spend: pd.DataFrame = field(default_factory=lambda: _from_records([]))
    clv: pd.DataFrame = field(default_factory=lambda: _from_records([]))
    lifetime_deciles: pd.DataFrame = field(default_factory=lambda: _from_records([], DECILE_COLUMNS))
    lifetime_periods: pd.DataFrame = field(default_factory=lambda: _from_records([], PERIOD_COLUMNS))
    absent: Mapping[str, str] = field(default_factory=dict)
    reference: str = "lapse"

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by the prefix of their metrics' names; only money needs one to be told apart."""
        rates = pd.concat([table for table in (self.probabilities, self.lifetime) if len(table)])
        return {"": rates, "spend_": self.spend, "clv_": self.clv}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before the figures are trusted."""
        asked = self.protocol
        lapses = round(asked.n * asked.base_rate)
        if min(lapses, asked.n - lapses) >= ENOUGH_LAPSES:
            return ()
        return (
            f"the test dates show {several(lapses, 'lapse')} in {several(asked.n, 'row')} of "
            f"{several(asked.n_customers, 'customer')}: "
            f"with fewer than {ENOUGH_LAPSES} that lapse, or that stay, the figures are mostly chance",
        )

    def metrics(self, method: str | None = None) -> dict[str, float]:
        """Return one method's defined metrics over all test rows by name; default the reference's.

        Metrics of money are prefixed: ``spend_total_bias``, ``clv_total_bias``.
        """
        return {
            f"{prefix}{row['metric']}": row["value"]
            for prefix, table in self.tables.items()
            for row in records(overall(table))
            if row["method"] == (method or self.reference) and math.isfinite(row["value"])
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as lists, numbers and strings; NaN becomes None."""
        return {
            "protocol": {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self.protocol).items()},
            "level": LEVEL,
            "reference": self.reference,
            "absent": dict(self.absent),
            "probabilities": _to_records(self.probabilities),
            "lifetime": _to_records(self.lifetime),
            "spend": _to_records(self.spend),
            "clv": _to_records(self.clv),
            "lifetime_deciles": _to_records(self.lifetime_deciles),
            "lifetime_periods": _to_records(self.lifetime_periods),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation that :meth:`to_json` stored."""
        facts: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in stored["protocol"].items()
        }
        return cls(
            protocol=Protocol(**facts),
            probabilities=_from_records(stored["probabilities"]),
            lifetime=_from_records(stored["lifetime"]),
            spend=_from_records(stored["spend"]),
            clv=_from_records(stored["clv"]),
            # models of before these were kept have none
            lifetime_deciles=_from_records(stored.get("lifetime_deciles", []), DECILE_COLUMNS),
            lifetime_periods=_from_records(stored.get("lifetime_periods", []), PERIOD_COLUMNS),
            absent=dict(stored["absent"]),
            reference=stored["reference"],
        )

    def __str__(self) -> str:
        parts = ["\n".join([_describe(self.protocol), *(f"warning: {one}" for one in self.warnings)])]
        for title, table in (
            ("churn probability", self.probabilities),
            ("remaining lifetime", self.lifetime),
            ("spend in the horizon", self.spend),
            ("customer value in the horizon", self.clv),
        ):
            if len(table):
                parts.append(f"{title}\n{print_metrics(table, self.reference)}")
        if by_date := print_dates(self.probabilities, self.reference):
            parts.append(by_date)
        if by_step := print_steps(self.lifetime, self.reference):
            parts.append(by_step)
        if by_period := print_periods(self.lifetime_periods, self.reference):
            parts.append(by_period)
        parts += [f"no {method}: {reason}" for method, reason in self.absent.items()]
        return "\n\n".join(parts)


def _to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{k: None if pd.isna(v) else v for k, v in row.items()} for row in records(table)]


def _from_records(stored: list[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    table = pd.DataFrame(stored, columns=list(columns))
    return table.astype({name: _KINDS.get(name, object) for name in columns})


def _describe(protocol: Protocol) -> str:
    rows = f"{several(protocol.n, 'row')} of {several(protocol.n_customers, 'customer')}"
    if protocol.n_all > protocol.n:
        rows += f" (chosen by a hash of their ids, of {several(protocol.n_all, 'row')})"
    lapsed = f"{protocol.base_rate:.1%} lapsed within {several(protocol.horizon_days, 'day')}"
    return (
        f"fitted on {_dates(protocol.fit_as_of)}\n"
        f"tested on {_dates(protocol.test_as_of)}: {rows}, {lapsed}\n"
        f"intervals: {LEVEL:.0%}, {protocol.n_replicates:,} resamples of the customers{_yardsticks(protocol)}"
    )


def _yardsticks(protocol: Protocol) -> str:
    if protocol.n_yardstick >= protocol.n_fit:
        return ""
    return f"\nyardsticks: fitted on {protocol.n_yardstick:,} of {protocol.n_fit:,} rows, drawn at random"


def _dates(dates: tuple[str, ...]) -> str:
    if len(dates) <= 3:
        return ", ".join(dates)
    return f"{len(dates)} dates from {dates[0]} to {dates[-1]}"
