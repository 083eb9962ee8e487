"""Who is at risk on each as-of date, and how many lapse: as far as a history shows it, usable or not.

In: a history. Out: a table, one row for each as-of date whose horizon has closed. Nothing is refused: this is
what a reader looks at where a history cannot be learned from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.cohort.calendar import build_calendar, closed_days
from lapse.cohort.outcomes import at_risk, known_snapshots, outcomes_of
from lapse.config import Business
from lapse.errors import DataError
from lapse.history import History
from lapse.schema import Int32, Int64, to_date


def cohort_table(history: History) -> pd.DataFrame:
    """Return the customers at risk on each closed as-of date, and what share of them lapses.

    Returns
    -------
    DataFrame
        as_of, used_for (fit, test or embargo; "too few dates" where there is no fit date), at_risk,
        not_at_risk (known, but gone or not there yet), lapse_rate (NaN where nobody is at risk).
    """
    business, days = history.business, closed_days(history.business, history.data_end)
    risk, known, lapses = (np.zeros(len(days), np.int64) for _ in range(3))
    for bucket in history.buckets() if days else ():
        everybody, reach = known_snapshots(business, bucket, tuple(days))
        asked = at_risk(everybody, reach)
        lapsed = outcomes_of(business, bucket, asked, history.data_end, 1).lapsed
        known += _per_day(days, everybody.day)
        risk += _per_day(days, asked.day)
        lapses += _per_day(days, asked.day[lapsed])
    rate = np.divide(lapses, risk, out=np.full(len(days), np.nan), where=risk > 0)
    return pd.DataFrame(
        {
            "as_of": [to_date(day) for day in days],
            "used_for": _uses(business, history.data_end, days),
            "at_risk": risk,
            "not_at_risk": known - risk,
            "lapse_rate": rate,
        }
    )


def _uses(business: Business, data_end: int, days: list[int]) -> list[str]:
    try:
        calendar = build_calendar(business, data_end)
    except DataError:
        return ["too few dates"] * len(days)
    use = {**dict.fromkeys(calendar.fit, "fit"), **dict.fromkeys(calendar.test, "test")}
    return [use.get(day, "embargo") for day in days]


def _per_day(days: list[int], found: Int32) -> Int64:
    return np.bincount(np.searchsorted(days, found), minlength=len(days)).astype(np.int64)
