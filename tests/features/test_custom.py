from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lapse.errors import ConfigError, DataError
from lapse.features import compute, fit_recipe, visible
from lapse.features.custom import call
from lapse.features.examples import weekend_share
from lapse.schema import Bucket, Snapshots
from tests.building import bucket, snapshots
from tests.features.histories import LAST, assemble, business, some_frames, some_profile, some_snapshots

SATURDAY = 19_003 + 3 - (19_003 + 3) % 7 + 5 - 3
EMPTY: list[object] = ["a", "b"]


def small() -> tuple[Bucket, Snapshots]:
    days = [SATURDAY - 1, SATURDAY, SATURDAY + 1, SATURDAY + 2]
    visits = pd.DataFrame({"customer_id": ["a"] * 4, "day": days, "known_day": [*days[:3], SATURDAY + 50]})
    return bucket(EMPTY, {"visit": visits}), snapshots([(0, SATURDAY + 2), (0, SATURDAY - 1), (1, SATURDAY)])


def test_saturday_is_saturday() -> None:
    assert pd.Timestamp(SATURDAY, unit="D").day_name() == "Saturday"


def test_weekend_share_is_what_it_says() -> None:
    np.testing.assert_allclose(weekend_share(*small(), None), [0.0, 2 / 3, np.nan])
    np.testing.assert_allclose(weekend_share(*small(), 2), [0.0, 1.0, np.nan])


def test_a_custom_feature_is_a_column_like_the_others() -> None:
    rng = np.random.default_rng(0)
    whole = assemble("gym", EMPTY, some_frames(rng, "gym", EMPTY), some_profile(rng, 2))
    custom = {"term__weekend_share__60d": "lapse.features.examples:weekend_share"}
    recipe = fit_recipe(business("gym", custom), [whole], LAST)
    asked = some_snapshots(rng, 2)
    column = compute(recipe, whole, asked)["term__weekend_share__60d"]
    np.testing.assert_array_equal(column, weekend_share(whole, asked, 60).astype(np.float32))


@pytest.mark.parametrize("target", ["no.such.module:f", "math:no_such_function", "math:pi"])
def test_what_cannot_be_imported_is_a_mistake_in_the_config(target: str) -> None:
    rng = np.random.default_rng(0)
    whole = assemble("gym", EMPTY, some_frames(rng, "gym", EMPTY), some_profile(rng, 2))
    recipe = fit_recipe(business("gym", {"visit__mine": target}), [whole], LAST)
    with pytest.raises(ConfigError, match=f"features.custom.visit__mine.*'{target}'"):
        compute(recipe, whole, some_snapshots(rng, 2))


def fails(*_: object) -> Any:
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (fails, "ZeroDivisionError: by zero"),
        (lambda *_: np.zeros(2), r"shape \(3,\), got shape \(2,\)"),
        (lambda *_: np.zeros((3, 1)), r"shape \(3, 1\)"),
        (lambda *_: None, r"shape \(\)"),
        (lambda *_: ["x", "y", "z"], "numbers, got an array of"),
        (lambda *_: [1.0, np.inf, -np.inf], r"finite.*\(2 rows\); first: row 1 of bucket 0"),
        (lambda *_: [1.0, 2.0, 1e300], "finite"),
    ],
)
def test_what_returns_nonsense_is_refused_by_name(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        call("visit__mine", function, *small())
    assert "'visit__mine'" in str(error.value)


def test_whole_numbers_and_booleans_are_numbers() -> None:
    assert call("visit__mine", lambda *_: [1, 2, 3], *small()).tolist() == [1.0, 2.0, 3.0]
    assert call("visit__mine", lambda *_: [True, False, True], *small()).dtype == np.float32


@pytest.mark.parametrize("window", [None, 1, 30])
def test_visible_pairs_are_those_of_the_leak_rule(window: int | None) -> None:
    rng = np.random.default_rng(3)
    customers: list[object] = list(range(30))
    whole = assemble("gym", customers, some_frames(rng, "gym", customers), some_profile(rng, 30))
    asked = some_snapshots(rng, 30)
    for events in whole.events.values():
        wanted = [
            (row, i)
            for row, (c, t) in enumerate(zip(asked.customer, asked.day, strict=True))
            for i in range(events.offsets[c], events.offsets[c + 1])
            if events.known_day[i] <= t
            and events.day[i] <= t
            and (window is None or events.day[i] > t - window)
        ]
        rows, positions = visible(events, asked, window)
        assert list(zip(rows.tolist(), positions.tolist(), strict=True)) == wanted
