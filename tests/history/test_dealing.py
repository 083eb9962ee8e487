"""Rows dealt out to buckets: each sound row once, in the bucket of its customer, and the odd ones counted."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from lapse.history import dealing
from lapse.history.arrange import arrange
from lapse.history.dealing import deal_out, dealt_file, dealt_to
from lapse.history.normalise import Plan
from lapse.history.sources import Source

N_BUCKETS = 3
COLUMNS = ("customer_id", "amount", "word")


def some_plan(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> Plan:
    connection.register("given", table)
    source = Source("order", "event 'order'", "given", {}, len(table), False, False)
    return Plan(source, "SELECT * FROM given", COLUMNS, True, ())


def some_rows(n: int) -> pa.Table:
    random = np.random.default_rng(n)
    amounts = pa.array(random.integers(0, 10, n).astype(float), mask=random.random(n) < 0.1)
    words = [None if k == 0 else f"w{k}" for k in random.integers(0, 5, n).tolist()]
    return pa.table(
        {"customer_id": random.integers(0, 50, n), "amount": amounts, "word": pa.array(words, pa.string())}
    )


def as_tuples(table: pa.Table) -> list[tuple[object, ...]]:
    return sorted(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True), key=repr)


@pytest.mark.parametrize("rows_at_once", [7, 500_000])
def test_sound_rows_are_dealt_by_customer_and_odd_ones_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(dealing, "ROWS_AT_ONCE", rows_at_once)
    table, connection = some_rows(5_000), duckdb.connect()
    plan = some_plan(connection, table)
    dealt, n_odd = deal_out(connection, plan, "amount > 7", tmp_path, N_BUCKETS)
    buckets = [dealt_to(tmp_path, dealt, number) for number in range(N_BUCKETS)]
    is_odd = [amount is not None and amount > 7 for amount in table["amount"].to_pylist()]
    assert n_odd == sum(is_odd) > 0
    assert as_tuples(pa.concat_tables(buckets, promote_options="permissive")) == as_tuples(
        table.filter(pa.array([not odd for odd in is_odd]))
    )
    customers = [set(bucket["customer_id"].to_pylist()) for bucket in buckets]
    assert sum(map(len, customers)) == len(set.union(*customers)) == 50
    assert all(bucket.schema == dealt.schema for bucket in buckets)
    hashes = connection.execute(
        f"SELECT sum(hash('order', {', '.join(COLUMNS)}))::VARCHAR FROM given"
    ).fetchone()
    others, _ = deal_out(connection, plan, "false", tmp_path, N_BUCKETS, "amount > 7")
    both = dealt.and_then(others)
    everything = pa.concat_tables([dealt_to(tmp_path, dealt, number) for number in range(N_BUCKETS)])
    assert as_tuples(everything) == as_tuples(table)
    assert hashes is not None
    assert both.hash == int(hashes[0]) % 2**64 != dealt.hash


def test_a_bucket_to_which_nothing_was_dealt_is_empty(tmp_path: Path) -> None:
    connection = duckdb.connect()
    plan = some_plan(connection, some_rows(20))
    dealt, n_odd = deal_out(connection, plan, "true", tmp_path, N_BUCKETS)
    assert (n_odd, dealt.hash, list(tmp_path.iterdir())) == (20, 0, [])
    empty = dealt_to(tmp_path, dealt, 1)
    assert (len(empty), empty.column_names) == (0, list(COLUMNS))


@pytest.mark.parametrize("n_buckets", [1, 3, 12, 1_000])
def test_the_range_of_the_hash_is_the_bucket_and_before_all_stand_odd_rows(n_buckets: int) -> None:
    upper = np.array([-1, 0, 2**31 - 1, 2**30], np.int32)
    found = dealing._behind_odd(upper, n_buckets) - 1
    assert found.tolist() == [-1, 0, n_buckets - 1, n_buckets // 2]


@pytest.mark.parametrize("ids", [range(1, 2_001), [f"c{number}" for number in range(2_000)]])
def test_customers_are_dealt_evenly(tmp_path: Path, ids: list[object]) -> None:
    table = pa.table({"customer_id": list(ids), "amount": np.ones(2_000), "word": ["w"] * 2_000})
    connection = duckdb.connect()
    dealt, _ = deal_out(connection, some_plan(connection, table), "false", tmp_path, 8)
    sizes = [len(dealt_to(tmp_path, dealt, number)) for number in range(8)]
    assert sum(sizes) == 2_000
    assert 190 < min(sizes) <= max(sizes) < 310


def test_what_is_arranged_does_not_lie_in_the_file_that_it_is_written_over(tmp_path: Path) -> None:
    table, connection = some_rows(500), duckdb.connect()
    dealt, _ = deal_out(connection, some_plan(connection, table), "false", tmp_path, 1)
    whole = arrange(dealt_to(tmp_path, dealt, 0))
    before = whole.table.to_pylist(), whole.copied.to_pylist()
    file = dealt_file(tmp_path, 0)
    with file.open("r+b") as over:
        over.write(b"\xff" * file.stat().st_size)
    assert (whole.table.to_pylist(), whole.copied.to_pylist()) == before
    assert len(whole.copied) > 0
