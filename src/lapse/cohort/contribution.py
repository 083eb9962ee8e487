"""What is left of each amount, and what each event costs.

In: a bucket, and the rates and costs of the ``value`` section. Out: money of every row of every kind that has
any: margins of revenue, costs of events. Signed: a refund takes back the margin of its own rate.

The rate of a row is that of its category's value; where it has none there, that of its event; where that has
none, ``value.margin_rate``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lapse.config import Business
from lapse.schema import Bucket, Events, Float64, encoded


def margins(business: Business, bucket: Bucket) -> dict[str, Float64]:
    """Return the margin of every row of every event of ``value.revenue``, float64 of shape (rows,) each."""
    value = business.value
    found = {}
    for kind in business.revenue_events:
        events, own = bucket.events[kind], value.margin_rate_of(kind)
        rates = np.full(len(events), own)
        for column, by_value in value.category_margin_rates.get(kind, {}).items():
            rates = _by_category(events, column, by_value, own)
        found[kind] = events.amount * rates
    return found


def event_costs(business: Business, bucket: Bucket) -> dict[str, Float64]:
    """Return the cost of every row of every event under ``value.event_costs``."""
    return {
        kind: np.full(len(bucket.events[kind]), cost) for kind, cost in business.value.event_costs.items()
    }


def _by_category(events: Events, column: str, by_value: Mapping[str, float], otherwise: float) -> Float64:
    """Return each row's rate by the value of its category."""
    values = encoded(events.attributes[column])
    rates = np.array(
        [by_value.get(str(word), otherwise) for word in values.dictionary.to_pylist()] + [otherwise]
    )
    place = values.indices.fill_null(len(values.dictionary)).to_numpy(zero_copy_only=False)
    found: Float64 = rates[place]
    return found
