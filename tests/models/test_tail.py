from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lapse.errors import DataError
from lapse.models.tail import ShiftedBetaGeometric, fit_sbg

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


def test_golden_discounted_residual_lifetimes() -> None:
    """Fader and Hardie (2010): High End, 10 % a year, after 0 to 4 renewals."""
    fitted = fit_sbg(*counts(PUBLISHED["high_end"][0]))
    found = [fitted.discounted_residual_lifetime(renewals, 0.1) for renewals in range(5)]
    np.testing.assert_allclose(found, [5.414, 5.901, 6.294, 6.620, 6.897], atol=6e-4)


def test_discounted_residual_lifetime_is_the_sum_that_it_says() -> None:
    sbg = ShiftedBetaGeometric(1.4, 3.0, 0.0)
    later = np.arange(1.0, 1000.0)
    survival = sbg.survival(2 + later) / sbg.survival(np.array([2.0]))
    found = sbg.discounted_residual_lifetime(2, 0.08)
    assert found == pytest.approx(float(np.sum(survival / 1.08 ** (later - 1))), rel=1e-8)
    with pytest.raises(ValueError, match="discount above 0"):
        sbg.discounted_residual_lifetime(0, 0.0)


def test_with_alike_customers_and_hardly_a_discount_the_lifetime_is_one_over_one_minus_r() -> None:
    r = 0.8
    alike = ShiftedBetaGeometric((1 - r) * 1e7, r * 1e7, 0.0)
    # The payment that has just been made is not in the sum.
    assert 1 + alike.discounted_residual_lifetime(0, 1e-8) == pytest.approx(1 / (1 - r), rel=1e-6)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(DataError, match="some customers who left"):
        fit_sbg(np.array([10.0, 10.0]), np.zeros(2))
    with pytest.raises(DataError, match="at risk"):
        fit_sbg(np.array([1.0]), np.array([2.0]))
