"""Buckets that tell the same past and another future: what guard 1 changes.

In: a bucket and an as_of. Out: a bucket in which everything not known at that as_of is different, and
everything known is exactly as it was. What is not known at ``t``: rows with ``known_day > t`` (of the future,
or of the past but late), ends with ``end_known_day > t`` of rows that are known, the cause of such an end,
and profiles with ``profile_known_day > t``. A row that happens after ``t`` and was known by then (a term
booked ahead) is known.

Changed values stay inside the data contract: amounts of the size that the column has, categories that occur
in it, ends not before their start. So a function that copes with the tables copes with these buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lapse.leaks.sampling import take
from lapse.schema import NEVER, US_PER_DAY, Bool, Bucket, Events, Float64, encoded

Change: TypeAlias = Callable[[Bucket, int, np.random.Generator], Bucket]
"""What :data:`CHANGES` holds: from a bucket, an as_of and a source of chance to another bucket."""


def remove_later_rows(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:  # noqa: ARG001 - a Change
    """Return the bucket without the rows that were not known at as_of."""

    def change(events: Events) -> Events:
        rows = np.flatnonzero(events.known_day <= as_of)
        return take(events, rows, events.owner[rows])

    return _with_events(bucket, change)


def alter_later_rows(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with other days, amounts and attributes in the rows that were not known at as_of."""
    return _with_events(bucket, lambda events: _altered(events, events.known_day > as_of, as_of, rng))


def add_later_rows(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with two rows more for each customer, after as_of, or before it but late.

    A kind without any rows stays as it is: there is nothing to take a likely row from.
    """

    def change(events: Events) -> Events:
        size = len(events.offsets) - 1
        if not len(events):
            return events
        new_owner = np.tile(np.arange(size), 2)
        model = rng.integers(0, len(events), 2 * size)
        owner = np.concatenate([events.owner, new_owner])
        order = np.argsort(owner, kind="stable")
        more = take(events, np.concatenate([np.arange(len(events)), model])[order], owner[order])
        return _altered(more, order >= len(events), as_of, rng)

    return _with_events(bucket, change)


def clear_later_ends(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:  # noqa: ARG001 - a Change
    """Return the bucket with every end open that was not known at as_of."""

    def change(events: Events) -> Events:
        unknown = _unknown_ends(events, as_of)
        return replace(
            events,
            end_day=np.where(unknown, np.int32(NEVER), events.end_day),
            end_known_day=np.where(unknown, np.int32(NEVER), events.end_known_day),
            cause=np.where(unknown, np.int8(0), events.cause),
        )

    return _with_events(bucket, change)


def alter_later_ends(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with other ends where they were not known at as_of: later, or past and not told."""

    def change(events: Events) -> Events:
        unknown = _unknown_ends(events, as_of)
        ahead = as_of + rng.integers(1, 400, len(events))
        past = events.day + np.rint(rng.random(len(events)) * np.maximum(as_of - events.day, 0))
        told = as_of + rng.integers(1, 60, len(events))
        is_past = rng.random(len(events)) < 0.5
        end = np.where(is_past, past, np.maximum(ahead, events.day)).astype(np.int32)
        known = np.where(is_past, told, np.maximum(ahead, events.day)).astype(np.int32)
        other = ((events.cause + rng.integers(1, 3, len(events))) % 4).astype(np.int8)
        return replace(
            events,
            end_day=np.where(unknown, end, events.end_day),
            end_known_day=np.where(unknown, known, events.end_known_day),
            cause=np.where(unknown, other, events.cause) if events.cause.any() else events.cause,
        )

    return _with_events(bucket, change)


def clear_later_profiles(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:  # noqa: ARG001 - a Change
    """Return the bucket without the profiles that were not known at as_of."""
    unknown = bucket.profile_known_day > as_of
    columns = {
        name: pc.if_else(pa.array(unknown), pa.scalar(None, column.type), column)
        for name, column in _columns(bucket.profile)
    }
    known = np.where(unknown, np.int32(NEVER), bucket.profile_known_day)
    return replace(bucket, profile=_table_like(bucket, columns), profile_known_day=known)


def alter_later_profiles(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with other values in the profiles that were not known at as_of."""
    unknown = bucket.profile_known_day > as_of
    columns = {name: _other_values(column, unknown, rng) for name, column in _columns(bucket.profile)}
    return replace(bucket, profile=_table_like(bucket, columns))


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "rows known only later were removed": remove_later_rows,
        "rows known only later were altered": alter_later_rows,
        "rows known only later were added": add_later_rows,
        "ends known only later were removed": clear_later_ends,
        "ends known only later were altered": alter_later_ends,
        "profiles known only later were removed": clear_later_profiles,
        "profiles known only later were altered": alter_later_profiles,
    }
)
"""Every way in which what is not known at as_of can be different, by the words that name it."""


def empty_future(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with nothing left of what was not known at as_of."""
    for change in (remove_later_rows, clear_later_ends, clear_later_profiles):
        bucket = change(bucket, as_of, rng)
    return bucket


def other_future(bucket: Bucket, as_of: int, rng: np.random.Generator) -> Bucket:
    """Return the bucket with something else in the place of what was not known at as_of, and more of it."""
    for change in (alter_later_rows, add_later_rows, alter_later_ends, alter_later_profiles):
        bucket = change(bucket, as_of, rng)
    return bucket


def _with_events(bucket: Bucket, change: Callable[[Events], Events]) -> Bucket:
    return replace(bucket, events={kind: change(events) for kind, events in bucket.events.items()})


def _unknown_ends(events: Events, as_of: int) -> Bool:
    """Return which rows have an end that is not known at as_of; none in a kind without ends."""
    if np.all((events.end_day == events.day) | (events.end_day == NEVER)) and np.any(
        events.end_day == events.day
    ):
        return np.zeros(len(events), np.bool_)
    unknown: Bool = (events.end_known_day > as_of) & bool(np.any(events.end_day != NEVER))
    return unknown


def _altered(events: Events, rows: Bool, as_of: int, rng: np.random.Generator) -> Events:
    """Return events with other values in some rows, all of them known after as_of, sorted again."""
    n = len(events)
    late = rng.random(n) < 0.5
    shift = np.where(late, -rng.integers(0, 200, n), rng.integers(1, 200, n))
    day = np.where(rows, as_of + shift, events.day).astype(np.int32)
    known = np.where(rows, np.maximum(day, as_of + rng.integers(1, 60, n)), events.known_day).astype(np.int32)
    length = np.where(events.end_day == NEVER, 0, events.end_day.astype(np.int64) - events.day)
    length = np.where(length > 0, rng.integers(1, 400, n), length)
    end = np.where(rows & (events.end_day != NEVER), day + length, events.end_day).astype(np.int32)
    end_known = np.where(rows & (events.end_known_day != NEVER), np.maximum(known, end), events.end_known_day)
    moved = replace(
        events,
        day=day,
        known_day=known,
        end_day=end,
        end_known_day=end_known.astype(np.int32),
        amount=_other_amounts(events.amount, rows, rng),
        time_us=np.where(rows, day * np.int64(US_PER_DAY) + rng.integers(0, US_PER_DAY, n), events.time_us),
        attributes={name: _other_values(column, rows, rng) for name, column in events.attributes.items()},
    )
    owner = events.owner
    order = np.lexsort((moved.time_us, day, owner))
    return take(moved, order, owner[order])


def _other_amounts(amount: Float64, rows: Bool, rng: np.random.Generator) -> Float64:
    """Return amounts with others in some rows, of the column's size; none where the kind has none."""
    if np.isnan(amount).all():
        return amount
    size = float(np.nanmean(np.abs(amount))) or 1.0
    other = np.nan_to_num(amount) + size * rng.uniform(0.5, 3.0, len(amount))
    return np.where(rows, other, amount)


def _other_values(column: pa.Array, rows: Bool, rng: np.random.Generator) -> pa.Array:
    """Return a column with other values of its own in some rows, or null where it has only one."""
    known = encoded(column)
    size = len(known.dictionary)
    missing = np.asarray(known.indices.is_null())
    code: npt.NDArray[Any] = np.asarray(known.indices.fill_null(0), dtype=np.int64)
    step = rng.integers(1, max(size, 2), len(code))
    other = np.where(rows, (code + step) % max(size, 1), code)
    gone = np.where(rows, (size == 0) | ((size == 1) & ~missing), missing)
    index = pa.array(other.astype(np.int32), mask=gone)
    if known is column:
        return pa.DictionaryArray.from_arrays(index, known.dictionary)
    return known.dictionary.take(index)


def _columns(profile: pa.Table) -> list[tuple[str, pa.Array]]:
    return [(name, profile.column(name).combine_chunks()) for name in profile.column_names]


def _table_like(bucket: Bucket, columns: dict[str, pa.Array]) -> pa.Table:
    return pa.table(columns) if columns else bucket.profile
