"""How long customers usually pause between covers: what a grace should be longer than.

In: a history. Out: quantiles, in days, of the gaps between consecutive covers of the churn event.

For spans a gap is the time from the latest end so far to the next start, 0 where they touch or overlap; a
span that is still open has no gap after it. For instants it is the time between two different days with an
event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lapse.history.held import History
from lapse.schema import NEVER, Events, Int64

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)

_APART = 2**33
"""More than any two days are apart, so that no customer's running maximum reaches into the next one's."""


@dataclass(frozen=True)
class Gaps:
    """Quantiles of the gaps between covers.

    Attributes
    ----------
    count : int
        How many gaps there are, over all customers.
    days : mapping of float to float
        Quantile to days: the shortest gap that at least this share of the gaps does not exceed. Empty where
        there is no gap.
    """

    count: int
    days: dict[float, int]


def gap_quantiles(history: History, quantiles: Sequence[float] = QUANTILES) -> Gaps:
    """Return quantiles of the days between consecutive covers of a customer.

    Parameters
    ----------
    history : History
    quantiles : sequence of float
        Each in (0, 1].

    Returns
    -------
    Gaps
    """
    churn = history.business.churn.event
    is_span = history.business.events[churn].has_end
    counts = np.zeros(1, np.int64)
    for bucket in history.buckets():
        found = np.bincount(gaps_between(bucket.events[churn], is_span))
        if len(found) > len(counts):
            counts, found = found, counts
        counts[: len(found)] += found
    total = int(counts.sum())
    if total == 0:
        return Gaps(0, {})
    share = np.cumsum(counts) / total
    return Gaps(total, {level: int(np.searchsorted(share, level - 1e-12)) for level in quantiles})


def gaps_between(events: Events, is_span: bool) -> Int64:
    """Return the gaps between consecutive covers, of all customers one after the other.

    Parameters
    ----------
    events : Events
    is_span : bool
        Whether the kind has ends.

    Returns
    -------
    int64, shape (n_gaps,)
        Days, at least 0 for spans and at least 1 for instants.
    """
    owner = events.owner
    if len(owner) < 2:
        return np.empty(0, np.int64)
    ends = (events.end_day if is_span else events.day).astype(np.int64)
    covered = np.maximum.accumulate(owner * _APART + ends)[:-1] - owner[:-1] * _APART
    gaps = events.day[1:].astype(np.int64) - covered
    counted = owner[1:] == owner[:-1]
    counted &= (covered != NEVER) if is_span else (gaps > 0)
    found: Int64 = np.maximum(gaps, 0)[counted]
    return found
