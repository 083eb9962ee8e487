"""Rows that cannot be right: counted, with the first of them, and what the config says is done."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from lapse.history import Finding
from lapse.history.quality import balance
from tests.history.making import ORDER, TERM, orders, reading, refusal, rows, terms, times, write

KNOWN = {**ORDER, "columns": {**ORDER["columns"], "known_at": "seen"}}
AT_END = {"event": "term", "grace": "14d", "end_known": "at_end"}


def null_customer(folder: Path) -> dict[str, Any]:
    orders(folder, customer=["b", "a", None])
    return {"events": {"order": ORDER}}


def null_time(folder: Path) -> dict[str, Any]:
    orders(folder, at=times("2024-01-03 10:00", "2024-01-02 09:00", None))
    return {"events": {"order": ORDER}}


def null_known(folder: Path) -> dict[str, Any]:
    orders(folder, seen=times("2024-01-03 10:00", "2024-01-02 09:00", None))
    return {"events": {"order": KNOWN}}


def null_amount(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 5.0, None])
    return {"events": {"order": ORDER}}


def infinite_amount(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 5.0, math.inf])
    return {"events": {"order": ORDER}}


def nan_amount(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 5.0, math.nan])
    return {"events": {"order": ORDER}}


def returned(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 0.0, -2.5])
    return {"events": {"order": ORDER}}


def known_early(folder: Path) -> dict[str, Any]:
    orders(folder, seen=times("2024-01-03 10:00", "2024-01-02 09:00", "2023-12-31"))
    return {"events": {"order": KNOWN}}


def known_late(folder: Path) -> dict[str, Any]:
    orders(folder, seen=times("2024-01-03 10:00", "2024-01-02 09:00", "2025-01-01 00:00"))
    return {"events": {"order": KNOWN}}


def known_after_observed(folder: Path) -> dict[str, Any]:
    orders(folder)
    return {"events": {"order": ORDER}, "observed_until": "2024-01-02"}


def empty_customer(folder: Path) -> dict[str, Any]:
    orders(folder, customer=["b", "a", " "])
    return {"events": {"order": ORDER}}


def huge_amount(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 5.0, 1e300])
    return {"events": {"order": ORDER}}


def infinitely_returned(folder: Path) -> dict[str, Any]:
    orders(folder, paid=[10.0, 5.0, -math.inf])
    return {"events": {"order": ORDER}}


def stands_for_nothing(day: str) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        orders(folder, at=times("2024-01-03 10:00", "2024-01-02 09:00", day))
        return {"events": {"order": ORDER}}

    return make


def known_in_1900(folder: Path) -> dict[str, Any]:
    orders(folder, seen=times("2024-01-03 10:00", "2024-01-02 09:00", "1900-01-01"))
    return {"events": {"order": KNOWN}}


def ends_early(folder: Path) -> dict[str, Any]:
    terms(
        folder,
        member=["a", "b", "b"],
        starts=times("2024-01-01", "2024-01-02", "2024-01-03"),
        ends=times("2024-02-01", None, "2024-01-02 23:00"),
        price=[1.0] * 3,
    )
    return {"events": {"term": TERM}, "churn": AT_END}


def unknown_plan(folder: Path) -> dict[str, Any]:
    orders(folder, plan=["x", None, "z"])
    return {"events": {"order": {**ORDER, "features": ["plan"], "allowed": {"plan": ["x", "y"]}}}}


def copied(folder: Path) -> dict[str, Any]:
    orders(folder, customer=["b", "a", "a"], at=times(*["2024-01-02"] * 3), paid=[5.0, -0.0, 0.0])
    return {"events": {"order": ORDER}}


CASES: list[tuple[Callable[[Path], dict[str, Any]], str, str]] = [
    (null_customer, "null_keys", "customer_id or time: expected a value in every row"),
    (null_time, "null_keys", "first: customer b, time null"),
    (null_known, "null_keys", "customer_id or time or known_at: expected a value in every row"),
    (null_amount, "null_amounts", "amount: expected a finite number in every row"),
    (infinite_amount, "null_amounts", "first: customer b, time 2024-01-01 23:59:00"),
    (nan_amount, "null_amounts", "amount: expected a finite number"),
    (
        returned,
        "negative_orders",
        "amount: expected 0 or more, since every row counts as an order, got '-2.5'",
    ),
    (known_early, "known_before_time", "expected known_at at or after time, got '2023-12-31 00:00:00'"),
    (known_late, "future_dates", "nothing known after today (2024-12-31), got '2025-01-01 00:00:00'"),
    (empty_customer, "null_keys", "customer_id or time: expected a value in every row"),
    (huge_amount, "null_amounts", "amount: expected a finite number in every row, below 1e+15"),
    (infinitely_returned, "null_amounts", "amount: expected a finite number in every row"),
    (
        stands_for_nothing("0001-01-01"),
        "placeholder_dates",
        "time: expected a date from 1800 on and before 9999",
    ),
    (
        stands_for_nothing("0024-05-01"),
        "placeholder_dates",
        "got '0024-05-01 00:00:00' (1 row); first: customer b",
    ),
    (stands_for_nothing("9999-12-31"), "placeholder_dates", "got '9999-12-31 00:00:00' (1 row)"),
    (
        stands_for_nothing("1899-12-30"),
        "placeholder_dates",
        "a real date: 1900-01-01, far from all others,",
    ),
    (stands_for_nothing("1900-01-01"), "placeholder_dates", "got '1900-01-01 00:00:00' (1 row)"),
    (
        stands_for_nothing("1970-01-01"),
        "placeholder_dates",
        "a real date: 1970-01-01, far from all others,",
    ),
    (
        stands_for_nothing("1969-12-31 19:00"),
        "placeholder_dates",
        "a real date: 1970-01-01, far from all others,",
    ),
    (
        known_in_1900,
        "placeholder_dates",
        "known_at: expected a real date: 1900-01-01, far from all others, stands for a missing one",
    ),
    (known_after_observed, "future_dates", "nothing known after observed_until (2024-01-02)"),
    (ends_early, "end_before_time", "end: expected end at or after time, got '2024-01-02 23:00:00'"),
    (unknown_plan, "unknown_categories", "column 'plan': expected one of x, y, got 'z'"),
    (copied, "duplicates", "all mapped columns: expected each row once"),
]


@pytest.mark.parametrize(("make", "check", "said"), CASES)
def test_refused_with_count_and_first_example(
    tmp_path: Path, make: Callable[[Path], dict[str, Any]], check: str, said: str
) -> None:
    told = refusal(tmp_path, **make(tmp_path))
    assert said in told
    assert "(1 row); first: customer" in told
    assert f"quality.{check}: drop" in told
    assert told.count("expected") == 1, "one mistake is said once"


@pytest.mark.parametrize(("make", "check", "said"), CASES)
def test_dropped_and_counted(
    tmp_path: Path, make: Callable[[Path], dict[str, Any]], check: str, said: str
) -> None:
    del said
    with reading(tmp_path, **make(tmp_path), quality={check: "drop"}) as history:
        (finding,) = history.findings
        kept = history.summaries[0].rows
    assert (finding.check, finding.rows, finding.done) == (check, 1, "dropped")
    assert finding.example.startswith("customer ")
    assert kept == 2


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (known_early, "known_before_time"),
        (copied, "duplicates"),
        (stands_for_nothing("1900-01-01"), "placeholder_dates"),
    ],
)
def test_kept_and_counted(tmp_path: Path, make: Callable[[Path], dict[str, Any]], check: str) -> None:
    with reading(tmp_path, **make(tmp_path), quality={check: "keep"}) as history:
        (finding,) = history.findings
        found = rows(history, next(iter(history.business.events)))
    assert (finding.check, finding.rows, finding.done) == (check, 1, "kept")
    assert len(found) == 3


@pytest.mark.parametrize("day", ["1900-01-01", "1970-01-01"])
@pytest.mark.parametrize(("days_off", "is_real"), [(-365, True), (-368, False), (365, True), (366, False)])
def test_where_clocks_begin_a_date_is_real_if_another_lies_near(
    tmp_path: Path, day: str, days_off: int, is_real: bool
) -> None:
    near = str(pd.Timestamp(day) + pd.Timedelta(days=days_off))
    orders(tmp_path, at=times("2024-01-03", near, day))
    if is_real:
        with reading(tmp_path, {"order": ORDER}) as history:
            assert history.findings == ()
            assert history.summaries[0].rows == 3
    else:
        assert f"got '{day} 00:00:00' (1 row)" in refusal(tmp_path, {"order": ORDER})


def test_a_real_date_does_not_defend_another(tmp_path: Path) -> None:
    orders(
        tmp_path,
        customer=["a"] * 4,
        at=times("1970-01-01", "1971-01-01", "1900-01-01", "0001-01-01"),
        paid=[1.0] * 4,
    )
    with reading(tmp_path, {"order": ORDER}, quality={"placeholder_dates": "drop"}) as history:
        assert [finding.rows for finding in history.findings] == [1, 1]
        assert history.summaries[0].first == dt.date(1970, 1, 1)


@pytest.mark.parametrize(("paid", "kept"), [(math.nan, 1), (1.0, 4)])
def test_a_row_that_is_dropped_does_not_defend_another(tmp_path: Path, paid: float, kept: int) -> None:
    at = times("1970-01-01", "1970-01-01", "1970-03-01", "2024-01-01")
    orders(tmp_path, customer=["a"] * 4, at=at, paid=[1.0, 2.0, paid, 3.0])
    quality = {"placeholder_dates": "drop", "null_amounts": "drop"}
    with reading(tmp_path, {"order": ORDER}, quality=quality) as history:
        found = {finding.check: finding.rows for finding in history.findings}
        assert found == ({} if kept == 4 else {"null_amounts": 1, "placeholder_dates": 2})
        assert history.summaries[0].rows == kept


@pytest.mark.parametrize("blank", ["", "  ", "\t", " \n", "\u00a0", "\u200b"])
def test_an_id_in_which_nothing_can_be_seen_is_none(tmp_path: Path, blank: str) -> None:
    orders(tmp_path, customer=[f"{blank}a", "b", blank])
    with reading(tmp_path, {"order": ORDER}, quality={"null_keys": "drop"}) as history:
        assert [(finding.check, finding.rows) for finding in history.findings] == [("null_keys", 1)]
        assert history.summaries[0].customers == 2


@pytest.mark.parametrize("day", [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59)])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_dates_at_the_end_of_the_calendar_cannot_be_kept(tmp_path: Path, day: dt.datetime, zone: str) -> None:
    at = pa.array([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2), day], pa.timestamp("us", "UTC"))
    orders(tmp_path, at=at)
    said = refusal(tmp_path, {"order": ORDER}, timezone=zone, quality={"placeholder_dates": "keep"})
    assert "time: expected a date from 1800 on and before 9999-12-31: others stand for a missing" in said
    with reading(tmp_path, {"order": ORDER}, timezone=zone, quality={"placeholder_dates": "drop"}) as history:
        assert history.summaries[0].rows == 2


def test_an_end_that_stands_for_none_is_refused_or_kept_but_never_dropped(tmp_path: Path) -> None:
    terms(tmp_path, ends=times("2024-02-01", "9999-12-31"))
    for rule in ("refuse", "drop"):
        said = refusal(tmp_path, {"term": TERM}, churn=AT_END, quality={"placeholder_dates": rule})
        assert "end: expected null where there is none: 9999-12-31 stands for no end" in said
        assert said.count("expected") == 1
    with reading(tmp_path, {"term": TERM}, churn=AT_END, quality={"placeholder_dates": "keep"}) as history:
        assert history.findings[0].done == "kept"
        assert len(rows(history, "term")) == 2


def test_a_row_that_two_rules_drop_is_dropped_once(tmp_path: Path) -> None:
    orders(tmp_path, customer=["b", "a", None], paid=[10.0, None, None])
    quality = {"null_keys": "drop", "null_amounts": "drop"}
    with reading(tmp_path, {"order": ORDER}, quality=quality) as history:
        assert history.findings == (
            Finding("order", "null_keys", 1, "customer null, time 2024-01-01 23:59:00", "dropped"),
            Finding("order", "null_amounts", 1, "customer a, time 2024-01-02 09:00:00", "dropped"),
        )
        assert len(rows(history, "order")) == 1


def test_refunds_and_the_amounts_of_spans_may_be_negative(tmp_path: Path) -> None:
    orders(tmp_path)
    refund = {"customer": ["a", "b"], "at": times("2024-01-03", "2024-01-04"), "paid": [-5.0, -1.5]}
    write(tmp_path, "refunds.parquet", refund)
    with reading(tmp_path, {"order": ORDER, "refund": {**ORDER, "path": "refunds.parquet"}}) as history:
        assert rows(history, "refund")["amount"].tolist() == [-5.0, -1.5]
    terms(tmp_path, price=[30.0, -30.0])
    with reading(tmp_path, {"term": TERM}, churn=AT_END) as history:
        assert rows(history, "term")["amount"].tolist() == [30.0, -30.0]


def test_a_date_is_not_before_the_hour_of_its_day(tmp_path: Path) -> None:
    orders(tmp_path, seen=times("2024-01-03", "2024-01-02", "2024-01-01"))
    with reading(tmp_path, {"order": KNOWN}) as history:
        assert history.findings == ()


def test_a_row_may_be_known_until_the_end_of_the_last_day(tmp_path: Path) -> None:
    orders(tmp_path, seen=times("2024-12-31 23:59:59.999999", "2024-01-02 09:00", "2024-01-01 23:59"))
    with reading(tmp_path, {"order": KNOWN}) as history:
        assert history.findings == ()


def test_all_rows_dropped_is_refused(tmp_path: Path) -> None:
    orders(tmp_path, paid=[None, None, math.nan])
    said = refusal(tmp_path, {"order": ORDER}, quality={"null_amounts": "drop"})
    assert "rows: expected at least one row that stays, got none: all 3 were dropped" in said


def test_many_problems_of_many_tables_at_once(tmp_path: Path) -> None:
    orders(
        tmp_path,
        customer=["b", None, "b"],
        paid=[None, 1.0, math.nan],
        at=times("2024-01-03", None, "2030-01-01"),
    )
    write(tmp_path, "visits.parquet", {"customer": ["a", "a"], "at": times("2024-01-01", "2024-01-01")})
    visit = {"path": "visits.parquet", "columns": {"customer_id": "customer", "time": "at"}}
    said = refusal(tmp_path, {"order": ORDER, "visit": visit})
    assert "a finite number in every row, below 1e+15, got rows that break this (2 rows)" in said
    for part in ("customer_id or time", "nothing known after today", "event 'visit'", "each row once"):
        assert part in said


@pytest.mark.parametrize("rule", ["refuse", "drop", "keep"])
def test_a_customer_has_one_row(tmp_path: Path, rule: str) -> None:
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"id": ["a", "b", "b"], "age": [1, 2, 3]})
    customers = {"path": "customers.parquet", "columns": {"customer_id": "id"}, "features": ["age"]}
    said = refusal(tmp_path, {"order": ORDER}, customers=customers, quality={"duplicates": rule})
    assert "customers (customers.parquet): customer_id: expected one row a customer" in said
    assert "first: customer b" in said


def test_exact_copies_of_a_customer_can_be_dropped_but_not_kept(tmp_path: Path) -> None:
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"id": ["a", "b", "b"], "age": [1, 2, 2]})
    customers = {"path": "customers.parquet", "columns": {"customer_id": "id"}, "features": ["age"]}
    with reading(tmp_path, {"order": ORDER}, customers=customers, quality={"duplicates": "drop"}) as history:
        assert history.findings == (Finding("customers", "duplicates", 1, "customer b", "dropped"),)
        assert history.bucket(0).profile["age"].to_pylist() == [1, 2]
    said = refusal(tmp_path, {"order": ORDER}, customers=customers, quality={"duplicates": "keep"})
    assert "expected one row a customer" in said


def test_null_customers_in_the_customers_table(tmp_path: Path) -> None:
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"id": ["a", None, None]})
    customers = {"path": "customers.parquet", "columns": {"customer_id": "id"}}
    said = refusal(tmp_path, {"order": ORDER}, customers=customers)
    assert "customer_id: expected a value in every row" in said
    with reading(tmp_path, {"order": ORDER}, customers=customers, quality={"null_keys": "drop"}) as history:
        assert history.findings[0] == Finding("customers", "null_keys", 2, "customer null", "dropped")


def test_what_is_refused_gives_no_other_mistake(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\n" + "a,soon,1\n" * 3 + "b,2024-01-01,1\n")
    said = refusal(tmp_path, {"order": {**ORDER, "path": "orders.csv"}}, observed_until="2024-12-01")
    assert said.count("expected") == 1
    assert "got 'soon' (3 rows)" in said
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"id": pa.array([2**63, 2**63 + 1, 1], pa.uint64())})
    write(tmp_path, "orders.parquet", {"customer": [1], "at": times("2024-01-01"), "paid": [1.0]})
    customers = {"path": "customers.parquet", "columns": {"customer_id": "id"}}
    said = refusal(tmp_path, {"order": ORDER}, customers=customers)
    assert said.count("expected") == 1
    assert "expected an integer from -2^63 to 2^63 - 1" in said


def test_copies_among_the_rows_that_are_right_are_said_beside_what_is_refused(tmp_path: Path) -> None:
    orders(tmp_path, customer=["a", "a", None], at=times(*["2024-01-02"] * 3), paid=[1.0] * 3)
    said = refusal(tmp_path, {"order": ORDER})
    assert said.count("expected") == 2
    assert "each row once, got rows that are exact copies of another (1 row); first: customer a" in said


def test_the_balance_of_rows() -> None:
    assert balance("event 'visit'", read=10, stored=8, dropped=2) is None
    assert "expected 10 read = stored + dropped, got 8 stored + 1 dropped" in str(
        balance("event 'visit'", read=10, stored=8, dropped=1)
    )
