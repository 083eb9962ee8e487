"""Rows in their order: as a database sorts and groups them, however they came."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.history import arrange as module
from lapse.history.arrange import COPIES, arrange, deal

COLUMNS = ("customer_id", "time", "amount", "end", "plan")


def some_rows(rng: np.random.Generator, n: int, ids: list[object]) -> pa.Table:
    """Return rows with many ties, copies, nulls and NaN."""
    made = {
        "customer_id": pa.array([ids[i] for i in rng.integers(0, len(ids), n)]),
        "time": pa.array(rng.integers(0, max(n // 6, 1), n), pa.timestamp("us")),
        "end": pa.array(rng.integers(0, 3, n), pa.timestamp("us"), mask=rng.random(n) < 0.3),
        "amount": pa.array(rng.choice([1.0, 2.5, np.nan, -1.0], n), mask=rng.random(n) < 0.2),
        "plan": pa.array(rng.choice(np.array(["b", "a", "", None], object), n), pa.string()),
    }
    return coded(pa.table(made))


def coded(table: pa.Table) -> pa.Table:
    for position, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(position, field.name, table[field.name].dictionary_encode())
    return table


def plain(table: pa.Table) -> list[dict[str, object]]:
    """Return rows that can be compared: NaN is a word."""
    rows = table.to_pylist()
    return [{name: "nan" if value != value else value for name, value in row.items()} for row in rows]


def as_a_database_does(rows: pa.Table) -> pa.Table:
    order = 'customer_id, time, amount, plan, "end"'
    query = f"SELECT *, count(*)::INT AS {COPIES} FROM rows GROUP BY ALL ORDER BY {order}"
    return duckdb.from_arrow(rows).query("rows", query).to_arrow_table()


@pytest.mark.parametrize("ids", [[3, 1, 2**40, -7], ["b", "a", "", "ö"]])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 120))
@settings(deadline=None, max_examples=60)
def test_rows_are_ordered_and_grouped_as_a_database_does(ids: list[object], seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = some_rows(rng, n, ids)
    arranged = arrange(rows)
    assert plain(arranged.table.select([*rows.column_names, COPIES])) == plain(as_a_database_does(rows))
    assert arranged.copies.sum() == n
    there = [*plain(arranged.table.drop_columns([COPIES]).select(rows.column_names)), *plain(arranged.copied)]
    assert sorted(map(str, there)) == sorted(map(str, plain(rows)))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 80))
@settings(deadline=None, max_examples=40)
def test_the_order_in_which_rows_come_changes_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = some_rows(rng, n, ["x", "y", "z"])
    shuffled = rows.take(pa.array(rng.permutation(n)))
    pieces = pa.concat_tables([coded(decoded(shuffled.slice(k, 7))) for k in range(0, n, 7)])
    one, other = arrange(rows), arrange(pieces)
    assert one.table.schema == other.table.schema
    assert plain(one.table) == plain(other.table)
    for name in ("customer_id", "plan"):
        first, second = (table.table[name].combine_chunks() for table in (one, other))
        assert first.dictionary == second.dictionary
        assert first.dictionary.to_pylist() == sorted(set(first.to_pylist()) - {None})
    assert sorted(map(str, plain(one.copied))) == sorted(map(str, plain(other.copied)))


@pytest.mark.parametrize("late", [1, 40, 900])
def test_few_and_many_late_rows_come_to_their_place(late: int) -> None:
    n, rng = 900, np.random.default_rng(late)
    time = np.arange(n)
    time[n - late :] = rng.permutation(time[n - late :]) - (n - late)
    rows = coded(
        pa.table(
            {
                "customer_id": rng.integers(0, 2, n),
                "time": pa.array(time, pa.timestamp("us")),
                "end": pa.nulls(n, pa.timestamp("us")),
                "amount": rng.random(n),
                "plan": pa.nulls(n, pa.string()),
            }
        )
    )
    arranged = arrange(rows).table
    assert plain(arranged.select([*COLUMNS, COPIES])) == plain(as_a_database_does(rows.select(list(COLUMNS))))


def decoded(table: pa.Table) -> pa.Table:
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(position, field.name, table[field.name].cast(pa.string()))
    return table


def test_a_table_without_times_is_sorted_by_its_columns() -> None:
    rows = pa.table({"customer_id": [2, 1, 2, 2], "age": [9.0, 5.0, 7.0, 9.0]})
    arranged = arrange(rows)
    assert arranged.table.to_pydict() == {"customer_id": [1, 2, 2], "age": [5.0, 7.0, 9.0], COPIES: [1, 1, 2]}
    assert arranged.span == (None, None)
    assert (arranged.n_customers, arranged.copied.to_pylist()) == (2, [{"customer_id": 2, "age": 9.0}])


@given(st.lists(st.integers(0, 6), max_size=50))
def test_rows_are_dealt_in_their_order(buckets: list[int]) -> None:
    order, starts = deal(np.array(buckets, np.int32), 7)
    assert starts.tolist() == [sum(b < k for b in buckets) for k in range(8)]
    expected = sorted(range(len(buckets)), key=lambda row: buckets[row])
    assert order.tolist() == expected


def test_more_rows_than_positions_tell_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    rows = pa.table({"customer_id": [2, 1, 2, 2]})
    assert len(arrange(rows.slice(1)).table) == 2
    with pytest.raises(ValueError, match="a bucket of 4 rows, expected 3 at most"):
        arrange(rows)
