from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lapse.evaluation import calibration, metrics
from tests.evaluation.cases import outcomes_and_probabilities

SCALARS = [
    metrics.auc,
    metrics.average_precision,
    metrics.log_loss,
    metrics.brier,
    calibration.calibration_error,
    calibration.calibration_in_the_large,
    metrics.lift_top_decile,
]


@settings(deadline=None, max_examples=150)
@given(outcomes_and_probabilities())
def test_scores_agree_with_scikit_learn_under_weights(case) -> None:
    y, p, weight = case
    assert metrics.auc(y, p, weight) == pytest.approx(sk.roc_auc_score(y, p, sample_weight=weight), abs=1e-12)
    assert metrics.average_precision(y, p, weight) == pytest.approx(
        sk.average_precision_score(y, p, sample_weight=weight), abs=1e-12
    )
    assert metrics.brier(y, p, weight) == pytest.approx(
        sk.brier_score_loss(y, p, sample_weight=weight), abs=1e-12
    )
    clipped = np.clip(p, metrics.LOG_CLIP, 1 - metrics.LOG_CLIP)
    assert metrics.log_loss(y, p, weight) == pytest.approx(
        sk.log_loss(y, clipped, sample_weight=weight), rel=1e-9
    )


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities(), st.randoms())
def test_no_score_depends_on_the_order_of_the_rows(case, random) -> None:
    y, p, weight = case
    order = np.array(random.sample(range(len(y)), len(y)))
    for metric in SCALARS:
        assert metric(y[order], p[order], weight[order]) == pytest.approx(metric(y, p, weight), abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities())
def test_a_weight_is_a_number_of_copies(case) -> None:
    y, p, weight = case
    copies = np.repeat(np.arange(len(y)), weight.astype(int))
    for metric in SCALARS:
        assert metric(y, p, weight) == pytest.approx(metric(y[copies], p[copies]), abs=1e-12)
    assert calibration.brier_parts(y, p, weight) == pytest.approx(
        calibration.brier_parts(y[copies], p[copies]), abs=1e-12
    )


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities())
def test_ranking_ignores_monotone_maps(case) -> None:
    y, p, weight = case
    for metric in (metrics.auc, metrics.average_precision, metrics.lift_top_decile):
        assert metric(y, np.sqrt(p) / 2, weight) == pytest.approx(metric(y, p, weight), abs=1e-12)


def test_a_mistake_that_was_certain_costs_what_the_clip_says() -> None:
    assert metrics.log_loss([1], [0.0]) == pytest.approx(-np.log(metrics.LOG_CLIP))
    assert metrics.log_loss([0], [1.0]) == pytest.approx(-np.log(metrics.LOG_CLIP))


def test_the_top_decile_takes_tied_rows_in_proportion() -> None:
    # 20 rows, so the top decile is two: the row at 0.9, and a sixth of the six at 0.5, three of which lapse
    y = [1] + [1, 1, 1, 0, 0, 0] + [0] * 13
    p = [0.9] + [0.5] * 6 + [0.1] * 13
    assert metrics.lift_top_decile(y, p) == pytest.approx((1 + 0.5) / 2 / (4 / 20))


def test_a_constant_prediction_has_the_values_of_no_skill() -> None:
    y, p = np.array([0, 0, 0, 1.0] * 10), np.full(40, 0.25)
    assert metrics.auc(y, p) == 0.5
    assert metrics.average_precision(y, p) == pytest.approx(0.25)
    assert metrics.lift_top_decile(y, p) == pytest.approx(1)
    assert calibration.calibration_error(y, p) == 0
    assert calibration.brier_parts(y, p) == pytest.approx((0, 0, 0.1875, 0))


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_gives_nan_and_the_reason_and_no_exception(outcome: int) -> None:
    y, p = np.full(5, outcome), np.linspace(0.1, 0.5, 5)
    for metric in SCALARS:
        assert np.isnan(metric(y, p)) == bool(metrics.why_undefined(metric.__name__, y)), metric
    assert np.isnan(metrics.auc(y, p))
    assert np.isfinite(calibration.brier_parts(y, p)).all()


@pytest.mark.parametrize(
    ("y", "p", "weight", "said"),
    [
        ([], [], None, "at least 1"),
        ([0, 1], [0.5], None, "one length"),
        ([0, 2], [0.5, 0.5], None, "0 or 1, got 2"),
        ([0, np.nan], [0.5, 0.5], None, "0 or 1, got nan"),
        ([0, 1], [0.5, np.nan], None, "got nan"),
        ([0, 1], [0.5, 1.5], None, "got 1.5"),
        ([0, 1], [0.5, -0.5], None, "got -0.5"),
        ([0, 1], [0.5, 0.5], [1, -1], "at least 0"),
        ([0, 1], [0.5, 0.5], [0, 0], "not all of them 0"),
        ([0, 1], [0.5, 0.5], [1, np.nan], "finite"),
    ],
)
def test_what_is_outside_the_domain_is_refused(y, p, weight, said: str) -> None:
    for metric in [*SCALARS, calibration.brier_parts]:
        with pytest.raises(ValueError, match=said):
            metric(y, p, weight)
