"""What really happens to synthetic customers, beyond the last day that the tables show.

In: every cover and every payment of a simulation, which runs years further than its tables. Out: who is at
risk as of a date, when each of them lapses under the one rule, and what each pays until then. What the
oracle of a particular business says (probabilities and causes) is added by :mod:`lapse.synth.gym_oracle`
and :mod:`lapse.synth.shop_oracle`. Refused: a question that reaches beyond the simulation.

This module finds lapses by its own few lines of NumPy, so that it can check the package's compiled walk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.schema import NEVER, Bool, Float64, Int32, Int64, to_date, to_day

AsOf = date | Sequence[date]


@dataclass(frozen=True)
class Ledger:
    """All covers and payments of a simulation, observed or not.

    Attributes
    ----------
    cover_customer, cover_day, cover_reach : int32, shape (n_covers,)
        Position of the customer, day on which the cover starts, day up to which it keeps the customer (its
        end plus grace); sorted by (customer, day).
    cover_cause : int8, shape (n_covers,)
        Index of the cause of the cover's end, -1 where it was followed by another.
    paid_customer, paid_day : int32, shape (n_payments,)
    paid_amount : float64, shape (n_payments,)
        Signed money.
    """

    cover_customer: Int32
    cover_day: Int32
    cover_reach: Int32
    cover_cause: npt.NDArray[np.int8]
    paid_customer: Int32
    paid_day: Int32
    paid_amount: Float64


@dataclass(frozen=True)
class Truth(ABC):
    """The truth about a synthetic business.

    Attributes
    ----------
    customer_id : array of the ids, shape (n_customers,)
    grace : int
        Days.
    observed_until, simulated_until : int
        Last day of the tables and of the simulation, as day numbers.
    ledger : Ledger
    """

    customer_id: npt.NDArray[np.generic]
    grace: int
    observed_until: int
    simulated_until: int
    ledger: Ledger
    _spells: tuple[Int32, Int32, Int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spells", _find_spells(self.ledger, self.simulated_until))

    @abstractmethod
    def probability(self, as_of: AsOf, horizon: int) -> pd.DataFrame:
        """Return customer_id, as_of and the oracle's probability of a lapse in (as_of, as_of + horizon]."""

    @abstractmethod
    def causes(self, as_of: AsOf) -> pd.DataFrame:
        """Return customer_id, as_of, a column a planted cause (log hazard less the average), main_cause."""

    def future(
        self, as_of: date, *, horizon: int, limit: int, margin_rate: float, discount_rate: float
    ) -> pd.DataFrame:
        """Return what really happens after a date to the customers at risk then.

        Parameters
        ----------
        as_of : date
        horizon, limit : int
            Days; money is counted in (as_of, as_of + horizon] and until the lapse or as_of + limit.
        margin_rate : float
            Margin in a unit of revenue.
        discount_rate : float
            A year; money paid ``d`` days after as_of is divided by ``(1 + discount_rate) ** (d / 365)``.

        Returns
        -------
        DataFrame
            customer_id, as_of, lapse_on (NaT where not within the simulation), lapsed (in the horizon),
            revenue_horizon, revenue (until the lapse, at most ``limit`` days), clv (margin of the same,
            discounted).

        Raises
        ------
        ValueError
            If as_of plus the longer length lies beyond the simulation.
        """
        day = to_day(as_of)
        if day + max(horizon, limit) > self.simulated_until:
            raise ValueError(
                f"simulated until {to_date(self.simulated_until)}: {as_of} + {max(horizon, limit)}d is later"
            )
        customer, _, lapse = self._at_risk(day)
        until = np.full(len(self.customer_id), -1, np.int64)
        until[customer] = np.minimum(lapse.astype(np.int64), day + limit)
        inside = (self.ledger.paid_day > day) & (self.ledger.paid_day <= until[self.ledger.paid_customer])
        who, ahead, amount = (
            self.ledger.paid_customer[inside],
            self.ledger.paid_day[inside] - day,
            self.ledger.paid_amount[inside],
        )
        worth = amount * margin_rate / (1.0 + discount_rate) ** (ahead / 365.0)

        def total(values: Float64) -> Float64:
            return np.bincount(who, values, minlength=len(self.customer_id)).astype(np.float64)[customer]

        return self._frame(customer, np.full(len(customer), day, np.int32)).assign(
            lapse_on=to_times(lapse, missing=lapse == NEVER),
            lapsed=lapse <= day + horizon,
            revenue_horizon=total(np.where(ahead <= horizon, amount, 0.0)),
            revenue=total(amount),
            clv=total(worth),
        )

    def outcomes(self, as_of: AsOf, horizon: int) -> pd.DataFrame:
        """Return customer_id, as_of, lapsed: what really happens in (as_of, as_of + horizon]."""
        customer, day, lapse = self._snapshots(as_of)
        return self._frame(customer, day).assign(lapsed=lapse <= day + horizon)

    def _snapshots(self, as_of: AsOf) -> tuple[Int32, Int32, Int32]:
        """Return customer, day and lapse of everybody at risk, ordered by (customer, day)."""
        days = [as_of] if isinstance(as_of, date) else list(as_of)
        found = [self._at_risk(to_day(one)) for one in days]
        customer, day, lapse = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((day, customer))
        return customer[order], day[order], lapse[order]

    def _at_risk(self, day: int) -> tuple[Int32, Int32, Int32]:
        customer, begin, lapse = self._spells
        rows = (begin <= day) & (lapse > day)
        return customer[rows], np.full(int(rows.sum()), day, np.int32), lapse[rows]

    def _frame(self, customer: Int32, day: Int32) -> pd.DataFrame:
        return pd.DataFrame(
            {"customer_id": self.customer_id[customer], "as_of": day.astype("datetime64[D]")}
        ).astype({"as_of": "datetime64[s]"})


@dataclass(frozen=True)
class Synthetic:
    """A synthetic business: tables as a company would have them, and the truth behind them.

    Attributes
    ----------
    tables : mapping of name to DataFrame
        What was known by ``truth.observed_until``; the names are those of the demo's files.
    truth : Truth
    """

    tables: Mapping[str, pd.DataFrame]
    truth: Truth


def to_times(
    day: npt.NDArray[np.integer], second: npt.NDArray[np.integer] | int = 0, *, missing: Bool | None = None
) -> npt.NDArray[np.datetime64]:
    """Return wall-clock times from day numbers and seconds of the day; NaT where missing.

    Returns
    -------
    datetime64[us], shape as ``day``
    """
    times = (day.astype(np.int64) * 86_400 + second).astype("datetime64[s]").astype("datetime64[us]")
    if missing is not None:
        times[missing] = np.datetime64("NaT")
    return times


def main_cause(parts: Mapping[str, Float64], peers: Sequence[npt.NDArray[np.integer]]) -> pd.DataFrame:
    """Return parts of a log hazard less their average among peers, and the name of the largest.

    Parameters
    ----------
    parts : mapping of cause to float64, shape (n,)
    peers : sequence of int, each of shape (n,)
        Rows with the same values are peers.

    Returns
    -------
    DataFrame
        One column a cause, and ``main_cause``: ``none`` where no part is above its average.

    Examples
    --------
    >>> import numpy as np
    >>> main_cause({"price": np.array([0.0, 2.0])}, [np.array([1, 1])])
       price main_cause
    0   -1.0       none
    1    1.0      price
    """
    frame = pd.DataFrame(dict(parts))
    relative = frame - frame.groupby(list(peers)).transform("mean")
    largest = relative.idxmax(axis=1).where(relative.max(axis=1) > 0, "none")
    return relative.assign(main_cause=largest)


def _find_spells(ledger: Ledger, until: int) -> tuple[Int32, Int32, Int32]:
    """Return customer, first day and lapse of every spell; ``NEVER`` where the simulation ends before it."""
    customer, day = ledger.cover_customer, ledger.cover_day
    first = np.r_[True, customer[1:] != customer[:-1]]
    begins = first | np.r_[True, day[1:] > ledger.cover_reach[:-1]]
    start = np.flatnonzero(begins)
    last = np.r_[start[1:], len(day)] - 1
    lapse = ledger.cover_reach[last]
    return customer[start], day[start], np.where(lapse <= until, lapse, NEVER).astype(np.int32)


def offsets_of(customer: Int32, n_customers: int) -> Int64:
    """Return where each customer's rows begin in rows sorted by customer: shape (n_customers + 1,)."""
    return np.searchsorted(customer, np.arange(n_customers + 1)).astype(np.int64)
