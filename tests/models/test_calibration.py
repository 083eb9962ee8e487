from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from lapse.errors import DataError
from lapse.models import calibration
from lapse.models.calibration import Identity, Isotonic, Platt, fit_calibration, fit_isotonic, fit_platt


def sample(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    raw = rng.normal(-1.5, 1.2, n)
    return raw, (rng.random(n) < expit(intercept + slope * raw)).astype(float)


def test_platt_finds_the_slope_and_intercept_of_a_large_sample() -> None:
    raw, y = sample(200_000, 0.7, -0.4)
    fitted = fit_platt(raw, y, np.ones(len(y)), prior=0.0)
    assert fitted.slope == pytest.approx(0.7, abs=0.02)
    assert fitted.intercept == pytest.approx(-0.4, abs=0.03)


def test_platt_is_drawn_to_the_identity_by_its_prior() -> None:
    raw, y = sample(2_000, 0.5, 0.0)
    weight = np.ones(len(y))
    slopes = [fit_platt(raw, y, weight, prior).slope for prior in (0.0, 300.0, 1e9)]
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[2] == pytest.approx(1.0, abs=1e-3)


def test_platt_never_turns_the_ranking_round() -> None:
    raw, y = sample(5_000, 1.0, 0.0)
    assert fit_platt(raw, 1 - y, np.ones(len(y))).slope > 0


def test_level_follows_the_slice_by_its_share_only() -> None:
    raw, y = sample(100_000, 1.0, 0.8)
    before, seen = expit(raw).mean(), y.mean()
    moved = (fit_calibration(raw, y).apply(raw).mean() - before) / (seen - before)
    assert moved == pytest.approx(calibration.LEVEL_SHARE, abs=0.05)


def test_weights_count_as_repetition() -> None:
    raw, y = sample(3_000, 0.8, 0.2)
    weight = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = fit_platt(raw, y, weight.astype(float))
    repeated = fit_platt(np.repeat(raw, weight), np.repeat(y, weight), np.ones(weight.sum()))
    assert weighted.slope == pytest.approx(repeated.slope, abs=1e-4)
    assert weighted.intercept == pytest.approx(repeated.intercept, abs=1e-4)


@pytest.mark.parametrize(
    ("n", "kind"), [(20, "identity"), (100, "identity"), (5_000, "platt"), (100_000, "isotonic")]
)
def test_map_is_as_rich_as_the_slice_allows(n: int, kind: str) -> None:
    raw, y = sample(n, 0.9, -0.5)
    assert fit_calibration(raw, y).kind == kind


def test_isotonic_repairs_a_bend_that_platt_cannot() -> None:
    rng = np.random.default_rng(3)
    raw = rng.normal(-1.0, 1.5, 150_000)
    truth = expit(np.where(raw < -1, 0.4 * raw - 1.6, 1.5 * raw - 0.5))
    y = (rng.random(len(raw)) < truth).astype(float)
    weight = np.ones(len(y))
    platt = fit_platt(raw, y, weight)
    bent = fit_isotonic(raw, y, weight, platt)
    assert np.abs(bent.apply(raw) - truth).mean() < 0.4 * np.abs(platt.apply(raw) - truth).mean()


def test_isotonic_has_no_plateaus() -> None:
    raw, y = sample(100_000, 1.0, 0.0)
    bent = fit_isotonic(raw, y, np.ones(len(y)), fit_platt(raw, y, np.ones(len(y))))
    assert (np.diff(bent.apply(np.linspace(-8, 6, 500))) > 0).all()


finite = st.floats(-60, 60)
maps = st.one_of(
    st.just(Identity()),
    st.builds(Platt, st.floats(0.05, 20), st.floats(-10, 10)),
    st.builds(
        lambda pairs, slope: Isotonic(
            tuple(sorted({x for x, _ in pairs})),
            tuple(sorted(y for _, y in {x: (x, y) for x, y in pairs}.values())),
            slope,
        ),
        st.lists(st.tuples(st.integers(-20, 20).map(float), finite), min_size=2, max_size=9).filter(
            lambda pairs: len({x for x, _ in pairs}) > 1
        ),
        st.floats(0.05, 5),
    ),
)


@settings(deadline=None, max_examples=150)
@given(maps, st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_every_map_is_monotone_inside_0_and_1_and_survives_json(fitted: Platt, raw: list[float]) -> None:
    ordered = np.sort(np.array(raw))
    probability = fitted.apply(ordered)
    assert (np.diff(probability) >= 0).all()
    assert ((probability > 0) & (probability < 1)).all()
    again = calibration.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert again == fitted


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="identity, platt or isotonic"):
        calibration.from_json({"kind": "spline"})
