"""What follows a price rise, by tenure: the share that lapses, beside customers of that tenure without one.

In: buckets, and the kind of event that is a price rise. Out: sums by month, year of tenure and group of
customers; from them differences with bounds.

At the end of each month the customers at risk, as known then, are of three sorts. **With** a rise are who
had one in the month. **Without** are those who had none in the last ``snapshots.horizon`` days. Others had
one a while ago, or one that became known later: they are left out. Counted is who lapses within the horizon
after the month's end, where this has closed by as_of. A difference is taken within a month and a year of
tenure, and weighted with the customers with a rise::

    difference = sum (y1 - n1 y0 / n0) / sum n1

So what strikes all customers in a month is not in it. But who gets a rise, and when, is not left to chance:
often it comes with a renewal, when customers leave anyway. The difference of two differences (later years of
tenure less first years) takes out what is alike for both. It is an observation still, not a trial. Who lapsed
between a rise and its month's end is not seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.config import Business
from lapse.features.wording import several
from lapse.history.spells import covers_of, lapse_after
from lapse.measurement.asked import Asked
from lapse.measurement.periods import month_end
from lapse.measurement.sums import GROUPS, groups_of, jackknife
from lapse.measurement.tenure_years import purchases
from lapse.measurement.told import Measured, Unknown
from lapse.schema import NEVER, Bool, Bucket, Float64, Int32, Int64, Snapshots
from lapse.value import DAYS_A_YEAR

PRICE_RISE = "price_rise"
"""The kind of event that is a price rise, unless ``measure.claims.price`` names another."""

LAST_BAND = 5
"""Years of tenure from this one on count together."""

COUNTS = ("with_rise", "lapsed_with", "without_rise", "lapsed_without")
LEVELS = ("month", "year", "group")


def price_event(business: Business) -> str | None:
    """Return the kind of event that is a price rise, None where none is mapped."""
    kind = business.measure.claims.price or PRICE_RISE
    return kind if kind in business.events else None


def price_sums(asked: Asked, bucket: Bucket) -> pd.DataFrame:
    """Return customers with and without a rise, and how many of each lapsed.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    DataFrame
        :data:`COUNTS` by (month: its last day, year of tenure from 0, group); no rows where no price rise is
        mapped.
    """
    kind, horizon = price_event(asked.business), asked.business.snapshots.horizon
    ends = asked.edges("month")
    ends = ends[(ends + horizon <= asked.as_of) & (ends - horizon >= asked.first_day - 1)]
    if kind is None or not len(ends):
        index = pd.MultiIndex.from_arrays([[], [], []], names=list(LEVELS))
        return pd.DataFrame(columns=pd.Index(COUNTS), index=index, dtype=np.float64)
    there = at_risk(*known_snapshots(asked.business, bucket, tuple(ends.tolist())))
    lapse, _ = lapse_after(
        covers_of(asked.business, bucket), there.customer, there.day, (there.day + horizon).astype(np.int32)
    )
    risen, none = _rises(asked, bucket, kind, there)
    keys = {
        "month": there.day.astype(np.int64),
        "year": _years(asked, bucket, there),
        "group": groups_of(bucket)[there.customer],
    }
    counts = (risen, risen & (lapse != NEVER), none, none & (lapse != NEVER))
    values = {name: one.astype(np.float64) for name, one in zip(COUNTS, counts, strict=True)}
    return pd.DataFrame({**keys, **values}).groupby(list(LEVELS)).sum()


def _years(asked: Asked, bucket: Bucket, there: Snapshots) -> Int64:
    """Return the year of tenure of each snapshot, from 0; those from :data:`LAST_BAND` on are one."""
    owner, day = purchases(asked.business, bucket, asked.as_of)
    first = np.full(len(bucket), NEVER, np.int64)
    np.minimum.at(first, owner, day)
    year = (there.day - first[there.customer]) // DAYS_A_YEAR
    return np.asarray(np.clip(year, 0, LAST_BAND - 1), np.int64)


def _rises(asked: Asked, bucket: Bucket, kind: str, there: Snapshots) -> tuple[Bool, Bool]:
    """Return who had a rise in the month that ends, known by its end, and who had none in the horizon."""
    events = bucket.events[kind]
    known = events.known_day <= asked.as_of
    place = _Last(events.owner[known], events.day[known])
    in_time = known & (events.known_day <= _month_end_of(events.day))
    month = month_end(there.day, -1)
    risen = _Last(events.owner[in_time], events.day[in_time]).before(there) > month
    none = place.before(there) <= there.day - asked.business.snapshots.horizon
    return risen, none


def _month_end_of(day: Int32) -> Int64:
    """Return the last day of the month of each day."""
    after = day.astype("datetime64[D]").astype("datetime64[M]") + 1
    return np.asarray(after.astype("datetime64[D]").astype(np.int64) - 1)


class _Last:
    """The latest of some customers' days up to another day."""

    def __init__(self, owner: Int64, day: Int32) -> None:
        self.keys = np.sort((owner.astype(np.int64) << 32) + day)

    def before(self, there: Snapshots) -> Int64:
        """Return the latest day up to and with each snapshot's, far in the past where there is none."""
        customer = there.customer.astype(np.int64)
        at = np.searchsorted(self.keys, (customer << 32) + there.day, side="right") - 1
        found = np.append(self.keys, np.int64(-1) << 32)[at]
        return np.where(found >> 32 == customer, found & 0xFFFFFFFF, -NEVER)


def by_group(sums: pd.DataFrame) -> Float64:
    """Return the sums as float64 of shape (GROUPS, months, LAST_BAND, 4)."""
    months, place = np.unique(sums.index.get_level_values("month").to_numpy(np.int64), return_inverse=True)
    year, group = (sums.index.get_level_values(name).to_numpy(np.int64) for name in ("year", "group"))
    found = np.zeros((GROUPS, len(months), LAST_BAND, len(COUNTS)))
    found[group, place, year] = sums[list(COUNTS)].to_numpy(np.float64)
    return found


def differences(total: Float64) -> Float64:
    """Return how many more lapse with a rise: first year, later years, and the latter less the former.

    Parameters
    ----------
    total : float64, shape (months, LAST_BAND, 4)
    """
    first, later = _more(total[:, :1]), _more(total[:, 1:])
    return np.array([first, later, later - first])


def _more(cells: Float64) -> float:
    n1, y1, n0, y0 = np.moveaxis(cells, -1, 0)
    both = (n1 > 0) & (n0 > 0)
    if not both.any():
        return np.nan
    return float((y1[both] - n1[both] * y0[both] / n0[both]).sum() / n1[both].sum())


def _all_years(total: Float64) -> Float64:
    return np.array([_more(total[:, year : year + 1]) for year in range(LAST_BAND)])


def price_table(asked: Asked, sums: pd.DataFrame) -> Measured:
    """Return ``claims_price``: lapses with and without a price rise by year of tenure.

    Parameters
    ----------
    asked : Asked
    sums : DataFrame
        What :func:`price_sums` gave, added up over buckets.
    """
    horizon = asked.business.snapshots.horizon
    groups = by_group(sums)
    mean, lower, upper = jackknife(groups, _all_years)
    n1, y1, n0, y0 = np.moveaxis(groups.sum(axis=(0, 1)), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame(
            {
                "tenure_year": [f"{year + 1}{'+' * (year + 1 == LAST_BAND)}" for year in range(LAST_BAND)],
                "with_rise": n1,
                "lapsed_share": y1 / n1,
                "without_rise": n0,
                "lapsed_share_without": y0 / n0,
                "difference": mean,
                "difference_lower": lower,
                "difference_upper": upper,
            }
        )
    span = several(horizon, "day")
    text = (
        f"Customers who had a price rise in a month, and the share of them that lapsed within {span} "
        f"after its end, beside those who had none for {span}, a customer counting once a month. "
        "The difference is taken within a month and a year of tenure. This is observed, not tried: who gets "
        "a rise, and when, is not left to chance; often with a renewal, when customers leave anyway."
    )
    kind = price_event(asked.business)
    warnings = () if n1.sum() else (Unknown(f"no '{kind}' of a customer at risk with {span} closed since"),)
    return Measured("claims_price", "What follows a price rise", text, table, warnings)


def price_verdict(lower: float, upper: float) -> str:
    """Return what the interval of the difference of differences says; below 0 is what is claimed.

    Examples
    --------
    >>> price_verdict(-0.2, -0.1)
    'holds in what was observed; only a trial could show that tenure makes the difference'
    """
    if not np.isfinite([lower, upper]).all():
        return "too few customers to tell"
    if upper < 0:
        return "holds in what was observed; only a trial could show that tenure makes the difference"
    return "the opposite, in what was observed" if lower > 0 else "not shown"
