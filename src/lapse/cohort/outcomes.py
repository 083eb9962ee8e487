"""What became of the customers who were at risk.

In: a bucket, snapshots of customers at risk, and a **cut**, the last day that may be looked at. Out:
:class:`Outcomes`, one row a snapshot. ``lapsed`` uses nothing that happened or became known after the
snapshot's own horizon, so a label is final on the day its horizon ends and never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from lapse.cohort.contribution import event_costs, margins
from lapse.config import Business
from lapse.history.spells import covers_of, is_at_risk, lapse_after, reach_at
from lapse.schema import Bool, Bucket, Float64, Int32, Snapshots


@dataclass(frozen=True)
class Outcomes:
    """What became of each snapshot; all arrays have one row a snapshot.

    Attributes
    ----------
    lapsed : bool, shape (n,)
        Whether the customer lapses in ``(t, t + horizon]``.
    event : int8, shape (n,)
        0 where the customer is still there at the cut, else the cause's code (:data:`lapse.schema.CAUSES`).
    duration_days : int32, shape (n,)
        Days from ``t`` to the lapse or the cut, whichever comes first; at least 1.
    spend : float64, shape (n, n_steps)
        Revenue in ``(t + k step, t + (k + 1) step]``, up to the lapse: who comes back begins a new
        relationship. NaN where the step does not close by the cut.
    margin : float64, shape (n, n_steps), or None
        What is left of it where rates differ by event or category; None where one rate holds for all.
    event_cost : float64, shape (n, n_steps), or None
        What the events in those days cost; None where no event costs anything.
    paid : float64, shape (n, 2), or None
        Margin of the steps that close by the cut, without what was taken back (amounts below 0): what came
        with the churn event, and what with others. None where nothing else is revenue.
    """

    lapsed: Bool
    event: npt.NDArray[np.int8]
    duration_days: Int32
    spend: Float64
    margin: Float64 | None = None
    event_cost: Float64 | None = None
    paid: Float64 | None = None

    def take(self, rows: npt.NDArray[np.int64] | Bool) -> Outcomes:
        """Return some rows, by position or by mask."""
        return Outcomes(
            self.lapsed[rows],
            self.event[rows],
            self.duration_days[rows],
            self.spend[rows],
            None if self.margin is None else self.margin[rows],
            None if self.event_cost is None else self.event_cost[rows],
            None if self.paid is None else self.paid[rows],
        )

    @classmethod
    def join(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Return the outcomes of several buckets as one, in their order."""
        return cls(
            np.concatenate([part.lapsed for part in parts]),
            np.concatenate([part.event for part in parts]),
            np.concatenate([part.duration_days for part in parts]),
            np.concatenate([part.spend for part in parts]),
            _joined([part.margin for part in parts]),
            _joined([part.event_cost for part in parts]),
            _joined([part.paid for part in parts]),
        )


def known_snapshots(business: Business, bucket: Bucket, days: tuple[int, ...]) -> tuple[Snapshots, Int32]:
    """Return every (customer, as_of) with a customer whom the business knew then.

    Returns
    -------
    snapshots : Snapshots
    reach : int32, shape (n,)
        Up to which day the covers known at ``as_of`` reach; -1 where there are none. At risk where it is
        later than the as_of.
    """
    snapshots = all_known(bucket, days)
    return snapshots, reach_at(covers_of(business, bucket), snapshots.customer, snapshots.day)


def all_known(bucket: Bucket, days: tuple[int, ...], first: int = 0, end: int | None = None) -> Snapshots:
    """Return every (customer, as_of) with a customer whom the business knew then, at risk or not.

    Parameters
    ----------
    bucket : Bucket
    days : tuple of int
        Day numbers.
    first, end : int, optional
        Only customers from ``first`` up to, and without, ``end``: positions in the bucket.
    """
    grid = np.asarray(days, np.int32)
    customer, which = np.nonzero(bucket.known_day[first:end, None] <= grid[None, :])
    return Snapshots(customer.astype(np.int64) + first, grid[which])


def at_risk(snapshots: Snapshots, reach: Int32) -> Snapshots:
    """Return the snapshots whose customers are at risk."""
    rows = is_at_risk(reach, snapshots.day)
    return Snapshots(snapshots.customer[rows], snapshots.day[rows])


def outcomes_of(business: Business, bucket: Bucket, snapshots: Snapshots, cut: int, n_steps: int) -> Outcomes:
    """Return what became of snapshots at risk, from what is known at the end of the day ``cut``.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    snapshots : Snapshots
        At risk, with as_of before the cut. ``lapsed`` is a final label only where ``as_of + horizon <= cut``.
    cut : int
        Day number.
    n_steps : int
        How many steps of ``business.step_days`` the spend table has.
    """
    covers = covers_of(business, bucket)
    label_end = np.minimum(snapshots.day + business.snapshots.horizon, cut).astype(np.int32)
    label_lapse, _ = lapse_after(covers, snapshots.customer, snapshots.day, label_end)
    lapse, cause = lapse_after(
        covers, snapshots.customer, snapshots.day, np.full(len(snapshots), cut, np.int32)
    )
    last = np.minimum(lapse, cut).astype(np.int32)

    def by_step(money: Mapping[str, Float64]) -> Float64:
        return _money(business.step_days, bucket, snapshots, last, cut, n_steps, money)

    value = business.value
    return Outcomes(
        lapsed=label_lapse <= label_end,
        event=cause,
        duration_days=(last - snapshots.day).astype(np.int32),
        spend=by_step({kind: bucket.events[kind].amount for kind in business.revenue_events}),
        margin=by_step(margins(business, bucket)) if value.has_own_margins else None,
        event_cost=by_step(event_costs(business, bucket)) if value.event_costs else None,
        paid=_paid(business, bucket, by_step),
    )


def _paid(
    business: Business, bucket: Bucket, by_step: Callable[[Mapping[str, Float64]], Float64]
) -> Float64 | None:
    """Return the margin that came with the churn event and that of other events; None without others."""
    if set(business.revenue_events) == {business.churn.event}:
        return None
    came = {kind: np.maximum(money, 0.0) for kind, money in margins(business, bucket).items()}
    own = {kind: came.pop(kind) for kind in (business.churn.event,) if kind in came}
    return np.column_stack([np.nansum(by_step(part), axis=1) for part in (own, came)])


def _joined(parts: Sequence[Float64 | None]) -> Float64 | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None


def _money(
    step: int,
    bucket: Bucket,
    snapshots: Snapshots,
    last: Int32,
    cut: int,
    n_steps: int,
    money: Mapping[str, Float64],
) -> Float64:
    """Return money by step up to each snapshot's last day, from what is known at the cut.

    ``money`` is that of each row of some kinds of events.
    """
    spend = np.zeros((len(snapshots), n_steps))
    for kind, amount in money.items():
        events = bucket.events[kind]
        _add_spend(
            events.offsets, events.day, events.known_day, amount,
            snapshots.customer, snapshots.day, last, step, cut, spend,
        )  # fmt: skip
    closes = snapshots.day[:, None] + step * np.arange(1, n_steps + 1)[None, :]
    spend[closes > cut] = np.nan
    return spend


@njit(cache=True, nogil=True)
def _add_spend(offsets, day, known_day, amount, customer, as_of, last, step, cut, spend):  # type: ignore[no-untyped-def]
    n_steps = spend.shape[1]
    for row in range(len(as_of)):
        for i in range(offsets[customer[row] + 1] - 1, offsets[customer[row]] - 1, -1):
            if day[i] <= as_of[row]:
                break
            k = (day[i] - as_of[row] - 1) // step
            if k < n_steps and day[i] <= last[row] and known_day[i] <= cut:
                spend[row, k] += amount[i]
