from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from lapse.errors import DataError, GateError
from lapse.models import hazard as hazards
from lapse.models.curve import Curve
from lapse.models.durations import remaining_lifetime_days
from lapse.models.fall import Fall
from lapse.models.hazard import FewLapses
from lapse.models.lifetime import Lifetime
from lapse.models.tail import fit_sbg

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
        Lifetime(STEP, num_threads=1).fit(X, *geometric(hazard, follow_up), follow_up).fall_.alpha
        for hazard in (rng.beta(1.0, 5.0, n), np.full(n, 1 / 6))
    ]
    assert alphas[0] == pytest.approx(1.0, rel=0.4)
    assert alphas[1] > 4


@pytest.mark.parametrize("seed", range(8))
def test_even_a_single_tree_knows_when(seed: int) -> None:
    X, _, _ = sample(4_000, seed, columns=5)
    rng = np.random.default_rng(seed)
    early = rng.random(4_000) < 0.5
    lapse = np.where(early, rng.integers(1, STEP + 1, 4_000), 1_000)
    follow_up = np.full(4_000, 4 * STEP)
    late = ~early & (rng.random(4_000) < 0.05)
    lapse[late] = rng.integers(STEP + 1, 4 * STEP + 1, late.sum())
    model = Lifetime(STEP, n_estimators=1, learning_rate=1.0, num_threads=1, random_state=seed)
    hazard = model.fit(X, lapse <= follow_up, np.minimum(lapse, follow_up), follow_up).predict_hazard(X, 4)
    assert hazard[:, 0].mean() > 5 * hazard[:, 3].mean()


def test_of_many_snapshots_the_tail_is_learned_from_some(monkeypatch: pytest.MonkeyPatch) -> None:
    X, hazard, follow_up = sample(20_000)
    event, duration = geometric(hazard, follow_up)
    fitted = []
    for most in (20_000, 8_000, 8_000):
        monkeypatch.setattr(hazards, "MOST_TAIL_SNAPSHOTS", most)
        fitted.append(Lifetime(STEP, num_threads=1).fit(X, event, duration, follow_up))
    whole, part, again = fitted
    assert part.fall_.alpha == again.fall_.alpha != whole.fall_.alpha
    assert np.log(part.fall_.alpha) == pytest.approx(np.log(whole.fall_.alpha), abs=1.0)
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
        ({"event": pd.Series(["1", "0"] * 20, dtype=object)}, "event: expected numbers, got text"),
        ({"event": np.full(40, 1e19)}, "event: expected codes of at most 127, got more"),
        ({"duration_days": np.full(40, 45 * 86_400)}, "(?s)days, at most 100,000, got more.*3.888e.06.*days"),
        ({"duration_days": np.zeros(40)}, "at least one day, got less .40 rows.; first: row 0: 0"),
        ({"duration_days": np.full(40, -3)}, "at least one day"),
        ({"duration_days": np.full(40, np.nan)}, "missing"),
        ({"follow_up_days": np.full(40, 10)}, "at least the duration"),
        ({"follow_up_days": np.full(40, 29), "duration_days": np.full(40, 20)}, "longest duration, 20 days"),
        ({"follow_up_days": np.full(40, 45)}, "wholly seen"),
        ({"duration_days": pd.to_timedelta(np.full(40, 45), unit="D")}, r"(?s)got timedelta64.*dt\.days"),
        ({"entered_on": np.full(40, 1e12)}, "entered_on: expected dates or whole day numbers"),
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
    model = Lifetime(STEP, num_threads=1).fit(X, np.ones(60), np.full(60, STEP))
    assert (model.predict_survival_function(X, 3)[:, -1] < 0.01).all()


def competing(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return features, the hazard a step, and the share of cause 3, which grows with the step."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"price": rng.normal(size=n), "plan": rng.choice(["flex", "annual"], n)})
    hazard = np.where(X["plan"] == "flex", 0.15, 0.05)
    return X, hazard, 1 / (1 + np.exp(-1.5 * X["price"].to_numpy()))


@pytest.fixture(scope="module")
def causes() -> tuple[Lifetime, pd.DataFrame, np.ndarray, np.ndarray]:
    X, hazard, share = competing(12_000)
    follow_up = np.full(len(X), 12 * STEP)
    event, duration = geometric(hazard, follow_up)
    cause = np.where(np.random.default_rng(3).random(len(X)) < share, 3, 1)
    return Lifetime(STEP, num_threads=1).fit(X, event * cause, duration, follow_up), X, hazard, share


def test_incidences_of_all_causes_and_survival_add_up_to_one(
    causes: tuple[Lifetime, pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    model, X, hazard, share = causes
    some = X.head(3_000)
    assert model.causes_ == (1, 3)
    incidence = {cause: model.predict_cumulative_incidence(some, 30, cause) for cause in (1, 3)}
    survival = model.predict_survival_function(some, 30)
    np.testing.assert_allclose(incidence[1] + incidence[3] + survival, 1.0, atol=1e-9)
    truth = (1 - (1 - hazard[:3_000]) ** 12) * share[:3_000]
    assert np.abs(incidence[3][:, 11] - truth).mean() < 0.04
    assert np.corrcoef(incidence[3][:, 11], truth)[0, 1] > 0.97


def test_telling_causes_apart_does_not_change_survival() -> None:
    X, hazard, _ = competing(3_000)
    follow_up = np.full(len(X), 12 * STEP)
    event, duration = geometric(hazard, follow_up)
    small = Lifetime(STEP, n_estimators=30, num_threads=1)
    one = clone(small).fit(X, event, duration, follow_up)
    three = clone(small).fit(X, event * (1 + np.arange(3_000) % 3), duration, follow_up)
    assert (one.causes_, three.causes_) == ((1,), (1, 2, 3))
    np.testing.assert_array_equal(
        one.predict_survival_function(X, 40), three.predict_survival_function(X, 40)
    )
    np.testing.assert_array_equal(one.predict_cause_shares(X.head(), 15), np.ones((5, 1, 15)))
    np.testing.assert_allclose(three.predict_cause_shares(X.head(), 15).sum(axis=1), 1.0, atol=1e-12)


def test_shares_change_with_the_steps_and_stay_behind_the_last() -> None:
    n = 6_000
    X = pd.DataFrame({"nothing": np.zeros(n)})
    follow_up = np.full(n, 10 * STEP)
    event, duration = geometric(np.full(n, 0.15), follow_up)
    model = Lifetime(STEP, num_threads=1).fit(
        X, event * np.where(duration > 5 * STEP, 2, 1), duration, follow_up
    )
    shares = model.predict_cause_shares(X.head(1), 14)[0, 1]
    assert shares[:5].max() < 0.05
    assert shares[5:].min() > 0.95
    assert (shares[10:] == shares[9]).all()


def test_an_unknown_cause_is_refused(causes: tuple[Lifetime, pd.DataFrame, np.ndarray, np.ndarray]) -> None:
    model, X, _, _ = causes
    with pytest.raises(DataError, match="an event code seen at fit: 1, 3, got 2"):
        model.predict_cumulative_incidence(X, 3, 2)


def test_folder_keeps_causes(
    causes: tuple[Lifetime, pd.DataFrame, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    model, X, _, _ = causes
    model.to_folder(tmp_path)
    again = Lifetime.from_folder(tmp_path)
    assert again.recent_ == model.recent_
    assert again.fall_ == model.fall_
    np.testing.assert_array_equal(
        again.predict_cumulative_incidence(X.head(50), 20, 3),
        model.predict_cumulative_incidence(X.head(50), 20, 3),
    )


def test_late_entries_are_not_taken_for_loyal_ones() -> None:
    """Watched from a random day on: without their entry, who left before it would count as nobody."""
    n = 30_000
    rng = np.random.default_rng(11)
    X = pd.DataFrame({"nothing": np.zeros(n)})
    event, duration = geometric(np.full(n, 0.2), np.full(n, 10 * STEP), seed=11)
    entry = rng.integers(0, 8 * STEP, n)
    seen = duration > entry
    late = Lifetime(STEP, num_threads=1).fit(X[seen], event[seen], duration[seen], entry_days=entry[seen])
    naive = Lifetime(STEP, num_threads=1).fit(X[seen], event[seen], duration[seen])
    assert (late.events_ / late.at_risk_)[:10] == pytest.approx(np.full(10, 0.2), abs=0.035)
    assert late.predict_hazard(X.head(1), 8)[0] == pytest.approx(np.full(8, 0.2), abs=0.02)
    assert naive.predict_hazard(X.head(1), 1)[0, 0] < 0.12


def test_a_weight_is_a_number_of_copies() -> None:
    X, hazard, follow_up = sample(2_000)
    event, duration = geometric(hazard, follow_up)
    weight = np.random.default_rng(1).integers(1, 4, 2_000)
    copies = np.repeat(np.arange(2_000), weight)
    small = Lifetime(STEP, n_estimators=40, min_child_samples=1, reg_lambda=0.0, num_threads=1)
    weighted = clone(small).fit(X, event, duration, follow_up, sample_weight=weight)
    copied = clone(small).fit(X.iloc[copies], event[copies], duration[copies], follow_up[copies])
    np.testing.assert_allclose(weighted.at_risk_ * weight.mean(), copied.at_risk_)
    both = [model.predict_survival_function(X, 12)[:, -1] for model in (weighted, copied)]
    assert np.corrcoef(*both)[0, 1] > 0.98


def test_conditional_survival_is_a_ratio(fitted: tuple[Lifetime, pd.DataFrame, np.ndarray]) -> None:
    model, X, _ = fitted
    some = X.head(40)
    survival = model.predict_survival_function(some, 30)
    whole = model.conditional_after(some, 7 * STEP, 20)
    np.testing.assert_allclose(whole, survival[:, 7:27] / survival[:, 6:7], rtol=1e-12)
    np.testing.assert_allclose(model.conditional_after(some, 0, 20), survival[:, :20], rtol=1e-12)
    elapsed = np.random.default_rng(0).uniform(0, 9 * STEP, 40)
    at = np.hstack([np.ones((40, 1)), survival])
    lines = [
        np.interp([e / STEP + k for k in range(21)], np.arange(31), row)
        for e, row in zip(elapsed, at, strict=True)
    ]
    expected = np.array([line[1:] / line[0] for line in lines])
    np.testing.assert_allclose(model.conditional_after(some, elapsed, 20), expected, rtol=1e-9)
    with pytest.raises(DataError, match="elapsed_days: expected at least 0"):
        model.conditional_after(some, -1, 3)


def test_remaining_lifetimes(fitted: tuple[Lifetime, pd.DataFrame, np.ndarray]) -> None:
    model, X, _ = fitted
    some = X.head(300)
    found = model.predict_remaining_lifetime(some, 36 * STEP, elapsed_days=5 * STEP)
    survival = model.conditional_after(some, 5 * STEP, 36)
    areas = STEP * (np.hstack([np.ones((300, 1)), survival[:, :-1]]) + survival) / 2
    mean = found["remaining_lifetime_days"].to_numpy()
    np.testing.assert_allclose(mean, areas.sum(axis=1))
    np.testing.assert_allclose(found["tail_share"], areas[:, 7:].sum(axis=1) / areas.sum(axis=1))
    lower, upper = (found[f"remaining_lifetime_days_{side}"] for side in ("lower", "upper"))
    assert ((lower <= mean) & (mean <= upper)).all()
    median = found["median_lifetime_days"].to_numpy()
    np.testing.assert_array_equal(np.isinf(median), survival[:, -1] > 0.5)
    assert np.isinf(median).any()
    assert np.isfinite(median).any()
    assert (model.predict_remaining_lifetime(some, 7 * STEP, elapsed_days=5 * STEP)["tail_share"] == 0).all()
    assert (model.predict_remaining_lifetime(some, STEP, elapsed_days=12 * STEP)["tail_share"] == 1).all()


def test_intervals_cover_as_many_as_they_say() -> None:
    X, hazard, _ = sample(12_000)
    follow_up = np.full(len(X), 12 * STEP)
    model = Lifetime(STEP, num_threads=1).fit(X, *geometric(hazard, follow_up), follow_up)
    new, hazard, _ = sample(6_000, seed=8)
    _, true = geometric(hazard, np.full(6_000, 48 * STEP), seed=8)
    found = model.predict_remaining_lifetime(new, 48 * STEP, level=0.8)
    lower, upper = (found[f"remaining_lifetime_days_{side}"] for side in ("lower", "upper"))
    assert ((lower <= true) & (true <= upper)).mean() == pytest.approx(0.8, abs=0.04)


def test_recent_person_time_alone_is_learned_from_where_the_level_has_changed() -> None:
    rng = np.random.default_rng(5)
    n, end = 6_000, 8 * 365
    came = rng.integers(0, end - 60, n)
    X = pd.DataFrame({"nothing": np.zeros(n)})
    early = came + rng.geometric(0.1 / STEP, n)
    change = 4 * 365
    lapse = np.where(early < change, early, np.maximum(came, change) + rng.geometric(0.02 / STEP, n))
    event, duration = (lapse < end).astype(int), np.minimum(lapse, end) - came
    on = pd.Timestamp("2016-01-01") + pd.to_timedelta(came, unit="D")
    small = Lifetime(STEP, n_estimators=30, num_threads=1)
    recent = clone(small).fit(X, event, duration, entered_on=on)
    every = clone(small).fit(X, event, duration)
    assert recent.recent_.window_days <= 3 * 365
    assert recent.predict_hazard(X.head(1), 1)[0, 0] == pytest.approx(0.02, abs=0.006)
    assert every.predict_hazard(X.head(1), 1)[0, 0] > 0.04


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"step_days": 0}, "step_days: expected a whole number from 1 to 100,000, got 0"),
        ({"step_days": -30}, "step_days"),
        ({"step_days": 30.5}, "step_days"),
        ({"step_days": "30d"}, "step_days: .* got '30d'"),
        ({"n_estimators": 0}, "n_estimators: expected a whole number"),
        ({"n_bags": 0}, "n_bags: expected a whole number"),
    ],
)
def test_parameters_that_can_fit_nothing_are_refused(parameters: dict[str, object], message: str) -> None:
    X = pd.DataFrame({"a": np.arange(40.0)})
    with pytest.raises(DataError, match=message):
        Lifetime(STEP, num_threads=1).set_params(**parameters).fit(X, np.arange(40) % 2, np.full(40, 45))


def test_a_sample_without_lapses_is_refused() -> None:
    X = pd.DataFrame({"a": np.arange(4_000.0)})
    event = np.zeros(4_000)
    event[0] = 1
    with pytest.raises(DataError, match="max_rows: expected a sample with customers who lapse, got none"):
        Lifetime(STEP, max_rows=1_000, num_threads=1).fit(X, event, np.full(4_000, 90))


def test_features_outcomes_and_parameters_are_refused_together() -> None:
    X = pd.DataFrame({"on": pd.to_datetime(["2024-01-01"] * 4), "a": [1.0, np.inf, 2.0, 3.0]})
    with pytest.raises(DataError) as caught:
        Lifetime(0, n_estimators=0).fit(
            X,
            [-1, 0, 1, 0],
            [40, np.nan, 50, 60],
            entry_days=[0, 0, 0, 70],
            sample_weight=np.zeros(4),
            entered_on=["noon"] * 4,
        )
    assert [problem.what for problem in caught.value.problems] == [
        "n_estimators",
        "step_days",
        "column 'on'",
        "column 'a'",
        "event",
        "duration_days",
        "entry_days",
        "sample_weight",
        "entered_on",
    ]
    with pytest.raises(DataError, match=r"(?s)a pandas DataFrame.*, got list$"):
        Lifetime(STEP).fit([[1.0]], [1], [40])  # type: ignore[arg-type]  # wrong on purpose


def test_few_lapses_are_warned_of() -> None:
    X = pd.DataFrame({"a": np.arange(500.0)})
    small = Lifetime(STEP, n_estimators=2, num_threads=1)
    with pytest.warns(FewLapses, match="lapses learned from: 1, snapshots: 1; with fewer than 30") as caught:
        clone(small).fit(X[:1], [1], [40])
    assert Path(caught[0].filename) == Path(__file__)
    with pytest.warns(FewLapses, match="lapses learned from: 29, snapshots: 500;"):
        clone(small).fit(X, X["a"] < 29, np.full(500, 40))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(small).fit(X, X["a"] < 30, np.full(500, 40))
    # Of 30 in all, 1,000 of 3,000 rows hold some ten.
    with pytest.warns(FewLapses):
        clone(small).set_params(max_rows=1_000).fit(X, X["a"] < 30, np.full(500, 180))


def test_moments_with_a_time_zone_are_dates() -> None:
    rng = np.random.default_rng(0)
    X, came = pd.DataFrame({"a": np.zeros(500)}), rng.integers(0, 2_000, 500)
    event, duration = rng.integers(0, 2, 500), rng.integers(1, 300, 500)
    on = pd.Series(pd.Timestamp("2016-01-01 22:00", tz="Europe/Paris") + pd.to_timedelta(came, unit="D"))
    model = Lifetime(STEP, n_estimators=6, num_threads=1)
    plain = clone(model).fit(X, event, duration, entered_on=on.dt.tz_localize(None))
    assert clone(model).fit(X, event, duration, entered_on=on).recent_ == plain.recent_


def test_who_is_lost_before_the_data_end_counts_as_far_as_seen() -> None:
    n = 60_000
    event, duration = geometric(np.full(n, 0.2), np.full(n, 12 * STEP))
    lost = np.ceil(np.random.default_rng(3).exponential(100, n)).astype(int)
    event, duration = np.where(lost < duration, 0, event), np.minimum(lost, duration)
    X = pd.DataFrame({"nothing": np.zeros(n)})
    model = Lifetime(STEP, n_estimators=5, num_threads=1).fit(X, event, duration, np.full(n, 12 * STEP))
    assert (model.events_ / model.at_risk_)[:6] == pytest.approx(np.full(6, 0.2), abs=0.012)


def leaving(kind: str, n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features and each customer's own constant chance of leaving a step; not all of it shows."""
    rng = np.random.default_rng(seed)
    if kind == "nothing shows":
        return pd.DataFrame({"x": rng.normal(size=n)}), rng.beta(1.0, 8.0, n)
    x = rng.normal(size=n)
    return pd.DataFrame({"x": x}), expit(-2.5 + 0.8 * x + 0.8 * rng.normal(size=n))


@pytest.mark.parametrize(("known", "most"), [(2, 0.95), (3, 0.5), (4, 0.5), (6, 0.5), (12, 0.5)])
@pytest.mark.parametrize("kind", ["nothing shows", "half shows"])
def test_lifetimes_cut_at_few_steps_are_nearer_the_truth_than_with_an_exponential_tail(
    kind: str, known: int, most: float
) -> None:
    """Customers differ: who is left behind the cut leaves more seldom than the last hazard seen says.

    Of the exponential's error at most so much is left; two steps tell little of how customers differ.
    """
    ahead, n = 120, 12_000
    X, chance = leaving(kind, n, seed=known)
    follow_up = np.full(n, known * STEP)
    model = Lifetime(STEP, n_estimators=100, num_threads=1)
    model.fit(X, *geometric(chance, follow_up, seed=known), follow_up)
    truth = ((1 - chance[:, None]) ** np.arange(1, ahead + 1)).sum(axis=1).mean()
    ours = model.predict_survival_function(X, ahead)
    last = model.predict_hazard(X, known)[:, known // 2 :].mean(axis=1, keepdims=True)
    constant = ours[:, known - 1 : known] * (1 - last) ** np.arange(1, ahead - known + 1)
    exponential = ours[:, :known].sum(axis=1).mean() + constant.sum(axis=1).mean()
    assert exponential < 0.85 * truth
    assert abs(ours.sum(axis=1).mean() - truth) < most * (truth - exponential)


def test_features_that_tell_customers_apart_leave_less_for_the_tail_from_few_steps_too() -> None:
    """An alpha of pooled counts takes for unseen what the features show; lives would come out too long."""
    X, chance = leaving("half shows", 20_000, seed=1)
    follow_up = np.full(len(X), 4 * STEP)
    model = Lifetime(STEP, n_estimators=100, num_threads=1)
    model.fit(X, *geometric(chance, follow_up, seed=1), follow_up)
    pooled = fit_sbg(model.at_risk_, model.events_).alpha
    assert model.n_steps_observed_ == 4
    assert model.fall_.alpha > 1.5 * pooled
    truth = ((1 - chance[:, None]) ** np.arange(1, 121)).sum(axis=1).mean()
    assert model.predict_survival_function(X, 120).sum(axis=1).mean() == pytest.approx(truth, rel=0.15)
    model.fall_ = Fall(pooled)
    assert model.predict_survival_function(X, 120).sum(axis=1).mean() > 1.25 * truth
