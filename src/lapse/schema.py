"""The tables, their units and the leak rule, as one contract.

Time
----
Every event has a ``time`` (when it happened) and a ``known_at`` (when the business knew; default ``time``),
both as wall-clock time in the business's time zone. An ``as_of`` is a date and stands for *the end of that
day*. So everything downstream counts in whole days: a **day** is the number of days since 1970-01-01 of the
local date, as int32.

The leak rule
-------------
At ``as_of`` a row may be used when ``known_day <= as_of``. A window of ``w`` days is ``(as_of - w, as_of]``:
half-open on the left, so windows of one length tile time. An ``end`` may be used when ``end_known_day <=
as_of``; before that moment the end does not exist (:data:`NEVER`).

Tables
------
:class:`Events` and :class:`Bucket` are what every function downstream of the history takes: all events of a
bucket of customers, one kind at a time, sorted by (customer, time), addressed by ``offsets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

NEVER: int = 2**31 - 1
"""The day of something that has not happened or is not known (int32)."""

EPOCH = date(1970, 1, 1)

US_PER_DAY = 86_400_000_000
"""Microseconds of a day."""

CAUSES: tuple[str, ...] = ("voluntary", "involuntary", "other")
"""Causes of an end; the event code of a cause is its position plus one, and 0 means censored."""


def to_day(when: date) -> int:
    """Return the day number of a date.

    Examples
    --------
    >>> to_day(date(1970, 1, 31))
    30
    """
    return (when - EPOCH).days


def to_date(day: int) -> date:
    """Return the date of a day number.

    Examples
    --------
    >>> to_date(30)
    datetime.date(1970, 1, 31)
    """
    return EPOCH + timedelta(days=int(day))


def encoded(column: pa.Array) -> pa.DictionaryArray:
    """Return a column as codes into its distinct values, as it is where it is such already."""
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


@dataclass(frozen=True)
class Events:
    """All events of one kind for the customers of one bucket, sorted by (customer, time).

    Customer ``i`` of the bucket owns the rows ``offsets[i]:offsets[i + 1]``. Arrays may lie in mapped files:
    they are read, never written to.

    Attributes
    ----------
    offsets : int64, shape (n_customers + 1,)
    day : int32, shape (n,)
        Local day on which it happened; ascending within a customer.
    known_day : int32, shape (n,)
        Local day on which the business knew.
    end_day : int32, shape (n,)
        Local day on which what began at ``day`` ends, the first day that is not covered; ``NEVER`` where
        open or where the kind has no ends. An instant has ``end_day == day`` only if its kind maps no end.
    end_known_day : int32, shape (n,)
        Local day from which the end is known; ``NEVER`` where open.
    amount : float64, shape (n,)
        Signed money in the business's currency (refunds negative); NaN where the kind maps no amount.
    cause : int8, shape (n,)
        Event code of the end's cause (see :data:`CAUSES`), that of ``other`` where it is null or not mapped;
        0 where there is no end.
    time_us : int64, shape (n,)
        Wall-clock time in microseconds since 1970-01-01, for what needs the hour.
    attributes : mapping of name to pyarrow.Array, each of length n
        The mapped ``features`` and ``categories`` columns; strings dictionary-encoded.
    """

    offsets: Int64
    day: Int32
    known_day: Int32
    end_day: Int32
    end_known_day: Int32
    amount: Float64
    cause: npt.NDArray[np.int8]
    time_us: Int64
    attributes: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(self.day)

    @property
    def owner(self) -> Int64:
        """The position in the bucket of each row's customer, int64, shape (n,); ascending."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets))


@dataclass(frozen=True)
class Bucket:
    """Everything that the history holds of one bucket of customers: the unit of work.

    Attributes
    ----------
    number : int
        Which bucket, from 0.
    customer_id : pyarrow.Array, shape (n_customers,)
        Ascending and unique: int64 or string.
    known_day : int32, shape (n_customers,)
        First day on which the business knew of the customer: the earliest of ``profile_known_day`` and of
        the known days of its events. Who has a row in a table without ``known_at`` has been known from always
        (the smallest int32), with events or without.
    profile : pyarrow.Table, n_customers rows
        The mapped ``features`` of the customers table, null where the customer has no row there.
    profile_known_day : int32, shape (n_customers,)
        Day from which the profile is known; the smallest int32 where the table maps no ``known_at``,
        ``NEVER`` where the customer has no row.
    events : mapping of kind to Events
        In the order of the config.
    """

    number: int
    customer_id: pa.Array
    known_day: Int32
    profile: pa.Table
    profile_known_day: Int32
    events: Mapping[str, Events]

    def __len__(self) -> int:
        return len(self.customer_id)


@dataclass(frozen=True)
class Snapshots:
    """Which customers of a bucket are asked about, and as of which days; the rows of a frame.

    Attributes
    ----------
    customer : int64, shape (n,)
        Position of the customer in its bucket; ascending.
    day : int32, shape (n,)
        The as_of as a day number; ascending within a customer.
    """

    customer: Int64
    day: Int32

    def __len__(self) -> int:
        return len(self.day)

    def keys(self, bucket: Bucket) -> dict[str, Any]:
        """Return the snapshot keys as Arrow arrays by name (customer_id, as_of as date32)."""
        return {
            "customer_id": bucket.customer_id.take(pa.array(self.customer)),
            "as_of": pa.array(self.day, pa.int32()).cast(pa.date32()),
        }


SCORE_COLUMNS: tuple[str, ...] = (
    "customer_id",
    "as_of",
    "status",
    "exclusion_reason",
    "churn_probability",
    "churn_probability_voluntary",
    "remaining_lifetime_days",
    "remaining_lifetime_days_lower",
    "remaining_lifetime_days_upper",
    "expected_spend",
    "clv",
    "clv_lower",
    "clv_upper",
    "currency",
    "tier",
    "rung",
    "reason_1",
    "reason_1_effect",
    "reason_2",
    "reason_2_effect",
    "reason_3",
    "reason_3_effect",
    "model_name",
    "model_version",
    "config_hash",
    "scored_at",
)
"""The score table's columns, in order: one row for every customer known at as_of.

``churn_probability_voluntary`` is missing in every row where causes of lapses are not kept apart.
"""
