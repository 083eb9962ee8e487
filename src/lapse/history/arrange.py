"""One bucket's rows of one table, brought into their order: by customer, by time, then by every other column.

In: the rows as they came. Out: :class:`Arranged`: each different row once, beside the
number of its copies, and what is counted on the way. The same rows in any order give the same table.

A company's tables mostly lie in the order of time. So rows are dealt to customers by counting, which keeps
that order; only customers whose rows are out of it are sorted, and other columns are looked at only where
two rows of a customer have the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from lapse.schema import Bool, Int32, Int64, encoded

COPIES = "copies"
"""The stored column that says how many exact copies of a row there were."""

KNOWN_LATER = ("end", "end_known_at", "cause")
"""Columns that come last in the order of rows: which of two events at one moment counts as the later one must
not hang on an end that nobody knew then."""

MOST_ROWS = 2**31 - 1
"""Rows of a bucket that positions can tell apart; their arrays alone would take a hundred gigabytes."""

_MOVES = 16
"""Rows that one which comes late passes on its way to its place, on average, before merging is faster."""


@dataclass(frozen=True)
class Arranged:
    """The rows of one table and bucket.

    Attributes
    ----------
    table : pyarrow.Table
        Sorted; ``customer_id`` and text are dictionaries whose values ascend and occur, :data:`COPIES` stands
        behind the others.
    copied : pyarrow.Table
        The further copies of rows, as they came.
    """

    table: pa.Table
    copied: pa.Table

    @property
    def n_customers(self) -> int:
        """Different customers."""
        return len(self.customer.dictionary)

    @property
    def customer(self) -> pa.DictionaryArray:
        """The customer of each row."""
        return one_array(self.table["customer_id"])

    @property
    def copies(self) -> Int32:
        """How often each row was there."""
        return np.asarray(self.table[COPIES].to_numpy(), np.int32)

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last ``time``, where there is none ``known_at``; None where there is neither."""
        for column in ("time", "known_at"):
            if column in self.table.column_names:
                found = pc.min_max(self.table[column])
                return found["min"].as_py(), found["max"].as_py()
        return None, None


def arrange(rows: pa.Table) -> Arranged:
    """Return the rows of one bucket in their order, each once.

    Parameters
    ----------
    rows : pyarrow.Table
        ``customer_id``, ``time`` where the table has one, other columns. Text is dictionary-encoded.

    Raises
    ------
    ValueError
        If there are more than :data:`MOST_ROWS`.
    """
    if len(rows) > MOST_ROWS:
        raise ValueError(f"a bucket of {len(rows):,} rows, expected {MOST_ROWS:,} at most")
    rows = rows.unify_dictionaries().combine_chunks()
    ids, codes, rank = _ascending(one_array(rows["customer_id"]))
    code = _ranked(codes, rank)
    order, moment, owner = _in_order(code, len(ids), _moments(rows))
    different = np.ones(len(order), np.bool_)
    tied = _tied(owner, moment)
    if tied.any():
        positions = order[tied]
        place, same = _settle(rows.take(pa.array(positions)), code[positions])
        order[tied], different[tied] = positions[place], ~same
    copied = rows.take(pa.array(order[~different]))
    copies = np.ones(len(order), np.int32)
    if not different.all():
        copies = np.diff(np.append(np.flatnonzero(different), len(order))).astype(np.int32)
        order, moment, owner = order[different], moment[different], owner[different]
    taken = {"customer_id": pa.DictionaryArray.from_arrays(pa.array(owner), ids)}
    for name in rows.column_names:
        if name == "time":
            taken[name] = pa.array(moment).view(pa.timestamp("us"))
        elif name != "customer_id":
            taken[name] = _taken(one_array(rows[name]), order)
    return Arranged(pa.table({**taken, COPIES: copies}), copied)


def deal(bucket: Int32, n_buckets: int) -> tuple[Int64, Int64]:
    """Return the positions of rows by bucket, each bucket's in their order, and where each bucket begins."""
    starts = starts_of(counted(bucket, n_buckets))
    return _dealt(bucket, starts.copy()), starts


def starts_of(counts: Int64) -> Int64:
    """Return where each of some runs of rows begins, and behind them where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without a copy where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


@njit(cache=True, nogil=True)
def counted(codes: Int32, n_codes: int) -> Int64:
    """Return how often each code is there."""
    counts = np.zeros(n_codes, np.int64)
    for code in codes:
        counts[code] += 1
    return counts


@njit(cache=True, nogil=True)
def _dealt(bucket: Int32, begin: Int64) -> Int64:
    order = np.empty(len(bucket), np.int64)
    for row in range(len(bucket)):
        order[begin[bucket[row]]] = row
        begin[bucket[row]] += 1
    return order


@njit(cache=True, nogil=True)
def _counted_out(code: Int32, begin: Int64, moment: Int64) -> tuple[Int32, Int64]:
    """Return the positions of rows by customer, each customer's in their order, and the moment of each.

    Positions of half the width are read in less time; see :data:`MOST_ROWS`.
    """
    order, moments = np.empty(len(code), np.int32), np.empty(len(code), np.int64)
    for row in range(len(code)):
        place = begin[code[row]]
        begin[code[row]] += 1
        order[place] = row
        moments[place] = moment[row]
    return order, moments


@njit(cache=True, nogil=True)
def _sort_within(order: Int32, moment: Int64, starts: Int64) -> None:
    """Sort each customer's rows by moment, where they are not in order yet.

    What comes late is moved up to its place; where that moves more than some rows for each, they are merged.
    """
    for customer in range(len(starts) - 1):
        first, stop = starts[customer], starts[customer + 1]
        moves = _MOVES * (stop - first)
        for row in range(first + 1, stop):
            if moment[row - 1] <= moment[row]:
                continue
            moves -= _move_up(order, moment, first, row)
            if moves < 0:
                sorted_ = first + np.argsort(moment[first:stop], kind="mergesort")
                order[first:stop], moment[first:stop] = order[sorted_], moment[sorted_]
                break


@njit(cache=True, nogil=True)
def _move_up(order: Int32, moment: Int64, first: int, row: int) -> int:
    """Put a row behind those of its customer that are not later; return how many it has passed."""
    position, late = order[row], moment[row]
    place = row
    while place > first and moment[place - 1] > late:
        order[place], moment[place] = order[place - 1], moment[place - 1]
        place -= 1
    order[place], moment[place] = position, late
    return row - place


def _in_order(code: Int32, n_customers: int, moment: Int64) -> tuple[Int32, Int64, Int32]:
    """Return the positions of rows by customer and moment, and the moment and the customer of each."""
    counts = counted(code, n_customers)
    starts = starts_of(counts)
    order, moments = _counted_out(code, starts.copy(), moment)
    _sort_within(order, moments, starts)
    return order, moments, np.repeat(np.arange(n_customers, dtype=np.int32), counts)


def _ascending(column: pa.Array) -> tuple[pa.Array, Int32, Int32]:
    """Return the values that occur, ascending; the code of each row, -1 for null; and the place of each code.

    Places are among the values; that of -1 stands last.
    """
    coded = encoded(column)
    codes = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)
    there = _occur(codes, len(coded.dictionary))
    ascending = pc.sort_indices(coded.dictionary).to_numpy()
    ascending = ascending[there[ascending]]
    rank = np.full(len(there) + 1, -1, np.int32)
    rank[ascending] = np.arange(len(ascending), dtype=np.int32)
    return coded.dictionary.take(pa.array(ascending)), codes, rank


@njit(cache=True, nogil=True)
def _occur(codes: Int32, n_values: int) -> Bool:
    """Say of each value whether a row has its code; those below 0 are of no value."""
    there = np.zeros(n_values, np.bool_)
    for code in codes:
        if code >= 0:
            there[code] = True
    return there


@njit(cache=True, nogil=True)
def _ranked(codes: Int32, rank: Int32) -> Int32:
    ranked = np.empty(len(codes), np.int32)
    for row in range(len(codes)):
        ranked[row] = rank[codes[row]]
    return ranked


@njit(cache=True, nogil=True)
def _ranked_at(codes: Int32, rank: Int32, rows: Int32) -> Int32:
    ranked = np.empty(len(rows), np.int32)
    for place in range(len(rows)):
        ranked[place] = rank[codes[rows[place]]]
    return ranked


def _taken(column: pa.Array, rows: Int32) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return pc.take(column, pa.array(rows), boundscheck=False)
    values, codes, rank = _ascending(column)
    taken = _ranked_at(codes, rank, rows)
    nulls = taken < 0 if column.null_count else None
    return pa.DictionaryArray.from_arrays(pa.array(taken, mask=nulls), values)


def _moments(rows: pa.Table) -> Int64:
    """Return the time of each row as microseconds; the same for all where the table has none."""
    if "time" not in rows.column_names:
        return np.zeros(len(rows), np.int64)
    time = one_array(rows["time"]).cast(pa.timestamp("us")).cast(pa.int64())
    return np.asarray(time.to_numpy(zero_copy_only=False), np.int64)


def _tied(code: Int32, moment: Int64) -> Bool:
    """Say of each row, in order, whether a neighbour has the same customer and time."""
    same = (code[1:] == code[:-1]) & (moment[1:] == moment[:-1])
    tied = np.zeros(len(code), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    return tied


def _settle(rows: pa.Table, code: Int32) -> tuple[Int64, Bool]:
    """Return the order of rows by all columns, and which then equal the row before them."""
    names = [name for name in rows.column_names if name != "customer_id"]
    names.sort(key=lambda name: (name != "time", name in KNOWN_LATER))
    columns = [pa.array(code), *(_plain(rows[name]) for name in names)]
    table = pa.table(columns, names=[str(number) for number in range(len(columns))])
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in table.column_names])
    return np.asarray(order.to_numpy(), np.int64), _equals_last([column.take(order) for column in columns])


def _plain(column: pa.ChunkedArray) -> pa.Array:
    values = one_array(column)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _equals_last(columns: Sequence[pa.Array]) -> Bool:
    """Say of each row whether all of its columns equal those of the row before it; null equals null."""
    same = np.ones(len(columns[0]), np.bool_)
    same[:1] = False
    for column in columns:
        here, before = column[1:], column[:-1]
        alike = pc.equal(pc.is_null(here), pc.is_null(before))  # NaN equals NaN, and null null, but not NaN
        missing = pc.and_(pc.is_null(here, nan_is_null=True), pc.is_null(before, nan_is_null=True))
        equal = pc.or_(pc.fill_null(pc.equal(here, before), False), pc.and_(alike, missing))
        same[1:] &= np.asarray(equal.to_numpy(zero_copy_only=False), np.bool_)
    return same
