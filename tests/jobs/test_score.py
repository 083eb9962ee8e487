"""The nightly job: the same bytes twice, and the old partition or the new one whenever it is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import lapse
from lapse.dataset import scoring as scoring_dataset
from lapse.errors import DataError
from lapse.history.room import Room
from lapse.jobs import score as scoring
from lapse.jobs.partition import Notes, summary
from lapse.jobs.score import score
from lapse.jobs.tracking import fetch
from lapse.schema import SCORE_COLUMNS
from tests.jobs.conftest import Place

AS_OF = "2024-10-31"


def columns_but_scored_at(file: Path) -> pd.DataFrame:
    return pq.read_table(file, partitioning=None).drop_columns(["scored_at"]).to_pandas()


def test_scoring_twice_gives_the_same_bytes(shop: Place, tmp_path: Path) -> None:
    model = fetch(shop.business, "champion")
    files = [score(shop.history, model, AS_OF, tmp_path / name) for name in ("a", "b")]
    tables = [pq.read_table(file, partitioning=None).drop_columns(["scored_at"]) for file in files]
    for table, file in zip(tables, files, strict=True):
        pq.write_table(table.replace_schema_metadata(None), file.with_name("compared.parquet"))
    first, second = (file.with_name("compared.parquet").read_bytes() for file in files)
    assert first == second


def test_the_table_has_the_columns_of_the_brief_and_reads_as_partitions(shop: Place, tmp_path: Path) -> None:
    model = fetch(shop.business, "champion")
    for as_of in (AS_OF, "2024-11-30"):
        score(shop.history, model, as_of, tmp_path)
    whole = pd.read_parquet(tmp_path)
    assert set(whole.columns) == set(SCORE_COLUMNS)
    assert sorted(whole["as_of"].astype(str).unique()) == [AS_OF, "2024-11-30"]
    files = f"read_parquet('{tmp_path}/*/*.parquet', hive_partitioning=true)"
    counted = duckdb.sql(f"select as_of::varchar, count(*) from {files} group by 1").fetchall()
    assert dict(counted) == whole.groupby(whole["as_of"].astype(str)).size().to_dict()
    assert whole["model_version"].unique().tolist() == [model.version]


@pytest.mark.parametrize("as_of", ["2019-01-01", "2031-01-01", "yesterday"])
def test_a_date_outside_the_data_writes_nothing(shop: Place, tmp_path: Path, as_of: str) -> None:
    with pytest.raises(DataError, match="as_of"):
        score(shop.history, fetch(shop.business, "champion"), as_of, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_jobs_at_one_partition_exclude_each_other(shop: Place, tmp_path: Path) -> None:
    model = fetch(shop.business, "champion")
    file = score(shop.history, model, AS_OF, tmp_path)
    before = file.read_bytes()
    held = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(DataError, match="another job"):
            score(shop.history, model, AS_OF, tmp_path)
    finally:
        os.close(held)
    assert file.read_bytes() == before
    assert score(shop.history, model, AS_OF, tmp_path) == file


def test_a_failure_on_the_way_leaves_the_old_partition(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fetch(shop.business, "champion")
    file = score(shop.history, model, AS_OF, tmp_path)
    before = file.read_bytes()

    def broken(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with pytest.raises(OSError, match="no space left"):
        score(shop.history, model, AS_OF, tmp_path)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_an_error_leaves_no_folder_that_the_job_made(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fetch(shop.business, "champion")

    def broken(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with pytest.raises(OSError, match="no space left"):
        score(shop.history, model, AS_OF, tmp_path)
    assert list(tmp_path.iterdir()) == []
    there = tmp_path / f"as_of={AS_OF}"
    there.mkdir()
    with pytest.raises(OSError, match="no space left"):
        score(shop.history, model, AS_OF, tmp_path)
    assert list(tmp_path.iterdir()) == [there]
    assert list(there.iterdir()) == []


def test_a_folder_that_another_job_removed_is_not_written(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened before the other job's error, and locked after it."""
    model, lock = fetch(shop.business, "champion"), fcntl.flock

    def late(folder: int, how: int) -> None:
        (tmp_path / f"as_of={AS_OF}").rmdir()
        lock(folder, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(DataError, match="another job"):
        score(shop.history, model, AS_OF, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_parts_hang_on_the_text_of_custom_features(
    gym: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = tmp_path / "features_of_mine.py"
    mine.write_text("def one(bucket, snapshots, window_days):\n    return [1.0] * len(snapshots)\n")
    features = gym.business.features.model_copy(update={"custom": {"visit__one": "features_of_mine:one"}})
    business = gym.business.model_copy(update={"features": features})
    model = replace(
        gym.model,
        estimators=replace(gym.model.estimators, business=business),
        recipe=replace(gym.model.recipe, business=business, names=(*gym.model.recipe.names, "visit__one")),
    )
    assert "custom" in scoring._stamp(gym.history, gym.model, 0)
    before = scoring._stamp(gym.history, model, 0)
    assert scoring._stamp(gym.history, model, 0) == before
    mine.write_text(mine.read_text().replace("1.0", "2.0"))
    after = scoring._stamp(gym.history, model, 0)
    assert {key for key in before if before[key] != after[key]} == {"custom"}


def test_what_was_scored_before_an_interruption_is_not_scored_again(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fetch(shop.business, "champion")
    whole, scored = scoring._score_bucket, list[int]()

    def once(*arguments: object) -> object:
        scored.append(arguments[-1])
        return whole(*arguments)

    def interrupted(*arguments: object) -> object:
        if len(scored) == 2:
            raise KeyboardInterrupt
        return once(*arguments)

    with lapse.read(shop.business, rows_per_bucket=1_500) as history:
        assert history.n_buckets > 4
        expected = columns_but_scored_at(score(history, model, AS_OF, tmp_path / "at_once"))
        monkeypatch.setattr(Room, "workers", lambda *_: 1)
        monkeypatch.setattr(scoring, "_score_bucket", interrupted)
        with pytest.raises(KeyboardInterrupt):
            score(history, model, AS_OF, tmp_path / "twice")
        assert not list((tmp_path / "twice").glob("**/*.parquet"))
        monkeypatch.setattr(scoring, "_score_bucket", once)
        file = score(history, model, AS_OF, tmp_path / "twice")
    assert sorted(scored) == list(range(history.n_buckets))
    pd.testing.assert_frame_equal(columns_but_scored_at(file), expected)
    assert list(file.parent.iterdir()) == [file]


def test_pieces_of_a_bucket_are_scored_as_the_bucket(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fetch(shop.business, "champion")
    expected = columns_but_scored_at(score(shop.history, model, AS_OF, tmp_path / "whole"))
    monkeypatch.setattr(scoring_dataset, "CUSTOMERS_AT_ONCE", 97)
    file = score(shop.history, model, AS_OF, tmp_path / "pieces")
    assert pq.ParquetFile(file).num_row_groups > 3
    pd.testing.assert_frame_equal(columns_but_scored_at(file), expected)


def test_the_file_says_where_the_time_went(shop: Place, tmp_path: Path) -> None:
    file = score(shop.history, fetch(shop.business, "champion"), AS_OF, tmp_path)
    spent = Notes.read(file).seconds
    assert next(iter(spent)) == "reading tables"
    assert {*spent} == {
        *("reading tables", "reading buckets", "features", "prediction", "reasons", "writing"),
        "putting together",
    }
    assert spent["reading tables"] == shop.history.seconds
    assert min(spent.values()) > 0
    document, text = summary(file)
    assert document["seconds"] == spent
    assert "reading tables" in text


def test_killed_at_twenty_moments_it_leaves_the_old_partition_or_the_new(shop: Place, tmp_path: Path) -> None:
    shop.model.save(tmp_path / "model")
    model, scores = shop.model.asked_by(shop.business, name="m", version="1"), tmp_path / "scores"
    old = score(shop.history, model, AS_OF, scores)
    expected = columns_but_scored_at(old)
    # every run replaces a partition that is recognisably old
    marked = pq.read_table(old, partitioning=None)
    script = (
        "import sys, lapse; from pathlib import Path\n"
        "from lapse.jobs.score import score; from lapse.jobs.model import Model\n"
        "b = lapse.load(sys.argv[1]); h = lapse.read(b, rows_per_bucket=1500)\n"
        "m = Model.load(Path(sys.argv[4])).asked_by(b, name='m', version='1')\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "score(h, m, sys.argv[2], Path(sys.argv[3])); print('done', flush=True)"
    )
    rng = np.random.default_rng(0)
    killed = 0
    duration = 1.5
    for run in range(20):
        pq.write_table(marked.replace_schema_metadata({"mark": str(run)}), old)
        before = old.read_bytes()
        with subprocess.Popen(
            [sys.executable, "-c", script, str(shop.config), AS_OF, str(scores), str(tmp_path / "model")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as job:
            assert job.stdin is not None
            assert job.stdout is not None
            assert job.stdout.readline() == "ready\n"
            start = time.monotonic()
            job.stdin.write("go\n")
            job.stdin.flush()
            time.sleep(rng.uniform(0, duration))
            job.send_signal(signal.SIGKILL)
            if "done" in job.stdout.read():
                duration = max(0.05, min(duration, time.monotonic() - start))
        killed += job.returncode == -signal.SIGKILL
        seen = duckdb.sql(f"select count(*) from read_parquet('{scores}/*/*.parquet')").fetchall()
        assert seen == [(len(expected),)]
        if old.read_bytes() != before:
            pd.testing.assert_frame_equal(
                columns_but_scored_at(old).sort_values("customer_id", ignore_index=True),
                expected.sort_values("customer_id", ignore_index=True),
            )
    assert killed >= 5
    score(shop.history, model, AS_OF, scores)
    assert [file.name for file in old.parent.iterdir()] == ["scores.parquet"]
    pd.testing.assert_frame_equal(columns_but_scored_at(old), expected)


def test_buckets_in_which_nobody_is_at_risk_or_nobody_at_all_change_nothing(
    shop: Place, tmp_path: Path
) -> None:
    model = fetch(shop.business, "champion")
    one = columns_but_scored_at(score(shop.history, model, AS_OF, tmp_path / "one"))
    with lapse.read(shop.business, rows_per_bucket=25) as history:
        smallest = min(len(bucket) for bucket in history.buckets())
        many = columns_but_scored_at(score(history, model, AS_OF, tmp_path / "many"))
    assert smallest == 0
    by_id = [table.sort_values("customer_id", ignore_index=True) for table in (one, many)]
    pd.testing.assert_frame_equal(*by_id, rtol=1e-9)


def test_a_date_on_which_nobody_is_at_risk_is_a_table_of_who_is_excluded(shop: Place) -> None:
    model, data = fetch(shop.business, "champion"), lapse.snapshots(shop.history, as_of=AS_OF)
    nobody = replace(data, keys=data.keys[:0], features=data.features[:0], rung=data.rung[:0])
    table = model.score(nobody)
    assert list(table.columns) == [name for name in SCORE_COLUMNS if name != "scored_at"]
    assert table["customer_id"].tolist() == sorted(data.excluded["customer_id"])
    assert table["status"].eq("excluded").all()
    assert table[["churn_probability", "clv", "reason_1", "tier"]].isna().all(axis=None)
    written = scoring.to_arrow(table, nobody)
    assert written.schema.equals(scoring.to_arrow(model.score(data), data).schema)
