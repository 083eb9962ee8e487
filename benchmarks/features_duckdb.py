"""The features in DuckDB, by hand, three ways; and the bare cost of reading, sorting and writing.

In: the Parquet file of the orders, the file to write, the as-of dates. Out: one Parquet file. The ways:

- :func:`plain_join`: orders joined with the dates, one aggregate a feature. What is written first.
- :func:`banded_join`: the oldest orders, which no window reaches, are kept out of the join; what is left is
  added up in bands that do not overlap (0 to 30 days old, 30 to 90 and so on), and windows are sums of bands.
- :func:`period_cube`: all window bounds of all dates cut time into periods. Orders are added up once a
  customer, period and first date that sees them; the windows of every date are sums of periods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from benchmarks.features_question import FIRST_SEEN, LAST_SEEN, LONGEST, WINDOWS
from benchmarks.histories import CATEGORIES, FIRST

Work = Callable[[], str]

AGES = f"""SELECT customer_id, as_of, CAST(as_of - min(first_day) AS FLOAT) AS {FIRST_SEEN},
    CAST(as_of - max(last_day) AS FLOAT) AS {LAST_SEEN}"""
EACH_CATEGORY = ", ".join(f"count(*) FILTER (category = '{name}') AS {name}" for name in CATEGORIES)
PARTS = f"count(*) AS n, sum(amount) AS s, max(amount) AS m, {EACH_CATEGORY}"
"""What is added up of the orders of a band or period."""


def plain_join(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Join once, with one aggregate a feature."""
    columns = []
    for window in WINDOWS:
        within = f"day > as_of - {window}"
        columns += [
            f"CAST(count(*) FILTER ({within}) AS FLOAT) AS order__count__{window}d",
            f"CAST(coalesce(sum(amount) FILTER ({within}), 0) AS FLOAT) AS order__sum__{window}d",
            f"CAST(max(amount) FILTER ({within}) AS FLOAT) AS order__max__{window}d",
            *(
                f"CAST(count(*) FILTER ({within} AND category = '{name}') AS FLOAT)"
                f" AS order__count_category_{name}__{window}d"
                for name in CATEGORIES
            ),
        ]
    return _work(
        f"""SELECT customer_id, as_of, {", ".join(columns)},
                CAST(as_of - min(day) AS FLOAT) AS {FIRST_SEEN},
                CAST(as_of - max(day) AS FLOAT) AS {LAST_SEEN}
            FROM {_orders(orders)} JOIN {_dates(dates)} ON known <= as_of
            GROUP BY customer_id, as_of""",
        out,
    )


def banded_join(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Join what the windows reach, in bands; the ages in a join of their own."""
    bands = " ".join(f"WHEN day > as_of - {window} THEN {window}" for window in WINDOWS)
    return _work(
        f"""WITH orders AS {_orders(orders)},
            ages AS (
                {AGES} FROM (SELECT *, day AS first_day, day AS last_day FROM orders)
                JOIN {_dates(dates)} ON known <= as_of GROUP BY customer_id, as_of),
            bands AS (
                SELECT customer_id, as_of, CASE {bands} END AS band, {PARTS}
                FROM orders JOIN {_dates(dates)} ON known <= as_of AND day > as_of - {LONGEST}
                GROUP BY customer_id, as_of, band),
            windows AS (
                SELECT customer_id, as_of, {_sums("band <= {}")} FROM bands GROUP BY customer_id, as_of)
            {_joined()}""",
        out,
    )


def period_cube(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Add orders up by period first."""
    days = [date.fromisoformat(day) for day in dates]
    bounds = sorted({day - timedelta(days=back) for day in days for back in (0, *WINDOWS)})
    listed = ", ".join(f"DATE '{bound}'" for bound in bounds)
    calendar = (
        f"range(DATE '{FIRST - timedelta(days=1)}', DATE '{days[-1]}' + 1, INTERVAL 1 DAY) AS c(moment)"
    )
    return _work(
        f"""WITH calendar AS (
                SELECT CAST(moment AS DATE) AS day,
                    (SELECT count(*) FROM (SELECT unnest([{listed}]) AS bound) WHERE bound < day) AS period,
                    (SELECT min(as_of) FROM {_dates(dates)} WHERE as_of >= day) AS seen
                FROM {calendar}),
            cube AS MATERIALIZED (
                SELECT customer_id, happened.period, learned.seen, {PARTS},
                    min(orders.day) AS first_day, max(orders.day) AS last_day
                FROM {_orders(orders)} AS orders
                JOIN calendar AS happened ON happened.day = orders.day
                JOIN calendar AS learned ON learned.day = orders.known
                GROUP BY customer_id, happened.period, learned.seen),
            sights AS (
                SELECT customer_id, seen, min(first_day) AS first_day, max(last_day) AS last_day
                FROM cube GROUP BY customer_id, seen),
            ages AS (
                {AGES} FROM sights JOIN {_dates(dates)} ON seen <= as_of GROUP BY customer_id, as_of),
            windows AS (
                SELECT customer_id, as_of, {_sums("first_day > as_of - {}")}
                FROM cube JOIN {_dates(dates)} ON seen <= as_of AND first_day > as_of - {LONGEST}
                GROUP BY customer_id, as_of)
            {_joined()}""",
        out,
    )


def bare_cost(orders: str, out: str, features: str) -> Work:
    """Read and sort the orders and write them, and write the features that are there already."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE features AS FROM read_parquet('{features}')")

    def work() -> str:
        source = f"FROM read_parquet('{orders}') ORDER BY customer_no, ordered_at"
        connection.execute(f"COPY ({source}) TO '{out}.sorted.parquet' (FORMAT parquet)")
        connection.execute(f"COPY features TO '{out}' (FORMAT parquet)")
        return out

    return work


def _work(query: str, out: str) -> Work:
    import duckdb

    def work() -> str:
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")
        return out

    return work


def _orders(file: str) -> str:
    return f"""(SELECT customer_no AS customer_id, CAST(ordered_at AS DATE) AS day,
                CAST(booked_at AS DATE) AS known, amount, category FROM read_parquet('{file}'))"""


def _dates(dates: Sequence[str]) -> str:
    listed = ", ".join(f"(DATE '{day}')" for day in dates)
    return f"(VALUES {listed}) AS dates(as_of)"


def _sums(within: str) -> str:
    """Return the windows as sums of parts, of which ``within`` says whether a window has them."""
    columns = []
    for window in WINDOWS:
        mine = f"FILTER ({within.format(window)})"
        columns += [
            f"CAST(sum(n) {mine} AS FLOAT) AS order__count__{window}d",
            f"CAST(sum(s) {mine} AS FLOAT) AS order__sum__{window}d",
            f"CAST(max(m) {mine} AS FLOAT) AS order__max__{window}d",
            *(
                f"CAST(sum({name}) {mine} AS FLOAT) AS order__count_category_{name}__{window}d"
                for name in CATEGORIES
            ),
        ]
    return ", ".join(columns)


def _joined() -> str:
    """Return the last step: everybody's ages, with windows where there are any."""
    filled = []
    for window in WINDOWS:
        names = ("count", "sum", *(f"count_category_{name}" for name in CATEGORIES))
        filled += [f"coalesce(order__{name}__{window}d, 0) AS order__{name}__{window}d" for name in names]
    return f"""SELECT ages.* , windows.* EXCLUDE (customer_id, as_of) REPLACE ({", ".join(filled)})
            FROM ages LEFT JOIN windows USING (customer_id, as_of)"""
