"""The measurement as a whole: files, page, what changes nothing, and what is refused."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

import lapse
from lapse.demo import write_demo
from lapse.errors import ConfigError, DataError
from lapse.jobs.measure import add_up, pieces_of, stages
from tests.measurement import worlds
from tests.measurement.test_retention import world
from tests.test_cli import run

MINE = (
    "retention_by_month", "retention_by_quarter", "retention_by_year", "retention_pooled",
    "retention_comparison", "retention_lifetimes", "retention_cohorts_by_month",
    "retention_cohorts_by_quarter", "retention_cohorts_by_year", "benchmarks",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop whose config asks for everything; returns the config."""
    folder = tmp_path_factory.mktemp("measured")
    config = write_demo("shop", folder, n_customers=250, seed=4)
    (folder / "others.csv").write_text("name,measure,unit,period,rate\nRival,logo,year,2023,0.3\n")
    raw = yaml.safe_load(config.read_text())
    raw["measure"] = {"segments": ["channel"], "products": ["category"], "benchmarks": "others.csv"}
    config.write_text(yaml.safe_dump(raw))
    return config


def test_the_command_writes_every_table_and_the_page(shop: Path) -> None:
    told = run("measure", shop, "--json", "--memory", "2GB")
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    folder = shop.parent / "out" / "measure" / "as_of=2024-12-31"
    assert document["page"] == str(folder / "measure.html")
    assert document["as_of"] == "2024-12-31"
    assert sorted(document["files"]) == sorted(map(str, folder.iterdir()))
    assert {f"{name}.parquet" for name in MINE} <= {path.name for path in folder.iterdir()}
    assert "measure shop: conclusions" in told.stderr
    assert all(f"warning: {warning}" in told.stderr for warning in document["warnings"])
    shown = run("measure", shop, "--as-of", "2024-06-30")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[-1] == str(folder.with_name("as_of=2024-06-30") / "measure.html")
    assert all(Path(line).is_file() for line in lines)
    rates = f"read_parquet('{folder.parent}/*/retention_by_month.parquet', hive_partitioning = true)"
    dates = duckdb.sql(f"SELECT DISTINCT CAST(as_of AS VARCHAR) FROM {rates}").fetchall()
    assert {"2024-06-30", "2024-12-31"} <= {one for (one,) in dates}, "the folder is one data set by date"


def test_the_library_gives_what_the_command_writes(shop: Path) -> None:
    assert run("measure", shop).returncode == 0
    folder = shop.parent / "out" / "measure" / "as_of=2024-12-31"
    with lapse.read(lapse.load(shop)) as history:
        found = lapse.measure(history)
    assert found.as_of == date(2024, 12, 31)
    assert set(MINE) <= set(found.tables)
    assert found.page() == (folder / "measure.html").read_text(encoding="utf-8")
    for name in MINE:
        pd.testing.assert_frame_equal(
            pd.read_parquet(folder / f"{name}.parquet"), found.tables[name], check_dtype=False
        )


def test_the_same_tables_give_the_same_bytes_however_they_are_cut(shop: Path, tmp_path: Path) -> None:
    written = []
    for place, rows in enumerate((2_000_000, 500)):
        with lapse.read(lapse.load(shop), rows_per_bucket=rows) as history:
            told: list[str] = []
            found = lapse.measure(history, advance=told.append)
            assert len(told) == stages(history)
            found.write(tmp_path / str(place))
        written.append(found)
    one, other = written
    for name in MINE:
        pd.testing.assert_frame_equal(one.tables[name], other.tables[name], rtol=1e-9)


def test_rows_that_become_known_later_change_no_table(shop: Path, tmp_path: Path) -> None:
    """Everything that is known after the date is taken out of the files, and other rows are put in."""
    other = tmp_path / "other"
    shutil.copytree(shop.parent, other)
    as_of = pd.Timestamp("2024-06-30 23:59:59.999999")
    for name, time, known in (
        ("orders", "ordered_at", "ordered_at"), ("refunds", "returned_on", "booked_at"),
        ("late_deliveries", "noticed_at", "noticed_at"),
    ):  # fmt: skip
        table = pd.read_parquet(other / "data" / f"{name}.parquet")
        later = pd.to_datetime(table[known]) > as_of
        assert later.any(), name
        table = table[~later | (np.arange(len(table)) % 3 == 0)].copy()
        later = pd.to_datetime(table[known]) > as_of
        if known != time:
            table.loc[later, time] = table[time].min()  # happened first of all, known last
        if "amount" in table:
            table.loc[later, "amount"] *= 7
        table.to_parquet(other / "data" / f"{name}.parquet", index=False)
    found = []
    for config in (shop, other / "shop.yaml"):
        with lapse.read(lapse.load(config)) as history:
            found.append(lapse.measure(history, "2024-06-30"))
    for name in MINE:
        pd.testing.assert_frame_equal(found[0].tables[name], found[1].tables[name])


def test_a_page_and_its_tables_are_replaced_together(shop: Path, tmp_path: Path) -> None:
    with lapse.read(lapse.load(shop)) as history:
        found = lapse.measure(history, "2024-03-31")
    stale = tmp_path / "as_of=2024-03-31" / "stale.parquet"
    stale.parent.mkdir()
    stale.write_text("of another run")
    files = found.write(tmp_path)
    assert not stale.exists()
    assert sorted(files) == sorted(stale.parent.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["as_of=2024-03-31"]


@pytest.mark.parametrize(
    ("as_of", "code", "words"),
    [
        ("2024-13-01", 2, "a date such as"),
        ("2019-01-01", 3, "the first event"),
        ("2026-01-01", 3, "the end of the data"),
    ],
)
def test_dates_that_cannot_be_are_refused(shop: Path, as_of: str, code: int, words: str) -> None:
    told = run("measure", shop, "--as-of", as_of, "--json")
    assert told.returncode == code
    assert words in told.stderr
    assert json.loads(told.stdout)["exit_code"] == code


def changed(config: Path, folder: Path, **measure: Any) -> Path:
    """Return a copy of a config with another ``measure`` section, beside the same tables."""
    raw = yaml.safe_load(config.read_text())
    raw["measure"] = measure
    for table in (raw["customers"], *raw["events"].values()):
        table["path"] = str(config.parent / table["path"])
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(raw))
    return file


def test_what_cannot_be_written_is_said_before_anything_is_read(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = run("measure", changed(shop, tmp_path, path="file/out"), "--json")
    assert told.returncode == 2
    assert json.loads(told.stdout)["problems"][0]["what"] == "measure.path"


def test_tables_of_rates_and_costs_are_refused_together_before_anything_is_read(
    shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "rates.csv").write_text("name,measure,unit,period,rate\nRival,logo,year,2023,7\n")
    (tmp_path / "costs.csv").write_text("period,channel,cost\n2023-01,web,-5\n")
    costs = {"channel": "channel", "costs": "costs.csv"}
    told = run("measure", changed(shop, tmp_path, benchmarks="rates.csv", lifecycle=costs), "--json")
    assert told.returncode == 3
    where = [Path(problem["where"]).name for problem in json.loads(told.stdout)["problems"]]
    assert {name.split(" ")[0].strip("'") for name in where} == {"rates.csv", "costs.csv"}
    assert "measure shop" not in told.stderr


def test_names_that_are_not_mapped_are_refused_all_at_once(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        lapse.load(changed(shop, tmp_path, segments=["colour", "channel"], products=["channel"]))
    told = [(problem.what, problem.got) for problem in refused.value.problems]
    assert told == [("measure.segments", "'colour'"), ("measure.products", "'channel'")]
    assert "customers.features: channel" in refused.value.problems[0].expected
    assert "events.order.categories: category" in refused.value.problems[1].expected


def test_paths_are_relative_to_the_config_and_the_default_lies_beside_the_scores(
    shop: Path, tmp_path: Path
) -> None:
    assert lapse.load(shop).measure_path == shop.parent / "out" / "measure"
    business = lapse.load(changed(shop, tmp_path, path="elsewhere", benchmarks="a.csv"))
    assert business.measure_path == tmp_path / "elsewhere"
    assert business.measure.benchmarks == tmp_path / "a.csv"


def test_a_date_before_the_first_customer_is_refused(tmp_path: Path) -> None:
    config = write_demo("shop", tmp_path, n_customers=30, seed=1)
    for name, column in (("late_deliveries", "noticed_at"),):
        table = pd.read_parquet(tmp_path / "data" / f"{name}.parquet")
        table.loc[0, column] = pd.Timestamp("2021-01-05")
        table.to_parquet(tmp_path / "data" / f"{name}.parquet", index=False)
    with lapse.read(lapse.load(config)) as history, pytest.raises(DataError, match="'order' is known"):
        lapse.measure(history, "2021-02-01")


def test_pieces_are_the_bucket() -> None:
    _, bucket, *_ = world(2, True, 14, customers=11)
    pieces = list(pieces_of(bucket, 4))
    assert [len(piece) for piece in pieces] == [4, 4, 3]
    assert len({piece.number for piece in pieces}) == 3
    assert [one for piece in pieces for one in piece.customer_id.to_pylist()] == list(range(11))
    for kind, events in bucket.events.items():
        owners = np.concatenate([piece.events[kind].owner + 4 * n for n, piece in enumerate(pieces)])
        assert owners.tolist() == events.owner.tolist()
        for name in ("day", "known_day", "end_day", "amount", "cause", "time_us"):
            joined = np.concatenate([getattr(piece.events[kind], name) for piece in pieces])
            np.testing.assert_array_equal(joined, getattr(events, name))
    assert worlds.FIRST


def test_frames_of_other_keys_add_up() -> None:
    def frame(**values: float) -> pd.DataFrame:
        return pd.DataFrame({"n": values.values()}, index=pd.Index(list(values), name="key"))

    found = add_up([{"a": frame(x=1.0, y=2.0)}, {"a": frame(y=3.0, z=4.0), "b": frame(x=9.0)}])
    assert found["a"]["n"].to_dict() == {"x": 1.0, "y": 5.0, "z": 4.0}
    assert found["b"]["n"].to_dict() == {"x": 9.0}
