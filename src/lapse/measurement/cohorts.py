"""Retention by acquisition cohort: who came in the same month, quarter or year, and how many are left.

In: a bucket; then the sums of all buckets. Out: for each unit a table with a row for every cohort and
period since. A customer belongs to the period of its first cover. Cells whose period has not closed are
missing.

``share_left`` is of all who were acquired the share that is at risk at the period's end, whoever came back
among them; ``rate`` is of those at risk at its start the share that is kept, as everywhere.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from lapse.history.spells import Covers, covers_of, reach_at
from lapse.measurement.asked import MONTHS, Asked, Unit
from lapse.measurement.periods import UNITS, month_end, name_of, rows_of
from lapse.measurement.pictures import draw_cohorts
from lapse.measurement.rates import wilson
from lapse.measurement.told import Measured
from lapse.schema import NEVER, Bucket, Float64, Int32, Int64, to_date

ACQUIRED, COHORTS = "retention_acquired", "retention_cohorts"
"""Names of the sums."""

_TEXT = (
    "Who came in the same {unit}. Still or again customers: of all who came, those who are customers at the "
    "end of the {unit}. Customers kept: of those at its start, the share that had not lapsed by its end. 0 "
    "{unit}s since is the {unit} of the first purchase or term; a {unit} that is still open is missing."
)
_CUT = (
    " The first cohort, {period}, may hold customers who came before the tables begin: nobody can tell them "
    "from new ones."
)


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return customers by (unit, cohort) and by (unit, cohort, period).

    Cohort and period are the days before they begin. ``retention_acquired`` has ``acquired``;
    ``retention_cohorts`` has ``customers`` at the start, ``kept``, and ``left``, those at risk at the end.
    """
    covers = covers_of(asked.business, bucket)
    first = _first_days(covers, asked.as_of)
    parts = [_by_unit(asked, bucket, covers, first, unit) for unit in UNITS]
    return {ACQUIRED: pd.concat([part[0] for part in parts]), COHORTS: pd.concat([part[1] for part in parts])}


def _by_unit(
    asked: Asked, bucket: Bucket, covers: Covers, first: Int32, unit: Unit
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one unit's customers by cohort, and by cohort and period."""
    edges = _all_edges(asked, unit)
    came = np.searchsorted(edges, first) - 1  # (edges[k], edges[k + 1]] is period k
    known = np.flatnonzero(first != NEVER)
    acquired = np.bincount(came[known], minlength=len(edges)).astype(np.float64)
    rows = rows_of(asked, bucket, unit)
    cohort, start = came[rows.customer[rows.closed]], np.searchsorted(edges, rows.day[rows.closed])
    size = len(edges) ** 2
    place = cohort * len(edges) + start
    sums: dict[str, Float64] = {
        "customers": np.bincount(place, minlength=size).astype(np.float64),
        "kept": np.bincount(place[rows.kept[rows.closed]], minlength=size).astype(np.float64),
        "left": _left(covers, edges, came, known),
    }
    keys = {"cohort": np.repeat(edges, len(edges)), "period": np.tile(edges, len(edges))}
    return _frame(unit, {"cohort": edges}, {"acquired": acquired}), _frame(unit, keys, sums)


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return a table for each of month, quarter and year in which a cohort has been complete."""
    told: list[Measured] = []
    for unit in UNITS:
        frame = cohort_table(asked, sums, unit)
        closed = frame[frame["status"] == "closed"]
        if not len(closed):
            continue
        told.append(
            Measured(
                f"retention_cohorts_by_{unit}",
                f"Cohorts by {unit}",
                _TEXT.format(unit=unit) + ("" if told else _CUT.format(period=frame["cohort"].min())),
                frame,
                picture=partial(draw_cohorts, frame, unit),
            )
        )
    return told


def cohort_table(asked: Asked, sums: dict[str, pd.DataFrame], unit: Unit) -> pd.DataFrame:
    """Return a row for every cohort with customers and every period from its own on, the newest cohort first.

    The period that is still open has its customers at the start where it began with some, and no rate.
    """
    edges = _all_edges(asked, unit)
    acquired = _of(sums[ACQUIRED], unit)["acquired"]
    table = _of(sums[COHORTS], unit)
    cohorts = [edge for edge in reversed(edges.tolist()) if acquired.get(edge, 0.0) > 0]
    last = int(edges[-1])  # the open period follows this day
    keys = [(cohort, start) for cohort in cohorts for start in edges.tolist() if start >= cohort]
    index = pd.MultiIndex.from_tuples(keys, names=["cohort", "period"])
    found = table.reindex(index, fill_value=0.0)
    start = np.array([key[1] for key in keys], np.int64)
    cohort = np.array([key[0] for key in keys], np.int64)
    closed, later = start < last, start > cohort
    came = acquired.reindex(cohort).to_numpy(np.float64)
    n, kept, left = (found[name].to_numpy(np.float64) for name in ("customers", "kept", "left"))
    lower, upper = wilson(kept, n)
    shares = wilson(left, came)
    rate = kept / np.where(n > 0, n, np.nan)
    rated = closed & later
    place = {edge: number for number, edge in enumerate(edges.tolist())}
    return pd.DataFrame(
        {
            "cohort": [name_of(unit, one) for one in cohort.tolist()],
            "acquired": came.astype(np.int64),
            "period": [name_of(unit, one) for one in start.tolist()],
            "starts_on": pd.to_datetime([to_date(one + 1) for one in start.tolist()]),
            "age": [
                place[one] - place[other] for one, other in zip(start.tolist(), cohort.tolist(), strict=True)
            ],
            "status": np.where(closed, "closed", "open"),
            **{
                name: np.where(closed, value, np.nan)
                for name, value in _named("share_left", left / came, shares)
            },
            "customers": pd.Series(n).where(rated).astype("Int64"),
            **{name: np.where(rated, value, np.nan) for name, value in _named("rate", rate, (lower, upper))},
        }
    )


def _named(name: str, value: Float64, bounds: tuple[Float64, Float64]) -> list[tuple[str, Float64]]:
    return [(name, value), (f"{name}_lower", bounds[0]), (f"{name}_upper", bounds[1])]


def _left(covers: Covers, edges: Int32, came: Int64, known: Int64) -> Float64:
    """Return by cohort and period who is at risk at the period's end, 0 where it is open, flat."""
    sums = np.zeros((len(edges), len(edges)))
    for number, end in enumerate(edges[1:].tolist()):
        day = np.full(len(known), end, np.int32)
        there = known[(reach_at(covers, known, day) > end) & (came[known] <= number)]
        sums[:, number] = np.bincount(came[there], minlength=len(edges))
    return sums.ravel()


def _first_days(covers: Covers, as_of: int) -> Int32:
    """Return the day of each customer's first cover known at as_of, NEVER where there is none."""
    first = np.full(len(covers.offsets) - 1, NEVER, np.int32)
    seen = (covers.known_day <= as_of) & (covers.day <= as_of)
    owner = np.repeat(np.arange(len(first)), np.diff(covers.offsets))
    np.minimum.at(first, owner[seen], covers.day[seen])
    return first


def _all_edges(asked: Asked, unit: Unit) -> Int32:
    """Return the edges with the one before the first event, so that who came first has a cohort too."""
    edges = asked.edges(unit)
    first = edges[:1] if len(edges) else np.array([asked.as_of], np.int32)
    return np.concatenate([month_end(first, -MONTHS[unit]), edges])


def _frame(unit: Unit, keys: dict[str, Int32], sums: dict[str, Float64]) -> pd.DataFrame:
    frame = pd.DataFrame({"unit": unit, **keys, **sums})
    return frame[frame[list(sums)].any(axis=1)].set_index(["unit", *keys])


def _of(sums: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    return sums[sums.index.get_level_values("unit") == unit].droplevel("unit")
