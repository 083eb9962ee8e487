from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from lapse.errors import DataError, GateError
from lapse.models import blend, boosting, defection
from lapse.models.defection import Defection
from lapse.models.lifetime import Lifetime

HORIZON = 60
FAST = {"n_estimators": 60, "learning_rate": 0.1, "num_threads": 1}


def drifting(
    n: int, seed: int = 0, dates: int = 24
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return features, outcomes, as-of days and true probabilities; the level drifts over the dates."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, dates, n).astype(np.int32) * 30
    numbers = rng.normal(size=(n, 4))
    plan = rng.choice(["gold", "iron", "lead"], n)
    level = -1.6 + 0.1 * np.sin(2 * np.pi * day / 365)
    truth = expit(level + numbers[:, 0] - 0.6 * np.abs(numbers[:, 1]) + 0.8 * (plan == "lead"))
    X = pd.DataFrame(numbers, columns=["a", "b", "c", "d"]).assign(plan=pd.Categorical(plan))
    return X.mask(rng.random(X.shape) < 0.02), (rng.random(n) < truth).astype(int), day, truth


@pytest.fixture(scope="module")
def fitted() -> tuple[Defection, pd.DataFrame]:
    X, y, day, _ = drifting(6_000)
    return Defection(HORIZON, n_bags=2, **FAST).fit(X, y, as_of=day), X


def test_beats_the_base_rate_and_is_calibrated_in_the_large_on_later_dates() -> None:
    X, y, day, truth = drifting(40_000, dates=28)
    past, later = day < 22 * 30, day >= 24 * 30
    model = Defection(HORIZON, num_threads=1).fit(X[past], y[past], as_of=day[past])
    p = model.predict_proba(X[later])[:, 1]
    base, oracle = log_loss(y[later], np.full(len(p), model.base_rate_)), log_loss(y[later], truth[later])
    assert model.calibration_.kind == "platt"
    assert log_loss(y[later], p) - oracle < 0.1 * (base - oracle)
    assert p.sum() / truth[later].sum() == pytest.approx(1.0, abs=0.05)


def test_calibration_mends_a_model_that_learns_too_slowly() -> None:
    X, y, day, truth = drifting(20_000)
    slow = Defection(HORIZON, n_estimators=40, learning_rate=0.02, num_threads=1)
    raw = slow.fit(X, y).predict_proba(X)[:, 1]
    mended = slow.fit(X, y, as_of=day).predict_proba(X)[:, 1]
    assert slow.calibration_.slope > 1.2
    assert np.abs(mended - truth).mean() < 0.8 * np.abs(raw - truth).mean()


def test_a_jump_in_the_risk_chooses_searched_thresholds() -> None:
    rng = np.random.default_rng(4)
    n = 6_000
    X = pd.DataFrame(rng.uniform(0, 1, (n, 8)), columns=[f"x{i}" for i in range(8)])
    ends_soon = X["x0"] < 0.07
    lapsed = rng.random(n) < np.where(ends_soon, 0.9, 0.02)
    day = np.repeat(np.arange(0, 600, 30), n // 20)
    free = Defection(30, n_estimators=60, num_threads=1).fit(X, lapsed, as_of=day)
    assert free.blend_.kind.extra_trees is False
    given = Defection(30, n_estimators=60, extra_trees=True, num_threads=1).fit(X, lapsed, as_of=day)
    assert given.blend_.kind.extra_trees is True
    assert log_loss(lapsed, free.predict_proba(X)) < log_loss(lapsed, given.predict_proba(X))
    assert Defection(30, n_estimators=60, num_threads=1).fit(X, lapsed).blend_.kind.extra_trees is True


def test_of_very_many_rows_choice_and_calibration_learn_from_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y, day, truth = drifting(30_000)
    whole = Defection(HORIZON, **FAST).fit(X, y, as_of=day)
    for module in (blend, defection):
        monkeypatch.setattr(module, "MOST_ROWS", 8_000)
    part, again = (Defection(HORIZON, **FAST).fit(X, y, as_of=day) for _ in range(2))
    assert "sample" not in whole.calibration_slice_.note
    found = part.calibration_slice_
    assert f"8,000 of {found.n_fit:,} earlier rows, 8,000 of {found.n_rows:,} later ones" in found.note
    assert replace(found, note=whole.calibration_slice_.note) == whole.calibration_slice_
    np.testing.assert_array_equal(part.predict_proba(X), again.predict_proba(X))
    p, p_whole = part.predict_proba(X)[:, 1], whole.predict_proba(X)[:, 1]
    assert p.mean() == pytest.approx(p_whole.mean(), rel=0.03)
    assert np.abs(p - truth).mean() < 1.1 * np.abs(p_whole - truth).mean()
    for mine, all_of_it in zip(part.blend_.boosters, whole.blend_.boosters, strict=True):
        assert mine.model_to_string() == all_of_it.model_to_string()  # the trees that are kept saw every row


def test_samples_keep_the_weights_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, day, _ = drifting(20_000)
    weight = np.where(y == 1, 3.0, 1.0)
    for module in (blend, defection):
        monkeypatch.setattr(module, "MOST_ROWS", 3_000)
    model = Defection(HORIZON, **FAST).fit(X, y, as_of=day, sample_weight=weight)
    assert np.average(model.predict_proba(X)[:, 1], weights=weight) == pytest.approx(
        model.base_rate_, rel=0.05
    )


def test_contributions_add_up_to_the_raw_score(fitted: tuple[Defection, pd.DataFrame]) -> None:
    model, X = fitted
    parts = model.contributions(X)
    assert parts.shape == (len(X), len(X.columns) + 1)
    assert parts.dtype == np.float64
    np.testing.assert_allclose(parts.sum(axis=1), model.raw_score(X), rtol=1e-6, atol=1e-9)
    assert np.ptp(parts[:, -1]) < 1e-9


def test_bags_are_averaged_on_the_raw_scale(fitted: tuple[Defection, pd.DataFrame]) -> None:
    model, X = fitted
    matrix = model.encoding_.encode(X)
    single = [booster.predict(matrix, raw_score=True) for booster in model.blend_.boosters]
    assert not np.allclose(*single)
    trees = boosting.raw_score(model.blend_.boosters, matrix, 1)
    np.testing.assert_allclose(trees, np.mean(single, axis=0), rtol=1e-12)


def test_folder_holds_text_and_json_and_predicts_the_same(
    fitted: tuple[Defection, pd.DataFrame], tmp_path: Path
) -> None:
    model, X = fitted
    model.to_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "booster_0.txt",
        "booster_1.txt",
        "model.json",
    ]
    again = Defection.from_folder(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.contributions(X[:50]), model.contributions(X[:50]))
    assert again.get_params() == model.get_params()
    assert again.calibration_slice_ == model.calibration_slice_
    assert list(again.feature_names_in_) == list(X.columns)
    again.to_folder(tmp_path / "second")
    for path in tmp_path.glob("*.*"):
        assert (tmp_path / "second" / path.name).read_bytes() == path.read_bytes()


def test_same_seed_same_model_whatever_the_threads() -> None:
    X, y, day, _ = drifting(2_000)
    one, two, other = (
        Defection(HORIZON, n_estimators=10, num_threads=threads, random_state=seed).fit(X, y, as_of=day)
        for threads, seed in ((1, 0), (2, 0), (1, 1))
    )
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_scikit_learn_conventions(fitted: tuple[Defection, pd.DataFrame]) -> None:
    model, X = fitted
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert fresh.set_params(num_leaves=3).num_leaves == 3
    with pytest.raises(NotFittedError):
        fresh.predict_proba(X)
    p = model.predict_proba(X)
    assert p.shape == (len(X), 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert list(model.classes_) == [0, 1]
    assert model.n_features_in_ == 5
    np.testing.assert_array_equal(model.predict(X), (p[:, 1] >= 0.5).astype(int))


def test_empty_frame_gets_empty_predictions(fitted: tuple[Defection, pd.DataFrame]) -> None:
    model, X = fitted
    assert model.predict_proba(X.head(0)).shape == (0, 2)
    assert model.contributions(X.head(0)).shape == (0, 6)


def test_dates_may_be_dates_or_day_numbers() -> None:
    X, y, day, _ = drifting(3_000)
    dates = np.datetime64("1970-01-01") + day.astype("timedelta64[D]")
    found = [
        Defection(HORIZON, **FAST).fit(X, y, as_of=given).calibration_slice_
        for given in (day, dates, pd.Series(dates).dt.date, dates.astype(str))
    ]
    assert found[0].n_rows > 0
    assert all(one == found[0] for one in found)


def test_weights_shift_the_level() -> None:
    X, y, _, _ = drifting(4_000)
    weight = np.where(y == 1, 2.0, 1.0)
    heavy = Defection(HORIZON, **FAST).fit(X, y, sample_weight=weight)
    assert heavy.base_rate_ == pytest.approx(2 * y.sum() / (len(y) + y.sum()))
    p = heavy.predict_proba(X)[:, 1]
    assert np.average(p, weights=weight) == pytest.approx(heavy.base_rate_, rel=0.02)


def test_without_dates_no_calibration_and_it_says_so() -> None:
    X, y, _, _ = drifting(500)
    model = Defection(HORIZON, **FAST).fit(X, y == 1)
    assert model.calibration_.kind == "identity"
    assert "no as_of" in model.calibration_slice_.note


@pytest.mark.parametrize("n", [2, 5, 20, 100])
def test_tiny_data_with_constant_and_empty_columns(n: int) -> None:
    X = pd.DataFrame({"a": np.arange(n), "same": 1.0, "none": pd.Series([None] * n, dtype="str")})
    y = np.arange(n) < max(1, n // 5)
    p = Defection(HORIZON, num_threads=1).fit(X, y, as_of=np.arange(n)).predict_proba(X)
    assert np.isfinite(p).all()
    assert 0 < p[:, 1].mean() < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(50)}, "no positive outcomes in 50 rows"),
        ({"y": np.ones(50)}, "no negative outcomes"),
        ({"y": np.arange(50)}, "0 and 1, or booleans, got others .48 rows.; first: row 2: 2"),
        ({"y": np.full(50, np.nan)}, "missing or infinite"),
        ({"y": np.array(["yes"] * 50)}, "numbers"),
        ({"y": np.ones(49)}, r"shape \(50,\), got shape \(49,\)"),
        ({"as_of": ["yesterday"] * 50}, "dates"),
        ({"as_of": pd.Series([pd.NaT] * 50)}, "missing"),
        ({"sample_weight": np.zeros(50)}, "weights above 0"),
    ],
)
def test_wrong_outcomes_are_refused(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"X": pd.DataFrame({"a": np.arange(50.0)}), "y": np.arange(50) % 2}
    with pytest.raises(DataError, match=message) as caught:
        Defection(HORIZON).fit(**(given | change))
    assert caught.value.exit_code == 3


def test_other_columns_are_refused(fitted: tuple[Defection, pd.DataFrame]) -> None:
    model, X = fitted
    with pytest.raises(GateError, match="missing: a"):
        model.predict_proba(X.drop(columns="a"))


def test_folder_of_another_kind_or_damaged_is_refused(
    fitted: tuple[Defection, pd.DataFrame], tmp_path: Path
) -> None:
    fitted[0].to_folder(tmp_path)
    with pytest.raises(GateError, match="a lifetime model"):
        Lifetime.from_folder(tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "booster_1.txt").unlink()
    with pytest.raises(DataError, match="booster_1"):
        Defection.from_folder(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(facts)[:-9])
    with pytest.raises(DataError, match=r"model\.json"):
        Defection.from_folder(tmp_path)
