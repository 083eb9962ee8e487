"""Features alone: equal to those of the dataset, at any date, and nothing left of what fails."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lapse
from lapse.errors import ConfigError, DataError
from lapse.features import Recipe, compute, fit_recipe
from lapse.jobs import features
from lapse.jobs.features import write_features
from lapse.schema import Snapshots, to_day
from tests.jobs.conftest import Place

DATES = ("2024-06-30", "2024-09-30")


@pytest.fixture(scope="module")
def whole(shop: Place, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return pq.read_table(write_features(shop.history, DATES, tmp_path_factory.mktemp("features") / "whole"))


def test_they_are_those_of_the_dataset(shop: Place, whole: pa.Table) -> None:
    frame = whole.to_pandas().set_index("customer_id")
    for date in DATES:
        data = lapse.snapshots(shop.history, as_of=date)
        mine = frame[frame["as_of"].astype(str) == date]
        assert set(mine.index) == {*data.keys["customer_id"], *data.excluded["customer_id"]}
        same = mine.loc[data.keys["customer_id"], list(data.features.columns)].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            same, data.features, check_dtype=False, check_categorical=False, check_exact=True
        )


def test_named_ones_come_alone_and_in_that_order(shop: Place, whole: pa.Table, tmp_path: Path) -> None:
    names = ["order__gap_mean", "customer__tenure_days", "order__count__30d"]
    some = pq.read_table(write_features(shop.history, DATES[::-1], tmp_path / "some", names))
    assert some.column_names == ["customer_id", "as_of", *names]
    pd.testing.assert_frame_equal(some.to_pandas(), whole.select(some.column_names).to_pandas())
    assert some.schema.field("as_of").type == pa.date32()


def test_one_date_and_one_name_may_stand_alone_and_dates_may_be_pandas(shop: Place, tmp_path: Path) -> None:
    name, moment = "order__count__30d", pd.Timestamp(DATES[0])
    asked = (DATES[0], [moment], [moment.to_datetime64()], [moment.date()])
    tables = [
        pq.read_table(write_features(shop.history, dates, tmp_path / str(number), name))  # type: ignore[arg-type]  # numpy's
        for number, dates in enumerate(asked)
    ]
    assert tables[0].column_names == ["customer_id", "as_of", name]
    assert all(table.equals(tables[0]) for table in tables)


def test_pieces_of_a_bucket_are_the_bucket(
    shop: Place, whole: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "ROWS_AT_ONCE", 101)
    folder = write_features(shop.history, DATES, tmp_path / "pieces")
    assert pq.ParquetFile(folder / "0.parquet").num_row_groups > 5
    pd.testing.assert_frame_equal(pq.read_table(folder).to_pandas(), whole.to_pandas())


def test_buckets_on_several_threads_give_the_rows_of_one(
    shop: Place, whole: pa.Table, tmp_path: Path
) -> None:
    with lapse.read(shop.business, rows_per_bucket=2_000) as history:
        assert history.n_buckets > 3
        told: list[str] = []
        folder = write_features(history, DATES, tmp_path / "many", advance=told.append)
    assert len(told) == history.n_buckets == len(list(folder.iterdir()))
    order = ["customer_id", "as_of"]
    left, right = (
        table.to_pandas().sort_values(order, ignore_index=True) for table in (pq.read_table(folder), whole)
    )
    pd.testing.assert_frame_equal(left, right)


def test_a_date_before_a_customer_is_known_has_no_row(shop: Place, whole: pa.Table) -> None:
    bucket = shop.history.bucket(0)
    known = {date: int((bucket.known_day <= to_day(pd.Timestamp(date).date())).sum()) for date in DATES}
    assert whole.to_pandas()["as_of"].astype(str).value_counts().to_dict() == known
    assert known[DATES[0]] < known[DATES[1]]


def test_mistakes_are_told_at_once_and_leave_nothing(shop: Place, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(DataError) as dates:
        write_features(shop.history, ["2031-01-01", "soon", *DATES, DATES[0]], target)
    assert [problem.got for problem in dates.value.problems] == ["2031-01-01", "'soon'", "1 more than once"]
    with pytest.raises(DataError, match="at least one date"):
        write_features(shop.history, [], target)
    with pytest.raises(DataError) as moments:
        write_features(shop.history, [pd.Timestamp("2024-06-30 12:00"), pd.NaT, 19_000], target)  # type: ignore[list-item]  # what it refuses
    assert [problem.got[:14] for problem in moments.value.problems] == ["Timestamp('202", "NaT", "19000"]
    with pytest.raises(ConfigError) as names:
        write_features(shop.history, DATES, target, ["order__max__9d", "order__gap_mean", "order__gap_mean"])
    assert [problem.got for problem in names.value.problems] == [
        "'order__max__9d'",
        "'order__gap_mean' 2 times",
    ]
    assert list(tmp_path.iterdir()) == []
    target.mkdir()
    with pytest.raises(DataError, match="does not exist yet"):
        write_features(shop.history, DATES, target)


def test_two_jobs_at_one_folder_do_not_mix(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins and ends while the first is at work."""
    real, began = features.compute, list[Path]()
    target = tmp_path / "deep" / "out"

    def second(*arguments: Any) -> pa.Table:
        if not began:
            began.append(target)
            write_features(shop.history, DATES[:1], target)
        return real(*arguments)

    monkeypatch.setattr(features, "compute", second)
    with pytest.raises(DataError, match="does not exist yet"):
        write_features(shop.history, DATES, target)
    assert list(target.parent.iterdir()) == [target]
    assert pq.read_table(target)["as_of"].unique().to_pylist() == [dt.date.fromisoformat(DATES[0])]
    (tmp_path / "usual").mkdir()
    assert target.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_the_kept_recipe_gives_the_same_columns_of_other_dates(shop: Place, tmp_path: Path) -> None:
    first = write_features(shop.history, DATES[:1], tmp_path / "first")
    kept = json.loads(pq.read_schema(first / "0.parquet").metadata[b"lapse"])
    recipe = Recipe.from_json(shop.business, kept)
    assert recipe.to_json() == kept
    changed = replace(recipe, shares=recipe.shares[::-1], first_days={**recipe.first_days, "visit": 10**6})
    for one in (recipe, changed):
        folder = write_features(shop.history, DATES[1:], tmp_path / str(one is recipe), recipe=one)
        table = pq.read_table(folder)
        assert table.column_names[2:] == list(one.names)
        assert json.loads(table.schema.metadata[b"lapse"]) == one.to_json()
        data = lapse.snapshots(shop.history, DATES[1], recipe=one)
        mine = table.to_pandas().set_index("customer_id").loc[data.keys["customer_id"]]
        pd.testing.assert_frame_equal(
            mine[list(one.names)].reset_index(drop=True),
            data.features,
            check_dtype=False,
            check_categorical=False,
            check_exact=True,
        )
    some = write_features(shop.history, DATES, tmp_path / "some", ["order__gap_mean"], recipe=recipe)
    assert pq.read_table(some).column_names == ["customer_id", "as_of", "order__gap_mean"]


def test_a_failure_on_the_way_leaves_nothing(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(features, "compute", fails)
    with pytest.raises(RuntimeError, match="disk is full"):
        write_features(shop.history, DATES, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_count_is_that_made_by_hand(shop: Place) -> None:
    bucket = shop.history.bucket(0)
    orders, day = bucket.events["order"], to_day(pd.Timestamp(DATES[1]).date())
    recipe = fit_recipe(shop.business, [bucket], day)
    frame = compute(recipe, bucket, Snapshots(np.arange(len(bucket)), np.full(len(bucket), day, np.int32)))
    window = shop.business.features.windows[0]
    inside = (orders.day > day - window) & (orders.day <= day) & (orders.known_day <= day)
    counted = np.bincount(orders.owner[inside], minlength=len(bucket))
    np.testing.assert_array_equal(frame[f"order__count__{window}d"].to_numpy(), counted)
