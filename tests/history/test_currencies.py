"""Amounts in another currency than the business's are refused, wherever they lie and whoever maps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from tests.history.making import ORDER, TERM, orders, reading, refusal, rows, terms, times, write

MAPPED = {**ORDER, "columns": {**ORDER["columns"], "currency": "paid_in"}}
AT_END = {"event": "term", "grace": "14d", "end_known": "at_end"}
KINDS = ("parquet", "csv", "table", "query")


def kept(folder: Path, kind: str, event: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Write the three orders with these columns as a kind of source; return the event that reads them."""
    orders(folder, **columns)
    if kind == "parquet":
        return event
    frame = pd.read_parquet(folder / "orders.parquet")
    elsewhere = {key: value for key, value in event.items() if key != "path"}
    if kind == "csv":
        frame.to_csv(folder / "orders.csv", index=False)
        return {**elsewhere, "path": "orders.csv"}
    engine = sa.create_engine(f"sqlite:///{folder / 'shop.db'}")
    frame.to_sql("orders", engine, index=False)
    engine.dispose()
    where = {"table": "orders"} if kind == "table" else {"query": "SELECT * FROM orders"}
    return {**elsewhere, "url": f"sqlite:///{folder / 'shop.db'}", **where}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mapped_currency_is_the_business_own_in_every_row(tmp_path: Path, kind: str) -> None:
    event = kept(tmp_path, kind, MAPPED, paid_in=["USD", "EUR", None])
    said = refusal(tmp_path, {"order": event})
    assert said.count("expected") == 1
    assert (
        "column 'paid_in' (events.order.columns.currency): expected EUR in every row, as amounts are added up"
        ", got 'USD', null (2 rows); first: customer b, time 2024-01-01 23:59:00\n"
        "    hint: convert the amounts, or leave these rows out of the table"
    ) in said
    assert said.startswith("event 'order' (")


@pytest.mark.parametrize(
    ("kind", "name"), zip(KINDS, ["Currency", "currency", "CURRENCY_CODE", "ccy"], strict=True)
)
def test_nobody_need_map_a_column_that_is_called_so(tmp_path: Path, kind: str, name: str) -> None:
    event = kept(tmp_path, kind, ORDER, **{name: ["USD", "EUR", None]})
    said = refusal(tmp_path, {"order": event})
    assert (
        f"column '{name}' (events.order): expected no other currency than EUR, as amounts are added up,"
        " got 'USD' (1 row); first: customer b, time 2024-01-03 10:00:00, value 'USD'"
    ) in said
    assert f"and map it (columns: {{currency: {name}}})" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", [MAPPED, ORDER], ids=["mapped", "unmapped"])
def test_one_currency_reads_as_if_no_column_said_it(tmp_path: Path, kind: str, event: dict[str, Any]) -> None:
    same = kept(tmp_path, kind, event, paid_in=["EUR"] * 3, currency=["EUR"] * 3)
    with reading(tmp_path, {"order": same}) as history, reading(tmp_path, {"order": ORDER}) as plain:
        assert rows(history, "order").equals(rows(plain, "order"))
        assert history.fingerprint == plain.fingerprint
        assert ("paid_in" in history.summaries[0].columns) == (event is MAPPED)


@pytest.mark.parametrize("written", ["eur", "EUR ", "", "978", "Euro", "E'R"])
def test_a_currency_is_written_to_the_letter(tmp_path: Path, written: str) -> None:
    orders(tmp_path, currency=["EUR", "EUR", written])
    assert f"got '{written}' (1 row)" in refusal(tmp_path, {"order": ORDER})


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (pa.array([978, 840, 978]), "'840', '978' (3 rows)"),
        (pa.array(["USD", "EUR", "EUR"]).dictionary_encode(), "'USD' (1 row)"),
        (pa.array([None] * 3, pa.null()), "null (3 rows)"),
    ],
    ids=["numbers", "dictionary", "nulls"],
)
def test_a_mapped_currency_of_any_type(tmp_path: Path, values: pa.Array, got: str) -> None:
    orders(tmp_path, paid_in=values)
    assert f"got {got}" in refusal(tmp_path, {"order": MAPPED})


def test_a_column_of_nulls_says_no_other_currency(tmp_path: Path) -> None:
    orders(tmp_path, currency=pa.array([None] * 3, pa.null()))
    with reading(tmp_path, {"order": ORDER}) as history:
        assert len(rows(history, "order")) == 3


def test_a_column_that_is_mapped_leaves_others_their_meaning(tmp_path: Path) -> None:
    orders(tmp_path, paid_in=["EUR"] * 3, currency=["USD"] * 3)
    with reading(tmp_path, {"order": MAPPED}) as history:
        assert len(rows(history, "order")) == 3


def test_a_table_without_amounts_may_say_any_currency(tmp_path: Path) -> None:
    orders(tmp_path)
    write(tmp_path, "visits.parquet", {"who": ["a"], "on": times("2024-01-02"), "currency": ["USD"]})
    visit = {"path": "visits.parquet", "columns": {"customer_id": "who", "time": "on"}}
    customers = {"path": "visits.parquet", "columns": {"customer_id": "who"}}
    with reading(tmp_path, {"order": ORDER, "visit": visit}, customers=customers) as history:
        assert len(rows(history, "visit")) == 1


def test_a_category_is_held_against_it_unless_its_values_are_allowed(tmp_path: Path) -> None:
    orders(tmp_path, currency=["USD", "EUR", "EUR"])
    listed = {**ORDER, "categories": {"paid_in": "currency"}}
    assert "expected no other currency than EUR" in refusal(tmp_path, {"order": listed})
    known = {**listed, "allowed": {"paid_in": ["EUR", "USD"]}}
    with reading(tmp_path, {"order": known}) as history:
        assert sorted(rows(history, "order")["paid_in"]) == ["EUR", "EUR", "USD"]
    mine = {**listed, "allowed": {"paid_in": ["EUR"]}}
    with reading(tmp_path, {"order": mine}, quality={"unknown_categories": "drop"}) as history:
        assert len(rows(history, "order")) == 2


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_same_column_may_be_mapped_and_listed(tmp_path: Path, kind: str) -> None:
    event = {**MAPPED, "categories": ["paid_in"]}
    assert "got 'USD' (1 row)" in refusal(
        tmp_path, {"order": kept(tmp_path, kind, event, paid_in=["USD", "EUR", "EUR"])}
    )
    with reading(tmp_path, {"order": kept(tmp_path, kind, event, paid_in=["EUR"] * 3)}) as history:
        assert rows(history, "order")["paid_in"].tolist() == ["EUR"] * 3


@pytest.mark.parametrize("also", [{}, {"categories": {"billed": "Currency"}, "allowed": {"billed": ["EUR"]}}])
@pytest.mark.parametrize("kind", ["parquet", "csv", "query"])
def test_currencies_that_differ_by_case_alone_must_be_told_apart(
    tmp_path: Path, kind: str, also: dict[str, Any]
) -> None:
    both = {"Currency": ["EUR"] * 3, "currency": ["USD"] * 3}
    if kind == "query":
        kept(tmp_path, "table", ORDER)
        query = "SELECT *, 'EUR' AS Currency, 'USD' AS currency FROM orders"
        event = {"url": f"sqlite:///{tmp_path / 'shop.db'}", "query": query, "columns": ORDER["columns"]}
    else:
        event = kept(tmp_path, kind, ORDER, **both)
    said = refusal(tmp_path, {"order": {**event, **also}})
    assert "column 'currency' (events.order): expected a currency column whose name differs" in said
    assert said.count("expected") == (1 if also else 2)
    mapped = {**event, "columns": {**event["columns"], "currency": "currency"}}
    assert "column 'currency' (events.order.columns.currency)" in refusal(tmp_path, {"order": mapped})
    right = {**event, "columns": {**event["columns"], "currency": "Currency"}}
    reading(tmp_path, {"order": right}).close()


def test_all_mistakes_of_all_tables_are_said_at_once(tmp_path: Path) -> None:
    orders(tmp_path, paid=[10.0, -5.0, None], paid_in=["USD", "EUR", "CHF"])
    terms(tmp_path, ccy=["EUR", "GBP"], plan=["x", "z"])
    term = {**TERM, "features": ["plan"], "allowed": {"plan": ["x"]}}
    said = refusal(tmp_path, {"term": term, "order": MAPPED}, churn=AT_END)
    assert said.count("expected") == 4
    assert "got 'CHF', 'USD' (2 rows); first: customer b, time 2024-01-01 23:59:00, value 'CHF'" in said
    assert "got 'GBP' (1 row); first: customer b, time 2024-01-02 00:00:00, value 'GBP'" in said


def test_a_row_that_is_dropped_is_refused_for_its_currency_all_the_same(tmp_path: Path) -> None:
    orders(tmp_path, customer=["b", "a", None], paid_in=["EUR", "EUR", "USD"])
    said = refusal(tmp_path, {"order": MAPPED}, quality={"null_keys": "drop"})
    assert "got 'USD' (1 row); first: customer null" in said
