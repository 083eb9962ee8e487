"""One customer's rungs and tiers over time, and the relationships that it has had.

In: a customer as :func:`lapse.account.known.as_known` gives it; for tiers by share, what everybody brought.
Out: the days on which the rung changed; the tier at the end of each quarter by the year before it; spells.
Rungs are those of the ladder, asked for every single day, each from what was known on that day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from lapse.cohort.ladder import RUNGS, rungs
from lapse.config import Business
from lapse.history.buckets import ALWAYS
from lapse.history.spells import covers_of, reach_at, spells_of
from lapse.leaks.sampling import choose_customers
from lapse.measurement import pyramid
from lapse.measurement.asked import Asked
from lapse.measurement.begins import begins
from lapse.schema import NEVER, Bucket, Snapshots, to_date
from lapse.segments import tier_of
from lapse.value import DAYS_A_YEAR

YEARS = 3
"""How far back tiers are told."""

MOST_DAYS = 30 * 365
"""How far back rungs are told."""


@dataclass(frozen=True)
class Step:
    """A rung, from the day on which it was reached, or fallen back to."""

    rung: str
    since: date


@dataclass(frozen=True)
class TierAt:
    """The tier at a date, by the margin less cost to serve of the 365 days up to then."""

    as_of: date
    tier: str
    value: float


@dataclass(frozen=True)
class Beside:
    """How one customer's values lie among those of a bucket: so much stays of a bucket, however large it is.

    Attributes
    ----------
    customers, reach : mapping of day to int
        How many were at risk at a date, and how many of them brought at least as much in the year before.
    first_money_day : int
        Of the bucket's events of ``value.revenue`` known at as_of.
    """

    customers: Mapping[int, int]
    reach: Mapping[int, int]
    first_money_day: int


@dataclass(frozen=True)
class Spell:
    """One relationship: from its first cover to its lapse, None while it runs."""

    start: date
    lapse: date | None


def rung_steps(business: Business, alone: Bucket, as_of: int) -> tuple[Step, ...]:
    """Return the rungs that a customer stood on, the earliest first.

    Parameters
    ----------
    business : Business
    alone : Bucket
        Of one customer, as known at as_of.
    as_of : int
        Day number.
    """
    known = [int(events.known_day.min()) for events in alone.events.values() if len(events)]
    profile = int(alone.profile_known_day[0])
    first = min([as_of, *known, *([profile] if profile != ALWAYS else [])])
    days = np.arange(max(first, as_of - MOST_DAYS), as_of + 1, dtype=np.int32)
    code = np.asarray(rungs(business, alone, Snapshots(np.zeros(len(days), np.int64), days)).codes)
    changed = np.flatnonzero(np.diff(code, prepend=-1))
    return tuple(Step(RUNGS[code[row]], to_date(int(days[row]))) for row in changed)


def spells(business: Business, alone: Bucket, as_of: int) -> tuple[Spell, ...]:
    """Return the customer's relationships up to as_of, the earliest first."""
    _, start, lapse = spells_of(covers_of(business, alone), as_of)
    return tuple(
        Spell(to_date(first), None if last == NEVER else to_date(last))
        for first, last in zip(start.tolist(), lapse.tolist(), strict=True)
    )


def kept_until(business: Business, alone: Bucket, as_of: int) -> date | None:
    """Return on which day a customer lapses if nothing more happens; None if it has, or an end is open."""
    reach = int(reach_at(covers_of(business, alone), np.zeros(1, np.int64), np.array([as_of], np.int32))[0])
    return None if reach == NEVER or reach <= as_of else to_date(reach)


def year_values(business: Business, bucket: Bucket, as_of: int) -> pd.Series:
    """Return what each customer at risk brought in the year before each date.

    Returns
    -------
    Series of float64
        Index (customer, day), customers by :func:`lapse.measurement.sums.codes_of`; the dates are as_of and
        the ends of quarters of the last :data:`YEARS` years.
    """
    asked = Asked(business, as_of - (YEARS + 1) * DAYS_A_YEAR, as_of)
    values: pd.Series = pyramid.collect(asked, bucket)["pyramid_values"]["value"]
    return values


def own_values(business: Business, bucket: Bucket, customer: int, as_of: int) -> dict[int, float]:
    """Return what one customer of a bucket brought in the year before each date at which it was at risk."""
    alone = choose_customers(bucket, np.array([customer], np.int64))
    values = year_values(business, alone, as_of)
    days = values.index.get_level_values("day").tolist()
    return dict(zip(days, values.tolist(), strict=True))


def beside(business: Business, bucket: Bucket, as_of: int, own: Mapping[int, float]) -> Beside:
    """Return how one customer's values lie among those of a bucket's customers.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    as_of : int
        Day number.
    own : mapping of day to float
        Of the one customer, who may be of this bucket: :func:`own_values`.
    """
    values = year_values(business, bucket, as_of)
    day_of, value = values.index.get_level_values("day"), values.to_numpy(np.float64)
    there = {day: value[day_of == day] for day in own}
    return Beside(
        {day: len(of_day) for day, of_day in there.items()},
        {day: int(np.count_nonzero(of_day >= own[day])) for day, of_day in there.items()},
        begins(business, bucket, as_of).money,
    )


def tiers_over_time(
    business: Business, own: Mapping[int, float], parts: Sequence[Beside]
) -> tuple[TierAt, ...]:
    """Return the tier at each date at which the customer was at risk, the earliest first.

    Parameters
    ----------
    business : Business
    own : mapping of day to float
        :func:`own_values`.
    parts : sequence of Beside
        Of every bucket: limits by share are those of all customers of a date.
    """
    first_day = min(part.first_money_day for part in parts)
    rule = business.measure.tiers.margin
    found = []
    for day, value in sorted(own.items()):
        if day - DAYS_A_YEAR >= first_day - 1:  # a whole year lies before it
            customers = sum(part.customers[day] for part in parts)
            reach = sum(part.reach[day] for part in parts)
            found.append(TierAt(to_date(day), tier_of(value, reach, customers, rule), value))
    return tuple(found)
