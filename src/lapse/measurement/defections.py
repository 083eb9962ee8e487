"""What fewer defections would be worth: last year's lapses, and what those who stayed and who left brought.

In: a bucket; then the sums of all buckets. Out: a table. Had some of those who lapsed stayed, they would
bring what those who stayed brought, or what they brought themselves in the year before. That is arithmetic
and no effect: what it costs to keep them, and whether they can be kept, is not in it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.features.wording import several
from lapse.history.spells import covers_of, lapse_after
from lapse.measurement.asked import Asked
from lapse.measurement.money import margins
from lapse.measurement.sums import GROUPS, jackknife
from lapse.measurement.told import Measured, Unknown
from lapse.schema import NEVER, Bucket, Float64, Int64, to_date
from lapse.value import DAYS_A_YEAR

FEWER = 0.05
"""The share of last year's defections that is thought away."""


def defection_sums(asked: Asked, bucket: Bucket, group: Int64) -> pd.DataFrame:
    """Return by group who was a customer a year ago, who lapsed since, and what those who stayed brought."""
    start = asked.as_of - DAYS_A_YEAR
    snapshots = at_risk(*known_snapshots(asked.business, bucket, (start,)))
    until = np.full(len(snapshots), asked.as_of, np.int32)
    lapse, _ = lapse_after(covers_of(asked.business, bucket), snapshots.customer, snapshots.day, until)
    stayed = lapse == NEVER
    money = margins(asked.business, bucket, snapshots.customer, snapshots.day, until, until)
    before = margins(
        asked.business, bucket, snapshots.customer, (snapshots.day - DAYS_A_YEAR).astype(np.int32),
        snapshots.day, until,
    )  # fmt: skip
    of = group[snapshots.customer]
    sums = {
        "at_start": np.bincount(of, minlength=GROUPS),
        "lapsed": np.bincount(of[~stayed], minlength=GROUPS),
        "stayed": np.bincount(of[stayed], minlength=GROUPS),
        "margin_stayed": np.bincount(of[stayed], weights=money[stayed], minlength=GROUPS),
        "margin_lapsed_before": np.bincount(of[~stayed], weights=before[~stayed], minlength=GROUPS),
    }
    return pd.DataFrame(sums, index=pd.RangeIndex(GROUPS, name="group"), dtype=np.float64)


def defection_table(asked: Asked, sums: pd.DataFrame) -> Measured:
    """Return what 5 % fewer defections would be worth a year, with what stayers and leavers brought."""
    start = asked.as_of - DAYS_A_YEAR
    names = ["defections_fewer", "worth_like_those_who_stayed", "worth_like_those_who_left"]
    units = ["customers", *[f"{asked.business.currency} a year"] * 2]
    whole = [
        start >= asked.first_day,
        start >= asked.money_from,
        start - DAYS_A_YEAR >= asked.money_from - 1,
    ]
    mean, lower, upper = (
        np.where(whole, part, np.nan) for part in jackknife(sums.to_numpy(np.float64), _saved)
    )
    table = pd.DataFrame(
        {"measure": names, "unit": units, "value": mean, "value_lower": lower, "value_upper": upper}
    )
    at_start, lapsed = (int(sums[name].sum()) for name in ("at_start", "lapsed"))
    seen = f"Of {several(at_start, 'customer')} on {to_date(start)}, {lapsed:,} lapsed within the year. "
    text = (
        f"{seen if whole[0] else ''}Had {FEWER:.0%} of those who lapsed within a year stayed, they would "
        f"bring so much a year more, in {asked.business.currency} "
        "of margin less cost to serve: as much as those who stayed did, or as much as those who lapsed "
        "did in the year before. Keeping them costs too, and that is not taken off; the second figure is "
        "the careful one."
    )
    warnings = (
        () if whole[0] else (Unknown("less than a year of data: last year's defections cannot be known"),)
    )
    return Measured("claims_defections", "What fewer defections are worth", text, table, warnings)


def _saved(total: Float64) -> Float64:
    _, lapsed, stayed, margin_stayed, margin_lapsed = total
    fewer = FEWER * lapsed
    each = margin_stayed / stayed if stayed > 0 else np.nan
    return np.array([fewer, fewer * each, FEWER * margin_lapsed])
