from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.errors import DataError
from lapse.models.tail import ShiftedBetaGeometric, continued_hazard, fit_alpha, fit_sbg

# Fader and Hardie (2007): survivors in per cent after 0 to 7 years; alpha, beta, log likelihood of 1,000.
PUBLISHED = {
    "regular": ((100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1), 0.7041, 1.1820, -1680.27),
    "high_end": ((100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1), 0.6681, 3.8061, -1611.16),
}
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "retention_sbg.csv"


def counts(percent: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    alive = 10 * np.array(percent)
    return alive[:-1], -np.diff(alive)


@pytest.mark.parametrize("group", PUBLISHED)
def test_golden_fit_of_the_published_retention(group: str) -> None:
    percent, alpha, beta, log_likelihood = PUBLISHED[group]
    fitted = fit_sbg(*counts(percent))
    assert fitted.alpha == pytest.approx(alpha, abs=2e-4)
    assert fitted.beta == pytest.approx(beta, abs=1e-3)
    assert fitted.log_likelihood == pytest.approx(log_likelihood, abs=0.006)


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data/retention_sbg.csv is not here")
@pytest.mark.parametrize("group", PUBLISHED)
def test_golden_projection_to_year_12(group: str) -> None:
    with SHARED.open() as file:
        percent = [float(row[f"{group}_pct"]) for row in csv.DictReader(file)]
    fitted = fit_sbg(*counts(tuple(percent[:8])))
    np.testing.assert_allclose(100 * fitted.survival(np.arange(13)), percent, atol=1.9)


@settings(deadline=None, max_examples=100)
@given(st.floats(0.05, 50), st.floats(0.05, 50), st.integers(1, 20), st.integers(1, 30))
def test_continued_hazard_is_the_one_of_the_sbg(alpha: float, beta: float, last: int, more: int) -> None:
    sbg = ShiftedBetaGeometric(alpha, beta, 0.0)
    level = sbg.hazard(np.array([last]))
    past = np.arange(1.0, more + 1)
    np.testing.assert_allclose(continued_hazard(level, past, alpha)[0], sbg.hazard(last + past), rtol=1e-10)


def test_survival_and_hazard_agree() -> None:
    sbg = ShiftedBetaGeometric(0.8, 2.5, 0.0)
    np.testing.assert_allclose(
        sbg.survival(np.arange(1.0, 9)), np.cumprod(1 - sbg.hazard(np.arange(1.0, 9))), rtol=1e-10
    )


def test_censored_customers_count_as_far_as_they_were_seen() -> None:
    rng = np.random.default_rng(0)
    lapse = rng.geometric(rng.beta(1.5, 6.0, 200_000))
    seen = rng.integers(1, 13, len(lapse))
    steps = np.arange(1, 13)
    at_risk = np.array([np.sum((lapse >= k) & (seen >= k)) for k in steps], float)
    events = np.array([np.sum((lapse == k) & (seen >= k)) for k in steps], float)
    fitted = fit_sbg(at_risk, events)
    assert fitted.alpha == pytest.approx(1.5, rel=0.06)
    assert fitted.beta == pytest.approx(6.0, rel=0.06)


def test_alpha_given_levels_tells_a_constant_hazard_from_a_falling_one() -> None:
    rng = np.random.default_rng(1)
    past = np.tile(np.arange(-4.0, 5.0), 20_000)
    level = np.repeat(rng.uniform(0.05, 0.3, 20_000), 9)
    falling = (rng.random(len(past)) < level / (1 + past * level / 2.0)).astype(float)
    constant = (rng.random(len(past)) < level).astype(float)
    assert fit_alpha(level, past, falling, np.ones(len(past))) == pytest.approx(2.0, rel=0.1)
    assert 10 < fit_alpha(level, past, constant, np.ones(len(past))) < 149


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(DataError, match="some customers who left"):
        fit_sbg(np.array([10.0, 10.0]), np.zeros(2))
    with pytest.raises(DataError, match="at risk"):
        fit_sbg(np.array([1.0]), np.array([2.0]))
