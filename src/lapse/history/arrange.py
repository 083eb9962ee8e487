"""One bucket's rows of one table, brought into their order: by customer, by time, then by every other column.

In: the rows as they came, with a hash each. Out: :class:`Arranged`: each different row once, beside the
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

from lapse.schema import Bool, Int32, Int64

HASH = "hash"
"""The column that holds each row's hash."""

COPIES = "copies"
"""The stored column that says how many exact copies of a row there were."""

KNOWN_LATER = ("end", "end_known_at", "cause")
"""Columns that come last in the order of rows: which of two events at one moment counts as the later one must
not hang on an end that nobody knew then."""


@dataclass(frozen=True)
class Arranged:
    """The rows of one table and bucket.

    Attributes
    ----------
    table : pyarrow.Table
        Sorted; ``customer_id`` and text are dictionaries whose values ascend and occur, :data:`COPIES` stands
        behind the others.
    hash : int
        Sum of the hashes of the different rows, modulo 2**64.
    hash_of_copies : int
        The same of their further copies.
    """

    table: pa.Table
    hash: int
    hash_of_copies: int

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
        ``customer_id``, ``time`` where the table has one, other columns, :data:`HASH` (uint64). Text is
        dictionary-encoded.
    """
    rows = rows.unify_dictionaries().combine_chunks()
    ids, code = _ascending(one_array(rows["customer_id"]))
    moment = _moments(rows)
    order = _in_order(code, len(ids), moment)
    different = np.ones(len(order), np.bool_)
    tied = _tied(code[order], moment[order])
    if tied.any():
        positions = order[tied]
        place, same = _settle(rows.take(pa.array(positions)), code[positions])
        order[tied], different[tied] = positions[place], ~same
    hashes = rows[HASH].to_numpy()[order]
    copies = np.diff(np.append(np.flatnonzero(different), len(order))).astype(np.int32)
    kept = order[different]
    customer = pa.DictionaryArray.from_arrays(pa.array(code[kept]), ids)
    others = [name for name in rows.column_names if name not in ("customer_id", HASH)]
    taken = {name: _taken(one_array(rows[name]), kept) for name in others}
    return Arranged(
        pa.table({"customer_id": customer, **taken, COPIES: copies}),
        int(hashes[different].sum(dtype=np.uint64)),
        int(hashes[~different].sum(dtype=np.uint64)),
    )


def deal(bucket: Int32, n_buckets: int) -> tuple[Int64, Int64]:
    """Return the positions of rows by bucket, each bucket's in their order, and where each bucket begins."""
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(bucket, minlength=n_buckets))])
    return _dealt(bucket, starts.copy()), starts


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    made = column.combine_chunks()
    return pa.concat_arrays(made.chunks) if isinstance(made, pa.ChunkedArray) else made


@njit(cache=True, nogil=True)
def _dealt(bucket: Int32, begin: Int64) -> Int64:
    order = np.empty(len(bucket), np.int64)
    for row in range(len(bucket)):
        order[begin[bucket[row]]] = row
        begin[bucket[row]] += 1
    return order


@njit(cache=True, nogil=True)
def _sort_within(order: Int64, starts: Int64, moment: Int64) -> None:
    """Sort each customer's rows by moment, where they are not in order yet."""
    for customer in range(len(starts) - 1):
        first, stop = starts[customer], starts[customer + 1]
        for i in range(first + 1, stop):
            if moment[order[i - 1]] > moment[order[i]]:
                mine = order[first:stop].copy()
                order[first:stop] = mine[np.argsort(moment[mine], kind="mergesort")]
                break


def _in_order(code: Int32, n_customers: int, moment: Int64) -> Int64:
    order, starts = deal(code, n_customers)
    _sort_within(order, starts, moment)
    return order


def _ascending(column: pa.Array) -> tuple[pa.Array, Int32]:
    """Return the values that occur, ascending, and the place of each row's among them; -1 for null."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)
    there = np.bincount(codes + 1, minlength=len(coded.dictionary) + 1)[1:] > 0
    ascending = pc.sort_indices(coded.dictionary).to_numpy()
    ascending = ascending[there[ascending]]
    rank = np.full(len(there) + 1, -1, np.int32)  # the last one is that of -1
    rank[ascending] = np.arange(len(ascending), dtype=np.int32)
    return coded.dictionary.take(pa.array(ascending)), rank[codes]


def _taken(column: pa.Array, rows: Int64) -> pa.Array:
    taken = column.take(pa.array(rows))
    if not pa.types.is_dictionary(column.type):
        return taken
    values, codes = _ascending(taken)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


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
    names = [name for name in rows.column_names if name not in ("customer_id", HASH)]
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
