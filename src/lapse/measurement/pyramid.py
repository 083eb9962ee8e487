"""The customer pyramid: platinum, gold, iron and lead by what customers brought, and the moves between them.

In: buckets, or lifetime values by customer. Out: tables. The **value** of a customer at a date is its margin
less cost to serve in the 365 days up to then, from rows known by then; only customers at risk at the date
have one. ``lead`` costs more than it brings. By shares, the limits of a date are those of all customers at
risk at that date, and equal values are never split; in money, they are those of ``measure.tiers.margin``.

A date whose year begins before the data do has no value. Shares need everybody's values, so what is collected
is one number for each customer and date, the dates being as_of and the ends of closed quarters.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.config.sections import TierRule
from lapse.features.wording import several
from lapse.measurement.asked import Asked, Unit
from lapse.measurement.concentration import concentration_table, draw_whale
from lapse.measurement.money import margins
from lapse.measurement.sums import codes_of
from lapse.measurement.told import Measured, Unknown
from lapse.measurement.transitions import States, move_sums, moves_by_period, moves_table, period_counts
from lapse.schema import Bucket, Float64, to_date
from lapse.segments import TIERS, TierLimits, fit_tiers, tiers
from lapse.value import DAYS_A_YEAR

STATES: tuple[str, ...] = (*TIERS, "gone")
_UNITS: tuple[Unit, ...] = ("quarter", "year")
_FROM_TOP = tuple(reversed(TIERS))


def dates_of(asked: Asked) -> list[int]:
    """Return the dates at which customers are valued: closed quarters and as_of, with a whole year behind."""
    days = sorted({*(int(day) for day in asked.edges("quarter")), asked.as_of})
    return [day for day in days if day - DAYS_A_YEAR >= asked.money_from - 1]


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return what each customer at risk brought in the year before each date.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``pyramid_values``: index (customer, day), column value; one row for each customer at risk.
    """
    snapshots = at_risk(*known_snapshots(asked.business, bucket, tuple(dates_of(asked))))
    after = (snapshots.day - DAYS_A_YEAR).astype(np.int32)
    value = margins(asked.business, bucket, snapshots.customer, after, snapshots.day, snapshots.day)
    customer = codes_of(bucket)[snapshots.customer]
    index = pd.MultiIndex.from_arrays([customer, snapshots.day.astype(np.int64)], names=["customer", "day"])
    return {"pyramid_values": pd.DataFrame({"value": value}, index=index)}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the pyramid at the last date, its concentration, its course, and the moves between tiers.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect` gave, of all buckets.

    Returns
    -------
    list of Measured
        ``pyramid``, ``pyramid_concentration``, ``pyramid_over_time``, ``pyramid_moves``,
        ``pyramid_moves_by_period``.
    """
    values = sums["pyramid_values"]["value"]
    rule = asked.business.measure.tiers.margin
    dates = dates_of(asked)
    day_of = values.index.get_level_values("day")
    by_day = {day: values[day_of == day] for day in dates}
    limits = {day: fit_tiers(part.to_numpy(), rule) for day, part in by_day.items()}
    last = by_day.get(asked.as_of, values.iloc[:0])
    what = f"margin less cost to serve in the {DAYS_A_YEAR} days to {to_date(asked.as_of)}"
    return [
        *_standing("pyramid", what, last if asked.as_of in dates else None, rule, _warnings(asked, dates)),
        _over_time(by_day, limits),
        *_moves(asked, values, limits),
    ]


def conclude_clv(asked: Asked, clv: pd.Series | None, warnings: tuple[str, ...] = ()) -> list[Measured]:
    """Return the pyramid by lifetime value, for values of customers at risk at as_of.

    Parameters
    ----------
    asked : Asked
    clv : Series of float64, optional
        By customer; missing ones do not count. Of one model and one date, such as the score table's. None
        where there are none: then all figures are missing.
    warnings : tuple of str
        What must be known before the values are believed.

    Returns
    -------
    list of Measured
        ``pyramid_clv``, ``pyramid_clv_concentration``.
    """
    known = None if clv is None else clv.dropna().astype(np.float64)
    what = f"lifetime value as scored on {to_date(asked.as_of)}"
    return _standing("pyramid_clv", what, known, asked.business.measure.tiers.clv, warnings)


def tier_codes(limits: TierLimits, value: Float64) -> States:
    """Return the place of each value's tier in :data:`STATES`, int8 of shape (n,); -1 where it is missing."""
    return np.asarray(tiers(limits, value).codes, np.int8)


def _warnings(asked: Asked, dates: list[int]) -> tuple[str, ...]:
    found: list[str] = []
    if asked.as_of not in dates:
        found.append(
            Unknown(
                f"the amounts begin on {to_date(asked.money_from)}: no whole year lies before "
                f"{to_date(asked.as_of)}, so last year's margin cannot be known"
            )
        )
    if asked.business.value.cost_to_serve == 0:
        found.append("value.cost_to_serve is 0: only customers with more returns than orders can be lead")
    return tuple(found)


def _standing(
    name: str, what: str, known: pd.Series | None, rule: TierRule, warnings: tuple[str, ...]
) -> list[Measured]:
    """Return the tiers of one date and how concentrated value is; missing where values cannot be known."""
    by = " by lifetime value" if name == "pyramid_clv" else ""
    value = np.empty(0) if known is None else known.to_numpy(np.float64)
    of = "" if known is None else f", of {several(len(value), 'customer')} at risk"
    table = _tier_table(value, fit_tiers(value, rule))
    if known is None:
        table.loc[:, table.columns != "tier"] = np.nan
    text = (
        f"Tiers by {what}{of}. The tier 'lead' costs more than it brings. All customers are counted, so "
        "there are no intervals; equal values share a tier."
    )
    spread = concentration_table(value)
    shared = (
        f"What share of all value ({what}) the most valuable customers hold. It passes 100 % where the rest "
        "cost more than they bring."
    )
    return [
        Measured(name, f"Customer pyramid{by}", text, table, warnings),
        Measured(
            f"{name}_concentration",
            f"Concentration of value{by}",
            shared,
            spread,
            picture=(lambda: draw_whale(value, what)) if len(value) else None,
        ),
    ]


def _tier_table(value: Float64, limits: TierLimits) -> pd.DataFrame:
    """Return customers, value and share by tier, from platinum down."""
    code = tier_codes(limits, value)
    customers = np.bincount(code[code >= 0], minlength=len(TIERS))[::-1]
    total = np.bincount(code[code >= 0], weights=value[code >= 0], minlength=len(TIERS))[::-1]
    n, whole = customers.sum(), total.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(
            {
                "tier": _FROM_TOP,
                "value_from": [limits.platinum_from, limits.gold_from, 0.0, -np.inf],
                "customers": customers.astype(np.float64),
                "customers_share": customers / n,
                "value": total.astype(np.float64),
                "value_share": total / whole if whole > 0 else np.full(len(TIERS), np.nan),
                "value_mean": total / customers,
            }
        ).replace({"value_from": {np.inf: np.nan, -np.inf: np.nan}})


def _over_time(by_day: dict[int, pd.Series], limits: dict[int, TierLimits]) -> Measured:
    parts = [
        _tier_table(value.to_numpy(), limits[day]).assign(as_of=to_date(day)) for day, value in by_day.items()
    ]
    empty = _tier_table(np.empty(0), TierLimits(np.inf, np.inf)).assign(as_of=None).iloc[:0]
    table = pd.concat(parts, ignore_index=True) if parts else empty
    table = table[["as_of", *[name for name in table if name != "as_of"]]]
    text = "The pyramid at the end of each closed quarter, each by the year before it; years overlap."
    newest = table.sort_values("as_of", ascending=False, kind="stable", ignore_index=True)
    return Measured("pyramid_over_time", "Customer pyramid over time", text, newest)


def _moves(asked: Asked, values: pd.Series, limits: dict[int, TierLimits]) -> list[Measured]:
    """Return moves between tiers from quarter to quarter and from year to year, pooled and by period."""
    pooled, single = [], []
    for unit in _UNITS:
        days = [int(day) for day in asked.edges(unit) if int(day) in limits]
        if len(days) < 2:
            continue
        states = _states(values, limits, days)
        start, end = np.where(states[:, :-1] == len(TIERS), -1, states[:, :-1]), states[:, 1:]
        pooled.append(_keyed(move_sums(start, end, len(STATES)), unit))
        single.append(_keyed(period_counts(start, end, days[1:], len(STATES)), unit))
    warnings = (
        () if pooled else (Unknown("no two closed periods have a whole year behind: moves cannot be known"),)
    )
    text = (
        "Of the customers in a tier at the start of a period, the share in each tier at its end; gone is "
        "no longer at risk. Intervals are 95 %, clustered by customer. From quarter to quarter three "
        "quarters of the year are the same, so moves look rarer than from year to year."
    )
    nothing = np.empty((0, 0), np.int8)
    frames = (
        moves_table(pd.concat(pooled or [_keyed(move_sums(nothing, nothing, 0), "quarter")]), STATES),
        moves_by_period(
            pd.concat(single or [_keyed(period_counts(nothing, nothing, [], 0), "quarter")]), STATES
        ),
    )
    return [
        Measured("pyramid_moves", "Moves between tiers", text, frames[0], warnings),
        Measured("pyramid_moves_by_period", "Moves between tiers by period", text, frames[1]),
    ]


def _states(values: pd.Series, limits: dict[int, TierLimits], days: list[int]) -> States:
    """Return each customer's tier on each day, ``gone`` where it is not at risk, int8 (customers, days)."""
    customer, position = np.unique(values.index.get_level_values("customer"), return_inverse=True)
    day = values.index.get_level_values("day").to_numpy()
    states = np.full((len(customer), len(days)), len(TIERS), np.int8)
    for column, one in enumerate(days):
        rows = np.flatnonzero(day == one)
        states[position[rows], column] = tier_codes(limits[one], values.to_numpy()[rows])
    return states


def _keyed(frame: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    return pd.concat({unit: frame}, names=["period"])
