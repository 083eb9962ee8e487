"""Lifetime value against the cost of acquisition, by channel.

In: the sums of :mod:`lapse.measurement.lifecycle`, and a lifetime value by customer. Out: a table; none where
the day was not scored. Refused: a customer with two values.
"""

from __future__ import annotations

import pandas as pd

from lapse.measurement.asked import Asked
from lapse.measurement.lifecycle import paid_for, with_costs, without_empty
from lapse.measurement.lifecycle_sums import CELLS, CUSTOMERS, KEYS
from lapse.measurement.told import Measured
from lapse.measurement.unit_costs import named, per_cost
from lapse.schema import Bucket


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:  # noqa: ARG001 - a part's signature
    """Return nothing: margins by customer are collected by :mod:`lapse.measurement.lifecycle`."""
    return {}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return ``lifecycle_value``, if the day was scored and the config asks for lifecycle economics."""
    return [] if asked.lifetime is None else value_against_cost(asked, sums, asked.lifetime.clv)


def value_against_cost(asked: Asked, sums: dict[str, pd.DataFrame], clv: pd.Series) -> list[Measured]:
    """Return ``lifecycle_value``: what a customer is worth against what it cost to win.

    Worth is the margin since the first churn event plus the lifetime value that is still expected, 0 for who
    has lapsed: the lifetime value of those who are left alone would forget those who are not.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect` gave, added up over buckets.
    clv : Series of float64
        By ``customer_id``, for customers at risk at as_of, in the business's currency.

    Returns
    -------
    list of Measured
        Empty where the config has no section.
    """
    lifecycle = asked.business.measure.lifecycle
    if lifecycle is None or lifecycle.channel is None:
        return []
    cells = with_costs(asked, sums[CELLS].reset_index(), lifecycle)
    people = sums[CUSTOMERS].reset_index()
    people = people.merge(
        clv.rename("clv"), left_on="customer_id", right_index=True, how="left", validate="1:1"
    )
    people = people.assign(worth=people["margin"] + people["clv"].fillna(0.0))
    rows = []
    for key, part in people.groupby(KEYS, sort=True):
        mine = cells[(cells["channel"] == key[0]) & (cells["campaign"] == key[1])]
        n, total = float(len(part)), float(part["worth"].sum())
        ratio = per_cost(paid_for(mine, lifecycle), n, total, float((part["worth"] ** 2).sum()))
        head = {**dict(zip(KEYS, key, strict=True)), "customers": n, "worth_mean": total / n}
        rows.append(head | named("worth_per_cost", ratio))
    text = (
        "What a customer has brought so far plus the lifetime value still expected, on average, and how "
        "often that pays for its acquisition. Bounds by the delta method, from the spread of worth and of "
        "conversions; the error of the lifetime values themselves is not in them."
    )
    columns = ["channel", "campaign", "customers", "worth_mean", *named("worth_per_cost", (0.0, 0.0, 0.0))]
    frame = without_empty(pd.DataFrame(rows, columns=pd.Index(columns)), lifecycle)
    return [Measured("lifecycle_value", "Lifetime value against the cost of acquisition", text, frame)]
