"""Point-in-time features: lapse beside DuckDB, polars, pandas and featuretools.

A made-up company (:mod:`benchmarks.histories`) is asked :mod:`benchmarks.features_question`: 46 features of
everybody known at 12 month ends, and at one. All read the same Parquet file and write Parquet. Before
anything is published the answers are compared: as many rows, and of one customer in a hundred every value.

    python -m benchmarks.features [--small] [--out FILE]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from benchmarks.features_answers import agree, agree_on
from benchmarks.features_question import NAMES, month_ends
from benchmarks.histories import Size, write_history
from benchmarks.measuring import Measure, Task, compare, in_turn, options, per, publish
from benchmarks.page import Chapter

WHOLE, ONE_DATE = "features, the whole way", "features, one date"
LOOP, BARE = "features, the loop alone", "features, bare cost"
DEEP, DEEP_LOOP = (
    "features, per million values, the whole way",
    "features, per million values, computing alone",
)

CHAPTER = Chapter(
    title="Features",
    text="""
46 features of every customer known at 12 month ends: count, sum, maximum and eight category counts of
orders in windows of 30, 90, 180 and 365 days, days since the first and the last order. An order counts from
the day on which it was known. From one Parquet file in the order in which rows became known, to Parquet.
Hand-written peers use the best way that we found for each, and a plain one beside it:

- **DuckDB, plain join**: orders joined with the dates, one filtered aggregate a feature.
- **DuckDB, join in bands**: what no window reaches is kept out of the join; windows are sums of bands.
- **DuckDB and polars, period cube**: all bounds of all windows cut time into periods, orders are added up
  once by customer, period and first date that sees them, windows are sums of periods.
- **polars, a pass a date**: the streaming engine scans the file once a date.
- **polars and pandas, bands a date**: the orders stay in memory and are grouped by customer and band at each
  date; windows are sums of bands.

*The loop alone* has the buckets in memory and lets go of each one's features when they are there; its peers
are those of the whole way, reading and writing included. *Bare cost* is DuckDB reading and sorting the
orders by customer and time, writing them, and writing the features that lapse wrote; lapse may take twice
as long, a ratio of 0.5. featuretools is asked on a sample that it finishes, on one core, as it works unless
Dask is installed: seconds are for a million values, *computing alone* without loading on either side; its
small answer is written.
""",
    benchmarks=(WHOLE, ONE_DATE, LOOP, BARE, DEEP, DEEP_LOOP),
    loses="""
- **Features of one date** are a question that a query engine answers in one pass without bringing rows into
  the order of customers. lapse checks and sorts first: that costs about what it saves there, and pays with
  every further date.
- **SQL says more.** Features outside lapse's grammar need Python, a function of one bucket; in DuckDB or
  polars they are one more expression.
- **Memory for small questions.** lapse loads its compiled kernels and Python packages, some hundred
  megabytes, whatever is asked.
""",
)

PEERS = {
    "DuckDB, plain join": ("features_duckdb:plain_join", ("duckdb",)),
    "DuckDB, join in bands": ("features_duckdb:banded_join", ("duckdb",)),
    "DuckDB, period cube": ("features_duckdb:period_cube", ("duckdb",)),
    "polars, a pass a date": ("features_polars:pass_a_date", ("polars",)),
    "polars, bands a date": ("features_polars:bands_a_date", ("polars",)),
    "polars, period cube": ("features_polars:period_cube", ("polars",)),
    "pandas, bands a date": ("features_pandas:bands_a_date", ("pandas", "numpy")),
}
SLOW = ("DuckDB, plain join", "pandas, bands a date")
"""Run once, since many dates take them the better part of a minute."""
OURS = ("lapse", "numba", "duckdb", "pyarrow")
FEATURETOOLS = Path(__file__).with_name("features-featuretools.txt")
"""Pinned packages of an environment of its own."""

SAMPLED = 100
"""One customer in so many has its values compared."""


@dataclass(frozen=True)
class Scale:
    """How much is asked."""

    size: Size
    dates: int
    runs: int
    featuretools: int


FULL = Scale(Size(500_000, 20_000_000), dates=12, runs=3, featuretools=20_000)
SMALL = Scale(Size(50_000, 2_000_000), dates=12, runs=1, featuretools=1_000)


def main(scale: Scale, file: Path) -> None:
    """Measure, compare the answers and publish."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        company, many = folder / "company", month_ends(scale.dates)
        write_history(company, scale.size)
        whole = in_turn(everybody(company, folder / "many", many), scale.runs)
        count = agree(_answers(whole), SAMPLED)
        one = in_turn(everybody(company, folder / "one", month_ends(1)), scale.runs)
        agree(_answers(one), SAMPLED)
        loop = in_turn({"lapse": _loop(company, many)}, scale.runs)["lapse"]
        if loop.answer != count:
            raise ValueError(f"rows: {loop.answer} in the loop alone, {count} the whole way")
        bare = in_turn({"DuckDB": _bare(company, folder, whole["lapse"])}, scale.runs)
        deep = in_turn(featuretools(company, folder, scale), scale.runs)
        ids = pc.unique(pq.read_table(folder / "sample.parquet")["customer_no"])
        ours = {"lapse": Path(whole["lapse"].answer)}
        few = {name: agree_on(ids, {**ours, name: Path(found.answer)}) for name, found in deep.items()}
    size = f"{scale.size.orders:,} orders, {scale.size.customers:,} customers"
    note = f"{size}, {scale.dates} dates, {count:,} rows"
    per_value = {
        "lapse": per(whole["lapse"], count * len(NAMES) / 1e6),
        "featuretools": per(deep["whole"], few["whole"] * len(NAMES) / 1e6),
    }
    loop_per_value = {
        "lapse": per(loop, count * len(NAMES) / 1e6),
        "featuretools": per(deep["computing"], few["computing"] * len(NAMES) / 1e6),
    }
    deep_note = f"featuretools on {scale.featuretools:,} customers, {few['whole']:,} rows; lapse: {note}"
    rows = [
        *compare(WHOLE, whole, goals=dict.fromkeys(PEERS, 3.0), note=note),
        *compare(ONE_DATE, one, goals=dict.fromkeys(PEERS, 1.0), note=f"{size}, 1 date"),
        *compare(LOOP, {**whole, "lapse": loop}, goals=dict.fromkeys(PEERS, 15.0), note=note),
        *compare(BARE, {**bare, "lapse": whole["lapse"]}, goals=dict.fromkeys(bare, 0.5), note=note),
        *compare(DEEP, per_value, note=deep_note),
        *compare(DEEP_LOOP, loop_per_value, goals={"featuretools": 300.0}, note=deep_note),
    ]
    publish(rows, file)


def everybody(company: Path, out: Path, dates: Sequence[str]) -> dict[str, Task]:
    """Return the tasks of lapse and of the peers that are asked everything."""
    out.mkdir()
    ours = {"company": str(company), "out": str(out / "lapse"), "dates": dates}
    asked = {"lapse": Task("benchmarks.features_lapse:whole_way", ours, OURS)}
    for name, (target, packages) in PEERS.items():
        given = {
            "orders": str(company / "data" / "orders.parquet"),
            "out": str(out / f"{target.replace(':', '-')}.parquet"),
            "dates": dates,
        }
        asked[name] = Task(f"benchmarks.{target}", given, packages, runs=1 if name in SLOW else None)
    return asked


def featuretools(company: Path, folder: Path, scale: Scale) -> dict[str, Task]:
    """Return the tasks of featuretools, on a sample and in an environment that this makes."""
    python = make_environment(folder / "environment")
    orders = str(_sample(company, folder, scale))
    asked = {}
    for name in ("whole", "computing"):
        given = {"orders": orders, "out": str(folder / f"{name}.parquet"), "dates": month_ends(scale.dates)}
        target = f"benchmarks.features_featuretools:{name}"
        asked[name] = Task(target, given, ("featuretools",), python=python)
    return asked


def make_environment(folder: Path) -> str:
    """Make the environment of featuretools; return its interpreter."""
    uv, python = [sys.executable, "-m", "uv"], str(folder / "bin" / "python")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", python, "-r", str(FEATURETOOLS)], check=True
    )
    return python


def _answers(measures: Mapping[str, Measure]) -> dict[str, Path]:
    return {name: Path(found.answer) for name, found in measures.items()}


def _loop(company: Path, dates: Sequence[str]) -> Task:
    return Task("benchmarks.features_lapse:loop_alone", {"company": str(company), "dates": dates}, OURS)


def _bare(company: Path, folder: Path, written: Measure) -> Task:
    given = {
        "orders": str(company / "data" / "orders.parquet"),
        "out": str(folder / "bare.parquet"),
        "features": f"{written.answer}/*.parquet",
    }
    return Task("benchmarks.features_duckdb:bare_cost", given, ("duckdb",))


def _sample(company: Path, folder: Path, scale: Scale) -> Path:
    """Write the orders of every so manieth customer; return the file."""
    orders = pq.read_table(company / "data" / "orders.parquet")
    step = scale.size.customers // scale.featuretools
    file = folder / "sample.parquet"
    pq.write_table(orders.filter(pa.array(orders["customer_no"].to_numpy() % step == 0)), file)
    return file


if __name__ == "__main__":
    asked = options(__doc__)
    main(SMALL if asked.small else FULL, asked.out)
