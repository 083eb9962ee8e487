"""The features in polars, by hand, three ways, all on its streaming engine.

In: the Parquet file of the orders, the folder to write, the as-of dates. Out: a folder with a Parquet file a
date. Orders that no window reaches count for the ages alone. The ways:

- :func:`pass_a_date`: the file is scanned once a date, with one aggregate a feature.
- :func:`bands_a_date`: the orders are kept in memory. At each date they are added up in bands that do not
  overlap (0 to 30 days old, 30 to 90 and so on), and windows are sums of bands.
- :func:`period_cube`: all window bounds of all dates cut time into periods. Orders are added up once a
  customer, period and first date that sees them; the windows of every date are sums of periods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.features_question import FIRST_SEEN, LAST_SEEN, LONGEST, WINDOWS
from benchmarks.histories import CATEGORIES

if TYPE_CHECKING:
    import polars as pl

Work = Callable[[], str]

STATS = ("count", "sum", "max", *CATEGORIES)


def pass_a_date(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Scan the orders once a date."""
    import polars as pl

    def made(day: date) -> pl.LazyFrame:
        seen = _orders(orders).filter(pl.col("known") <= day)
        age = (pl.lit(day) - pl.col("day")).dt.total_days().cast(pl.Int32)
        recent = seen.filter(pl.col("day") > day - timedelta(days=LONGEST)).with_columns(age=age)
        columns = [_of_orders(stat, window) for window in WINDOWS for stat in STATS]
        windows = recent.group_by("customer_id").agg(columns)
        return _ages(seen, day).join(windows, on="customer_id", how="left")

    return lambda: _written(made, out, dates)


def bands_a_date(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Read the orders once; add them up in bands at each date."""
    import polars as pl

    def work() -> str:
        table = _orders(orders).collect(engine="streaming").lazy()

        def made(day: date) -> pl.LazyFrame:
            seen = table.filter(pl.col("known") <= day)
            age = (pl.lit(day) - pl.col("day")).dt.total_days()
            band = pl.sum_horizontal((age >= window).cast(pl.Int8) for window in WINDOWS[:-1])
            recent = seen.filter(pl.col("day") > day - timedelta(days=LONGEST)).with_columns(band=band)
            bands = recent.group_by("customer_id", "band").agg(_parts())
            columns = [
                _of_parts(stat, window, pl.col("band") <= at)
                for at, window in enumerate(WINDOWS)
                for stat in STATS
            ]
            windows = bands.group_by("customer_id").agg(columns)
            return _ages(seen, day).join(windows, on="customer_id", how="left")

        return _written(made, out, dates)

    return work


def period_cube(orders: str, out: str, dates: Sequence[str]) -> Work:
    """Add orders up by period first; then a pass over the periods a date."""
    import polars as pl

    def work() -> str:
        cube = _cube(orders, [date.fromisoformat(day) for day in dates])

        def made(day: date) -> pl.LazyFrame:
            seen = cube.lazy().filter(pl.col("seen") <= day)
            recent = seen.filter(pl.col("day") > day - timedelta(days=LONGEST))
            columns = [
                _of_parts(stat, window, pl.col("day") > day - timedelta(days=window))
                for window in WINDOWS
                for stat in STATS
            ]
            windows = recent.group_by("customer_id").agg(columns)
            return _ages(seen, day).join(windows, on="customer_id", how="left")

        return _written(made, out, dates)

    return work


def _written(made: Callable[[date], pl.LazyFrame], out: str, dates: Sequence[str]) -> str:
    """Write a file a date: every feature as 32-bit floats, 0 for counts and sums of nothing."""
    import polars as pl

    windows = [(stat, pl.col(_name(stat, window)).cast(pl.Float32)) for window in WINDOWS for stat in STATS]
    floats = [column if stat == "max" else column.fill_null(0) for stat, column in windows]
    floats += [pl.col(FIRST_SEEN).cast(pl.Float32), pl.col(LAST_SEEN).cast(pl.Float32)]
    Path(out).mkdir(parents=True, exist_ok=True)
    for day in map(date.fromisoformat, dates):
        table = made(day).with_columns(floats).with_columns(as_of=pl.lit(day))
        table.sink_parquet(Path(out) / f"{day}.parquet", compression="snappy", engine="streaming")
    return out


def _orders(file: str) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet(file).select(
        pl.col("customer_no").alias("customer_id"),
        pl.col("ordered_at").dt.date().alias("day"),
        pl.col("booked_at").dt.date().alias("known"),
        pl.col("amount"),
        pl.col("category").cast(pl.Enum(CATEGORIES)),
    )


def _ages(seen: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """Return the ages of the first and the last order of everybody; a period has the days of both."""
    import polars as pl

    last = pl.col("last_day" if "last_day" in seen.collect_schema() else "day")
    return seen.group_by("customer_id").agg(
        (pl.lit(day) - pl.col("day").min()).dt.total_days().alias(FIRST_SEEN),
        (pl.lit(day) - last.max()).dt.total_days().alias(LAST_SEEN),
    )


def _of_orders(stat: str, window: int) -> pl.Expr:
    """Return one feature as an aggregate of orders that have an age."""
    import polars as pl

    within = pl.col("age") < window
    if stat in ("sum", "max"):
        amount = pl.col("amount").filter(within)
        made = amount.sum() if stat == "sum" else amount.max()
    else:
        counted = within if stat == "count" else within & (pl.col("category") == stat)
        made = counted.sum()
    return made.alias(_name(stat, window))


def _parts() -> list[pl.Expr]:
    """Return what is added up of the orders of a band or period."""
    import polars as pl

    categories = [(pl.col("category") == name).sum().alias(name) for name in CATEGORIES]
    amount = pl.col("amount")
    return [pl.len().alias("count"), amount.sum().alias("sum"), amount.max().alias("max"), *categories]


def _of_parts(stat: str, window: int, within: pl.Expr) -> pl.Expr:
    """Return one feature as an aggregate of the bands or periods that its window has."""
    import polars as pl

    part = pl.col(stat).filter(within)
    return (part.max() if stat == "max" else part.sum()).alias(_name(stat, window))


def _cube(orders: str, days: Sequence[date]) -> pl.DataFrame:
    """Return the parts by customer, period and first date that sees the order (``seen``).

    ``day`` and ``last_day`` are those of the first and the last order of a part.
    """
    import polars as pl

    bounds = sorted({day - timedelta(days=back) for day in days for back in (0, *WINDOWS)})
    edges, dates = pl.Series(bounds, dtype=pl.Date), pl.Series(list(days), dtype=pl.Date)
    known = _orders(orders).filter(pl.col("known") <= days[-1])
    placed = known.with_columns(
        period=pl.lit(edges).search_sorted(pl.col("day"), side="left").cast(pl.Int16),
        position=pl.lit(dates).search_sorted(pl.col("known"), side="left").cast(pl.Int16),
    )
    ends = [pl.col("day").min(), pl.col("day").max().alias("last_day")]
    parts = placed.group_by("customer_id", "period", "position").agg(*_parts(), *ends)
    numbered = pl.LazyFrame(
        {"position": range(len(days)), "seen": dates}, schema_overrides={"position": pl.Int16}
    )
    return parts.join(numbered, on="position").collect(engine="streaming")


def _name(stat: str, window: int) -> str:
    return f"order__{'count_category_' if stat in CATEGORIES else ''}{stat}__{window}d"
