"""A business folder that is moved, or copied, keeps its models, and a copy leaves the original alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import lapse
from lapse.errors import DataError
from lapse.jobs.moved import follow_move
from lapse.jobs.tracking import fetch
from tests.jobs.conftest import Place


def addresses(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [
            str(value)
            for table, column in (
                ("experiments", "artifact_location"),
                ("runs", "artifact_uri"),
                ("logged_models", "artifact_location"),
                ("model_versions", "storage_location"),
            )
            for (value,) in connection.execute(f"SELECT {column} FROM {table}")
            if "mlartifacts" in value
        ]


def test_a_moved_folder_keeps_its_models(shop: Place, tmp_path: Path) -> None:
    original = shop.config.parent
    copy = tmp_path / "über land"
    shutil.copytree(original, copy)
    away = original.rename(original.with_name("away"))
    try:
        found = fetch(lapse.load(copy / "shop.yaml"), "champion")
    finally:
        away.rename(original)
    assert found.recipe.names == shop.model.recipe.names
    written = addresses(copy / "mlflow.db")
    assert len(written) == len(addresses(original / "mlflow.db")) >= 4
    assert all(one.startswith((copy / "mlartifacts").as_uri()) for one in written)
    assert all(
        one.startswith((original / "mlartifacts").as_uri()) for one in addresses(original / "mlflow.db")
    )


def test_what_did_not_come_along_stays_where_it_is(shop: Place, tmp_path: Path) -> None:
    database = shutil.copy(shop.config.parent / "mlflow.db", tmp_path / "mlflow.db")
    before = addresses(database)
    follow_move(database)
    assert addresses(database) == before


def test_a_neighbour_whose_name_begins_alike_is_not_moved(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    (tmp_path / "mlartifacts" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE experiments (name, artifact_location)")
        connection.execute("CREATE TABLE runs (artifact_uri)")
        connection.execute("CREATE TABLE logged_models (artifact_location)")
        connection.execute("CREATE TABLE model_versions (storage_location, source)")
        connection.execute("INSERT INTO experiments VALUES ('shop', 'file:///old/mlartifacts/shop')")
        for run in ("shop/1", "shop2/1"):
            connection.execute("INSERT INTO runs VALUES (?)", (f"file:///old/mlartifacts/{run}",))
    follow_move(database)
    with closing(sqlite3.connect(database)) as connection:
        runs = {run for (run,) in connection.execute("SELECT artifact_uri FROM runs")}
    assert runs == {f"{tmp_path.as_uri()}/mlartifacts/shop/1", "file:///old/mlartifacts/shop2/1"}


def test_a_store_that_cannot_be_corrected_says_what_to_do(tmp_path: Path) -> None:
    follow_move(tmp_path / "none.db")
    database = tmp_path / "mlflow.db"
    (tmp_path / "mlartifacts" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE experiments (name, artifact_location)")
        connection.execute("INSERT INTO experiments VALUES ('shop', 'file:///old/mlartifacts/shop')")
    with pytest.raises(DataError, match="move the folder back"):
        follow_move(database)
    with closing(sqlite3.connect(database)) as connection:
        (place,) = connection.execute("SELECT artifact_location FROM experiments").fetchone()
    assert place == "file:///old/mlartifacts/shop"
