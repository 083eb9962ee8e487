from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from lapse.evaluation import calibration, metrics
from tests.evaluation.cases import outcomes_and_probabilities


@settings(deadline=None, max_examples=150)
@given(outcomes_and_probabilities())
def test_parts_of_the_brier_score_add_up(case) -> None:
    y, p, weight = case
    parts = calibration.brier_parts(y, p, weight)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.remainder
    assert total == pytest.approx(metrics.brier(y, p, weight), abs=1e-12)
    assert parts.reliability >= 0
    assert 0 <= parts.resolution <= parts.uncertainty + 1e-12


def test_bins_are_deciles_where_nothing_is_tied() -> None:
    p = np.random.default_rng(0).permutation(1000) / 1000
    bins = calibration.reliability_bins(np.zeros(1000), p)
    np.testing.assert_allclose(bins.share, 0.1)
    np.testing.assert_allclose(bins.predicted, np.arange(10) / 10 + 0.0495)


def test_calibration_error_by_hand() -> None:
    p = np.repeat([0.1, 0.4, 0.8], [50, 30, 20])
    y = np.concatenate([np.arange(50) < 10, np.arange(30) < 9, np.arange(20) < 20]).astype(float)
    assert calibration.calibration_error(y, p) == pytest.approx(0.5 * 0.1 + 0.3 * 0.1 + 0.2 * 0.2)
    assert calibration.calibration_in_the_large(y, p) == pytest.approx(33 / 39 - 1)


def test_noise_is_what_true_probabilities_leave() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(1, 8, 2000)
    drawn = [calibration.calibration_error(rng.random(2000) < p, p) for _ in range(100)]
    assert calibration.calibration_noise(p) == pytest.approx(np.mean(drawn), rel=0.1)
    assert calibration.calibration_noise(p) == calibration.calibration_noise(p[::-1])
