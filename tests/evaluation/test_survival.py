from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.evaluation import survival


def observe(lapsed, duration, follow_up, n_steps=3):
    return survival.observe_steps(
        np.array(lapsed), np.array(duration), np.array(follow_up), step_days=10, n_steps=n_steps
    )


def test_a_step_is_known_only_where_follow_up_reaches_its_end() -> None:
    seen = observe([True, True, False, True], [10, 11, 19, 5], [30, 30, 19, 19])
    nan = np.nan
    np.testing.assert_array_equal(seen, [[1, 1, 1], [0, 1, 1], [0, nan, nan], [1, nan, nan]])


def test_a_duration_beyond_the_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="more in 1 rows"):
        observe([False], [20], [19])


def test_brier_and_calibration_by_hand() -> None:
    seen = observe([True, False, False], [10, 30, 15], [30, 30, 15])
    incidence = np.array([[0.5, 0.6, 0.7], [0.1, 0.2, 0.3], [0.2, 0.3, 0.4]])
    by_step = survival.brier_by_step(seen, incidence)
    np.testing.assert_allclose(by_step, [(0.25 + 0.01 + 0.04) / 3, (0.16 + 0.04) / 2, (0.09 + 0.09) / 2])
    assert survival.integrated_brier(seen, incidence) == pytest.approx((0.1 / 2 + 0.1 + 0.09 / 2) / 2)
    np.testing.assert_allclose(survival.predicted_by_step(seen, incidence), [0.8 / 3, 0.4, 0.5])
    np.testing.assert_allclose(survival.observed_by_step(seen, incidence), [1 / 3, 0.5, 0.5])


def test_a_step_that_nobody_reaches_is_nan_and_left_out_of_the_integral() -> None:
    seen = observe([False, True], [15, 3], [15, 12])
    incidence = np.full((2, 3), 0.5)
    np.testing.assert_array_equal(survival.brier_by_step(seen, incidence), [0.25, np.nan, np.nan])
    assert survival.integrated_brier(seen, incidence) == 0.25
    assert np.isnan(survival.integrated_brier(np.full((2, 3), np.nan), incidence))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_a_weight_is_a_number_of_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 25
    follow_up = rng.integers(5, 45, n)
    lapse = rng.integers(1, 60, n)
    seen = observe(lapse <= follow_up, np.minimum(lapse, follow_up), follow_up, 4)
    incidence = np.cumsum(rng.random((n, 4)) / 4, axis=1)
    weight = rng.integers(0, 4, n)
    weight[0] = 1
    copies = np.repeat(np.arange(n), weight)
    for metric in (survival.brier_by_step, survival.predicted_by_step, survival.observed_by_step):
        np.testing.assert_allclose(
            metric(seen, incidence, weight), metric(seen[copies], incidence[copies]), atol=1e-12
        )


def test_the_truth_wins_though_follow_up_depends_on_a_drifting_date() -> None:
    """Late snapshots lapse faster and are followed shorter: the case in which censoring weights mislead."""
    rng = np.random.default_rng(5)
    n = 40_000
    follow_up = rng.integers(10, 61, n)
    hazard = np.where(follow_up < 35, 0.4, 0.1)
    lapse = 10 * rng.geometric(hazard)
    seen = observe(lapse <= follow_up, np.minimum(lapse, follow_up), follow_up, 5)
    truth = 1 - (1 - hazard[:, None]) ** np.arange(1, 6)
    predicted, observed = (by(seen, truth) for by in (survival.predicted_by_step, survival.observed_by_step))
    error = np.sqrt(observed * (1 - observed) / (~np.isnan(seen)).sum(axis=0))
    assert (np.abs(predicted - observed) < 4 * error).all()
    for shift in (-0.05, 0.05):
        wrong = np.clip(truth + shift, 0, 1)
        assert survival.integrated_brier(seen, wrong) > survival.integrated_brier(seen, truth)


@pytest.mark.parametrize(
    ("seen", "incidence", "weight", "said"),
    [
        ([[0.0]], [[0.5, 0.5]], None, "expected .n, n_steps. twice"),
        ([0.0], [0.5], None, "expected .n, n_steps. twice"),
        (np.zeros((0, 2)), np.zeros((0, 2)), None, "expected .n, n_steps. twice"),
        ([[0.0]], [[0.5]], [1.0, 1.0], "expected .n, n_steps. twice"),
        ([[0.0]], [[1.5]], None, "in .0, 1."),
        ([[0.0]], [[np.nan]], None, "none missing"),
    ],
)
def test_what_is_outside_the_domain_is_refused(seen, incidence, weight, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        survival.brier_by_step(seen, incidence, weight)
