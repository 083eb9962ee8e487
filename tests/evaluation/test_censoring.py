from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.evaluation.censoring import (
    d_calibration,
    integrated_ipcw_brier,
    ipcw_brier,
    kaplan_meier,
)
from lapse.evaluation.concordance import concordance

# 24 rows; what scikit-survival 0.28.0 and lifelines 0.30.3 say of them stands below.
LAPSED = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1], bool)
ENTRY = np.array([2, 1, 1, 0, 2, 3, 2, 0, 0, 1, 3, 3, 0, 0, 3, 3, 1, 2, 0, 2, 1, 0, 0, 2])
LAST = np.array([12, 8, 9, 11, 7, 10, 11, 3, 1, 4, 4, 11, 11, 1, 6, 10, 2, 10, 2, 6, 10, 4, 5, 4])
DURATION = LAST + np.where(LAPSED, 0.0, 0.5)
RISK = np.array([4, 3, 3, 5, 4, 2, 3, 3, 0, 0, 3, 2, 3, 1, 1, 0, 2, 4, 2, 2, 3, 5, 2, 3]) / 5
TIMES = np.array([2.0, 4.0, 6.0, 9.0])
SURVIVAL = np.exp(-np.outer(0.05 + 0.15 * RISK, TIMES)).round(3)


def test_golden_ipcw_brier_of_scikit_survival() -> None:
    golden = [0.140277375, 0.24910663377192988, 0.32544418201754394, 0.33690091706539077]
    np.testing.assert_allclose(ipcw_brier(LAPSED, DURATION, SURVIVAL, TIMES), golden, rtol=1e-12)


def test_golden_concordance_of_scikit_survival_and_lifelines() -> None:
    assert concordance(LAPSED, DURATION, RISK) == pytest.approx(0.33238636363636365, rel=1e-12)
    assert concordance(LAPSED, LAST, RISK) == pytest.approx(0.33238636363636365, rel=1e-12)


def test_golden_kaplan_meier_of_lifelines() -> None:
    times = [1, 3, 5, 8, 12]
    late = [0.75, 0.681818181818182, 0.5741626794258375, 0.4473994904616917, 0.0]
    np.testing.assert_allclose(kaplan_meier(LAPSED, DURATION, ENTRY).at(times), late, atol=1e-12)
    curve = kaplan_meier(LAPSED, DURATION)
    golden = [0.9166666666666667, 0.875, 0.7368421052631579, 0.5741626794258375, 0.0]
    np.testing.assert_allclose(curve.at(times), golden, atol=1e-12)
    assert curve.area(9.0) == pytest.approx(6.977671451355662, rel=1e-12)
    assert curve.before(1.0) == 1.0


def slow_concordance(lapsed: np.ndarray, duration: np.ndarray, risk: np.ndarray) -> float:
    good = pairs = 0.0
    for i in np.flatnonzero(lapsed):
        for j in range(len(risk)):
            if duration[j] > duration[i] or (duration[j] == duration[i] and not lapsed[j]):
                pairs += 1
                good += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    return good / pairs if pairs else float("nan")


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_concordance_counts_every_pair(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    lapsed, duration, risk = rng.random(n) < 0.6, rng.integers(1, 9, n), rng.integers(0, 6, n) / 5
    np.testing.assert_allclose(concordance(lapsed, duration, risk), slow_concordance(lapsed, duration, risk))


def test_ipcw_without_censoring_is_the_plain_score() -> None:
    lapsed = np.ones(4, bool)
    found = ipcw_brier(lapsed, [1, 2, 3, 4], np.full((4, 2), 0.75), [1.5, 2.5])
    np.testing.assert_allclose(found, [(0.5625 + 3 * 0.0625) / 4, (2 * 0.5625 + 2 * 0.0625) / 4])


def test_of_equal_times_a_lapse_comes_before_the_censoring() -> None:
    survival = np.array([[0.4], [0.5], [0.9]])
    found = ipcw_brier([True, False, True], [2, 2, 4], survival, [3.0])
    # Nobody is censored before the lapse at 2; one of the two left is, at 2.
    assert found[0] == pytest.approx((0.4**2 / 1.0 + 0.1**2 / 0.5) / 3)


def test_those_weights_prefer_a_wrong_model_where_the_end_of_the_data_and_a_drift_meet() -> None:
    """Late rows are followed too shortly for their stayers to count, so all of them seem to lapse."""
    rng = np.random.default_rng(5)
    n = 20_000
    late = rng.random(n) < 0.5
    hazard, follow_up = np.where(late, 0.15, 0.05), np.where(late, 2.5, 9.0)
    lapse = rng.geometric(hazard)
    lapsed, duration = lapse <= follow_up, np.minimum(lapse, follow_up)
    times = np.array([6.0])
    truth = (1 - hazard[:, None]) ** times
    wrong = np.where(late[:, None], 0.0, truth)
    score = [ipcw_brier(lapsed, duration, survival, times)[0] for survival in (truth, wrong)]
    assert score[1] < score[0] - 0.02


def test_integrated_ipcw_brier_is_what_loops_say() -> None:
    rng = np.random.default_rng(5)
    duration = rng.integers(1, 12, 80).astype(float)
    lapsed, times = rng.random(80) < 0.6, [2.0, 4.0, 6.0, 8.0]
    survival = np.sort(rng.random((80, 4)), axis=1)[:, ::-1]

    def uncensored(time: float, with_equal: bool) -> float:
        left = 1.0
        for moment in sorted(set(duration[~lapsed])):
            if moment < time or (with_equal and moment == time):
                # a lapse of that very moment comes before the censoring
                at_risk = sum(duration > moment) + sum((duration == moment) & ~lapsed)
                left *= 1 - sum((duration == moment) & ~lapsed) / at_risk
        return left

    by_time = []
    for k, time in enumerate(times):
        total = 0.0
        for i in range(80):
            if duration[i] > time:
                total += (1 - survival[i, k]) ** 2 / uncensored(time, with_equal=True)
            elif lapsed[i]:
                total += survival[i, k] ** 2 / uncensored(duration[i], with_equal=False)
        by_time.append(total / 80)
    area = sum((a + b) / 2 * 2.0 for a, b in pairwise(by_time))
    assert integrated_ipcw_brier(lapsed, duration, survival, times) == pytest.approx(area / 6.0, rel=1e-12)


def test_d_calibration_by_step_spreads_a_lapse_over_its_step() -> None:
    found = d_calibration([True, True, False], [0.25, 0.95, 0.2], [0.45, 1.0, 0.9])
    assert found.share * 3 == pytest.approx([0.5, 0.5, 0.25, 0.5, 0.25, 0, 0, 0, 0, 1])
    with pytest.raises(ValueError, match="survival_before: expected at least"):
        d_calibration([True], [0.5], [0.4])


def test_d_calibration_by_hand() -> None:
    found = d_calibration([True, True, False, False], [0.05, 0.95, 0.25, 0.0])
    share = np.array([1 + 0.4 + 1, 0.4, 0.2, 0, 0, 0, 0, 0, 0, 1]) / 4
    np.testing.assert_allclose(found.share, share, atol=1e-12)
    assert found.statistic == pytest.approx(float(np.sum((4 * share - 0.4) ** 2) / 0.4))


def test_d_calibration_holds_for_the_truth_and_not_for_others() -> None:
    refused = 0
    for seed in range(100):
        at = np.random.default_rng(seed).random(1_000)
        refused += d_calibration(np.ones(1_000), at).p < 0.05
    assert 0 <= refused <= 12
    rng = np.random.default_rng(0)
    lapse, censor = rng.exponential(1.0, 5_000), rng.exponential(2.0, 5_000)
    lapsed, duration = lapse <= censor, np.minimum(lapse, censor)
    assert d_calibration(lapsed, np.exp(-duration)).p > 0.05
    assert d_calibration(lapsed, np.exp(-1.2 * duration)).p < 1e-6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kaplan_meier([1, 0], [1]), "one length"),
        (lambda: kaplan_meier([], []), "at least 1"),
        (lambda: kaplan_meier([1, 2], [1, 1]), "booleans"),
        (lambda: kaplan_meier([1], [0]), "above 0"),
        (lambda: kaplan_meier([1], [np.nan]), "finite"),
        (lambda: kaplan_meier([1], [2], [2]), "below the duration"),
        (lambda: ipcw_brier([1, 0], [1, 2], [[0.5], [0.5]], [2.0]), "still watched"),
        (lambda: ipcw_brier([1], [1], [[1.5]], [0.5]), "in .0, 1."),
        (lambda: d_calibration([1], [np.nan]), "none missing"),
        (lambda: d_calibration([np.nan], [0.5]), "booleans, none missing"),
        (lambda: concordance([1], [1], [np.inf]), "finite"),
    ],
)
def test_what_is_outside_the_domain_is_refused(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_no_pair_has_no_concordance() -> None:
    assert np.isnan(concordance([False, False], [1, 2], [0.5, 0.4]))
