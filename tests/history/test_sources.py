"""Tables from files: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from tests.history.making import ORDER, orders, reading, refusal, rows, times, write

CSV = {**ORDER, "path": "orders.csv"}


def test_parquet_gives_its_rows(tmp_path: Path) -> None:
    orders(tmp_path)
    with reading(tmp_path, {"order": ORDER}) as history:
        found = rows(history, "order")
    assert found["customer_id"].tolist() == ["a", "b", "b"]
    assert found["amount"].tolist() == [5.0, 2.5, 10.0]


@pytest.mark.parametrize("path", ["part-*.parquet", "all.parquet", "**/part-*.parquet"])
def test_many_files_are_one_table(tmp_path: Path, path: str) -> None:
    folder = tmp_path if path.startswith("part") else tmp_path / "all.parquet"
    folder.mkdir(exist_ok=True)
    for number in range(3):
        write(
            folder,
            f"part-{number}.parquet",
            {"customer": [f"c{number}"], "at": times("2024-01-01"), "paid": [1.0]},
        )
    with reading(tmp_path, {"order": {**ORDER, "path": path}}) as history:
        assert rows(history, "order")["customer_id"].tolist() == ["c0", "c1", "c2"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    for name in ("x[1].parquet", "x1.parquet"):
        write(tmp_path, name, {"customer": [name], "at": times("2024-01-01"), "paid": [1.0]})
    with reading(tmp_path, {"order": {**ORDER, "path": "x[1].parquet"}}) as history:
        assert rows(history, "order")["customer_id"].tolist() == ["x[1].parquet"]


def test_csv_is_read_in_its_declared_format(tmp_path: Path) -> None:
    text = "customer;at;paid;plan;age\nmüller;31.12.2023 18:30;1,5;gold;30\n007;01.01.2024 00:00;2;;NULL\n"
    (tmp_path / "orders.csv").write_text(text.replace(";;", ";NULL;"), encoding="latin-1")
    form = {
        "delimiter": ";",
        "decimal": ",",
        "encoding": "latin-1",
        "null": "NULL",
        "time": "%d.%m.%Y %H:%M",
        "numbers": ["age"],
    }
    event = {**CSV, "csv": form, "features": ["plan", "age"]}
    with reading(tmp_path, {"order": event}) as history:
        found = rows(history, "order")
    assert found["customer_id"].tolist() == ["007", "müller"]
    assert found["amount"].tolist() == [2.0, 1.5]
    assert found["day"].tolist() == [19723, 19722]
    assert found["time_us"].iloc[1] % 86_400_000_000 == (18 * 60 + 30) * 60_000_000
    assert found["plan"].isna().tolist() == [True, False]
    assert found["plan"].iloc[1] == "gold"
    assert found["age"].iloc[1] == 30.0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_csv_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-8" else ""
    (tmp_path / "orders.csv").write_text(f"{mark}customer,at,paid\nä,2024-01-01,1\n", encoding=encoding)
    with reading(tmp_path, {"order": {**CSV, "csv": {"encoding": encoding}}}) as history:
        assert rows(history, "order")["customer_id"].tolist() == ["ä"]


@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, {"order": {**ORDER, "path": name}})
    assert f"event 'order' ({name}): path: expected a file that exists, got none" in said


@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
def test_a_file_of_no_bytes_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    said = refusal(tmp_path, {"order": {**ORDER, "path": name}})
    assert f"event 'order' ({name}): file: expected at least one row, got an empty file of 0 bytes" in said


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\n")
    assert "rows: expected at least one row, got none" in refusal(tmp_path, {"order": CSV})
    orders(tmp_path, customer=[], at=times(), paid=[])
    assert "rows: expected at least one row, got none" in refusal(tmp_path, {"order": ORDER})


def test_a_file_that_is_not_what_its_ending_says(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_text("customer,at,paid\nthis is a text of some length\n")
    said = refusal(tmp_path, {"order": ORDER})
    assert "event 'order' (orders.parquet): content: expected rows that can be read" in said


def test_a_csv_line_with_too_few_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\na,2024-01-01,1\nb,2024-01-01\n")
    said = refusal(tmp_path, {"order": CSV})
    assert "Line: 3" in said
    assert "Expected Number of Columns: 3 Found: 2" in said


def test_a_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    late = "customer,at,paid\n" + "a,2024-01-01,1\n" * 2000 + "ä,2024-01-01,1\n"
    (tmp_path / "orders.csv").write_bytes(late.encode("latin-1"))
    assert "CSV Error on Line: 2002" in (said := refusal(tmp_path, {"order": CSV}))
    assert "event 'order' (orders.csv): content" in said
    (tmp_path / "orders.csv").write_bytes("ä,at,paid\nä,2024-01-01,1\n".encode("latin-1"))
    assert "csv.encoding: expected text in utf-8" in refusal(tmp_path, {"order": CSV})


def test_csv_headers_must_agree_and_name_each_column_once(tmp_path: Path) -> None:
    (tmp_path / "orders1.csv").write_text("customer,at,paid\na,2024-01-01,1\n")
    (tmp_path / "orders2.csv").write_text("customer,paid,at\na,1,2024-01-01\n")
    said = refusal(tmp_path, {"order": {**CSV, "path": "orders*.csv"}})
    assert "header of orders2.csv: expected that of orders1.csv, got customer, paid, at" in said
    (tmp_path / "orders.csv").write_text("customer,at,at,paid\na,2024-01-01,2024-01-01,1\n")
    assert "header of orders.csv: expected each column once, got at" in refusal(tmp_path, {"order": CSV})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("names", [("paid", "Paid"), ("Paid", "paid"), ("PAID", "Paid")])
def test_columns_that_differ_by_case_are_told_apart(
    tmp_path: Path, kind: str, names: tuple[str, str]
) -> None:
    event = {**ORDER, "path": f"orders.{kind}", "columns": {**ORDER["columns"], "amount": names[0]}}
    for order in (names, names[::-1]):
        values = dict(zip(names, (1.5, 7.5), strict=True))
        table = pa.table(
            {"customer": ["a"], **{name: [values[name]] for name in order}, "at": times("2024-01-01")}
        )
        if kind == "csv":
            pa_csv.write_csv(table, tmp_path / "orders.csv")
        else:
            write(tmp_path, "orders.parquet", table)
        with reading(tmp_path, {"order": event}) as history:
            assert rows(history, "order")["amount"].tolist() == [1.5]
        missing = {**event, "columns": {**ORDER["columns"], "amount": "pAID"}}
        said = refusal(tmp_path, {"order": missing})
        assert f"columns there: customer, {', '.join(order)}, at" in said


def test_parquet_names_each_mapped_column_once(tmp_path: Path) -> None:
    columns = [pa.array(["a"]), times("2024-01-01"), pa.array([1.0]), pa.array([2.0])]
    write(tmp_path, "orders.parquet", pa.Table.from_arrays(columns, names=["customer", "at", "paid", "paid"]))
    said = refusal(tmp_path, {"order": ORDER})
    assert "columns of orders.parquet: expected each column once, got paid" in said


def test_files_that_are_not_there_are_named_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(tmp_path)
    monkeypatch.chdir(tmp_path)
    visit = {"url": "sqlite:///none/v.db", "table": "v", "columns": {"customer_id": "c", "time": "t"}}
    said = refusal(tmp_path, {"order": {**ORDER, "path": "none/o.parquet"}, "visit": visit})
    assert (
        "event 'order' (none/o.parquet): path: expected a file that exists, got none at none/o.parquet"
        in said
    )
    assert "got no file at none/v.db" in said


def test_a_delimiter_is_one_character(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\na,2024-01-01,1\n")
    said = refusal(tmp_path, {"order": {**CSV, "csv": {"delimiter": "||"}}})
    assert "csv.delimiter: expected one character, got '||'" in said


def test_parquet_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "p1.parquet", {"customer": ["a"], "at": times("2024-01-01"), "paid": [1.0]})
    write(tmp_path, "p2.parquet", {"customer": ["a"], "at": times("2024-01-01")})
    said = refusal(tmp_path, {"order": {**ORDER, "path": "p*.parquet"}})
    assert "event 'order' (p*.parquet): content: expected rows that can be read" in said


def test_missing_columns_are_all_named_with_the_nearest(tmp_path: Path) -> None:
    orders(tmp_path, customer=["a", "b", "c"])
    event = {
        **ORDER,
        "columns": {"customer_id": "custmer", "time": "at", "amount": "total"},
        "features": ["plan"],
    }
    said = refusal(tmp_path, {"order": event})
    assert "column 'custmer' (events.order): expected this column, got none" in said
    assert "did you mean 'customer'? columns there: customer, at, paid" in said
    assert "column 'total'" in said
    assert "column 'plan'" in said


def test_problems_of_all_tables_are_said_at_once(tmp_path: Path) -> None:
    orders(tmp_path, paid=["1", "2", "3"])
    visit = {"path": "visits.parquet", "columns": {"customer_id": "customer", "time": "at"}}
    customers = {"path": "customers.csv", "columns": {"customer_id": "customer"}}
    (tmp_path / "customers.csv").touch()
    said = refusal(tmp_path, {"order": ORDER, "visit": visit}, customers=customers)
    assert "customers (customers.csv): file" in said
    assert "event 'visit' (visits.parquet): path" in said
    assert "column 'paid' (events.order.columns.amount): expected a number, got varchar" in said
