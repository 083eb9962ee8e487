"""The measurement as a whole: files, page, what changes nothing, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
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
from lapse.jobs.own_folder import require_folder
from lapse.measurement.given import read_given
from lapse.measurement.glossary import UNSHOWN, WORDS, word_of
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
    raw["measure"]["lifecycle"] = {"channel": "channel", "costs": "costs.csv"}
    months = pd.period_range("2022-01", "2024-12", freq="M")
    costs = [
        f"{month},{channel},{100 + month.month}" for month in months for channel in ("referral", "organic")
    ]
    (folder / "costs.csv").write_text("\n".join(["period,channel,cost", *costs]) + "\n")
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
    folder = tmp_path / "as_of=2024-03-31"
    one, *_ = found.write(tmp_path)
    stale = one.rename(folder / "stale.parquet")  # of another version of lapse, say
    assert sorted(found.write(tmp_path)) == sorted(folder.iterdir())
    assert not stale.exists()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["notes.txt", "orders.parquet", "measure.html", "sub"])
def test_what_others_wrote_is_never_replaced(shop: Path, tmp_path: Path, name: str) -> None:
    business = lapse.load(changed(shop, tmp_path, path="out"))
    other = tmp_path / "out" / "as_of=2024-12-31" / name
    other.parent.mkdir(parents=True)
    if name == "sub":
        other.mkdir()
    elif name == "orders.parquet":
        pd.DataFrame({"mine": [1]}).to_parquet(other)
    else:
        other.write_text("mine")
    with pytest.raises(ConfigError) as refused:
        require_folder(business, as_of=date(2024, 12, 31))
    assert [(problem.what, problem.got) for problem in refused.value.problems] == [("measure.path", name)]
    require_folder(business, as_of=date(2024, 12, 30))


def test_a_folder_of_others_is_refused_before_the_work(shop: Path, tmp_path: Path) -> None:
    config = changed(shop, tmp_path, path="out")
    other = tmp_path / "out" / "as_of=2024-12-31" / "notes.txt"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    for arguments in ((), ("--as-of", "2024-12-31")):
        told = run("measure", config, *arguments, "--json")
        assert told.returncode == 2
        assert json.loads(told.stdout)["problems"][0]["got"] == "notes.txt"
        assert "measure shop" not in told.stderr
    with lapse.read(lapse.load(config)) as history, pytest.raises(ConfigError, match=r"notes\.txt"):
        lapse.measure(history).write()
    assert [path.name for path in other.parent.iterdir()] == ["notes.txt"]
    assert other.read_text() == "mine"


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


def test_tables_of_rates_and_costs_are_read_once(shop: Path, tmp_path: Path) -> None:
    for name in ("others.csv", "costs.csv"):
        shutil.copy(shop.parent / name, tmp_path)
    lifecycle = {"channel": "channel", "costs": "costs.csv"}
    business = lapse.load(changed(shop, tmp_path, benchmarks="others.csv", lifecycle=lifecycle))
    with lapse.read(business) as history:
        given = read_given(business)
        for name in ("others.csv", "costs.csv"):
            (tmp_path / name).unlink()
        found = lapse.measure(history, given=given)
        with pytest.raises(DataError) as refused:
            lapse.measure(history)
    assert found.tables["benchmarks"]["ours"].notna().all()
    assert found.tables["lifecycle_channels"]["cost"].sum() > 0
    assert len(refused.value.problems) == 2, "both are missed at once"


def test_every_column_has_a_word(shop: Path) -> None:
    with lapse.read(lapse.load(shop)) as history:
        tables = lapse.measure(history).tables
    words = set(WORDS.values())
    raw = [
        f"{table}.{name}"
        for table, frame in tables.items()
        for name in frame
        if name not in UNSHOWN | {"split", "level"}
        and not name.endswith(("_lower", "_upper"))
        and word_of(table, name) not in words
    ]
    assert len(tables) > 25
    assert raw == []


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to draw the page with")
def test_no_table_is_cut_off_on_a_screen_of_1200_pixels(shop: Path, tmp_path: Path) -> None:
    """A script that only this test adds writes how wide each table's box is, and what is in it."""
    with lapse.read(lapse.load(shop)) as history:
        page = lapse.measure(history).page()
    script = (
        "<script>document.querySelectorAll('details').forEach(d => d.open = true);"
        "const wide = [...document.querySelectorAll('.scroll')].map(b =>"
        " [b.getAttribute('aria-label'), b.scrollWidth - b.clientWidth, getComputedStyle(b).overflowX]);"
        "document.body.textContent ="
        " JSON.stringify([document.documentElement.scrollWidth, wide]) + '#end';</script></body>"
    )
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", script), encoding="utf-8")
    told = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--dump-dom",
         file.as_uri()], capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    width, boxes = json.loads(re.search(r"<body[^>]*>(.*)#end", told.stdout, re.S)[1])  # type: ignore[index]
    assert width <= 1200, "the page itself does not scroll sideways"
    assert len(boxes) > 25
    assert {how for *_, how in boxes} == {"auto"}, "what is wider on a narrow screen scrolls in its box"
    assert [title for title, over, _ in boxes if over > 0] == []


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
