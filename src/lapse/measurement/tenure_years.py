"""What customers do in each year of their tenure: contacts, referrals, breadth, regularity.

In: a bucket. Out: :class:`TenureYears`, one row a customer and whole year since its first churn event, and
for each measure a number and a base. A row counts where its year has closed by as_of and the customer was
at risk on the year's first day. Rows known after as_of do not exist; returns are no purchases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lapse.cohort.ladder import REFERRAL
from lapse.config import Business
from lapse.config.account import CASES
from lapse.measurement.asked import Asked
from lapse.measurement.money import days_served
from lapse.schema import NEVER, Bool, Bucket, Float64, Int64, encoded
from lapse.value import DAYS_A_YEAR

FEWEST_DAYS = 4
"""Purchases on fewer different days of a year say nothing about how regular they are."""


@dataclass(frozen=True)
class TenureYears:
    """Customers by year of tenure, sorted by customer, then by year.

    Attributes
    ----------
    customer : int64, shape (n,)
        Position in the bucket.
    year : int64, shape (n,)
        Year of tenure from 0.
    first_day : int64, shape (n_customers,)
        Day of each customer's first purchase or term; NEVER without.
    served : float64, shape (n,)
        Years (at most 1) at risk; 0 where the row does not count.
    """

    customer: Int64
    year: Int64
    first_day: Int64
    served: Float64

    def place(self, customer: Int64, day: Int64) -> tuple[Int64, Bool]:
        """Return the row in which each customer's day lies, and whether there is one that counts."""
        year = (day - self.first_day[customer]) // DAYS_A_YEAR
        begin = np.searchsorted(self.customer, customer)
        row = np.minimum(begin + np.maximum(year, 0), max(len(self.customer) - 1, 0))
        if not len(self.customer):
            return row, np.zeros(len(customer), np.bool_)
        inside = (year >= 0) & (self.customer[row] == customer) & (self.year[row] == year)
        return row, inside & (self.served[row] > 0)


def tenure_years(asked: Asked, bucket: Bucket) -> TenureYears:
    """Return the closed years of tenure of a bucket's customers."""
    business, n = asked.business, len(bucket)
    owner, day = purchases(business, bucket, asked.as_of)
    first = np.full(n, NEVER, np.int64)
    np.minimum.at(first, owner, day)
    years = np.maximum((asked.as_of + 1 - first) // DAYS_A_YEAR, 0)
    customer = np.repeat(np.arange(n, dtype=np.int64), years)
    year = np.arange(len(customer)) - np.repeat(np.cumsum(years) - years, years)
    after = (first[customer] + year * DAYS_A_YEAR - 1).astype(np.int32)
    until = (after + DAYS_A_YEAR).astype(np.int32)
    known = np.full(len(customer), asked.as_of, np.int32)
    begins = days_served(business, bucket, customer, after, (after + 1).astype(np.int32), known) > 0
    served = days_served(business, bucket, customer, after, until, known) / DAYS_A_YEAR
    return TenureYears(customer, year, first, np.where(begins, served, 0.0))


def purchases(business: Business, bucket: Bucket, as_of: int) -> tuple[Int64, Int64]:
    """Return customer and day of every churn event known at as_of, returns left out."""
    events = bucket.events[business.churn.event]
    seen = (events.day <= as_of) & (events.known_day <= as_of) & ~(events.amount < 0)
    return events.owner[seen], events.day[seen].astype(np.int64)


def measures(asked: Asked, bucket: Bucket, years: TenureYears) -> dict[str, tuple[Float64, Float64]]:
    """Return number and base of every row, by measure; measures that no event can show are left out.

    ``contacts`` (complaints and tickets, which stand for what a customer costs to serve) and ``referrals``
    are counted on days at risk, over the years served: what comes after a lapse has no time to be divided by.
    ``breadth`` is the number of different values of the churn event's first category in a year served in
    full, over 1; ``irregularity`` is the standard deviation of the days between purchases over their mean,
    where they fall on :data:`FEWEST_DAYS` days or more.
    """
    business = asked.business
    found = {}
    contacts = [kind for kind in CASES if kind in bucket.events]
    for name, kinds in (("contacts", contacts), ("referrals", [REFERRAL])):
        if kinds and kinds[0] in bucket.events:
            counts = np.array([_counts(asked, bucket, kind, years) for kind in kinds])
            found[name] = (counts.sum(axis=0), years.served)
    categories = list(business.events[business.churn.event].categories)
    if categories:
        found["breadth"] = _breadth(asked, bucket, years, categories[0])
    if not business.events[business.churn.event].has_end:
        found["irregularity"] = _irregularity(asked, bucket, years)
    return found


def _counts(asked: Asked, bucket: Bucket, kind: str, years: TenureYears) -> Float64:
    """Return how many events of a kind fall on days at risk of each row."""
    events = bucket.events[kind]
    seen = (events.day <= asked.as_of) & (events.known_day <= asked.as_of)
    customer, day = events.owner[seen], events.day[seen]
    row, inside = years.place(customer, day.astype(np.int64))
    known = np.full(len(day), asked.as_of, np.int32)
    before = (day - 1).astype(np.int32)
    inside &= days_served(asked.business, bucket, customer, before, day, known) > 0
    return np.bincount(row[inside], minlength=len(years.year)).astype(np.float64)


def _breadth(asked: Asked, bucket: Bucket, years: TenureYears, category: str) -> tuple[Float64, Float64]:
    events = bucket.events[asked.business.churn.event]
    code = np.asarray(encoded(events.attributes[category]).indices.fill_null(-1), np.int64)
    seen = (events.day <= asked.as_of) & (events.known_day <= asked.as_of) & (code >= 0)
    seen &= ~(events.amount < 0)
    row, inside = years.place(events.owner[seen], events.day[seen].astype(np.int64))
    pairs = np.unique(np.stack([row[inside], code[seen][inside]], axis=1), axis=0)
    number = np.bincount(pairs[:, 0], minlength=len(years.year)).astype(np.float64)
    whole = (years.served == 1.0).astype(np.float64)
    return number * whole, whole


def _irregularity(asked: Asked, bucket: Bucket, years: TenureYears) -> tuple[Float64, Float64]:
    owner, day = purchases(asked.business, bucket, asked.as_of)
    row, inside = years.place(owner, day)
    days = pd.DataFrame({"row": row[inside], "day": day[inside]}).drop_duplicates()
    gap = days.assign(gap=days.groupby("row")["day"].diff()).groupby("row")["gap"]
    spread = (gap.std(ddof=0) / gap.mean())[gap.count() >= FEWEST_DAYS - 1]
    number, base = np.zeros(len(years.year)), np.zeros(len(years.year))
    at = spread.index.to_numpy(np.int64)
    number[at], base[at] = spread.to_numpy(np.float64), 1.0
    return number, base
