"""Types, time zones and formats: what a value may mean."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tests.history.making import ORDER, orders, reading, refusal, rows, times, write

CSV = {**ORDER, "path": "orders.csv"}
HOUR_US = 3_600_000_000


def local(folder: Path, at: pa.Array, **sections: Any) -> list[dt.datetime]:
    """Return what becomes of the times of orders of the customers 0, 1, 2, ..."""
    event = {**ORDER, **sections.pop("event", {})}
    orders(folder, customer=list(range(len(at))), at=at, paid=[1.0] * len(at))
    with reading(folder, {"order": event}, **sections) as history:
        micros = rows(history, "order")["time_us"]
    return [dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(us)) for us in micros]


def local_csv(folder: Path, texts: list[str], **sections: Any) -> list[dt.datetime]:
    """Return the same for a CSV file."""
    lines = [f"{number},{text},1" for number, text in enumerate(texts)]
    (folder / "orders.csv").write_text("\n".join(["customer,at,paid", *lines]) + "\n")
    with reading(folder, {"order": {**CSV, **sections.pop("event", {})}}, **sections) as history:
        micros = rows(history, "order")["time_us"]
    return [dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(us)) for us in micros]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_with_a_zone_become_those_of_the_business(tmp_path: Path, unit: str) -> None:
    at = pa.array(
        [
            dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.UTC),
            dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC),
            dt.datetime(2024, 6, 30, 22, 30, tzinfo=dt.UTC),
        ],
        pa.timestamp("us", "UTC"),
    )
    zone = ZoneInfo("Europe/Berlin")
    expected = [when.astimezone(zone).replace(tzinfo=None) for when in at.to_pylist()]
    at = at.cast(pa.timestamp(unit, "America/New_York"))
    assert local(tmp_path, at, timezone="Europe/Berlin") == expected
    assert expected[2].date() == dt.date(2024, 7, 1)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_naive_times_are_taken_in_the_zone_of_the_table(tmp_path: Path, unit: str) -> None:
    at = pa.array([dt.datetime(2024, 1, 1, 20, 0)], pa.timestamp(unit))
    assert local(tmp_path, at, timezone="Europe/Berlin") == [dt.datetime(2024, 1, 1, 20, 0)]
    moved = local(tmp_path, at, event={"timezone": "America/New_York"}, timezone="Europe/Berlin")
    assert moved == [dt.datetime(2024, 1, 2, 2, 0)]


def test_a_date_is_its_own_midnight_whatever_the_zones(tmp_path: Path) -> None:
    at = pa.array([dt.date(2024, 1, 2), dt.date(1969, 12, 31)])
    found = local(tmp_path, at, event={"timezone": "UTC"}, timezone="America/New_York")
    assert found == [dt.datetime(2024, 1, 2), dt.datetime(1969, 12, 31)]


def test_days_before_1970_are_floored(tmp_path: Path) -> None:
    orders(tmp_path, at=times("1969-12-31 23:59", "1969-12-31 00:00", "1970-01-01 00:00"))
    with reading(tmp_path, {"order": ORDER}) as history:
        assert sorted(rows(history, "order")["day"]) == [-1, -1, 0]


def test_iso_text_in_csv(tmp_path: Path) -> None:
    texts = ["2024-01-02", "2024-01-02 03:04", "2024-01-02T03:04:05.678901", "2024-01-02T03:04:05Z"]
    texts += ["2024-01-02 23:04:05+01:00", "2024-07-02T03:04-0500"]
    assert local_csv(tmp_path, texts, timezone="Europe/Berlin") == [
        dt.datetime(2024, 1, 2),
        dt.datetime(2024, 1, 2, 3, 4),
        dt.datetime(2024, 1, 2, 3, 4, 5, 678901),
        dt.datetime(2024, 1, 2, 4, 4, 5),
        dt.datetime(2024, 1, 2, 23, 4, 5),
        dt.datetime(2024, 7, 2, 10, 4),
    ]


def test_a_date_in_csv_does_not_move_between_zones(tmp_path: Path) -> None:
    found = local_csv(
        tmp_path, ["2024-01-02", "2024-01-02 00:00"], event={"timezone": "UTC"}, timezone="America/New_York"
    )
    assert found == [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 1, 19)]
    form = {"timezone": "UTC", "csv": {"time": "%d.%m.%Y"}}
    assert local_csv(tmp_path, ["02.01.2024"], event=form, timezone="America/New_York") == [
        dt.datetime(2024, 1, 2)
    ]


def test_a_declared_format_with_an_offset(tmp_path: Path) -> None:
    form = {"csv": {"time": "%d/%m/%Y %H:%M %z"}}
    found = local_csv(tmp_path, ["02/01/2024 23:30 -0500"], event=form, timezone="Europe/Berlin")
    assert found == [dt.datetime(2024, 1, 3, 5, 30)]


@pytest.mark.parametrize(
    "text",
    [
        "02.01.2024",
        "01/02/2024",
        "2024-02-30",
        "20240102",
        "2024-1-2",
        "1704164645",
        "2024-01-02T25:00",
        "soon",
    ],
)
def test_what_is_not_iso_is_not_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders.csv").write_text(f"customer,at,paid\na,2024-01-01,1\nb,{text},1\n")
    said = refusal(tmp_path, {"order": CSV})
    assert "column 'at' (events.order.columns.time): expected ISO 8601" in said
    assert f"got '{text}' (1 row); first: customer b, time null, value '{text}'" in said


def test_what_does_not_match_the_declared_format_is_counted(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer,at,paid\na,31.01.2024,1\nb,31.02.2024,1\nc,2024-01-31,1\nd,31.01.24,1\n"
    )
    said = refusal(tmp_path, {"order": {**CSV, "csv": {"time": "%d.%m.%Y"}}})
    assert "expected the declared format '%d.%m.%Y' (csv.time)" in said
    assert "got '2024-01-31', '31.01.24', '31.02.2024' (3 rows); first: customer b" in said


def test_a_format_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\na,31.01.2024,1\n")
    said = refusal(tmp_path, {"order": {**CSV, "csv": {"time": "%Q"}}})
    assert "event 'order' (orders.csv): csv.time: expected a strptime format, got '%Q'" in said


@pytest.mark.parametrize("text", ["1,5", "1.000,00", "EUR 3", "1_000", "nan", "inf", " 1", "--1"])
def test_what_is_not_a_number_is_not_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders.csv").write_text(f'customer,at,paid\na,2024-01-01,"{text}"\nb,2024-01-01,+1.5e3\n')
    said = refusal(tmp_path, {"order": CSV})
    assert "column 'paid' (events.order.columns.amount): expected a number with the decimal sign '.'" in said
    assert f"got '{text}' (1 row); first: customer a" in said


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (
            "at",
            pa.array([1, 2, 3]),
            "(events.order.columns.time): expected a timestamp or a date, got bigint",
        ),
        (
            "at",
            ["2024-01-01"] * 3,
            "(events.order.columns.time): expected a timestamp or a date, got varchar",
        ),
        ("paid", ["1", "2", "3"], "(events.order.columns.amount): expected a number, got varchar"),
        ("paid", [True] * 3, "(events.order.columns.amount): expected a number, got boolean"),
        ("customer", [1.0, 2.0, 3.0], "expected integers, text or UUIDs, got double"),
        ("customer", [True, False, True], "expected integers, text or UUIDs, got boolean"),
        (
            "plan",
            [["x"], [], ["y"]],
            "(events.order.features): expected text, numbers or truth values, got varchar[]",
        ),
        ("plan", times(*["2024-01-01"] * 3), "expected text, numbers or truth values, got timestamp"),
    ],
)
def test_wrong_types_say_what_was_expected(tmp_path: Path, column: str, values: Any, said: str) -> None:
    orders(tmp_path, **{"plan": ["x", "y", "z"], column: values})
    assert f"column '{column}' " in (told := refusal(tmp_path, {"order": {**ORDER, "features": ["plan"]}}))
    assert said in told


def test_floats_as_ids_say_what_to_do(tmp_path: Path) -> None:
    orders(tmp_path, customer=[1.0, 2.0, 3.0])
    assert "a float cannot hold every id exactly" in refusal(tmp_path, {"order": ORDER})


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint32(), pa.uint64(), pa.decimal128(20, 0)]
)
def test_whole_numbers_are_ids(tmp_path: Path, kind: pa.DataType) -> None:
    orders(tmp_path, customer=pa.array([3, 1, 2]).cast(kind))
    with reading(tmp_path, {"order": ORDER}) as history:
        assert history.bucket(0).customer_id.type == pa.int64()
        assert rows(history, "order")["customer_id"].tolist() == [1, 2, 3]


def test_ids_beyond_32_bits(tmp_path: Path) -> None:
    orders(tmp_path, customer=[2**62, 2**62 + 1, -(2**40)])
    with reading(tmp_path, {"order": ORDER}) as history:
        assert rows(history, "order")["customer_id"].tolist() == [-(2**40), 2**62, 2**62 + 1]


def test_ids_beyond_64_bits_are_refused(tmp_path: Path) -> None:
    big = pa.array([decimal.Decimal(2**70), decimal.Decimal(1), decimal.Decimal(2)], pa.decimal128(30, 0))
    for ids in (big, pa.array([2**63, 1, 2], pa.uint64())):
        orders(tmp_path, customer=ids)
        said = refusal(tmp_path, {"order": ORDER})
        assert "expected an integer from -2^63 to 2^63 - 1 (store larger ids as text, in all tables)" in said
        assert "(1 row)" in said


def test_attributes_keep_their_kinds(tmp_path: Path) -> None:
    orders(
        tmp_path,
        plan=pa.array(["x", None, "y"]).dictionary_encode(),
        items=pa.array([1, 2, None], pa.int16()),
        weight=[0.5, float("nan"), -0.0],
        gift=[True, None, False],
        sku=[7, 8, 7],
    )
    event = {**ORDER, "features": ["plan", "items", "weight", "gift"], "categories": ["sku", "plan"]}
    with reading(tmp_path, {"order": event}) as history:
        events = history.bucket(0).events["order"]
        assert list(events.attributes) == ["plan", "items", "weight", "gift", "sku"]
        assert pa.types.is_dictionary(events.attributes["plan"].type)
        assert pa.types.is_integer(events.attributes["items"].type)
        assert pa.types.is_boolean(events.attributes["gift"].type)
        found = rows(history, "order")
    assert found["sku"].tolist() == ["8", "7", "7"], "a category is a label, also where it is a number"
    assert found["weight"].isna().tolist() == [True, False, False]
    assert str(found["weight"].iloc[1]) == "0.0"


def test_attributes_under_names_of_their_own(tmp_path: Path) -> None:
    table = {"Plan Type": ["x", "y", "x"], "Größe": [1, 2, 3], "SKU": ["s", "t", "s"]}
    orders(tmp_path, **table)
    event = {
        **ORDER,
        "features": {"plan": "Plan Type", "size": "Größe"},
        "categories": {"sku": "SKU"},
        "allowed": {"plan": ["x", "y"], "sku": ["s"]},
    }
    said = refusal(tmp_path, {"order": event})
    assert "column 'SKU': expected one of s, got 't' (1 row)" in said
    quality = {"unknown_categories": "drop"}
    with reading(tmp_path, {"order": event}, quality=quality) as history:
        assert list(history.bucket(0).events["order"].attributes) == ["plan", "size", "sku"]
        found = rows(history, "order")
        assert history.summaries[0].columns == ("customer", "at", "paid", "Plan Type", "Größe", "SKU")
    assert found["plan"].tolist() == ["x", "x"]
    assert found["size"].tolist() == [3, 1]
    said = refusal(tmp_path, {"order": {**event, "categories": {"sku": "Sku"}, "allowed": {}}})
    assert "column 'Sku' (events.order): expected this column, got none" in said
    orders(tmp_path, **(table | {"SKU": [["s"], ["t"], ["s"]], "Größe": [["s"], ["t"], ["s"]]}))
    said = refusal(tmp_path, {"order": event})
    assert "column 'SKU' (events.order.categories): expected text" in said
    assert "column 'Größe' (events.order.features): expected text" in said


def test_numbers_of_a_csv_under_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid,Item Count\na,2024-01-01,1,7\n")
    event = {**CSV, "features": {"items": "Item Count"}, "csv": {"numbers": ["items"]}}
    with reading(tmp_path, {"order": event}) as history:
        assert rows(history, "order")["items"].tolist() == [7.0]


@pytest.mark.parametrize("value", ["inf", "-inf", "1e300"])
def test_attributes_that_no_feature_can_hold(tmp_path: Path, value: str) -> None:
    orders(tmp_path)
    write(tmp_path, "customers.parquet", {"id": ["a", "b"], "debt": [1.0, float(value)]})
    customers = {"path": "customers.parquet", "columns": {"customer_id": "id"}, "features": ["debt"]}
    said = refusal(tmp_path, {"order": ORDER}, customers=customers)
    assert "column 'debt' (customers.features): expected a finite number, up to 3.4e38 in size, got" in said
    assert "(1 row); first: customer b" in said
    if "inf" not in value:
        (tmp_path / "orders.csv").write_text(f"customer,at,paid,debt\na,2024-01-01,1,{value}\n")
        event = {**CSV, "features": ["debt"], "csv": {"numbers": ["debt"]}}
        assert f"up to 3.4e38 in size, got '{value}' (1 row)" in refusal(tmp_path, {"order": event})


def test_columns_may_be_called_like_roles(tmp_path: Path) -> None:
    write(
        tmp_path,
        "orders.parquet",
        {
            "time": ["a", "b"],
            "customer_id": times("2024-01-01", "2024-01-02"),
            "end": [1.0, 2.0],
            "amount": ["x", "y"],
        },
    )
    columns = {"customer_id": "time", "time": "customer_id", "amount": "end"}
    with reading(tmp_path, {"order": {**ORDER, "columns": columns, "features": ["amount"]}}) as history:
        found = rows(history, "order")
        assert list(history.bucket(0).events["order"].attributes) == ["amount"]
    assert found["customer_id"].tolist() == ["a", "b"]
    assert (found["time_us"] // HOUR_US).tolist() == [19723 * 24, 19724 * 24]
