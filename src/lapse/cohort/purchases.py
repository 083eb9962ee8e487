"""Purchase histories: the three numbers that buy-till-you-die models need of a customer.

In: who purchased on which day, and when that was known. Out: a :class:`PurchaseHistory`, as of one day a
row. Refused: histories that cannot be, and customers without a purchase by then. The leak rule holds: a
purchase is seen at an as_of when its day and its known day are not after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.config import Business
from lapse.errors import DataError, Problem
from lapse.schema import Bucket, Float64, Int64, Snapshots


@dataclass(frozen=True)
class PurchaseHistory:
    """What BG/NBD needs to know of each customer; times in one unit, the unit of all results.

    Attributes
    ----------
    repeat_purchases : float64, shape (n,)
        Distinct days with a purchase after the first one. The BTYD literature writes x and calls it
        frequency, though it is a count and leaves the first purchase out.
    t_x : float64, shape (n,)
        Time from the first purchase to the last one; 0 without repeats. The literature calls it recency,
        though it is large for recent buyers.
    T : float64, shape (n,)
        Time from the first purchase to now.
    """

    repeat_purchases: Float64
    t_x: Float64
    T: Float64

    def __post_init__(self) -> None:
        x, t_x, T = self.repeat_purchases, self.t_x, self.T
        good = (x >= 0) & (t_x >= 0) & (t_x <= T) & np.isfinite(T) & ((x == 0) == (t_x == 0))
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise DataError(
                Problem(
                    "purchase history",
                    "repeat_purchases, t_x, T",
                    expected="0 <= t_x <= T, and t_x above 0 exactly where there are repeats",
                    got="something else",
                    count=int((~good).sum()),
                    example=f"row {row}: {x[row]:g}, {t_x[row]:g}, {T[row]:g}",
                )
            )

    def __len__(self) -> int:
        return len(self.T)

    def take(self, rows: Int64) -> PurchaseHistory:
        """Return some rows, by position."""
        return PurchaseHistory(self.repeat_purchases[rows], self.t_x[rows], self.T[rows])

    @classmethod
    def join(cls, parts: Sequence[PurchaseHistory]) -> PurchaseHistory:
        """Return the histories of several buckets as one, in their order."""
        return cls(
            np.concatenate([part.repeat_purchases for part in parts]),
            np.concatenate([part.t_x for part in parts]),
            np.concatenate([part.T for part in parts]),
        )


def read_histories(
    customer: npt.NDArray[Any],
    day: npt.NDArray[Any],
    known_day: npt.NDArray[Any],
    asked: npt.NDArray[Any],
    as_of: npt.NDArray[Any],
) -> PurchaseHistory:
    """Return the histories of snapshots, in days.

    Parameters
    ----------
    customer, day, known_day : shape (n_events,)
        Who purchased on which day number, and when it was known; any order. Several purchases on one day
        count once.
    asked, as_of : shape (n,)
        Snapshots: a customer, and the day number at whose end its history is asked for.

    Raises
    ------
    DataError
        If a customer has no purchase known by its as_of.

    Examples
    --------
    >>> customer, day = np.array([7, 7, 7]), np.array([0, 10, 10])
    >>> history = read_histories(customer, day, day, np.array([7, 7]), np.array([5, 30]))
    >>> history.repeat_purchases, history.t_x, history.T
    (array([0., 1.]), array([ 0., 10.]), array([ 5., 30.]))
    """
    code, distinct = pd.factorize(np.asarray(customer))
    place = pd.Index(distinct).get_indexer(pd.Index(np.asarray(asked)))
    days = _distinct_days(code, np.asarray(day, np.int64), np.asarray(known_day, np.int64))
    count, first, last = (np.zeros(len(place)) for _ in range(3))
    as_of_ = np.asarray(as_of, np.int64)
    for when in np.unique(as_of_):
        rows = np.flatnonzero((as_of_ == when) & (place >= 0))
        seen = (days[1] <= when) & (days[2] <= when)
        who, on = days[0][seen], days[1][seen]
        earliest, latest = np.zeros(len(distinct)), np.zeros(len(distinct))
        earliest[who[::-1]] = on[::-1]  # ascending within a customer: the last one written stays
        latest[who] = on
        count[rows] = np.bincount(who, minlength=len(distinct))[place[rows]]
        first[rows], last[rows] = earliest[place[rows]], latest[place[rows]]
    if (count == 0).any():
        row = int(np.flatnonzero(count == 0)[0])
        raise DataError(
            Problem(
                "purchase history",
                "customers",
                expected="a purchase known by as_of",
                got="none",
                count=int((count == 0).sum()),
                example=f"{asked[row]} at day {as_of_[row]}",
            )
        )
    return PurchaseHistory(count - 1, last - first, as_of_ - first)


def _distinct_days(code: Int64, day: Int64, known_day: Int64) -> tuple[Int64, Int64, Int64]:
    """Return each customer's distinct days, ascending, and when the first purchase of the day was known."""
    order = np.lexsort((known_day, day, code))
    code, day, known_day = code[order], day[order], known_day[order]
    new = np.ones(len(code), np.bool_)
    new[1:] = (code[1:] != code[:-1]) | (day[1:] != day[:-1])
    return code[new], day[new], known_day[new]


def read_purchases(business: Business, bucket: Bucket, snapshots: Snapshots) -> PurchaseHistory:
    """Return the purchase history of each snapshot, in days; the churn event is the purchase.

    Raises
    ------
    DataError
        If a customer has no purchase known by its as_of.
    """
    events = bucket.events[business.churn.event]
    return read_histories(events.owner, events.day, events.known_day, snapshots.customer, snapshots.day)


def read_everybody(business: Business, bucket: Bucket, as_of: int) -> PurchaseHistory:
    """Return the histories, as of one day, of all customers who had purchased by then."""
    events = bucket.events[business.churn.event]
    owner = events.owner
    asked = np.unique(owner[(events.day <= as_of) & (events.known_day <= as_of)])
    return read_histories(owner, events.day, events.known_day, asked, np.full(len(asked), as_of))
