from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from lapse.errors import DataError
from lapse.models.btyd import gamma_gamma
from lapse.models.btyd.gamma_gamma import GammaGamma
from tests.models.btyd.conftest import Sample


def test_cdnow_parameters_are_the_published_ones(cdnow: Sample) -> None:
    repeat = cdnow.before.assign(place=cdnow.before.groupby("customer").cumcount())
    values = repeat[repeat["place"] > 0].groupby("customer")["dollars"].agg(["size", "mean"])
    values = values[values["mean"] > 0]  # two free orders of customers who paid for no other
    assert len(values) == 946
    model = gamma_gamma.fit(values["size"], values["mean"])
    assert (model.p, model.q, model.v) == pytest.approx((6.25, 3.74, 15.44), abs=5e-3)


def test_the_likelihood_is_that_of_the_model_itself() -> None:
    """Integrate over nu: the mean of x Gamma(p, nu) values is Gamma(p x, nu x)."""
    model, count, mean = GammaGamma(2.0, 3.0, 20.0), np.array([1.0, 4.0]), np.array([12.0, 25.0])
    total = 0.0
    for x, z in zip(count, mean, strict=True):
        chance, _ = integrate.quad(
            lambda nu, x=x, z=z: (
                stats.gamma.pdf(z, model.p * x, scale=1 / (nu * x))
                * stats.gamma.pdf(nu, model.q, scale=1 / model.v)
            ),
            0,
            np.inf,
        )
        total += np.log(chance)
    loss, _ = gamma_gamma._negative_log_likelihood(np.log([model.p, model.q, model.v]), count, mean)
    assert -2 * loss == pytest.approx(total, rel=1e-7)


def test_the_gradient_is_the_slope_of_the_likelihood() -> None:
    count, mean = np.array([1.0, 4, 9]), np.array([12.0, 3, 0.5])
    for at in np.random.default_rng(3).normal(size=(8, 3)):
        _, slope = gamma_gamma._negative_log_likelihood(at, count, mean)
        near = optimize.approx_fprime(
            at, lambda p: gamma_gamma._negative_log_likelihood(p, count, mean)[0], 1e-7
        )
        np.testing.assert_allclose(slope, near, rtol=1e-4, atol=1e-5)


def test_parameters_are_recovered_and_the_unit_of_money_does_not_matter() -> None:
    rng, truth = np.random.default_rng(1), GammaGamma(3.0, 4.0, 30.0)
    count = rng.integers(1, 12, 20_000)
    rate = rng.gamma(truth.q, 1 / truth.v, 20_000)
    mean = rng.gamma(truth.p * count, 1 / rate) / count
    fitted, cents = gamma_gamma.fit(count, mean), gamma_gamma.fit(count, 100 * mean)
    assert (fitted.p, fitted.q, fitted.v) == pytest.approx((truth.p, truth.q, truth.v), rel=0.05)
    assert (cents.p, cents.q, cents.v) == pytest.approx((fitted.p, fitted.q, 100 * fitted.v), rel=1e-4)
    assert cents.log_likelihood == pytest.approx(fitted.log_likelihood - 20_000 * np.log(100), abs=1e-3)


@settings(deadline=None)
@given(st.floats(0.5, 20), st.floats(1.1, 20), st.floats(0.5, 50), st.integers(0, 100), st.floats(0.1, 500))
def test_a_value_lies_between_the_customers_own_mean_and_everybodys(p, q, v, x, mean) -> None:
    model, everybody = GammaGamma(p, q, v), p * v / (q - 1)
    value, later = model.expected_value([x, x + 5], [mean, mean])
    assert min(mean, everybody) * (1 - 1e-9) <= value <= max(mean, everybody) * (1 + 1e-9)
    assert abs(later - mean) <= abs(value - mean) * (1 + 1e-9) + 1e-9


def test_a_value_is_the_mean_that_simulation_gives() -> None:
    model, x, z, n = GammaGamma(3.0, 4.0, 30.0), 3, 14.0, 400_000
    rate = np.random.default_rng(2).gamma(model.q, 1 / model.v, n)
    expected = np.average(model.p / rate, weights=stats.gamma.pdf(z, model.p * x, scale=1 / (rate * x)))
    assert model.expected_value([x], [z])[0] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("count", "mean", "message"),
    [
        ([1, 1], [5.0, 0.0], "mean_value.*above 0.*1 "),
        ([1, 1], [5.0, np.nan], "mean_value"),
        ([1, 1], [5.0, np.inf], "mean_value"),
        ([0, 1], [5.0, 5.0], "at least 1"),
        ([1], [5.0, 5.0], "one number a customer"),
        ([], [], "one number a customer"),
    ],
)
def test_wrong_values_are_refused(count: list[float], mean: list[float], message: str) -> None:
    with pytest.raises(DataError, match=f"(?s){message}"):
        gamma_gamma.fit(count, mean)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        gamma_gamma.fit([0, 1], [5.0, -1.0])
    assert len(caught.value.problems) == 2


def test_a_mean_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="above 1 where there are few purchases"):
        GammaGamma(2.0, 0.9, 10.0).expected_value([0], [5.0])
