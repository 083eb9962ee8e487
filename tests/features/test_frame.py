from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from lapse.features import Recipe, compute, fit_recipe
from lapse.schema import Bucket, Snapshots
from tests.features.histories import (
    FIRST,
    LAST,
    asking_for_all,
    assemble,
    business,
    some_frames,
    some_profile,
    some_snapshots,
)
from tests.features.oracle import expected


def made(name: str, seed: int, n: int) -> tuple[Recipe, Bucket, Snapshots]:
    rng = np.random.default_rng(seed)
    customers: list[object] = [f"c{i:04d}" for i in range(n)]
    whole = assemble(name, customers, some_frames(rng, name, customers), some_profile(rng, n))
    return fit_recipe(asking_for_all(name, whole), [whole], LAST), whole, some_snapshots(rng, n)


@pytest.mark.parametrize(("name", "seed"), [("gym", 1), ("gym", 2), ("shop", 3), ("shop", 4)])
def test_every_feature_equals_the_oracle(name: str, seed: int) -> None:
    recipe, whole, asked = made(name, seed, 250)
    frame = compute(recipe, whole, asked)
    assert frame.column_names == list(recipe.names)
    for feature, values in expected(recipe, whole, asked).items():
        got = frame.column(feature).to_pylist()
        if feature in recipe.text:
            assert got == values, feature
            continue
        wanted = np.array([np.nan if value is None else float(value) for value in values])
        np.testing.assert_allclose(got, wanted, rtol=3e-6, atol=2e-5, err_msg=feature)


@pytest.mark.parametrize("name", ["gym", "shop"])
def test_the_oracle_was_put_to_the_test(name: str) -> None:
    recipe, whole, asked = made(name, 5, 250)
    frame = compute(recipe, whole, asked)
    for feature in recipe.names:
        column = frame.column(feature)
        values = column.drop_null().unique().to_pylist() if feature in recipe.text else np.unique(column)
        assert len(values) > 1, f"{feature} is the same everywhere"


@pytest.mark.parametrize("name", ["gym", "shop"])
def test_types_are_those_of_the_recipe(name: str) -> None:
    recipe, whole, asked = made(name, 6, 20)
    frame = compute(recipe, whole, asked)
    for field in frame.schema:
        text = pa.dictionary(pa.int32(), pa.string())
        assert field.type == (text if field.name in recipe.text else pa.float32()), field
    assert not any(np.isinf(frame.column(n)).any() for n in recipe.names if n not in recipe.text)


@pytest.mark.parametrize("name", ["gym", "shop"])
def test_a_row_depends_on_no_other_row(name: str) -> None:
    recipe, whole, asked = made(name, 7, 40)
    frame = compute(recipe, whole, asked)
    rng = np.random.default_rng(0)
    some = np.sort(rng.choice(len(asked), 50, replace=False))
    alone = compute(recipe, whole, Snapshots(asked.customer[some], asked.day[some]))
    assert same(alone, frame.take(some))
    for row in some[:10]:
        one = slice(row, row + 1)
        single = compute(recipe, whole, Snapshots(asked.customer[one], asked.day[one]))
        assert same(single, frame.slice(row, 1))


def test_a_row_depends_on_no_other_customer() -> None:
    rng = np.random.default_rng(8)
    customers: list[object] = [f"c{i}" for i in range(9)]
    frames, profile = some_frames(rng, "gym", customers), some_profile(rng, 9)
    whole = assemble("gym", customers, frames, profile)
    recipe = fit_recipe(business("gym"), [whole], LAST)
    asked = some_snapshots(rng, 9)
    kept = [2, 5, 6]
    names = [customers[i] for i in kept]
    part = assemble(
        "gym",
        names,
        {kind: frame[frame["customer_id"].isin(names)] for kind, frame in frames.items()},
        profile.iloc[kept],
    )
    mine = np.isin(asked.customer, kept)
    fewer = Snapshots(np.searchsorted(kept, asked.customer[mine]), asked.day[mine])
    assert same(compute(recipe, part, fewer), compute(recipe, whole, asked).filter(pa.array(mine)))


def test_a_recipe_survives_json() -> None:
    for name in ("gym", "shop"):
        recipe, whole, asked = made(name, 9, 30)
        again = Recipe.from_json(recipe.business, json.loads(json.dumps(recipe.to_json())))
        assert again == recipe
        assert same(compute(again, whole, asked), compute(recipe, whole, asked))


def test_no_snapshots_and_no_events_give_an_empty_and_a_missing_frame() -> None:
    recipe, whole, _ = made("gym", 10, 5)
    none = Snapshots(np.empty(0, np.int64), np.empty(0, np.int32))
    assert compute(recipe, whole, none).shape == (0, len(recipe.names))
    before = compute(recipe, whole, Snapshots(np.arange(5), np.full(5, FIRST - 100, np.int32)))
    assert before["visit__count__21d"].to_pylist() == [0.0] * 5
    assert np.isnan(before["visit__days_since_last"]).all()
    assert np.isnan(before["customer__tenure_days"]).all()
    assert before["term__latest_plan"].null_count == 5


def same(left: pa.Table, right: pa.Table) -> bool:
    """Say whether two frames hold the same values, NaN being equal to NaN, whatever their dictionaries."""
    return left.column_names == right.column_names and all(
        np.array_equal(left[n], right[n], equal_nan=True)
        if pa.types.is_floating(left[n].type)
        else left[n].to_pylist() == right[n].to_pylist()
        for n in left.column_names
    )
