from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lapse.evaluation import metrics


@st.composite
def outcomes_and_probabilities(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both classes, many ties, multiplicities as the bootstrap draws them, at least one of each class."""
    n = draw(st.integers(4, 60))
    p = draw(st.lists(st.sampled_from([0.0, 0.03, 0.1, 0.1, 0.25, 0.5, 0.77, 1.0]), min_size=n, max_size=n))
    y = [*draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2)), 0, 1]
    weight = [*draw(st.lists(st.integers(0, 4), min_size=n - 2, max_size=n - 2)), 1, 1]
    return np.array(y, float), np.array(p), np.array(weight, float)


SCALARS = [
    metrics.auc,
    metrics.average_precision,
    metrics.log_loss,
    metrics.brier,
    metrics.calibration_error,
    metrics.calibration_in_the_large,
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


@settings(deadline=None, max_examples=150)
@given(outcomes_and_probabilities())
def test_parts_of_the_brier_score_add_up(case) -> None:
    y, p, weight = case
    parts = metrics.brier_parts(y, p, weight)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.remainder
    assert total == pytest.approx(metrics.brier(y, p, weight), abs=1e-12)
    assert parts.reliability >= 0
    assert 0 <= parts.resolution <= parts.uncertainty + 1e-12


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
    assert metrics.brier_parts(y, p, weight) == pytest.approx(
        metrics.brier_parts(y[copies], p[copies]), abs=1e-12
    )


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities())
def test_ranking_ignores_monotone_maps(case) -> None:
    y, p, weight = case
    for metric in (metrics.auc, metrics.average_precision, metrics.lift_top_decile):
        assert metric(y, np.sqrt(p) / 2, weight) == pytest.approx(metric(y, p, weight), abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities())
def test_ties_are_never_split_between_bins(case) -> None:
    _, p, weight = case
    distinct, mass = metrics.sum_ties(p, weight)
    place = metrics.assign_bins(mass, metrics.N_BINS)
    assert len(place) == len(distinct)
    assert (np.diff(place) >= 0).all()
    assert place.min() >= 0
    assert place.max() < metrics.N_BINS


def test_bins_are_deciles_where_nothing_is_tied() -> None:
    p = np.random.default_rng(0).permutation(1000) / 1000
    bins = metrics.reliability_bins(np.zeros(1000), p)
    np.testing.assert_allclose(bins.share, 0.1)
    np.testing.assert_allclose(bins.predicted, np.arange(10) / 10 + 0.0495)


def test_calibration_error_by_hand() -> None:
    p = np.repeat([0.1, 0.4, 0.8], [50, 30, 20])
    y = np.concatenate([np.arange(50) < 10, np.arange(30) < 9, np.arange(20) < 20]).astype(float)
    assert metrics.calibration_error(y, p) == pytest.approx(0.5 * 0.1 + 0.3 * 0.1 + 0.2 * 0.2)
    assert metrics.calibration_in_the_large(y, p) == pytest.approx(33 / 39 - 1)


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
    assert metrics.calibration_error(y, p) == 0
    assert metrics.brier_parts(y, p) == pytest.approx((0, 0, 0.1875, 0))


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_gives_nan_and_the_reason_and_no_exception(outcome: int) -> None:
    y, p = np.full(5, outcome), np.linspace(0.1, 0.5, 5)
    for metric in SCALARS:
        assert np.isnan(metric(y, p)) == bool(metrics.why_undefined(metric.__name__, y)), metric
    assert np.isnan(metrics.auc(y, p))
    assert np.isfinite(metrics.brier_parts(y, p)).all()


def test_noise_is_what_true_probabilities_leave() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(1, 8, 2000)
    drawn = [metrics.calibration_error(rng.random(2000) < p, p) for _ in range(100)]
    assert metrics.calibration_noise(p) == pytest.approx(np.mean(drawn), rel=0.1)
    assert metrics.calibration_noise(p) == metrics.calibration_noise(p[::-1])


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
    for metric in [*SCALARS, metrics.brier_parts]:
        with pytest.raises(ValueError, match=said):
            metric(y, p, weight)
