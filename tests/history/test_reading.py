"""The history as a whole: the same rows give the same history, and nothing is lost or left behind."""

from __future__ import annotations

import gc
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapse.errors import DataError, Problem
from lapse.history import History, dealing, read, reading
from lapse.history.room import Room
from lapse.schema import Bucket, to_day
from tests.history.making import ORDER, TERM, TODAY, business, orders, rows, times, write

FEATURES = {**ORDER, "features": ["plan", "items"]}
CUSTOMERS = {"path": "customers.parquet", "columns": {"customer_id": "customer"}, "features": ["region"]}
ANY_FOLDER = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def random_orders(seed: int, n: int, customers: list[Any]) -> pa.Table:
    """Return orders with many ties in customer, time and amount, and nulls among the attributes."""
    random = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 40, n) * 6, unit="h")
    return pa.table(
        {
            "customer": pa.array([customers[i] for i in random.integers(0, len(customers), n)]),
            "at": pa.array(at, pa.timestamp("us")),
            "paid": pa.array(random.integers(0, 5, n) / 4),
            "plan": pa.array([[None, "x", "y", "z"][i] for i in random.integers(0, 4, n)]),
            "items": pa.array(random.integers(0, 3, n), mask=random.random(n) < 0.2),
        }
    )


def by_customer(history: History) -> dict[Any, Any]:
    """Return all that the buckets hold of each customer, as plain values."""
    found = {}
    for bucket in history.buckets():
        profile = bucket.profile.to_pylist() if bucket.profile.num_columns else [{}] * len(bucket)
        for place, customer in enumerate(bucket.customer_id.to_pylist()):
            assert customer not in found
            found[customer] = {
                "known_day": int(bucket.known_day[place]),
                "profile": profile[place],
                "profile_known_day": int(bucket.profile_known_day[place]),
            } | {kind: events_of(bucket, kind, place) for kind in bucket.events}
    return found


def events_of(bucket: Bucket, kind: str, place: int) -> dict[str, list[Any]]:
    events = bucket.events[kind]
    part = slice(events.offsets[place], events.offsets[place + 1])
    arrays = ("day", "known_day", "end_day", "end_known_day", "amount", "cause", "time_us")
    return {name: getattr(events, name)[part].tolist() for name in arrays} | {
        name: values[part].to_pylist() for name, values in events.attributes.items()
    }


@pytest.mark.parametrize("kind", ["integer", "text", "uuid"])
@ANY_FOLDER
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), per_bucket=st.integers(7, 30))
def test_any_order_and_any_number_of_buckets_give_the_same(
    tmp_path: Path, kind: str, seed: int, n: int, per_bucket: int
) -> None:
    made = {
        "integer": list(range(-3, 8)),
        "text": ["a", "b", "ä", "B", "aa", "10", "9"],
        "uuid": [uuid.UUID(int=i * 2**100) for i in range(6)],
    }[kind]
    table = random_orders(seed, n, made)
    shuffled = table.take(pa.array(np.random.default_rng(seed + 1).permutation(n)))
    write(tmp_path, "customers.parquet", {"customer": pa.array(made[1:]), "region": ["n"] * (len(made) - 1)})
    shop = business(tmp_path, {"order": FEATURES}, customers=CUSTOMERS, quality={"duplicates": "drop"})
    write(tmp_path, "orders.parquet", table)
    with read(shop, today=TODAY) as whole:
        expected, fingerprint = by_customer(whole), whole.fingerprint
        assert whole.n_buckets == 1
        assert whole.summaries[1].rows + sum(finding.rows for finding in whole.findings) == n
    write(tmp_path, "orders.parquet", shuffled)
    with read(shop, rows_per_bucket=per_bucket, today=TODAY) as parts:
        there = n + len(made) - 1
        assert parts.n_buckets == (1 if there <= per_bucket else -(-there // (4 * per_bucket)) * 4)
        assert by_customer(parts) == expected
        assert parts.fingerprint == fingerprint
        for bucket in parts.buckets():
            ids = bucket.customer_id.to_pylist()
            assert ids == sorted(ids)


@ANY_FOLDER
@given(seed=st.integers(0, 10**6), n=st.integers(1, 50), per_bucket=st.integers(3, 80))
def test_what_is_read_is_stored_or_dropped_and_counted(
    tmp_path: Path, seed: int, n: int, per_bucket: int
) -> None:
    random = np.random.default_rng(seed)
    table = random_orders(seed, n, ["a", "b", None])
    table = table.set_column(2, "paid", pa.array(random.choice([1.0, np.nan, np.inf, -1.0], n)))
    table = table.append_column(
        "seen", pa.array([date(2024, 1, 4), None], pa.date32()).take(pa.array(random.integers(0, 2, n)))
    )
    write(tmp_path, "orders.parquet", table)
    event = {**FEATURES, "columns": {**ORDER["columns"], "known_at": "seen"}, "allowed": {"plan": ["x", "y"]}}
    rules = dict.fromkeys(
        [
            "duplicates",
            "null_keys",
            "null_amounts",
            "negative_orders",
            "known_before_time",
            "unknown_categories",
        ],
        "drop",
    )
    shop = business(tmp_path, {"order": event}, quality=rules)
    frame = table.to_pandas()
    good = frame[
        frame["customer"].notna()
        & frame["seen"].notna()
        & np.isfinite(frame["paid"])
        & (frame["paid"] >= 0)
        & (frame["at"].dt.normalize() <= pd.Timestamp("2024-01-04"))
        & frame["plan"].isin(["x", "y", None])
    ].drop_duplicates()
    if good.empty:
        with pytest.raises(DataError, match="at least one row that stays"):
            read(shop, rows_per_bucket=per_bucket, today=TODAY)
        return
    with read(shop, rows_per_bucket=per_bucket, today=TODAY) as history:
        assert sum(finding.rows for finding in history.findings) == n - len(good)
        assert history.summaries[0].rows == len(good) == len(rows(history, "order"))


def test_rows_that_get_lost_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(tmp_path)
    shop = business(tmp_path, {"order": ORDER})
    honest = dealing.deal_out

    def careless(*given: Any) -> tuple[dealing.Dealt, int]:
        return honest(*given, "amount > 3")

    monkeypatch.setattr(reading, "deal_out", careless)
    with pytest.raises(DataError, match=r"3 read = stored \+ dropped, got 2 stored \+ 0 dropped"):
        read(shop, today=TODAY)


def test_copies_are_kept_in_every_bucket(tmp_path: Path) -> None:
    table = random_orders(5, 40, ["a", "b", "c"])
    write(tmp_path, "orders.parquet", pa.concat_tables([table, table]))
    shop = business(tmp_path, {"order": FEATURES}, quality={"duplicates": "keep"})
    with read(shop, rows_per_bucket=10, today=TODAY) as history:
        assert len(rows(history, "order")) == history.summaries[0].rows == 80
        twice = history.fingerprint
    write(tmp_path, "orders.parquet", table)
    with read(shop, today=TODAY) as history:
        assert history.fingerprint != twice


def test_copies_that_are_dropped_leave_no_trace_in_the_fingerprint(tmp_path: Path) -> None:
    seen = []
    table = random_orders(5, 40, ["a", "b", "c"])
    for copies in ([table], [table, table.slice(3, 11), table]):
        write(tmp_path, "orders.parquet", pa.concat_tables(copies))
        with read(
            business(tmp_path, {"order": FEATURES}, quality={"duplicates": "drop"}), today=TODAY
        ) as history:
            seen.append(history.fingerprint)
    assert seen[0] == seen[1]


def test_an_end_that_nobody_knew_does_not_decide_which_of_two_contracts_is_the_later(tmp_path: Path) -> None:
    contract = {**TERM, "features": ["plan"]}
    seen = []
    for ends in (("2024-03-01", "2024-04-01"), ("2024-04-01", "2024-03-01")):
        write(
            tmp_path,
            "terms.parquet",
            {
                "member": ["a", "a"],
                "starts": times("2024-01-01", "2024-01-01"),
                "ends": times(*ends),
                "price": [30.0, 20.0],
                "plan": ["x", "y"],
            },
        )
        shop = business(
            tmp_path, {"term": contract}, churn={"event": "term", "grace": "30d", "end_known": "at_end"}
        )
        with read(shop, today=TODAY) as history:
            events = history.bucket(0).events["term"]
            seen.append((events.amount.tolist(), events.attributes["plan"].to_pylist()))
    assert seen[0] == seen[1] == ([20.0, 30.0], ["y", "x"])


def test_the_fingerprint_sees_every_value(tmp_path: Path) -> None:
    shop = business(tmp_path, {"order": {**ORDER, "features": ["plan"]}})
    seen = set()
    for change in ({}, {"paid": [10.0, 5.0, 2.0]}, {"customer": ["b", "a", "c"]}, {"plan": ["x", "y", "y"]}):
        orders(tmp_path, **({"plan": ["x", "y", None]} | change))
        with read(shop, today=TODAY) as history:
            assert len(history.fingerprint) == 16
            seen.add(history.fingerprint)
    assert len(seen) == 4


def test_today_is_by_default_the_current_date(tmp_path: Path) -> None:
    tomorrow = pd.Timestamp.now(tz="UTC").tz_localize(None).normalize() + timedelta(days=2)
    orders(tmp_path, at=pa.array([tomorrow] * 3, pa.timestamp("us")))
    with pytest.raises(DataError, match="nothing known after today"):
        read(business(tmp_path, {"order": ORDER}))


def test_summaries(tmp_path: Path) -> None:
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"customer": ["a", "z"], "region": ["n", "s"]})
    shop = business(tmp_path, {"order": ORDER}, customers=CUSTOMERS)
    with read(shop, rows_per_bucket=2, today=TODAY) as history:
        customers, order = history.summaries
    assert (customers.name, customers.rows, customers.customers, customers.first) == ("customers", 2, 2, None)
    assert customers.columns == ("customer", "region")
    assert (order.name, order.rows, order.customers) == ("order", 3, 2)
    assert (order.first, order.last) == (date(2024, 1, 1), date(2024, 1, 3))
    assert order.columns == ("customer", "at", "paid")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    orders(tmp_path)
    place = tmp_path / "work"
    with read(business(tmp_path, {"order": ORDER}), place, today=TODAY) as history:
        assert len(list(place.iterdir())) == 1
        assert not list(place.rglob("dealt/*/*"))
    assert list(place.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        history.bucket(0)
    forgotten = read(business(tmp_path, {"order": ORDER}), place, today=TODAY)
    assert len(list(place.iterdir())) == 1
    del forgotten
    gc.collect()
    assert list(place.iterdir()) == []
    orders(tmp_path, paid=[None, 1.0, 2.0])
    with pytest.raises(DataError):
        read(business(tmp_path, {"order": ORDER}), place, today=TODAY)
    assert list(place.iterdir()) == []


def test_nothing_is_left_behind_by_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(tmp_path)

    def interrupted(*_: Any) -> Problem | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "balance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(business(tmp_path, {"order": ORDER}), tmp_path / "work", today=TODAY)
    assert list((tmp_path / "work").iterdir()) == []


def test_bucket_numbers_and_sizes_are_checked(tmp_path: Path) -> None:
    orders(tmp_path)
    shop = business(tmp_path, {"order": ORDER})
    with read(shop, today=TODAY) as history, pytest.raises(IndexError, match="bucket 1 of 1"):
        history.bucket(1)
    with pytest.raises(ValueError, match="at least 1"):
        read(shop, rows_per_bucket=0)


def test_customers_without_events_and_events_without_customers(tmp_path: Path) -> None:
    orders(tmp_path)
    write(
        tmp_path,
        "customers.parquet",
        {
            "customer": ["z", "a"],
            "region": ["south", "north"],
            "joined": pa.array([date(2024, 1, 9), date(2023, 5, 1)]),
        },
    )
    dated = {**CUSTOMERS, "columns": {"customer_id": "customer", "known_at": "joined"}}
    with read(business(tmp_path, {"order": ORDER}, customers=dated), today=TODAY) as history:
        bucket = history.bucket(0)
    first = [to_day(day) for day in (date(2023, 5, 1), date(2024, 1, 1), date(2024, 1, 9))]
    assert bucket.customer_id.to_pylist() == ["a", "b", "z"]
    assert bucket.known_day.tolist() == first
    assert bucket.profile["region"].to_pylist() == ["north", None, "south"]
    assert bucket.profile_known_day.tolist() == [first[0], 2**31 - 1, first[2]]
    assert bucket.events["order"].offsets.tolist() == [0, 1, 3, 3]
    with read(business(tmp_path, {"order": ORDER}, customers=CUSTOMERS), today=TODAY) as history:
        bucket = history.bucket(0)
    assert bucket.known_day.tolist() == [-(2**31), first[1], -(2**31)]
    assert bucket.profile_known_day.tolist() == [-(2**31), 2**31 - 1, -(2**31)]


def test_one_customer_one_event(tmp_path: Path) -> None:
    write(tmp_path, "orders.parquet", {"customer": ["a"], "at": times("2024-01-01"), "paid": [1.0]})
    with read(business(tmp_path, {"order": ORDER}), today=TODAY) as history:
        assert rows(history, "order")["amount"].tolist() == [1.0]


def test_an_engine_with_little_memory_reads_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Room, "engine", 60 * 10**6)
    n = 600_000
    random = np.random.default_rng(0)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 10**7, n), unit="s")
    write(
        tmp_path,
        "orders.parquet",
        {
            "customer": pa.array(random.integers(0, 20_000, n)),
            "at": pa.array(at, pa.timestamp("us")),
            "paid": pa.array(random.random(n)),
        },
    )
    with read(business(tmp_path, {"order": ORDER}), rows_per_bucket=100_000, today=TODAY) as history:
        assert history.n_buckets == 8
        assert history.summaries[0].rows == n


def test_what_is_dealt_out_takes_no_more_than_twice_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, random = 60_000, np.random.default_rng(0)
    ids = np.array([f"customer-{number:08d}" for number in range(20_000)], object)
    table = pa.table(
        {
            "customer": pa.array(random.choice(ids, n)),
            "at": pa.array(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="s")),
            "paid": pa.array(random.random(n)),
            "plan": pa.array([f"{number:020d}" for number in random.permutation(n)]),
            "items": pa.array(random.integers(0, 9, n)),
        }
    )
    write(tmp_path, "orders.parquet", table)
    monkeypatch.setattr(dealing, "ROWS_AT_ONCE", 10_000)
    deal_out, dealt = dealing.deal_out, list[int]()

    def weighed(connection: Any, plan: Any, odd: str, place: Path, n_buckets: int) -> Any:
        found = deal_out(connection, plan, odd, place, n_buckets)
        dealt.append(sum(file.stat().st_size for file in place.glob("*.dealt")))
        return found

    monkeypatch.setattr(reading, "deal_out", weighed)
    with read(business(tmp_path, {"order": FEATURES}), rows_per_bucket=3_000, today=TODAY) as history:
        assert history.n_buckets == 20
        found = rows(history, "order")
    assert max(dealt) < 2 * table.nbytes
    assert sorted(found["plan"]) == sorted(table["plan"].to_pylist())
    assert found["customer_id"].nunique() == len(set(table["customer"].to_pylist()))


def test_a_damaged_page_is_said_of_its_table(tmp_path: Path) -> None:
    file = tmp_path / "orders.parquet"
    pq.write_table(random_orders(5, 400_000, ["a", "b", "c"]), file, row_group_size=20_000)
    last = pq.read_metadata(file).row_group(19)  # DuckDB has handed over rows when it comes to this one
    plan = next(
        chunk for number in range(last.num_columns) if (chunk := last.column(number)).path_in_schema == "plan"
    )
    content = bytearray(file.read_bytes())
    begin = plan.dictionary_page_offset or plan.data_page_offset
    content[begin : begin + plan.total_compressed_size] = b"\xff" * plan.total_compressed_size
    file.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"event 'order'.*content: expected rows that can be read"):
        read(business(tmp_path, {"order": FEATURES}), today=TODAY)
