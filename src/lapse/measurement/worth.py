"""Financial and strategic worth: two questions about a customer that one score must not answer together.

In: buckets. Out: a two-way table with what it suggests, and where the points come from. **Financial worth**
is the tier by last year's margin less cost to serve (:mod:`lapse.measurement.pyramid`). **Strategic worth**
is counted: points for what a customer has done or agreed to by as_of, by the conditions of
``measure.strategic.points``; it is high from ``high_from`` points on. Without conditions in the config, one
point each for a referral, for breadth, for being a reference, and for a contract or integration in force,
where such events are mapped. Customers at risk at as_of are looked at.

What is collected is a few numbers for each customer, since tiers by share need everybody's values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lapse.cohort.conditions import holds, in_words
from lapse.cohort.ladder import INTEGRATION, REFERRAL, breadth_of
from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.config import Business
from lapse.config.measuring import Condition, Points
from lapse.measurement.asked import Asked
from lapse.measurement.money import margins
from lapse.measurement.pyramid import dates_of
from lapse.measurement.sums import codes_of
from lapse.measurement.told import Measured, Misleading, Unknown
from lapse.pages.figures import number
from lapse.schema import Bool, Bucket, Float64, to_date
from lapse.segments import TIERS, fit_tiers, tiers
from lapse.value import DAYS_A_YEAR

REFERENCE, CONTRACT = "reference", "contract"
MOST_HIGH, LEAST_HIGH = 0.8, 0.01
"""Where strategic worth is high for more or fewer of the customers than these shares, a warning says so."""

SUGGESTED: Mapping[tuple[str, str], str] = {
    ("platinum", "high"): "invest",
    ("gold", "high"): "invest",
    ("iron", "high"): "keep",
    ("lead", "high"): "serve differently",
    ("platinum", "low"): "keep",
    ("gold", "low"): "keep",
    ("iron", "low"): "serve differently",
    ("lead", "low"): "let go",
}
"""What a tier and strategic worth suggest together."""


def points_of(business: Business) -> dict[str, Points]:
    """Return what gives points: what the config says, else the default ones that mapped events can show."""
    if business.measure.strategic.points:
        return dict(business.measure.strategic.points)
    events = business.events
    found: dict[str, Condition] = {}
    if REFERRAL in events:
        found["referral"] = Condition(event=REFERRAL, at_least=1)
    if (breadth := breadth_of(business)) is not None:
        found["breadth"] = breadth
    if REFERENCE in events:
        found["reference"] = Condition(event=REFERENCE, at_least=1)
    for kind in (CONTRACT, INTEGRATION):
        if kind in events:
            ends = events[kind].has_end
            found[kind] = Condition.model_validate(
                {"event": kind, **({"in_force": True} if ends else {"at_least": 1})}
            )
    return {name: Points(when=(condition,)) for name, condition in found.items()}


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return the last year's money and the points of each customer at risk at as_of.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``worth``: index customer; columns value and, for each name under ``points``, 1 or 0 whether its
        conditions hold.
    """
    business = asked.business
    snapshots = at_risk(*known_snapshots(business, bucket, (asked.as_of,)))
    after = (snapshots.day - DAYS_A_YEAR).astype(np.int32)
    columns = {"value": margins(business, bucket, snapshots.customer, after, snapshots.day, snapshots.day)}
    for name, points in points_of(business).items():
        each = [holds(business, bucket, snapshots, one) for one in points.when]
        columns[name] = np.logical_and.reduce(each).astype(np.float64)
    index = pd.Index(codes_of(bucket)[snapshots.customer], name="customer")
    return {"worth": pd.DataFrame(columns, index=index)}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the two-way table of financial and strategic worth, and where the points come from.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect` gave, of all buckets.

    Returns
    -------
    list of Measured
        ``worth`` and ``strategic_points``.
    """
    frame, rules = sums["worth"], points_of(asked.business)
    value = frame["value"].to_numpy(np.float64)
    known = asked.as_of in dates_of(asked)
    limits = fit_tiers(value, asked.business.measure.tiers.margin)
    tier = np.asarray(tiers(limits, value if known else np.full(len(value), np.nan)).codes)
    total = sum_points(frame, rules)
    high = total >= asked.business.measure.strategic.high_from
    return [
        _two_way(asked, tier, high if rules else None, value, _warnings(asked, total, rules, known=known)),
        _sources(asked.business, frame, rules, total),
    ]


def sum_points(frame: pd.DataFrame, rules: Mapping[str, Points]) -> Float64:
    """Return the points of each customer, float64 of shape (n,)."""
    total = np.zeros(len(frame))
    for name, points in rules.items():
        total += points.points * frame[name].to_numpy(np.float64)
    return total


def _two_way(
    asked: Asked, tier: np.ndarray, high: Bool | None, value: Float64, warnings: tuple[str, ...]
) -> Measured:
    """Return customers and money by tier and strategic worth; missing where the one or the other is."""
    rows, known = [], asked.as_of in dates_of(asked)
    for place in reversed(range(len(TIERS))):
        for strategic in ("high", "low"):
            here = (tier == place) & (high == (strategic == "high") if high is not None else False)
            rows.append(_cell(TIERS[place], strategic, value[here], value, known=known and high is not None))
    text = (
        f"Customers at risk on {to_date(asked.as_of)} by last year's margin less cost to serve (tier) and "
        "by strategic worth. What a cell suggests is a place to begin a talk about customers, not a "
        "decision about one; neither side decides alone, and a cost to serve that is the same for all "
        "hides who is dear to serve."
    )
    return Measured("worth", "Financial and strategic worth", text, pd.DataFrame(rows), warnings)


def _cell(tier: str, strategic: str, value: Float64, every: Float64, *, known: bool) -> dict[str, object]:
    missing = float("nan")
    whole = float(every.sum())
    return {
        "tier": tier,
        "strategic": strategic,
        "suggested": SUGGESTED[tier, strategic],
        "customers": float(len(value)) if known else missing,
        "customers_share": len(value) / len(every) if known and len(every) else missing,
        "value": float(value.sum()) if known else missing,
        "value_share": float(value.sum()) / whole if known and whole > 0 else missing,
        "value_mean": float(value.mean()) if known and len(value) else missing,
    }


def _warnings(asked: Asked, total: Float64, rules: Mapping[str, Points], *, known: bool) -> tuple[str, ...]:
    """Return what cannot be known, and where strategic worth tells hardly anybody apart."""
    found: list[str] = []
    if not known:
        day = to_date(asked.as_of)
        found.append(Unknown(f"no whole year of data lies before {day}: financial worth cannot be known"))
    if not rules:
        found.append(
            Unknown(
                "no event shows a referral, breadth, a reference or a contract: strategic worth cannot be "
                "known; map such events, or name conditions under measure.strategic.points"
            )
        )
    elif len(total):
        share = float((total >= asked.business.measure.strategic.high_from).mean())
        if share > MOST_HIGH:
            found.append(Misleading(_crowded(asked, total, rules, share)))
        elif share < LEAST_HIGH:
            found.append(Misleading(_deserted(asked, total, share)))
    return tuple(found)


def _crowded(asked: Asked, total: Float64, rules: Mapping[str, Points], share: float) -> str:
    """Return that nearly everybody is high, and which limit or conditions would tell customers apart."""
    high_from = asked.business.measure.strategic.high_from
    said = (
        f"strategic worth is high for {number(share, 'share')} of the customers, so it hardly tells "
        "them apart"
    )
    for limit in range(high_from + 1, int(total.max()) + 1):
        if (others := float((total >= limit).mean())) <= MOST_HIGH:
            return (
                f"{said}: with measure.strategic.high_from: {limit} instead of {high_from} it would be high "
                f"for {number(others, 'share')}"
            )
    given = "; ".join(
        f"{name} for {' and '.join(in_words(asked.business, one) for one in points.when)}"
        for name, points in rules.items()
    )
    return (
        f"{said}: under measure.strategic.points name conditions that fewer fulfil; points are now: {given}"
    )


def _deserted(asked: Asked, total: Float64, share: float) -> str:
    return (
        f"strategic worth is high for {number(share, 'share')} of the customers, so it hardly tells them "
        f"apart: nobody has more than {total.max():.0f} points and measure.strategic.high_from is "
        f"{asked.business.measure.strategic.high_from}; lower it, or name other conditions under "
        "measure.strategic.points"
    )


def _sources(
    business: Business, frame: pd.DataFrame, rules: Mapping[str, Points], total: Float64
) -> Measured:
    """Return how many customers have each of the points, and how many have so many together."""
    n = len(frame)
    rows = [
        {
            "name": name,
            "when": " and ".join(in_words(business, one) for one in points.when),
            "points": points.points,
            "customers": int(frame[name].sum()),
            "customers_share": float(frame[name].mean()) if n else np.nan,
        }
        for name, points in rules.items()
    ]
    columns = ["name", "when", "points", "customers", "customers_share"]
    most = f" The most that anybody has is {total.max():.0f}." if n and rules else ""
    text = (
        "What strategic worth is counted from, and how many customers at risk have it. It is high from "
        f"{business.measure.strategic.high_from} on.{most}"
    )
    return Measured(
        "strategic_points", "Points of strategic worth", text, pd.DataFrame(rows, columns=pd.Index(columns))
    )
