"""Reasons add up to the score, stand in order, and tell of the right features."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.errors import DataError, GateError
from lapse.explain import group_effects, reasons, size_in_words
from lapse.explain.speaker import Speaker
from lapse.features import group_of, words
from lapse.features.names import silence_told
from tests.explain.model import explained


def effects_of(told: pd.DataFrame, top: int) -> np.ndarray:
    return told[[f"reason_{place}_effect" for place in range(1, top + 1)]].to_numpy()


@pytest.mark.parametrize("top", [1, 3, 5, 9])
def test_reasons_of_a_boosted_model_add_up_to_its_score(top: int):
    model = explained()
    told = reasons(model.features, model.contributions, model.raw_score, top=top)
    total = told["base"] + effects_of(told, top).sum(axis=1) + told["other"]
    np.testing.assert_allclose(total, model.raw_score, rtol=0, atol=1e-6)
    assert told.index.equals(model.features.index)


@pytest.mark.parametrize("top", [0, -2, 1.5])
def test_no_reasons_are_no_number_of_reasons(top: float):
    model = explained().rows([0])
    with pytest.raises(DataError, match=f"top: expected a whole number from 1 to 100,000, got {top}"):
        reasons(model.features, model.contributions, model.raw_score, top=top)  # type: ignore[arg-type]  # wrong on purpose


def test_reasons_stand_in_the_order_of_their_size_and_are_the_largest():
    model = explained()
    told = reasons(model.features, model.contributions, model.raw_score)
    found = group_effects(list(model.features), model.contributions, model.raw_score)
    largest = -np.sort(-np.abs(found.effects), axis=1)[:, :3]
    np.testing.assert_allclose(np.abs(effects_of(told, 3)), largest)
    assert (effects_of(told, 3) > 0).any()
    assert (effects_of(told, 3) < 0).any()


def test_group_effects_are_the_sums_of_their_features():
    model = explained()
    found = group_effects(list(model.features), model.contributions, model.raw_score)
    frame = pd.DataFrame(model.contributions[:, :-1], columns=model.features.columns)
    expected = frame.T.groupby([group_of(name) for name in frame]).sum().T
    np.testing.assert_allclose(found.effects, expected[list(found.groups)], atol=1e-12)


def test_words_are_those_of_the_feature_that_pushes_most_in_the_groups_direction():
    model = explained().rows(list(range(200)))
    told = reasons(model.features, model.contributions, model.raw_score, currency="EUR")
    names = list(model.features)
    for row in range(200):
        values = {name: model.features[name].iloc[row] for name in names}
        for place in (1, 2, 3):
            group, effect = told[f"reason_{place}_group"].iloc[row], told[f"reason_{place}_effect"].iloc[row]
            pushes = {
                name: push * np.sign(effect)
                for name, push in zip(names, model.contributions[row], strict=False)
                if group_of(name) == group
            }
            loudest = max(pushes, key=lambda name: pushes[name])
            silences = {silence_told(name, values) for name in pushes} - {None}
            if place == 1 or not silences:
                assert told[f"reason_{place}"].iloc[row] == words(loudest, values, currency="EUR")


@given(data=st.data(), n=st.integers(1, 8), top=st.integers(1, 6))
@settings(deadline=None, max_examples=100)
def test_any_attributions_add_up(data: st.DataObject, n: int, top: int):
    names = [
        "basket__days_since_last",
        "basket__gap_mean",
        "visit__count__30d",
        "customer__tenure_days",
        "Age",
    ]
    effect = st.sampled_from([0.0, 0.0, 1e-9, -3.0, 0.25, 7.5]) | st.floats(-20, 20)
    rows = st.lists(effect, min_size=6, max_size=6)
    contributions = np.array(data.draw(st.lists(rows, min_size=n, max_size=n)))
    values = pd.DataFrame(
        data.draw(
            st.lists(
                st.lists(st.sampled_from([0.0, 1.0, 40.0, np.nan]), min_size=5, max_size=5),
                min_size=n,
                max_size=n,
            )
        ),
        columns=names,
    )
    told = reasons(values, contributions, contributions.sum(axis=1), top=top)
    effects = effects_of(told, top)
    total = told["base"] + effects.sum(axis=1) + told["other"]
    np.testing.assert_allclose(total, contributions.sum(axis=1), atol=1e-9)
    assert np.all(np.diff(np.abs(effects), axis=1) <= 0)
    for place in range(top):
        has_effect = effects[:, place] != 0
        assert (told[f"reason_{place + 1}"].notna() == has_effect).all()
        assert (told[f"reason_{place + 1}_size"].notna() == has_effect).all()
        assert (told[f"reason_{place + 1}_group"].notna() == has_effect).all()


@pytest.mark.parametrize("off", [1e-5, -0.5, np.nan, np.inf])
def test_attributions_that_do_not_add_up_are_refused(off: float):
    model = explained().rows(list(range(10)))
    score = model.raw_score.copy()
    score[7] += off
    with pytest.raises(GateError, match=r"\(1 row\); first: row 7"):
        reasons(model.features, model.contributions, score)
    with pytest.raises(GateError, match=r"\(1 row\); first: row 7"):
        group_effects(list(model.features), model.contributions, score)


def test_attributions_of_another_shape_are_refused():
    model = explained().rows([0, 1])
    with pytest.raises(ValueError, match=r"shape \(2, 7\)"):
        reasons(model.features, model.contributions[:, 1:], model.raw_score)


def test_words_shared_between_rows_are_right_for_each_of_them():
    """Words read companions of their feature: rows that agree in the feature alone may not share them."""
    features = pd.DataFrame(
        {"basket__days_since_last": [19.0, 19.0, 19.0, 19.0], "basket__gap_mean": [6.0, 30.0, np.nan, 6.0]}
    )
    contributions = np.tile([1.0, 0.0, -2.0], (4, 1))
    told = reasons(features, contributions, contributions.sum(axis=1), top=1)["reason_1"].tolist()
    assert told == [
        "no basket for 19 days, usually every 6",
        "no basket for 19 days, usually every 30",
        "no basket for 19 days",
        "no basket for 19 days, usually every 6",
    ]


def told_of(values: dict[str, float], pushes: list[float]) -> list[str]:
    contributions = np.array([[*pushes, -2.0]])
    told = reasons(pd.DataFrame([values]), contributions, contributions.sum(axis=1))
    return told[["reason_1", "reason_2", "reason_3"]].iloc[0].dropna().tolist()


BOTH = {"basket__days_since_last": 15.0, "department__days_since_last": 15.0, "department__gap_mean": 4.0}


def test_a_later_reason_does_not_repeat_the_silence_of_an_earlier_one():
    assert told_of(BOTH, [2.0, 0.9, 0.1]) == ["no basket for 15 days", "usually a department every 4 days"]
    assert told_of(BOTH, [0.5, 0.9, 0.1]) == [
        "no department for 15 days, usually every 4",
        "no basket for 15 days",
    ]
    today = {**BOTH, "basket__days_since_last": 0.0, "department__days_since_last": 0.0}
    assert told_of(today, [2.0, 0.9, 0.1]) == ["a basket today", "usually a department every 4 days"]
    apart = {**BOTH, "department__days_since_last": 14.0}
    assert told_of(apart, [2.0, 0.9, 0.1])[1] == "no department for 14 days, usually every 4"


def test_a_feature_that_pushes_the_other_way_does_not_step_in():
    assert told_of(BOTH, [2.0, 0.9, -0.1])[1] == "no department for 15 days, usually every 4"


def test_an_effect_is_the_groups_whichever_feature_is_told():
    contributions = np.array([[2.0, 0.9, 0.1, -2.0]])
    told = reasons(pd.DataFrame([BOTH]), contributions, np.array([1.0]), top=2).iloc[0]
    assert told["reason_2_effect"] == pytest.approx(1.0)
    assert told["reason_2_group"] == "department timing"


def test_two_reasons_are_never_the_same_words_while_a_group_has_others():
    values = {
        "rise__days_since_last": np.nan,
        "rise__count__365d": 0.0,
        "rise__sum__365d": 0.0,
        "rise__sum__30d": 0.0,
    }
    assert told_of(values, [0.0, 2.0, 1.0, -0.5]) == ["no rise in 365 days", "no rise in 30 days"]


def test_columns_of_a_users_own_table_are_told_by_name():
    features = pd.DataFrame({"Contract": pd.Categorical(["monthly", None]), "Charges": [19.5, np.nan]})
    contributions = np.array([[0.5, 0.2, -1.0], [0.5, 0.2, -1.0]])
    told = reasons(features, contributions, contributions.sum(axis=1), top=2)
    assert told["reason_1"].tolist() == ["Contract is monthly", "Contract not known"]
    assert told["reason_2"].tolist() == ["Charges is 19.5", "Charges not known"]
    assert Speaker(pd.DataFrame({"Visits": [3]}), "").tell("Visits", 0).text == "Visits is 3"


def test_no_rows_give_no_reasons():
    features = pd.DataFrame({"basket__gap_mean": np.empty(0)})
    told = reasons(features, np.empty((0, 2)), np.empty(0))
    assert told.shape == (0, 14)


@given(effect=st.floats(0.01, 8))
@settings(deadline=None)
def test_sizes_say_the_same_both_ways(effect: float):
    up, down = size_in_words(effect), size_in_words(-effect)
    assert up.startswith("raises the odds ")
    assert down.startswith("lowers the odds ")
    if "times" in up:
        assert up.split()[3:] == down.split()[3:]
        assert float(up.split()[3].replace(",", "")) == pytest.approx(math.exp(effect), rel=0.06)
    else:
        assert int(up.split()[4]) == pytest.approx((math.exp(effect) - 1) * 100, abs=0.51)
        assert int(down.split()[4]) == pytest.approx((1 - math.exp(-effect)) * 100, abs=0.51)
