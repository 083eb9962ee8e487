"""Guard 2 names columns that are told the answer, and leaves honest ones alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lapse.leaks import TooGood, Verdict, too_good_columns
from lapse.leaks.measures import measure
from tests.leaks.honest import honest_dataset

KEYS = ["customer_id", "as_of", "lapsed"]


def verdict_on(frame: pd.DataFrame, **more: object) -> Verdict:
    horizon = {"horizon_days": 60, **more}
    return too_good_columns(
        frame.drop(columns=KEYS), frame["lapsed"], frame["as_of"], frame["customer_id"], **horizon
    )


def guard(frame: pd.DataFrame, **more: object) -> tuple[TooGood, ...]:
    verdict = verdict_on(frame, **more)
    assert verdict.judged
    return verdict.columns


def ever_lapsed(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby("customer_id")["lapsed"].transform("max")


def post_lapse_status(frame: pd.DataFrame, rng: np.random.Generator) -> object:  # noqa: ARG001 - a Plant
    """The status as it stands in the table today, after everything."""
    return np.where(ever_lapsed(frame), "cancelled", "active")


def target_derived(frame: pd.DataFrame, rng: np.random.Generator) -> object:
    return frame["lapsed"] * 5.0 + rng.normal(size=len(frame))


def not_monotone(frame: pd.DataFrame, rng: np.random.Generator) -> object:
    """A status code in the middle of others."""
    return np.where(frame["lapsed"], 4.0, rng.choice([1.0, 2.0, 6.0, 9.0], len(frame)))


def missing_means_lapsed(frame: pd.DataFrame, rng: np.random.Generator) -> object:
    """A next appointment that was emptied when the customer left."""
    return np.where(frame["lapsed"], np.nan, rng.integers(1, 60, len(frame)).astype(float))


def attribute_overwritten(frame: pd.DataFrame, rng: np.random.Generator) -> object:  # noqa: ARG001 - a Plant
    return pd.Categorical(np.where(ever_lapsed(frame), "none", "card"))


PLANTS = (post_lapse_status, target_derived, not_monotone, missing_means_lapsed, attribute_overwritten)


def test_an_honest_dataset_passes():
    for seed in range(3):
        assert guard(honest_dataset(seed)) == ()


def test_days_to_the_end_would_trip_a_rule_on_auc_alone():
    frame = honest_dataset()
    test = (frame["as_of"] >= "2024-07-01").to_numpy()
    auc, certainty, marked = measure(frame["term__days_to_end"], frame["lapsed"].to_numpy(), ~test, [test])
    assert auc > 0.95
    assert certainty < 0.6
    assert marked == 0


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_column_is_refused_and_no_other(plant: Callable[..., object]):
    frame = honest_dataset()
    if plant in (
        post_lapse_status,
        attribute_overwritten,
    ):  # after the last window closed, the table was taken
        frame = frame[~((frame["as_of"] < frame["as_of"].max()) & ever_lapsed(frame) & frame["lapsed"])]
    frame = frame.assign(planted=plant(frame, np.random.default_rng(1)))
    verdict = verdict_on(frame)
    assert [(one.column, one.verdict) for one in verdict.columns] == [("planted", "refused")]
    assert [problem.what for problem in verdict.refused] == ["column 'planted'"]
    assert verdict.warnings == []


def test_a_reason_that_only_some_leavers_gave_is_a_warning():
    frame = honest_dataset()
    told = frame["lapsed"] & (np.random.default_rng(2).random(len(frame)) < 0.4)
    verdict = verdict_on(frame.assign(reason=np.where(told, "price", None)))
    assert [(one.column, one.verdict) for one in verdict.columns] == [("reason", "warning")]
    assert 0.25 < verdict.columns[0].marked < 0.55
    assert [problem.what for problem in verdict.warnings] == ["column 'reason'"]
    assert verdict.refused == []


def test_a_reason_that_most_leavers_gave_is_refused():
    frame = honest_dataset()
    told = frame["lapsed"] & (np.random.default_rng(2).random(len(frame)) < 0.65)
    (found,) = guard(frame.assign(reason=np.where(told, "price", None)))
    assert found.verdict == "refused"
    assert found.auc < 0.97
    assert found.marked >= 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda lapsed, number: np.where(lapsed, 900_000, 0) + number,
        lambda lapsed, number: [
            f"{'L' if gone else 'A'}-{one:05d}" for gone, one in zip(lapsed, number, strict=True)
        ],
        lambda lapsed, number: [
            f"{one:05d}{'x' if gone else 'k'}" for gone, one in zip(lapsed, number, strict=True)
        ],
        lambda lapsed, number: [
            str(one) if gone else f"{one}-{one}" for gone, one in zip(lapsed, number, strict=True)
        ],
    ],
    ids=["number", "first character", "last character", "length"],
)
def test_a_customer_id_that_encodes_the_outcome_is_refused(make: Callable[..., object]):
    """Customers were numbered anew when they left: one as_of each, as a user's own dataset often has it."""
    frame = honest_dataset(customers=6000).drop_duplicates("customer_id", keep="last")
    frame = frame.assign(as_of=np.where(frame.index % 2, frame["as_of"].min(), frame["as_of"].max()))
    assert guard(frame) == ()
    frame = frame.assign(customer_id=make(frame["lapsed"].to_numpy(), frame["customer_id"].to_numpy()))
    found = guard(frame)
    assert found[0].verdict == "refused"
    assert all(one.column.startswith("customer_id (") for one in found)
    assert guard(frame, accepted=("customer_id",)) == ()


def test_an_accepted_column_is_not_named():
    frame = honest_dataset().assign(notice=lambda one: one["lapsed"].astype(float))
    assert [one.column for one in guard(frame)] == ["notice"]
    assert guard(frame, accepted=("notice",)) == ()


def test_a_category_with_a_value_a_customer_is_not_mistaken_for_a_leak():
    """Learning what a value means and judging it on the same rows would call this perfect."""
    frame = honest_dataset()
    assert guard(frame.assign(street=frame["customer_id"].astype(str))) == ()
    single = frame[frame["as_of"] == frame["as_of"].max()]
    assert guard(single.assign(street=single["customer_id"].astype(str))) == ()


def test_one_date_learns_on_half_of_the_customers():
    frame = honest_dataset(customers=4000, dates=1).assign(
        status=lambda one: np.where(one["lapsed"], "b", "a")
    )
    assert [one.column for one in guard(frame)] == ["status"]


def test_a_range_of_a_number_does_not_mark():
    """A shop's customers whose grace is nearly over are lost with near certainty, and honestly so."""
    frame = honest_dataset()
    rng = np.random.default_rng(3)
    lost = frame["lapsed"] & (rng.random(len(frame)) < 0.3)
    days = np.where(lost, 115 + rng.integers(0, 5, len(frame)), rng.integers(0, 100, len(frame)))
    assert guard(frame.assign(order__days_since_last=days.astype(np.float32))) == ()
    code = np.where(lost, 9.0, rng.integers(0, 8, len(frame)))
    assert [(one.column, one.verdict) for one in guard(frame.assign(code=code))] == [("code", "warning")]


def test_too_few_lapses_judge_nothing_and_the_verdict_says_so():
    frame = honest_dataset(customers=100).assign(status=lambda one: one["lapsed"])
    verdict = verdict_on(frame)
    judging = frame["as_of"] >= np.unique(frame["as_of"])[-(frame["as_of"].nunique() // 3)]
    lapsed = int(frame["lapsed"][judging].sum())
    assert 0 < lapsed < 20
    assert not verdict.judged
    assert (verdict.columns, verdict.refused) == ((), [])
    (problem,) = verdict.warnings
    assert problem.got.startswith(f"not judged: only {lapsed} lapsed, ")
    assert f"only {lapsed} lapsed" in str(verdict)


def test_measures_agree_with_counting_by_hand():
    outcome = np.array([True, True, False, False, True, False, True, False])
    column = pd.Series([0.9, 0.6, 0.6, 0.1, 0.8, 0.7, 0.2, 0.3])
    half = np.array([False] * 4 + [True] * 4)
    auc, certainty, marked = measure(column, outcome, half, [~half])
    assert auc == pytest.approx(3.5 / 4)  # four pairs, one of them tied
    assert certainty == pytest.approx((0.75 - 0.5) / 0.5)  # the first is right, the second shared with a tie
    assert marked == 0


@pytest.mark.parametrize("seed", range(5))
def test_auc_agrees_with_scikit_learn(seed: int):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    outcome = rng.random(500) < 0.3
    numbers = np.round(rng.normal(size=500) + 2 * outcome, 1)
    rows = np.arange(500) >= 0
    nothing_learned = np.zeros(500, bool)
    nothing_learned[:2] = True
    for column in (pd.Series(numbers), pd.Series(-numbers)):
        auc, _, _ = measure(column, outcome, nothing_learned, [rows])
        assert auc == pytest.approx(roc_auc_score(outcome, numbers))


def test_a_trusted_name_of_no_column_is_told() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"visits": rng.poisson(3, 2_000)})
    dates = np.repeat(pd.to_datetime(["2025-01-31", "2025-03-31"]), 1_000)
    lapsed = rng.random(2_000) < 0.2
    trusted = ("visits", "visit", "customer_id")
    verdict = too_good_columns(frame, lapsed, dates, np.arange(2_000), horizon_days=30, accepted=trusted)
    assert [(problem.what, problem.got) for problem in verdict.warnings] == [("features.trusted", "'visit'")]
    assert verdict.refused == []
