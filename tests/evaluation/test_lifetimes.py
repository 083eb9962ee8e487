from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.evaluation.lifetimes import calibration_by_horizon, ends_by_period, restricted_mean_by_decile


def lives(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return survival by step, whether and after how many steps each lapsed; the censored are random."""
    rng = np.random.default_rng(seed)
    hazard = rng.uniform(0.02, 0.3, n)
    lapse, censored = rng.geometric(hazard), rng.integers(4, 15, n)
    survival = (1 - hazard[:, None]) ** np.arange(1, 13)
    return survival, lapse <= censored, np.minimum(lapse, censored).astype(float)


def test_the_truth_is_calibrated_by_decile_and_a_wrong_level_is_not() -> None:
    survival, lapsed, duration = lives(40_000)
    table = calibration_by_horizon(survival, [1, 6, 12], lapsed, duration, 1.0)
    assert table.groupby("step")["rows"].sum().tolist() == [40_000] * 3
    assert table["decile"].tolist() == list(range(1, 11)) * 3
    assert (table["predicted"] - table["observed"]).abs().max() < 0.04
    wrong = calibration_by_horizon(survival**1.3, [6], lapsed, duration, 1.0)
    assert (wrong["predicted"] - wrong["observed"]).mean() > 0.04


def test_deciles_without_censoring_are_plain_shares() -> None:
    survival, _, _ = lives(1_000)
    rng = np.random.default_rng(1)
    duration = rng.integers(1, 20, 1_000).astype(float)
    table = calibration_by_horizon(survival, [5], np.ones(1_000), duration, 2.0)
    frame = pd.DataFrame({"p": 1 - survival[:, 4], "y": duration <= 10})
    frame["decile"] = pd.qcut(frame["p"], 10, labels=False) + 1
    expected = frame.groupby("decile").mean()
    np.testing.assert_allclose(table["predicted"], expected["p"])
    np.testing.assert_allclose(table["observed"], expected["y"])


def test_restricted_means_by_decile() -> None:
    survival, lapsed, duration = lives(40_000)
    whole = np.column_stack([np.ones(len(survival)), survival])
    mean = whole[:, :8].sum(axis=1)  # a lapse falls on the end of its step
    table = restricted_mean_by_decile(mean, lapsed, duration, 8.0)
    assert table["error"].abs().max() < 0.04
    assert table["error"].abs().mean() < 0.015
    assert restricted_mean_by_decile(mean * 1.1, lapsed, duration, 8.0)["error"].min() > 0.05


def test_ends_by_period_by_hand() -> None:
    survival = np.array([[0.9, 0.8, 0.6, 0.5], [0.5, 0.4, 0.2, 0.1], [0.7, 0.6, 0.5, 0.3]])
    followed = [40.0, 40.0, 25.0]
    table = ends_by_period(survival, [True, False, False], [15.0, 40.0, 25.0], 10.0, 2, followed)
    assert table["period"].tolist() == [1, 2]
    assert table["watched"].tolist() == [3, 2]
    np.testing.assert_allclose(table["expected"], [0.2 + 0.6 + 0.4, 0.3 + 0.3])
    assert table["realised"].tolist() == [1, 0]
    assert table["error"][0] == pytest.approx(0.2)
    assert np.isnan(table["error"][1])


def test_expected_ends_are_those_that_come() -> None:
    survival, _, _ = lives(60_000)
    lapse = np.random.default_rng(3).geometric(1 - survival[:, 0]).astype(float)
    table = ends_by_period(survival, np.ones(60_000), lapse, 1.0, 3)
    assert table["realised"].sum() == (lapse <= 12).sum()
    assert table["error"].abs().max() < 0.03


def test_expected_ends_are_those_that_come_whenever_customers_came() -> None:
    """Early lapses of those who came late are no reason to expect later ones of them."""
    rng = np.random.default_rng(4)
    hazard, follow_up = rng.uniform(0.02, 0.3, 60_000), rng.integers(2, 15, 60_000) + 0.5
    lapse = rng.geometric(hazard).astype(float)
    lapsed, duration = lapse <= follow_up, np.minimum(lapse, follow_up)
    survival = (1 - hazard[:, None]) ** np.arange(1, 13)
    table = ends_by_period(survival, lapsed, duration, 1.0, 3, follow_up)
    assert table["error"].abs().max() < 0.06
    assert table["watched"].tolist() == [int((follow_up >= 3 * k).sum()) for k in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: calibration_by_horizon(np.full((20, 2), 1.5), [1], np.ones(20), np.ones(20), 1.0),
            "in .0, 1.",
        ),
        (
            lambda: calibration_by_horizon(np.full((9, 1), 0.5), [1], np.ones(9), np.ones(9), 1.0),
            "at least 10",
        ),
        (lambda: restricted_mean_by_decile(np.ones(10), np.ones(9), np.ones(10), 1.0), "one length"),
        (lambda: ends_by_period(np.full(9, 0.5), np.ones(9), np.ones(9), 1.0), "n, n_steps"),
        (lambda: ends_by_period([[0.5]], [0], [0.5], 1.0), "follow_up: expected where some are censored"),
        (lambda: ends_by_period([[0.5]], [1], [0.5], 1.0, 1, [0.4]), "at least the duration"),
        (lambda: ends_by_period([[0.5]], [np.nan], [0.5], 1.0), "none missing"),
        (lambda: calibration_by_horizon(np.full((20, 2), 0.5), [0], np.ones(20), np.ones(20), 1.0), "1 to 2"),
        (lambda: calibration_by_horizon(np.full((20, 2), 0.5), [3], np.ones(20), np.ones(20), 1.0), "1 to 2"),
        (
            lambda: calibration_by_horizon(np.full((20, 2), 0.5), [2], np.zeros(20), np.ones(20), 1.0),
            "watched for 2, got 1",
        ),
        (lambda: restricted_mean_by_decile(np.ones(10), np.zeros(10), np.ones(10), 3.0), "watched for 3"),
        (lambda: restricted_mean_by_decile(np.full(10, np.nan), np.ones(10), np.ones(10), 3.0), "finite"),
    ],
)
def test_what_is_outside_the_domain_is_refused(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
