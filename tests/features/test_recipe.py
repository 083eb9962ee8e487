from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lapse.config import Business
from lapse.errors import ConfigError, DataError, GateError
from lapse.features import Recipe, compute, fit_recipe
from lapse.schema import Bucket, to_day
from tests.building import bucket, snapshots
from tests.features.histories import ATTRIBUTES, FIRST, business

LONG_AFTER = to_day(business("shop").snapshots.start) + 400


def shop(orders: pd.DataFrame) -> Bucket:
    customers = sorted(orders["customer_id"].unique())
    profile = pa.table({"region": pa.array(["n"] * len(customers)), "age": pa.array([1.0] * len(customers))})
    coupons = pd.DataFrame({"customer_id": ["a"], "day": [FIRST]})
    return bucket(customers, {"order": orders, "coupon": coupons}, ATTRIBUTES["shop"], profile)


def orders(rooms: list[str | None], known_day: int = FIRST) -> pd.DataFrame:
    n = len(rooms)
    return pd.DataFrame(
        {
            "customer_id": ["a"] * n,
            "day": [FIRST] * n,
            "known_day": [known_day] * n,
            "amount": [1.0] * n,
            "room": pd.Series(rooms, dtype=object),
            "coach": ["ann"] * n,
        }
    )


def rooms_of(recipe: Recipe) -> list[tuple[str, str]]:
    return [(share.slug, share.value) for share in recipe.shares if share.column == "room"]


def test_top_categories_are_chosen_by_count_then_by_name() -> None:
    recipe = fit_recipe(
        business("shop"), [shop(orders(["z", "z", "b", "a", "c", None, None, None]))], LONG_AFTER
    )
    assert rooms_of(recipe) == [("room_z", "z"), ("room_a", "a"), ("room_b", "b")]


def test_top_categories_are_chosen_over_all_buckets_on_training_days_only() -> None:
    early, late = shop(orders(["a", "b", "b"])), shop(orders(["a"] * 9, known_day=LONG_AFTER + 1))
    more = shop(orders(["a", "a", "a"]))
    assert rooms_of(fit_recipe(business("shop"), [early, late], LONG_AFTER))[0] == ("room_b", "b")
    assert rooms_of(fit_recipe(business("shop"), iter([early, more]), LONG_AFTER))[0] == ("room_a", "a")


def test_slugs_that_collide_get_a_number_and_keep_their_value() -> None:
    whole = shop(orders(["Pool", "Pool", "pool ", "Pöol", "P-o-o-l"]))
    recipe = fit_recipe(business("shop"), [whole], LONG_AFTER)
    assert rooms_of(recipe) == [("room_pool", "Pool"), ("room_p_o_o_l", "P-o-o-l"), ("room_pool_2", "Pöol")]
    frame = compute(recipe, whole, snapshots([(0, FIRST)]))
    assert frame["order__spend_share_room_pool__200d"].to_pylist() == pytest.approx([0.4])
    assert frame["order__spend_share_room_pool_2__200d"].to_pylist() == pytest.approx([0.2])


def test_season_is_given_only_where_training_spans_more_than_a_year() -> None:
    whole = [shop(orders(["a"]))]
    assert "calendar__year_sin" in fit_recipe(business("shop"), whole, LONG_AFTER).names
    assert "calendar__year_sin" not in fit_recipe(business("shop"), whole, LONG_AFTER - 1).names


def test_numbers_as_categories_are_counted_as_text() -> None:
    frame = orders(["a", "a"]).assign(room=[7, 8])
    recipe = fit_recipe(business("shop"), [shop(frame)], LONG_AFTER)
    assert rooms_of(recipe) == [("room_7", "7"), ("room_8", "8")]
    assert "order__latest_room" not in recipe.text


def test_booleans_and_decimals_become_numbers() -> None:
    whole = shop(orders(["a", "a"]))
    for values in (pa.array([False, True]), pa.array([0, 1], pa.decimal128(5, 2))):
        order = whole.events["order"]
        changed = dataclasses.replace(order, attributes={**order.attributes, "room": values})
        one = dataclasses.replace(whole, events={**whole.events, "order": changed})
        recipe = fit_recipe(business("shop"), [one], LONG_AFTER)
        assert compute(recipe, one, snapshots([(0, FIRST)]))["order__latest_room"].to_pylist() == [1.0]


@pytest.mark.parametrize(
    "kind",
    [
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int64(), pa.large_string()),
    ],
)
def test_text_of_every_kind_comes_out_as_one(kind: pa.DataType) -> None:
    whole = shop(orders(["b", "a"]))
    order = whole.events["order"]
    values = pa.array(["b", "a"], pa.string())
    values = values.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else values.cast(kind)
    changed = dataclasses.replace(order, attributes={**order.attributes, "room": values})
    one = dataclasses.replace(whole, events={**whole.events, "order": changed})
    recipe = fit_recipe(business("shop"), [one], LONG_AFTER)
    frame = compute(recipe, one, snapshots([(0, FIRST)]))
    assert rooms_of(recipe) == [("room_a", "a"), ("room_b", "b")]
    assert frame.schema.field("order__latest_room").type == pa.dictionary(pa.int32(), pa.string())
    assert frame["order__latest_room"].to_pylist() == ["a"]


def test_a_date_as_an_attribute_is_refused() -> None:
    whole = shop(orders(["a"]))
    profile = whole.profile.set_column(0, "region", pa.array([1], pa.date32()))
    with pytest.raises(DataError, match=r"column 'region'.*date32"):
        fit_recipe(business("shop"), [dataclasses.replace(whole, profile=profile)], LONG_AFTER)


def test_an_attribute_that_changes_its_type_is_refused() -> None:
    text, numbers = shop(orders(["a"])), shop(orders(["a"]).assign(room=[7]))
    for trained, scored in ((text, numbers), (numbers, text)):
        recipe = fit_recipe(business("shop"), [trained], LONG_AFTER)
        with pytest.raises(GateError, match=r"feature order__latest_room: expected (text|numbers) in event"):
            compute(recipe, scored, snapshots([(0, FIRST)]))


def test_all_columns_that_are_not_those_of_training_are_named_at_once() -> None:
    whole = shop(orders(["a"]))
    recipe = fit_recipe(business("shop"), [whole], LONG_AFTER)
    order = whole.events["order"]
    others = {name: values for name, values in order.attributes.items() if name != "room"}
    other = dataclasses.replace(
        whole,
        profile=whole.profile.set_column(0, "region", pa.array([1], pa.date32())),
        events={"order": dataclasses.replace(order, attributes=others)},
    )
    with pytest.raises(GateError) as caught:
        compute(recipe, other, snapshots([(0, FIRST)]))
    assert [(problem.what, problem.got) for problem in caught.value.problems] == [
        *((f"event '{kind}'", "none") for kind in whole.events if kind != "order"),
        ("feature order__latest_room", "no such column"),
        ("feature customer__region", "date32[day]"),
    ]
    assert all(problem.hint for problem in caught.value.problems)


def test_an_attribute_that_is_null_everywhere_in_a_bucket_keeps_its_type() -> None:
    recipe = fit_recipe(business("shop"), [shop(orders(["a"]))], LONG_AFTER)
    frame = compute(recipe, shop(orders([None])), snapshots([(0, FIRST)]))
    assert frame.schema.field("order__latest_room").type == pa.dictionary(pa.int32(), pa.string())
    assert frame["order__latest_room"].to_pylist() == [None]


def test_no_history_is_refused() -> None:
    with pytest.raises(DataError, match="at least one bucket"):
        fit_recipe(business("shop"), [], LONG_AFTER)


def test_names_that_clash_are_refused_all_at_once() -> None:
    custom = {"order__count__7d": "m:f", "order__recency": "m:f", "order__x__3mo": "m:f"}
    with pytest.raises(ConfigError) as error:
        fit_recipe(business("shop", custom), [shop(orders(["a"]))], LONG_AFTER)
    assert {problem.what.split(".")[-1] for problem in error.value.problems} == {*custom}


def test_an_event_cannot_be_called_as_what_belongs_to_no_event() -> None:
    raw = business("shop").model_dump()
    raw["events"]["calendar"] = raw["events"]["coupon"]
    whole = shop(orders(["a"]))
    whole = dataclasses.replace(whole, events={**whole.events, "calendar": whole.events["coupon"]})
    with pytest.raises(ConfigError, match="other than customer and calendar"):
        fit_recipe(Business.model_validate(raw), [whole], LONG_AFTER)


def test_a_recipe_for_other_columns_is_refused_by_name() -> None:
    recipe = fit_recipe(business("shop"), [shop(orders(["a"]))], LONG_AFTER)
    with pytest.raises(ConfigError) as error:
        Recipe.from_json(business("gym"), recipe.to_json())
    assert any("order__spend_share_room_a__200d" in problem.what for problem in error.value.problems)


def test_a_recipe_may_ask_for_fewer_features() -> None:
    whole = shop(orders(["a", "b"]))
    full = fit_recipe(business("shop"), [whole], LONG_AFTER)
    some = ("order__rate__21d", "customer__age", "order__count__7d")
    fewer = Recipe.from_json(business("shop"), {**full.to_json(), "names": list(some)})
    asked = snapshots([(0, FIRST), (0, FIRST + 9)])
    assert compute(fewer, whole, asked).equals(compute(full, whole, asked).select(some))


def test_what_no_kernel_computes_cannot_be_asked_for() -> None:
    wrong = ["order__cuont__7d", "coupon__sum__7d", "order__count_room_z__7d", "order__recency"]
    also = [*wrong, "order__max__7d"]
    with pytest.raises(ConfigError) as error:
        fit_recipe(business("shop", also=also), [shop(orders(["a"]))], LONG_AFTER)
    assert [problem.got for problem in error.value.problems] == [f"'{name}'" for name in wrong]
    assert "did you mean 'order__count__7d'? stats there: count, count_coach_" in str(error.value)


def test_what_is_asked_for_stands_behind_what_a_business_gets_anyway() -> None:
    also = ["order__max__7d", "order__count__7d", "coupon__days__7d"]
    plain, asked = (
        fit_recipe(business("shop", also=names), [shop(orders(["a"]))], LONG_AFTER) for names in ((), also)
    )
    assert asked.names == (*plain.names, "order__max__7d", "coupon__days__7d")


def test_windows_of_one_length_give_no_trend() -> None:
    raw = business("shop").model_dump()
    raw["features"]["windows"] = ["30d"]
    whole = shop(orders(["a"]))
    recipe = fit_recipe(Business.model_validate(raw), [whole], LONG_AFTER)
    assert not [name for name in recipe.names if "trend" in name]
    assert compute(recipe, whole, snapshots([(0, FIRST + 29)]))["order__count__30d"].to_pylist() == [1.0]
    assert np.isnan(compute(recipe, whole, snapshots([(0, FIRST - 1)]))["order__mean__30d"]).all()


def test_windows_that_reach_behind_the_data_are_scaled_up_to_their_length() -> None:
    whole = shop(orders(["a", "b"]))
    recipe = fit_recipe(business("shop"), [whole], LONG_AFTER)
    assert recipe.first_days == {"order": FIRST, "coupon": FIRST}
    asked = snapshots([(0, FIRST), (0, FIRST + 3), (0, FIRST + 6)])
    frame = compute(recipe, whole, asked)
    assert frame["order__count__7d"].to_pylist() == [14.0, 3.5, 2.0]
    assert frame["order__sum__7d"].to_pylist() == [14.0, 3.5, 2.0]
    assert frame["order__mean__200d"].to_pylist() == [1.0, 1.0, 1.0]
    assert frame["order__trend__7d"].to_pylist() == [1.0, 1.0, 1.0]


def test_the_first_day_is_that_of_each_kind_among_what_was_known() -> None:
    late = shop(orders(["a"], known_day=LONG_AFTER + 1))
    assert fit_recipe(business("shop"), [late], LONG_AFTER).first_days == {"coupon": FIRST}
    assert fit_recipe(business("shop"), [late, shop(orders(["a"]))], LONG_AFTER).first_days["order"] == FIRST
