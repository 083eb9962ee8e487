"""The loyalty ladder over time: who stands where, who moves, for how long, and what a rung is worth.

In: buckets. Out: tables. A customer's rung at the end of a day is that of :mod:`lapse.cohort.ladder`, from
rows known by then; who has had a cover and is no longer at risk is ``gone``. Prospects count from the day
on which they became known; who has a row in a customers table without ``known_at`` and nothing else is left
out, since nobody can say when that was.

What a rung is **worth** is what the customers at risk on it at the end of a month brought in the month after,
a year. What a step up is worth is a difference between customers, and no effect of stepping up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from lapse.cohort.ladder import RUNGS, met, rules_of, rung_codes
from lapse.cohort.outcomes import known_snapshots
from lapse.config import Business
from lapse.history.buckets import ALWAYS
from lapse.measurement.asked import MONTHS, Asked
from lapse.measurement.ladder_pictures import draw_ladder, draw_values
from lapse.measurement.money import margins
from lapse.measurement.next_rung import collect_steps, conclude_steps
from lapse.measurement.stays import LEAST_STAYS, mean_stay, stay_sums
from lapse.measurement.sums import GROUPS, groups_of, jackknife
from lapse.measurement.told import Measured, Misleading, Unknown
from lapse.measurement.transitions import States, move_sums, moves_by_period, moves_table, period_counts
from lapse.schema import Bool, Bucket, Float64, Int32, Int64
from lapse.value import DAYS_A_YEAR

STATES: tuple[str, ...] = (*RUNGS, "gone")
_GONE = len(RUNGS)


_FAR = 0.1
"""From which part of the time on a rung a difference is told; a smaller one leads nobody astray."""


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return the sums of one bucket's customers.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``rungs_customers`` (day, rung), ``rungs_moves`` (period, from, to), ``rungs_moves_by_period``
        (period, day, from, to), ``rungs_stays`` (state, group, age), ``rungs_value`` (rung, group), and
        those of :mod:`lapse.measurement.next_rung`.
    """
    edges = asked.edges("month")
    states, at_risk = states_at(asked.business, bucket, edges)
    group = groups_of(bucket)
    moves, single = {}, {}
    for unit in MONTHS:
        columns = np.flatnonzero(np.isin(edges, asked.edges(unit)))
        start, end = states[:, columns[:-1]], states[:, columns[1:]]
        moves[unit] = move_sums(start, end, len(STATES))
        single[unit] = period_counts(start, end, edges[columns[1:]].tolist(), len(STATES))
    return {
        "rungs_customers": _customers(states, edges.tolist()),
        "rungs_moves": pd.concat(moves, names=["period"]),
        "rungs_moves_by_period": pd.concat(single, names=["period"]),
        "rungs_stays": stay_sums(states, group, len(STATES)),
        "rungs_value": _value_sums(asked, bucket, states, at_risk, group),
        **collect_steps(asked, bucket),
    }


def states_at(business: Business, bucket: Bucket, days: Sequence[int] | Int32) -> tuple[States, Bool]:
    """Return each customer's state at the end of each day, and whether it was at risk.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    days : sequence of int
        Day numbers, ascending.

    Returns
    -------
    states : int8, shape (n_customers, n_days)
        The place in :data:`STATES`; -1 where the customer was not known.
    at_risk : bool, shape (n_customers, n_days)
    """
    snapshots, reach = known_snapshots(business, bucket, tuple(int(day) for day in days))
    column = np.searchsorted(np.asarray(days), snapshots.day)
    stays = reach > snapshots.day
    code = rung_codes(met(business, bucket, snapshots)).astype(np.int8)
    code[(reach >= 0) & ~stays] = _GONE
    code[(reach < 0) & (bucket.known_day[snapshots.customer] == ALWAYS) & (code == 0)] = -1
    states = np.full((len(bucket), len(days)), -1, np.int8)
    at_risk = np.zeros(states.shape, np.bool_)
    states[snapshots.customer, column] = code
    at_risk[snapshots.customer, column] = stays
    return states, at_risk


def _customers(states: States, days: Sequence[int]) -> pd.DataFrame:
    count = np.stack([(states == code).sum(axis=0) for code in range(len(STATES))], axis=1)
    index = pd.MultiIndex.from_product([days, range(len(STATES))], names=["day", "rung"])
    return pd.DataFrame({"customers": count.reshape(-1).astype(np.float64)}, index=index)


def _value_sums(asked: Asked, bucket: Bucket, states: States, at_risk: Bool, group: Int64) -> pd.DataFrame:
    """Return what customers at risk brought in the month after each month's end, by rung and group."""
    edges = asked.edges("month")
    customer, month = np.nonzero(at_risk[:, :-1] & (edges[:-1] >= asked.money_from - 1))
    after, until = edges[month], edges[month + 1]
    known = np.full(len(customer), asked.as_of, np.int32)
    margin = margins(asked.business, bucket, customer, after, until, known)
    place = states[customer, month].astype(np.int64) * GROUPS + group[customer]
    size = len(RUNGS) * GROUPS
    columns = {
        "margin": np.bincount(place, weights=margin, minlength=size),
        "days": np.bincount(place, weights=(until - after).astype(np.float64), minlength=size),
        "customer_months": np.bincount(place, minlength=size).astype(np.float64),
    }
    index = pd.MultiIndex.from_product([range(len(RUNGS)), range(GROUPS)], names=["rung", "group"])
    return pd.DataFrame(columns, index=index)


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the ladder over time, its moves, the time on a rung, its value, and who is one step away.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect` gave, added up over buckets.

    Returns
    -------
    list of Measured
        ``ladder_over_time``, ``ladder_moves``, ``ladder_moves_by_period``, ``ladder_stays``,
        ``ladder_value``, ``ladder_steps``, ``ladder_one_step_away``, ``ladder_candidates``.
    """
    moves = moves_table(sums["rungs_moves"], STATES)
    single = moves_by_period(sums["rungs_moves_by_period"], STATES)
    text = (
        "Of the customers on a rung at the start of a period, the share on each rung at its end; gone is "
        "no longer at risk. Intervals are 95 %, pooled ones clustered by customer."
    )
    few = () if len(moves) else (Unknown("fewer than two months have closed: moves cannot be known"),)
    worth, steps = _values(sums["rungs_value"], asked.business.currency)
    return [
        _over_time(asked, sums["rungs_customers"]),
        Measured("ladder_moves", "Moves between rungs", text, moves, few),
        Measured("ladder_moves_by_period", "Moves between rungs by period", text, single),
        _stays(sums["rungs_stays"], moves),
        worth,
        steps,
        *conclude_steps(asked, sums, steps.frame),
    ]


def _over_time(asked: Asked, counts: pd.DataFrame) -> Measured:
    frame = counts.reset_index().astype({"customers": "int64"})
    frame["rung"] = pd.Index(STATES)[frame["rung"].to_numpy(np.int64)]
    described = ("prospect", *rules_of(asked.business), "gone")
    frame = frame[frame["rung"].isin(described)]
    here = frame["rung"] != "gone"
    whole = frame["customers"].where(here).groupby(frame["day"]).transform("sum")
    frame["share"] = (frame["customers"] / whole.where(whole > 0)).where(here)
    frame.insert(0, "as_of", pd.to_datetime(frame.pop("day"), unit="D").dt.date)
    section = asked.business.customers
    warnings: list[str] = []
    if section is not None and "known_at" not in section.columns:
        warnings.append(
            "customers maps no known_at: who has no event yet cannot be dated, and is no prospect here"
        )
    if unseen := [rung for rung in RUNGS if rung not in described]:
        warnings.append(
            Unknown(
                f"{', '.join(unseen)}: no rule or mapped event shows that a customer has come so far, "
                "so who has cannot be known; measure.rungs can name one"
            )
        )
    text = (
        "Customers by rung at the end of each closed month; shares are of all but those who are gone. "
        "Nothing that became known later counts."
    )
    picture = (lambda: draw_ladder(frame, RUNGS)) if len(frame) else None
    newest = frame.sort_values("as_of", ascending=False, kind="stable", ignore_index=True)
    return Measured("ladder_over_time", "Loyalty ladder over time", text, newest, tuple(warnings), picture)


def _stays(sums: pd.DataFrame, moves: pd.DataFrame) -> Measured:
    """Return the mean time on each rung, beside the time that a constant rate of leaving would give."""
    rows, warnings = [], []
    monthly = moves[(moves["period"] == "month") & (moves["from"] == moves["to"])].set_index("from")
    for code, rung in enumerate(RUNGS):
        part = sums[sums.index.get_level_values("state") == code].droplevel("state")
        row: dict[str, object] = {"rung": rung, **mean_stay(part), **_constant(monthly, rung)}
        rows.append(row)
        if (warning := _disagreement(row)) is not None:
            warnings.append(warning)
    text = (
        "How many month ends customers spend on a rung before they leave it, up, down or for good, from "
        "stays whose beginning was seen; the mean is of stays cut at the last age that "
        f"{LEAST_STAYS} stays reached. Beside it 1/(1-p), p the share that stays from month to month, as "
        "if all left at one constant rate."
    )
    return Measured("ladder_stays", "Time on a rung", text, pd.DataFrame(rows), tuple(warnings))


def _constant(monthly: pd.DataFrame, rung: str) -> dict[str, float]:
    """Return 1/(1-p) and its bounds; missing where nobody left."""
    names = ("share", "share_lower", "share_upper")
    p = [float(monthly[name].get(rung, np.nan)) for name in names]
    months = [1 / (1 - one) if one < 1 else np.nan for one in p]
    return dict(
        zip(("months_constant", "months_constant_lower", "months_constant_upper"), months, strict=True)
    )


def _disagreement(row: dict[str, object]) -> str | None:
    """Return a warning where a constant rate, cut at the same limit, is far from the stays, beyond chance."""
    mean, limit = row["months_constant"], row["limit_months"]
    if not (isinstance(mean, float) and isinstance(limit, float)) or not np.isfinite([mean, limit]).all():
        return None
    cut = mean * (1 - (1 - 1 / mean) ** limit)
    lower, upper = row["months_lower"], row["months_upper"]
    stays = row["months"]
    if not (isinstance(lower, float) and isinstance(upper, float) and isinstance(stays, float)):
        return None
    if lower <= cut <= upper or abs(cut - stays) < _FAR * stays:
        return None
    return Misleading(
        f"{row['rung']}: a constant rate gives {cut:.2f} months up to {limit:.0f}, stays give "
        f"{stays:.2f} [{lower:.2f}, {upper:.2f}]: they do not leave at one rate, and 1/(1-p) misleads"
    )


def _values(sums: pd.DataFrame, currency: str) -> tuple[Measured, Measured]:
    """Return the value of each rung a year, and the differences between neighbours."""
    cube = np.zeros((GROUPS, len(RUNGS), 3))
    rung, group = (sums.index.get_level_values(name).to_numpy(np.int64) for name in ("rung", "group"))
    cube[group, rung] = sums[["margin", "days", "customer_months"]].to_numpy()
    mean, lower, upper = jackknife(cube, _a_year)
    months = cube[:, :, 2].sum(axis=0)
    table = pd.DataFrame(
        {
            "rung": RUNGS,
            "customer_months": months.astype(np.int64),
            "value_a_year": mean,
            "value_a_year_lower": lower,
            "value_a_year_upper": upper,
        }
    )
    there = np.flatnonzero(months > 0)
    pairs = list(pairwise(there))

    def steps(total: Float64) -> Float64:
        value = _a_year(total)
        return np.array([value[high] - value[low] for low, high in pairs])

    step, step_lower, step_upper = jackknife(cube, steps)
    differences = pd.DataFrame(
        {
            "from": [RUNGS[low] for low, _ in pairs],
            "to": [RUNGS[high] for _, high in pairs],
            "difference_a_year": step,
            "difference_a_year_lower": step_lower,
            "difference_a_year_upper": step_upper,
        }
    )
    said = (
        f"Margin less cost to serve, in {currency} a year, that customers at risk on a rung at a month's "
        "end brought in the month after. Intervals are 95 %, by leaving out groups of customers. A "
        "payment counts to the rung before it, also the one that lifts a customer up."
    )
    caution = (
        "What customers on the higher rung bring more a year than those on the one below. This is a "
        "difference between customers, not what a customer would bring more if it were helped up: only a "
        "trial shows that."
    )
    return (
        Measured(
            "ladder_value", "Value of a rung", said, table, picture=lambda: draw_values(table, currency)
        ),
        Measured("ladder_steps", "What a step up is worth", caution, differences),
    )


def _a_year(total: Float64) -> Float64:
    """Return margin a year by rung, NaN where nobody stood on it; total has shape (rungs, 3)."""
    days = total[:, 1]
    margin: Float64 = np.divide(
        total[:, 0] * DAYS_A_YEAR, days, out=np.full(len(days), np.nan), where=days > 0
    )
    return margin
