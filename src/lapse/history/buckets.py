"""One bucket's files as the arrays that everything downstream takes.

In: the history's folder and the number of a bucket. Out: a :class:`~lapse.schema.Bucket`: times become days
by flooring local wall-clock time, a customer's rows become a range of offsets. No row is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lapse.config import Business, Event, Table
from lapse.history.arrange import COPIES, counted, one_array, starts_of
from lapse.history.days import dates_of, day_numbers
from lapse.history.normalise import ATTRIBUTE
from lapse.history.store import read_stored
from lapse.schema import NEVER, Bucket, Events, Int32, Int64

ALWAYS = int(np.iinfo(np.int32).min)
"""The known day of a profile that has always been known."""


def read_bucket(business: Business, folder: Path, number: int) -> Bucket:
    """Return one bucket of the stored history.

    Parameters
    ----------
    business : Business
    folder : Path
        Holds ``<table>/<number>.arrow`` for every table.
    number : int
        From 0.

    Returns
    -------
    Bucket
    """
    keep = business.quality.duplicates == "keep"
    stored = {name: _read(folder, name, number, keep) for name in business.events}
    profile = None
    if business.customers is not None:
        profile = _read(folder, "customers", number, keep)
    tables = [*stored.values(), *([profile] if profile is not None else [])]
    customers = _customers(tables)
    events = {name: _events(business.events[name], table, customers) for name, table in stored.items()}
    attributes, profile_known = _profile(business.customers, profile, customers)
    known = np.minimum(_first_known(events.values(), len(customers)), profile_known)
    return Bucket(number, customers, known, attributes, profile_known, events)


def _read(folder: Path, name: str, number: int, keep_copies: bool) -> pa.Table:
    table = read_stored(folder, name, number).combine_chunks()
    if COPIES not in table.column_names:
        return table
    copies, once = table[COPIES].to_numpy(), table.drop_columns([COPIES])
    if not keep_copies:
        return once
    return once.take(pa.array(np.repeat(np.arange(len(once)), copies))).combine_chunks()


def _is_null(values: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _customers(tables: Sequence[pa.Table]) -> pa.Array:
    """Return the ids of all tables, ascending and each once."""
    ids = [one_array(table["customer_id"]).dictionary for table in tables]
    unique = pc.unique(pa.chunked_array(ids))
    return unique.take(pc.sort_indices(unique))


def _events(event: Event, table: pa.Table, customers: pa.Array) -> Events:
    time = one_array(table["time"])
    never = np.full(len(table), NEVER, np.int32)
    has_end = event.has_end
    return Events(
        offsets=_offsets(one_array(table["customer_id"]), customers),
        day=day_numbers(dates_of(time)),
        known_day=day_numbers(one_array(table["known_at"])),
        end_day=day_numbers(one_array(table["end"])) if has_end else never,
        end_known_day=day_numbers(one_array(table["end_known_at"])) if has_end else never,
        amount=one_array(table["amount"]).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        if event.has_amount
        else np.full(len(table), np.nan),
        cause=one_array(table["cause"]).to_numpy(zero_copy_only=False).astype(np.int8, copy=False)
        if has_end
        else np.zeros(len(table), np.int8),
        time_us=time.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False),
        attributes=_attributes(table),
    )


def _attributes(table: pa.Table) -> dict[str, pa.Array]:
    """Return the attributes by their own names; text is a dictionary, its values ascending."""
    return {
        name.removeprefix(ATTRIBUTE): one_array(table[name])
        for name in table.column_names
        if name.startswith(ATTRIBUTE)
    }


def _offsets(owners: pa.DictionaryArray, customers: pa.Array) -> Int64:
    """Return where each customer's rows begin; ``owners`` are sorted."""
    counts = np.zeros(len(customers), np.int64)
    place = pc.index_in(owners.dictionary, customers).to_numpy()
    counts[place] = counted(owners.indices.to_numpy(), len(place))
    return starts_of(counts)


def _first_known(kinds: Iterable[Events], n_customers: int) -> Int32:
    """Return the earliest known day of each customer's events."""
    known = np.full(n_customers, NEVER, np.int32)
    for events in kinds:
        has_rows = np.diff(events.offsets) > 0
        if has_rows.any():
            first = np.minimum.reduceat(events.known_day, events.offsets[:-1][has_rows])
            known[has_rows] = np.minimum(known[has_rows], first)
    return known


def _profile(section: Table | None, table: pa.Table | None, customers: pa.Array) -> tuple[pa.Table, Int32]:
    """Return the profile of every customer of the bucket, and the day from which it is known."""
    known_day = np.full(len(customers), NEVER, np.int32)
    if section is None or table is None:
        return _frame({}, len(customers)), known_day
    known = np.full(len(table), ALWAYS, np.int32)
    if "known_at" in section.columns:
        known = day_numbers(one_array(table["known_at"]))
    rows = pc.index_in(customers, one_array(table["customer_id"]).dictionary_decode())
    known_day[~_is_null(rows)] = known[rows.drop_null().to_numpy()]
    return _frame(
        {name: values.take(rows) for name, values in _attributes(table).items()}, len(customers)
    ), known_day


def _frame(columns: Mapping[str, pa.Array], n_rows: int) -> pa.Table:
    """Return a table that knows how many rows it has even where it has no columns."""
    return pa.table({"_": pa.nulls(n_rows), **columns}).drop_columns(["_"])
