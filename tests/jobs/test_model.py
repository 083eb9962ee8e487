"""The identities: one curve, cash flows and reasons that add up, a model that comes back the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.dataset import Dataset
from lapse.errors import DataError, GateError
from lapse.features import group_of
from lapse.jobs.model import Model
from lapse.models.ahead import earliest_lapse_days
from lapse.models.linear import Linear
from lapse.schema import SCORE_COLUMNS
from lapse.value import cash_flows
from tests.jobs.conftest import Place


@pytest.fixture(scope="module", params=["shop", "gym"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def today(place: Place) -> Dataset:
    return lapse.snapshots(place.history, "2024-10-31", recipe=place.model.recipe)


def test_the_curve_goes_through_the_churn_probability(place: Place, today: Dataset) -> None:
    estimators = place.model.estimators
    curve = place.model.curve(today)
    calibrated = estimators.defection.predict_proba(today.features)[:, 1]
    left = 1 - curve.survival[:, estimators.horizon_steps - 1]
    possible = curve.earliest <= place.business.snapshots.horizon
    np.testing.assert_allclose(left, np.where(possible, calibrated, 0), atol=1e-6)
    assert possible.all() == (place.business.business == "shop")
    assert (np.diff(curve.survival, axis=1) <= 1e-12).all()
    said = place.model.score(today).dropna(subset="churn_probability").set_index("customer_id")
    assert len(said) == len(today)
    probability = said.loc[today.keys["customer_id"], "churn_probability"]
    np.testing.assert_allclose(left, probability, atol=1e-6)


def test_nobody_ever_lapsed_before_it_was_possible(place: Place) -> None:
    """What is told from the features about the earliest lapse holds of every outcome in the data."""
    data = lapse.snapshots(place.history)
    churn, happened = place.business.churn, data.labels
    earliest = earliest_lapse_days(data.features, churn.event, churn.grace)
    gone = happened.event > 0
    assert (happened.duration_days[gone] >= earliest[gone]).all()
    assert (happened.duration_days[gone] == earliest[gone]).any()
    assert (earliest >= 1).all()


def test_no_bound_lies_before_the_earliest_lapse(place: Place, today: Dataset) -> None:
    predicted, churn = place.model.estimators.predict(today.features), place.business.churn
    earliest = np.minimum(
        earliest_lapse_days(today.features, churn.event, churn.grace), place.business.value.limit
    )
    assert (predicted["remaining_lifetime_days_lower"] >= earliest - 1e-9).all()


def test_cash_flows_add_up_to_the_clv_and_follow_the_formula(place: Place, today: Dataset) -> None:
    value, curve = place.business.value, place.model.curve(today)
    flows = cash_flows(curve, value)
    clv = place.model.score(today).dropna(subset="clv").set_index("customer_id")["clv"]
    np.testing.assert_allclose(flows.sum(axis=1), clv.loc[today.keys["customer_id"]], rtol=1e-9)
    step, whole = curve.step_days, value.limit // curve.step_days
    for row in range(0, len(today), 50):
        for k in range(whole):
            begins = 1.0 if k == 0 else curve.survival[row, k - 1]
            sure = min(max(curve.earliest[row] - k * step, 0), step) / step
            there = sure * begins + (1 - sure) * (begins + curve.survival[row, k]) / 2
            served = there * value.cost_to_serve * step / 365
            margin = begins * curve.spend[row, k] * value.margin_rate
            expected = (margin - served) / (1 + value.discount_rate) ** ((k + 0.5) * step / 365)
            assert flows[row, k] == pytest.approx(expected, rel=1e-9)


def test_reasons_add_up_to_the_raw_score(place: Place, today: Dataset) -> None:
    told = place.model.explain(today, top=3)
    total = told[["reason_1_effect", "reason_2_effect", "reason_3_effect", "other", "base"]].sum(axis=1)
    raw = place.model.estimators.defection.raw_score(today.features)
    np.testing.assert_allclose(total, raw, atol=1e-6)
    words = told[["reason_1", "reason_2", "reason_3"]].to_numpy().ravel()
    assert not any("__" in word or "nan" in word.lower() for word in words if isinstance(word, str))


def test_as_many_reasons_as_there_are_parts_and_no_more(place: Place, today: Dataset) -> None:
    few = today.take(np.arange(3))
    parts = len({group_of(name) for name in place.model.recipe.names})
    assert place.model.explain(few, top=parts)[f"reason_{parts}_effect"].notna().all()
    for top in (0, -1, parts + 1, 2.5):
        with pytest.raises(DataError, match=f"top: expected a whole number from 1 to {parts}, got {top}"):
            place.model.explain(few, top=top)  # type: ignore[arg-type]  # wrong on purpose


def test_bounds_enclose_and_values_are_whole(place: Place, today: Dataset) -> None:
    predicted = place.model.estimators.predict(today.features)
    told = predicted.notna().all()
    assert told.drop("churn_probability_voluntary").all()
    assert told["churn_probability_voluntary"] == (place.business.business == "gym")  # it keeps causes apart
    limit = place.business.value.limit
    assert predicted["remaining_lifetime_days"].between(0, limit).all()
    for name in ("remaining_lifetime_days", "clv"):
        assert (predicted[f"{name}_lower"] <= predicted[name]).all()
        assert (predicted[name] <= predicted[f"{name}_upper"]).all()


def test_every_known_customer_has_one_row(place: Place, today: Dataset) -> None:
    scores = place.model.score(today)
    assert not scores["customer_id"].duplicated().any()
    assert len(scores) == len(today) + len(today.excluded)
    assert set(scores.columns) == set(SCORE_COLUMNS) - {"scored_at"}
    excluded = scores[scores["status"] == "excluded"]
    assert excluded["exclusion_reason"].notna().all()
    assert excluded["churn_probability"].isna().all()
    assert scores["rung"].notna().all()


def test_a_model_comes_back_from_its_folder_the_same(place: Place, today: Dataset, tmp_path: Path) -> None:
    place.model.save(tmp_path)
    again = Model.load(tmp_path)
    pd.testing.assert_frame_equal(
        again.estimators.predict(today.features),
        place.model.estimators.predict(today.features),
        check_exact=True,
    )
    assert str(again.evaluation) == str(place.model.evaluation)
    assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} <= {".json", ".txt"}


def test_the_digest_is_of_the_trees_and_the_coefficients_too(place: Place, tmp_path: Path) -> None:
    place.model.save(tmp_path)
    again = Model.load(tmp_path)
    assert again.digest() == place.model.digest()
    estimators = again.estimators
    blend = estimators.defection.blend_
    estimators.defection.blend_ = replace(blend, boosters=blend.boosters[::-1])
    turned = again.digest()
    assert turned != place.model.digest()
    line = Linear((0.0,), (1.0,), (0.5,), (0.0,), (0.0,), 0.0)
    estimators.defection.blend_ = replace(blend, linear=line)
    assert again.digest() not in (turned, place.model.digest())
    estimators.defection.blend_ = blend
    assert again.digest() == place.model.digest()
    assert replace(again, facts={**again.facts, "rows": 1}).digest() != place.model.digest()


def test_scoring_one_bucket_or_many_gives_the_same_scores(place: Place, today: Dataset) -> None:
    with lapse.read(place.business, rows_per_bucket=2_000) as history:
        assert history.n_buckets > 3
        many = lapse.snapshots(history, "2024-10-31", recipe=place.model.recipe)
        first = place.model.score(many).sort_values("customer_id", ignore_index=True)
    second = place.model.score(today).sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(first, second, rtol=1e-12)  # sums over rows may round otherwise


def test_another_question_is_refused_part_by_part(place: Place) -> None:
    other = place.business.model_copy(
        update={
            "currency": "CHF",
            "churn": place.business.churn.model_copy(update={"grace": place.business.churn.grace + 1}),
        }
    )
    with pytest.raises(GateError) as caught:
        place.model.asked_by(other, name="m", version="1")
    assert [problem.what for problem in caught.value.problems] == ["currency", "churn.grace"]
    assert caught.value.exit_code == 4


def test_other_values_are_another_question_but_trusted_columns_are_not(place: Place) -> None:
    richer = place.business.value.model_copy(update={"margin_rate": 0.9})
    with pytest.raises(GateError, match="value"):
        place.model.asked_by(place.business.model_copy(update={"value": richer}), name="m", version="1")
    features = place.business.features.model_copy(update={"trusted": ("some__column",)})
    trusting = place.business.model_copy(update={"features": features})
    assert place.model.asked_by(trusting, name="m", version="1").name == "m"


def test_features_that_a_config_does_not_give_any_more_are_named(gym: Place) -> None:
    """The amount of a letter is no revenue: nothing else of the question hangs on it."""
    letter = gym.business.events["price_rise"]
    columns = {role: column for role, column in letter.columns.items() if role != "amount"}
    events = {**gym.business.events, "price_rise": letter.model_copy(update={"columns": columns})}
    with pytest.raises(GateError) as caught:
        gym.model.asked_by(gym.business.model_copy(update={"events": events}), name="m", version="1")
    lost = [
        name for name in gym.model.recipe.names if name.startswith(("price_rise__sum", "price_rise__mean"))
    ]
    assert lost
    assert [problem.what for problem in caught.value.problems] == [f"feature {name}" for name in lost]
    assert all("train again" in problem.hint for problem in caught.value.problems)


def test_a_frame_of_other_columns_is_refused(place: Place, today: Dataset) -> None:
    wrong = replace(today, features=today.features.iloc[:, 1:].assign(invented=1.0))
    with pytest.raises(GateError, match="invented"):
        place.model.score(wrong)


def test_a_dataset_of_another_recipe_is_refused_feature_by_feature(place: Place, today: Dataset) -> None:
    ours = place.model.recipe
    lost, text = ours.names[0], ours.text[0]
    other = replace(ours, names=(*ours.names[1:], "visit__one"), text=ours.text[1:])
    for recipe, told in (
        (other, f"missing: {lost}; unexpected: visit__one; of another type: {text}"),
        (replace(ours, first_days={}), "the same columns, made with choices from other data"),
    ):
        with pytest.raises(GateError) as caught:
            place.model.score(replace(today, recipe=recipe))
        (problem,) = caught.value.problems
        assert problem.got == told
        assert problem.hint


def test_nobody_at_risk_gives_a_table_of_excluded(place: Place, today: Dataset) -> None:
    nobody = today.take(np.array([], np.int64))
    scores = place.model.score(nobody)
    assert (scores["status"] == "excluded").all()
    assert len(scores) == len(today.excluded)
