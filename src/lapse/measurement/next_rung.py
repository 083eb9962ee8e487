"""Who is one step away from the next rung, and which condition is missing.

In: buckets. Out: a table of counts by missing condition, and a list of customers. The **next** rung is the
lowest above a customer's own that rules describe; the customer is **one step away** where exactly one of its
conditions does not hold at as_of (those of ``customer`` belong to every rung above it). Prospects and
customers at risk are looked at, from rows known by as_of. As on the ladder, who has a row in a customers
table without ``known_at`` and no cover is no prospect: it may have come later.

Who lacks nothing but tenure cannot be helped: only time brings the missing step. Such customers are counted
apart and are not in the list, which has, for each next rung, the :data:`MOST_LISTED` others with the highest
margin less cost to serve in the year before; the counts have all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lapse.cohort.conditions import in_words
from lapse.cohort.ladder import RUNGS, Rules, met, rules_of, rung_codes
from lapse.cohort.outcomes import known_snapshots
from lapse.history.buckets import ALWAYS
from lapse.measurement.asked import Asked
from lapse.measurement.money import margins
from lapse.measurement.told import Measured
from lapse.schema import Bool, Bucket, Int64, Snapshots
from lapse.value import DAYS_A_YEAR

MOST_LISTED = 1000
"""Customers listed for each next rung."""

_KEYS = ["rung", "next", "missing"]


def collect_steps(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return who of a bucket is one step away.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``next_counts``: index (rung, next, missing), the missing condition by its place in the next rung's;
        columns customers, value. ``next_customers``: index (rung, next, missing, customer_id), column
        value, a row a customer who lacks more than time, at most :data:`MOST_LISTED` for each next rung.
    """
    snapshots, reach = known_snapshots(asked.business, bucket, (asked.as_of,))
    looked_at = (reach < 0) | (reach > snapshots.day)
    snapshots = Snapshots(snapshots.customer[looked_at], snapshots.day[looked_at])
    undated = (reach[looked_at] < 0) & (bucket.known_day[snapshots.customer] == ALWAYS)
    rules = rules_of(asked.business)
    conditions_met = met(asked.business, bucket, snapshots)
    rung = rung_codes(conditions_met)
    following = next_rungs(rules)[rung]
    missing = missing_condition(conditions_met, rules, following)
    rows = np.flatnonzero((missing >= 0) & ~(undated & (rung == 0)))
    customer, day = snapshots.customer[rows], snapshots.day[rows]
    value = margins(asked.business, bucket, customer, (day - DAYS_A_YEAR).astype(np.int32), day, day)
    frame = pd.DataFrame(
        {
            "rung": rung[rows],
            "next": following[rows],
            "missing": missing[rows],
            "customer_id": pd.Series(bucket.customer_id.to_pandas().to_numpy()[customer]),
            "value": value,
        }
    )
    counts = frame.groupby(_KEYS)["value"].agg(["size", "sum"]).astype(np.float64)
    to_act_on = frame[~_comes_with_time(rules, frame)]
    return {
        "next_counts": counts.rename(columns={"size": "customers", "sum": "value"}),
        "next_customers": _foremost(to_act_on).set_index([*_KEYS, "customer_id"]),
    }


def _comes_with_time(rules: Rules, frame: pd.DataFrame) -> Bool:
    """Return where the missing condition is the tenure, which nobody can bring about, bool of shape (n,)."""
    waits = [
        (RUNGS.index(rung), place)
        for rung, conditions in rules.items()
        for place, condition in enumerate(conditions)
        if condition.tenure is not None
    ]
    return np.asarray(pd.MultiIndex.from_frame(frame[["next", "missing"]]).isin(waits), np.bool_)


def next_rungs(rules: Rules) -> Int64:
    """Return for each rung the next one that rules describe, by place; -1 above the highest, int64 (6,)."""
    described = [RUNGS.index(rung) for rung in rules]
    return np.array(
        [min((high for high in described if high > low), default=-1) for low in range(len(RUNGS))], np.int64
    )


def missing_condition(conditions_met: Mapping[str, Bool], rules: Rules, following: Int64) -> Int64:
    """Return which condition of the next rung is the only one that is missing, int64 of shape (n,).

    Parameters
    ----------
    conditions_met : mapping of rung to bool, shape (n, n_conditions)
    rules : mapping of rung to conditions
    following : int64, shape (n,)
        The next rung by place, -1 for none.

    Returns
    -------
    int64, shape (n,)
        Its place among the conditions of the next rung; -1 where none or several are missing, or one of
        those of ``customer`` is, which the next rung does not list.
    """
    missing = np.full(len(following), -1, np.int64)
    came = conditions_met["customer"].all(axis=1)
    for rung in rules:
        here = (following == RUNGS.index(rung)) & (came | (rung == "customer"))
        lacks = ~conditions_met[rung]
        alone = here & (lacks.sum(axis=1) == 1)
        missing[alone] = lacks[alone].argmax(axis=1)
    return missing


def _foremost(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the customers of the highest value for each next rung, ties by id."""
    ordered = frame.sort_values(["next", "value", "customer_id"], ascending=[True, False, True])
    return ordered.groupby("next", sort=False).head(MOST_LISTED)


def conclude_steps(asked: Asked, sums: dict[str, pd.DataFrame], steps: pd.DataFrame) -> list[Measured]:
    """Return how many are one step away, and the most valuable of them.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect_steps` gave, added up over buckets.
    steps : DataFrame
        from, to, difference_a_year and its bounds.

    Returns
    -------
    list of Measured
        ``ladder_one_step_away`` and ``ladder_candidates``.
    """
    found = sums["next_counts"].reset_index()
    counts = _worded(asked, found).astype({"customers": "int64"})
    counts.insert(3, "comes_with_time", _comes_with_time(rules_of(asked.business), found))
    counts = counts.sort_values("comes_with_time", kind="stable", ignore_index=True)
    counts = counts.rename(columns={"value": "value_last_year"})
    worth = steps.rename(columns={"from": "rung", "to": "next_rung"})
    counts = counts.merge(worth, on=["rung", "next_rung"], how="left")
    listed = _worded(asked, _foremost(sums["next_customers"].reset_index()))
    listed = listed[["customer_id", "rung", "next_rung", "missing", "value"]].reset_index(drop=True)
    said = (
        "Customers at risk, and prospects, whom exactly one condition keeps from the next rung. "
        "What customers there bring more a year than those here is a difference between customers, not an "
        "effect. Where only time is missing, nobody can do anything but wait."
    )
    return [
        Measured("ladder_one_step_away", "One step away", said, counts),
        Measured(
            "ladder_candidates",
            "Who is one step away",
            f"For each next rung the {MOST_LISTED:,} with the highest margin less cost to serve in the last "
            f"{DAYS_A_YEAR} days, with the condition that is missing. Who lacks nothing but time "
            "is not listed.",
            listed.rename(columns={"value": "value_last_year"}),
        ),
    ]


def _worded(asked: Asked, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the names of rungs, and the missing condition in words."""
    rules = rules_of(asked.business)
    following = [RUNGS[int(place)] for place in frame["next"]]
    words = [
        in_words(asked.business, rules[rung][int(place)])
        for rung, place in zip(following, frame["missing"], strict=True)
    ]
    return frame.assign(
        rung=[RUNGS[int(place)] for place in frame["rung"]], next_rung=following, missing=words
    ).drop(columns="next")[["rung", "next_rung", "missing", *frame.columns.difference([*_KEYS], sort=False)]]
