"""What is added up of customers for lifecycle economics: counts by month, margins by age.

In: a bucket. Out: sums by channel and campaign. Refused: more than :data:`MOST_CHANNELS` channels with
campaigns, in which every figure would be one of a handful of customers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.measurement.acquisition import Came, came, month_ends
from lapse.measurement.asked import Asked
from lapse.measurement.money import margins
from lapse.measurement.payback import MOST_MONTHS
from lapse.measurement.sums import groups_of
from lapse.schema import NEVER, Bucket, Float64, Int64

CELLS, MARGINS, COHORTS, YEARS, CUSTOMERS = (
    f"lifecycle_{name}" for name in ("cells", "margins", "cohorts", "years", "customers")
)
"""Names of the sums."""

KEYS = ["channel", "campaign"]

YEAR_MONTHS = 12

MOST_CHANNELS = 500


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return leads, conversions and margins of a bucket by channel, campaign and month.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        Nothing where the config has no section ``measure.lifecycle`` with a channel.
    """
    lifecycle = asked.business.measure.lifecycle
    if lifecycle is None or lifecycle.channel is None:
        return {}
    found = came(asked, bucket, lifecycle)
    require_few(asked, found)
    return {CELLS: _cells(found), **_margin_sums(asked, bucket, found)}


def require_few(asked: Asked, found: Came) -> None:
    """Refuse more channels with campaigns than anything can be said of.

    Raises
    ------
    DataError
    """
    count = len(set(zip(found.channel, found.campaign, strict=True)))
    if count > MOST_CHANNELS:
        expected = f"at most {MOST_CHANNELS} channels with campaigns"
        hint = "map a column that has few: join rare values to one, in a query"
        where = str(asked.business.source)
        raise DataError(Problem(where, "measure.lifecycle.channel", expected, f"{count:,} or more", hint))


def _cells(found: Came) -> pd.DataFrame:
    """Return counts by channel, campaign and month; who came in no way is left out."""
    rows = found.is_lead | (found.first_day != NEVER)
    counts = {
        "leads": found.is_lead,
        "open": found.is_lead & ~found.closed,
        "closed": found.closed,
        "converted": found.closed & found.converted,
        "qualified": found.closed & found.qualified,
        "closed_qualified": found.closed & found.converted & found.qualified,
        "acquired": found.acquired,
        "without_lead": ~found.is_lead,
    }
    keys = {"channel": found.channel[rows], "campaign": found.campaign[rows], "month": found.month[rows]}
    return _sums(pd.DataFrame(keys), **{name: one[rows].astype(np.float64) for name, one in counts.items()})


def _margin_sums(asked: Asked, bucket: Bucket, found: Came) -> dict[str, pd.DataFrame]:
    """Return sums of margins of acquired customers by age, and each one's margin so far."""
    customer = np.flatnonzero(found.acquired)
    keys = pd.DataFrame({name: getattr(found, name)[customer] for name in KEYS})
    ends = month_ends(found.first_day[customer], MOST_MONTHS)
    starts = np.hstack([found.first_day[customer, None] - 1, ends[:, :-1]])
    row, age = np.nonzero(ends <= asked.as_of)
    margin = np.zeros(ends.shape)
    margin[row, age] = _margins(asked, bucket, customer[row], starts[row, age], ends[row, age])
    cumulated = np.cumsum(margin, axis=1)
    by_age = keys.iloc[row].assign(age=age + 1)
    ones = np.ones(len(row))
    year = cumulated[:, YEAR_MONTHS - 1][ends[:, YEAR_MONTHS - 1] <= asked.as_of]
    last = np.full(len(customer), asked.as_of, np.int64)
    so_far = _margins(asked, bucket, customer, found.first_day[customer] - 1, last)
    total = cumulated[row, age]
    return {
        MARGINS: _sums(
            by_age.assign(group=groups_of(bucket)[customer][row]), n=ones, margin=margin[row, age]
        ),
        COHORTS: _sums(
            by_age.assign(month=found.month[customer][row]), n=ones, total=total, squares=total**2
        ),
        YEARS: _sums(
            keys[ends[:, YEAR_MONTHS - 1] <= asked.as_of], n=np.ones(len(year)), total=year, squares=year**2
        ),
        CUSTOMERS: _sums(
            keys.assign(customer_id=bucket.customer_id.take(customer).to_pylist()),
            n=np.ones(len(customer)),
            margin=so_far,
        ),
    }


def _margins(asked: Asked, bucket: Bucket, customer: Int64, after: Int64, until: Int64) -> Float64:
    known = np.full(len(customer), asked.as_of, np.int32)
    return margins(asked.business, bucket, customer, after.astype(np.int32), until.astype(np.int32), known)


def _sums(keys: pd.DataFrame, **values: Float64) -> pd.DataFrame:
    """Return sums by keys; texts are grouped by their codes, which is many times faster."""
    coded = keys.assign(**{name: pd.Categorical(keys[name]) for name in KEYS})
    found = coded.assign(**values).groupby(list(keys.columns), observed=True).sum().reset_index()
    return found.astype(dict.fromkeys(KEYS, object)).set_index(list(keys.columns))
