from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from lapse.errors import DataError, GateError
from lapse.models.level import Level
from lapse.models.spend import Spend

STEP = 30


def shop(n: int, seed: int = 0, n_steps: int = 6) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return features, zero-heavy long-tailed spend with later steps unseen for some, and its expectation."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3))
    expected = np.exp(3 + 0.8 * values[:, :1]) * 0.95 ** np.arange(n_steps)
    spend = (rng.random((n, n_steps)) < 0.6) * rng.lognormal(np.log(expected / 0.6) - 0.32, 0.8)
    spend[np.arange(n_steps) >= rng.integers(1, n_steps + 1, n)[:, None]] = np.nan
    return pd.DataFrame(values, columns=["a", "b", "c"]), spend, expected


@pytest.fixture(scope="module")
def fitted() -> tuple[Spend, pd.DataFrame]:
    X, spend, _ = shop(15_000)
    return Spend(STEP, num_threads=1).fit(X, spend), X


def test_total_is_within_three_per_cent_and_follows_the_features(
    fitted: tuple[Spend, pd.DataFrame],
) -> None:
    model, _ = fitted
    X, _, expected = shop(10_000, seed=5)
    predicted = model.predict(X)
    assert model.objective_ == "poisson"
    assert predicted.sum() / expected.sum() == pytest.approx(1.0, abs=0.03)
    np.testing.assert_allclose(predicted.sum(axis=0) / expected.sum(axis=0), 1.0, atol=0.05)
    assert np.corrcoef(predicted.sum(axis=1), expected.sum(axis=1))[0, 1] > 0.97


def test_later_steps_get_the_mean_of_the_last_year() -> None:
    rng = np.random.default_rng(0)
    n = 400
    yearly = np.zeros((n, 24))
    yearly[:, [5, 17]] = 120.0
    X = pd.DataFrame({"a": rng.normal(size=n)})
    settings = {"extra_trees": False, "feature_fraction": 1.0, "learning_rate": 0.2, "num_threads": 1}
    model = Spend(STEP, min_child_samples=50, **settings).fit(X, yearly)
    predicted = model.predict(X, 30)
    assert model.n_steps_observed_ == 24
    last_year = predicted[:, 12:24].mean(axis=1)
    np.testing.assert_allclose(predicted[:, 24:], np.repeat(last_year[:, None], 6, axis=1))
    assert predicted[:, 24:].mean() == pytest.approx(10.0, rel=0.05)


def test_unit_of_money_changes_nothing() -> None:
    X, spend, _ = shop(5_000)
    cents = Spend(STEP, n_estimators=50, num_threads=1).fit(X, 100 * spend)
    euros = Spend(STEP, n_estimators=50, num_threads=1).fit(X, spend)
    np.testing.assert_allclose(cents.predict(X), 100 * euros.predict(X), rtol=1e-3)


def test_refunds_beyond_purchases_take_least_squares() -> None:
    X, spend, expected = shop(15_000)
    spend[::5] -= 1.5 * expected[::5]
    model = Spend(STEP, num_threads=1).fit(X, spend)
    assert model.objective_ == "regression"
    seen = ~np.isnan(spend)
    assert model.predict(X)[seen].sum() == pytest.approx(np.nansum(spend), rel=0.03)


def test_some_refunds_beyond_purchases_are_taken_off_by_the_level() -> None:
    X, spend, _ = shop(15_000)
    spend[::20] = np.where(spend[::20] > 0, -0.5 * spend[::20], spend[::20])
    model = Spend(STEP, num_threads=1).fit(X, spend)
    seen = ~np.isnan(spend)
    assert model.objective_ == "poisson"
    assert model.level_.start < -0.01
    assert model.predict(X)[seen].sum() == pytest.approx(np.nansum(spend), rel=0.02)


def test_late_steps_known_of_few_customers_come_out_at_their_level() -> None:
    """Sixty customers, twenty rows each, are all that is known of the later half of the steps."""
    rng = np.random.default_rng(3)
    n_few, n_many, n_steps = 60, 3000, 12
    whose = np.concatenate([np.repeat(np.arange(n_few), 20), n_few + np.arange(n_many)])
    luck = rng.gamma(0.5, 2.0, n_few + n_many)[whose]
    X = pd.DataFrame(rng.normal(size=(n_few + n_many, 4))[whose], columns=list("abcd"))
    spend = luck[:, None] * rng.gamma(2.0, 5.0, (len(whose), n_steps))
    spend[whose >= n_few, 6:] = np.nan
    free = {"min_child_samples": 20, "num_leaves": 15, "num_threads": 1}
    told = Spend(STEP, **free).fit(X, spend, whose)
    others = pd.DataFrame(rng.normal(size=(4000, 4)), columns=list("abcd"))
    late = told.predict(others)[:, 6:].mean()
    without = late / told.level_.factor(n_steps)[6:].mean()
    actual = np.nanmean(spend[:, 6:])
    told.level_ = Level()
    assert told.predict(others)[:, 6:].mean() == pytest.approx(without, rel=0.02)
    assert without < 0.9 * actual
    assert abs(late / actual - 1) < 0.6 * abs(without / actual - 1)


def test_nothing_spent_is_predicted_as_nothing(tmp_path: Path) -> None:
    X, spend, _ = shop(100)
    model = Spend(STEP, num_threads=1).fit(X, np.where(np.isnan(spend), np.nan, 0.0))
    assert model.objective_ == "zero"
    assert not model.predict(X, 9).any()
    model.to_folder(tmp_path)
    assert not Spend.from_folder(tmp_path).predict(X, 9).any()


def test_thin_last_steps_do_not_count_as_observed() -> None:
    X, spend, _ = shop(600)
    spend[40:, 4:] = np.nan
    assert Spend(STEP, n_estimators=5, num_threads=1).fit(X, spend).n_steps_observed_ == 4
    assert Spend(STEP, n_estimators=5, num_threads=1).fit(X[:30], spend[:30, :2]).n_steps_observed_ == 2


def test_rows_are_bounded() -> None:
    X, spend, expected = shop(15_000)
    model = Spend(STEP, max_rows=8_000, num_threads=1).fit(X, spend)
    assert model.n_rows_ <= 8_000
    assert model.predict(X).sum() / expected.sum() == pytest.approx(1.0, abs=0.06)


def test_folder_predicts_the_same(fitted: tuple[Spend, pd.DataFrame], tmp_path: Path) -> None:
    model, X = fitted
    model.to_folder(tmp_path)
    again = Spend.from_folder(tmp_path)
    np.testing.assert_array_equal(again.predict(X, 20), model.predict(X, 20))
    assert again.get_params() == model.get_params()


def test_scikit_learn_conventions(fitted: tuple[Spend, pd.DataFrame]) -> None:
    model, X = fitted
    assert list(model.feature_names_in_) == list(X.columns)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    with pytest.raises(GateError, match="unexpected: d"):
        model.predict(X.assign(d=1.0))


@pytest.mark.parametrize(
    ("spend", "message"),
    [
        (np.zeros(3), r"shape \(3, n_steps\)"),
        (np.zeros((2, 4)), r"shape \(2, 4\)"),
        (np.full((3, 2), np.inf), "infinite"),
        (np.full((3, 2), np.nan), "some step wholly seen"),
    ],
)
def test_wrong_spend_is_refused(spend: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Spend(STEP).fit(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), spend)


def test_wrong_questions_are_refused() -> None:
    X, spend, _ = shop(100)
    small = Spend(STEP, n_estimators=5, num_threads=1)
    with pytest.raises(DataError, match=r"customer: expected none missing, got missing \(100 rows\)"):
        clone(small).fit(X, spend, [None] * 100)
    with pytest.raises(DataError, match="step_days: expected a whole number"):
        Spend(0).fit(X, spend)
    with pytest.raises(DataError, match="n_steps: expected a whole number"):
        clone(small).fit(X, spend).predict(X, 0)


def test_money_in_steps_that_few_reach_alone_is_no_level() -> None:
    X, _, _ = shop(300)
    spend = np.full((300, 3), np.nan)
    spend[:, 0], spend[:20, 2] = 0.0, 9.0
    model = Spend(STEP, n_estimators=5, num_threads=1).fit(X, spend)
    assert model.level_ == Level()
    assert np.isfinite(model.predict(X, 5)).all()


@pytest.mark.parametrize("step", [400, 730, 1_000])
def test_steps_may_be_longer_than_a_year(step: int) -> None:
    rng = np.random.default_rng(1)
    X, money = pd.DataFrame({"a": rng.normal(size=300)}), rng.gamma(2.0, 50.0, (300, 2))
    predicted = Spend(step, n_estimators=5, num_threads=1).fit(X, money).predict(X, 3)
    assert predicted.mean() == pytest.approx(100.0, rel=0.1)
