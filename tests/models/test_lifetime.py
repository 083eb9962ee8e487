from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from lapse.errors import DataError, GateError
from lapse.models import lifetime
from lapse.models.curve import Curve, remaining_lifetime_days
from lapse.models.lifetime import Lifetime

STEP = 30


def geometric(hazard: np.ndarray, follow_up: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return event and duration in days of customers of constant hazard a step, cut at their follow-up."""
    rng = np.random.default_rng(seed)
    step = rng.geometric(hazard)
    lapse = (step - 1) * STEP + rng.integers(1, STEP + 1, len(hazard))
    return (lapse <= follow_up).astype(int), np.minimum(lapse, follow_up)


def sample(n: int, seed: int = 0, columns: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, columns))
    X = pd.DataFrame(values, columns=[f"f{i}" for i in range(columns)])
    return X, expit(-2.2 + 0.9 * values[:, 0]), rng.integers(20, 13 * STEP, n)


@pytest.fixture(scope="module")
def fitted() -> tuple[Lifetime, pd.DataFrame, np.ndarray]:
    X, hazard, follow_up = sample(12_000)
    event, duration = geometric(hazard, follow_up)
    return Lifetime(STEP, num_threads=1).fit(X, event, duration, follow_up), X, hazard


def test_constant_hazard_lives_one_over_one_minus_r() -> None:
    n = 10_000
    follow_up = np.full(n, 12 * STEP)
    event, duration = geometric(np.full(n, 0.2), follow_up)
    X = pd.DataFrame({"nothing": np.random.default_rng(1).normal(size=n)})
    model = Lifetime(STEP, num_threads=1).fit(X, event, duration, follow_up)
    survival = model.predict_survival_function(X.head(500), 120)
    mean = remaining_lifetime_days(Curve(STEP, survival, np.zeros_like(survival)), 120 * STEP).mean()
    # 1 / (1 - r) counts a step until its end; the area of a straight line within steps is half a step less.
    assert mean / STEP + 0.5 == pytest.approx(1 / (1 - 0.8), rel=0.04)


def test_survival_of_known_hazards_is_recovered(
    fitted: tuple[Lifetime, pd.DataFrame, np.ndarray],
) -> None:
    model, _, _ = fitted
    X, hazard, _ = sample(3_000, seed=9)
    steps = np.arange(1, 37)
    truth = (1 - hazard[:, None]) ** steps
    survival = model.predict_survival_function(X, 36)
    assert model.n_steps_observed_ == 12
    assert np.abs(survival[:, 11] - truth[:, 11]).mean() < 0.04
    assert survival[:, :12].sum() / truth[:, :12].sum() == pytest.approx(1.0, abs=0.02)
    assert survival.sum() / truth.sum() == pytest.approx(1.0, abs=0.05)


def test_survival_falls_and_the_tail_is_not_exponential(
    fitted: tuple[Lifetime, pd.DataFrame, np.ndarray],
) -> None:
    model, X, _ = fitted
    hazard = model.predict_hazard(X.head(300), 60)
    survival = model.predict_survival_function(X.head(300), 60)
    assert ((hazard > 0) & (hazard < 1)).all()
    assert (np.diff(survival, axis=1) < 0).all()
    assert (np.diff(hazard[:, 12:], axis=1) < 0).all()
    np.testing.assert_array_equal(model.predict_hazard(X.head(300), 7), hazard[:, :7])


def test_heterogeneity_that_no_feature_shows_makes_the_tail_fall_faster() -> None:
    rng = np.random.default_rng(4)
    n = 10_000
    follow_up = np.full(n, 12 * STEP)
    X = pd.DataFrame({"nothing": rng.normal(size=n)})
    alphas = [
        Lifetime(STEP, num_threads=1).fit(X, *geometric(hazard, follow_up), follow_up).alpha_
        for hazard in (rng.beta(1.0, 5.0, n), np.full(n, 1 / 6))
    ]
    assert alphas[0] == pytest.approx(1.0, rel=0.4)
    assert alphas[1] > 4


def test_of_many_snapshots_the_tail_is_learned_from_some(monkeypatch: pytest.MonkeyPatch) -> None:
    X, hazard, follow_up = sample(20_000)
    event, duration = geometric(hazard, follow_up)
    fitted = []
    for most in (20_000, 8_000, 8_000):
        monkeypatch.setattr(lifetime, "MOST_TAIL_SNAPSHOTS", most)
        fitted.append(Lifetime(STEP, num_threads=1).fit(X, event, duration, follow_up))
    whole, part, again = fitted
    assert part.alpha_ == again.alpha_ != whole.alpha_
    assert np.log(part.alpha_) == pytest.approx(np.log(whole.alpha_), abs=1.0)
    np.testing.assert_array_equal(part.predict_hazard(X, 12), whole.predict_hazard(X, 12))


def test_a_step_cut_by_the_end_of_the_data_is_not_biased_by_its_events() -> None:
    n = 30_000
    follow_up = np.random.default_rng(2).integers(STEP, 3 * STEP, n)
    event, duration = geometric(np.full(n, 0.3), follow_up)
    X = pd.DataFrame({"nothing": np.zeros(n)})
    known = Lifetime(STEP, num_threads=1).fit(X, event, duration, follow_up)
    unknown = Lifetime(STEP, num_threads=1).fit(X, event, duration)
    assert known.events_.sum() / known.at_risk_.sum() == pytest.approx(0.3, abs=0.01)
    assert unknown.events_.sum() / unknown.at_risk_.sum() == pytest.approx(0.3, abs=0.02)


def test_counts_by_hand() -> None:
    event = np.array([1, 1, 0, 0, 2])
    duration = np.array([30, 31, 60, 59, 89])
    follow_up = np.array([90, 59, 60, 59, 90])
    X = pd.DataFrame({"a": np.arange(5.0)})
    model = Lifetime(STEP, n_estimators=2, num_threads=1).fit(X, event, duration, follow_up)
    # The second lapses in step 2, which the end of its data cuts: only its step 1 counts.
    assert model.at_risk_.tolist() == [5, 2, 1]
    assert model.events_.tolist() == [1, 0, 1]
    assert model.n_rows_ == 8
    assert model.n_steps_observed_ == 1
    by_exposure = Lifetime(STEP, n_estimators=2, num_threads=1).fit(X, event, duration)
    np.testing.assert_allclose(by_exposure.at_risk_, [5, 3 + 29 / 30, 1])
    assert by_exposure.events_.tolist() == [1, 1, 1]


def test_rows_are_bounded_and_the_sample_is_seeded() -> None:
    X, hazard, follow_up = sample(4_000)
    event, duration = geometric(hazard, follow_up)
    small = Lifetime(STEP, max_rows=3_000, n_estimators=20, num_threads=1)
    first, again = (clone(small).fit(X, event, duration, follow_up) for _ in range(2))
    assert first.n_rows_ <= 3_000
    assert first.at_risk_[0] == np.sum(follow_up >= STEP)
    np.testing.assert_array_equal(first.predict_hazard(X, 20), again.predict_hazard(X, 20))


def test_folder_predicts_the_same(fitted: tuple[Lifetime, pd.DataFrame, np.ndarray], tmp_path: Path) -> None:
    model, X, _ = fitted
    model.to_folder(tmp_path)
    again = Lifetime.from_folder(tmp_path)
    np.testing.assert_array_equal(
        again.predict_survival_function(X[:500], 40), model.predict_survival_function(X[:500], 40)
    )
    assert again.get_params() == model.get_params()
    assert again.events_.tolist() == model.events_.tolist()


def test_scikit_learn_conventions(fitted: tuple[Lifetime, pd.DataFrame, np.ndarray]) -> None:
    model, X, _ = fitted
    assert list(model.feature_names_in_) == list(X.columns)
    with pytest.raises(NotFittedError):
        clone(model).predict_hazard(X, 3)
    with pytest.raises(GateError, match="missing: f0"):
        model.predict_hazard(X.drop(columns="f0"), 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": np.zeros(40)}, "customers who lapse"),
        ({"event": np.full(40, -1)}, "0 .not lapsed. or the code"),
        ({"event": np.full(40, 0.5)}, "0 .not lapsed. or the code"),
        ({"duration_days": np.zeros(40)}, "at least one day, got 0 .40 rows"),
        ({"duration_days": np.full(40, -3)}, "at least one day"),
        ({"duration_days": np.full(40, np.nan)}, "missing"),
        ({"follow_up_days": np.full(40, 10)}, "at least the duration"),
        ({"follow_up_days": np.full(40, 29), "duration_days": np.full(40, 20)}, "wholly seen"),
    ],
)
def test_wrong_outcomes_are_refused(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "X": pd.DataFrame({"a": np.arange(40.0)}),
        "event": np.arange(40) % 2,
        "duration_days": np.full(40, 45),
        "follow_up_days": np.full(40, 90),
    }
    with pytest.raises(DataError, match=message):
        Lifetime(STEP).fit(**(given | change))


def test_everybody_lapses_at_once() -> None:
    X = pd.DataFrame({"a": np.arange(60.0)})
    model = Lifetime(STEP, num_threads=1).fit(X, np.ones(60), np.full(60, 5))
    assert (model.predict_survival_function(X, 3)[:, -1] < 0.01).all()
