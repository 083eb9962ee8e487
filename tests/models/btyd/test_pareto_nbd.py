from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize
from scipy.special import gammaln, hyp2f1

from lapse.cohort.purchases import PurchaseHistory
from lapse.errors import DataError
from lapse.models.btyd import pareto_nbd
from lapse.models.btyd.pareto_nbd import ParetoNbd
from tests.models.btyd.conftest import Sample
from tests.models.btyd.histories import history

PUBLISHED = ParetoNbd(0.553, 10.578, 0.606, 11.669)  # Fader, Hardie and Lee (2005), table 2; weeks


def log_likelihood(model: ParetoNbd, seen: PurchaseHistory) -> float:
    """Return the closed form of Fader and Hardie's note, with hypergeometric functions, summed."""
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    x, t_x, T = seen.repeat_purchases, seen.t_x, seen.T
    most, second = max(alpha, beta), s + 1 if alpha >= beta else r + x

    def part(time: np.ndarray) -> np.ndarray:
        form = hyp2f1(r + s + x, second, r + s + x + 1, abs(alpha - beta) / (most + time))
        return form / (most + time) ** (r + s + x)

    alive = 1 / ((alpha + T) ** (r + x) * (beta + T) ** s)
    left = s / (r + s + x) * (part(t_x) - part(T))
    front = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return float((front + np.log(alive + left)).sum())


def simulate(
    model: ParetoNbd, n: int, seed: int, until: float, beyond: float
) -> tuple[PurchaseHistory, np.ndarray]:
    """Return histories at ``until`` and the purchases in the ``beyond`` after it, customer by customer."""
    rng = np.random.default_rng(seed)
    rows, later = [], []
    for rate, leaving in zip(
        rng.gamma(model.r, 1 / model.alpha, n), rng.gamma(model.s, 1 / model.beta, n), strict=True
    ):
        end = min(rng.exponential(1 / leaving), until + beyond)
        times = np.sort(rng.uniform(0, end, rng.poisson(rate * end)))
        before = times[times <= until]
        rows.append((len(before), before.max(initial=0.0), until))
        later.append(len(times) - len(before))
    return history(*rows), np.array(later)


def test_cdnow_parameters_are_the_published_ones(cdnow: Sample) -> None:
    model = pareto_nbd.fit(cdnow.weeks)
    assert (model.r, model.alpha, model.s, model.beta) == pytest.approx(
        (0.553, 10.578, 0.606, 11.669), abs=6e-4
    )
    assert model.log_likelihood == pytest.approx(-9594.976, abs=5e-4)
    assert log_likelihood(model, cdnow.weeks) == pytest.approx(model.log_likelihood, abs=1e-6)


def test_cdnow_next_39_weeks_are_as_known(cdnow: Sample) -> None:
    expected = pareto_nbd.fit(cdnow.weeks).expected_purchases(cdnow.weeks, 39.0)
    bought = cdnow.bought_later
    assert np.sqrt(np.mean((expected - bought) ** 2)) == pytest.approx(1.603, abs=5e-4)
    assert np.corrcoef(expected, bought)[0, 1] == pytest.approx(0.630, abs=5e-4)
    assert expected.sum() / bought.sum() - 1 == pytest.approx(-0.115, abs=1e-3)


def test_the_unit_of_time_does_not_matter(cdnow: Sample) -> None:
    few = cdnow.weeks.take(np.arange(400))
    one = pareto_nbd.fit(few)
    other = pareto_nbd.fit(PurchaseHistory(few.repeat_purchases, few.t_x * 7, few.T * 7))
    assert (other.alpha, other.beta) == pytest.approx((7 * one.alpha, 7 * one.beta), rel=1e-4)
    assert (other.r, other.s) == pytest.approx((one.r, one.s), rel=1e-4)
    assert other.log_likelihood == pytest.approx(
        one.log_likelihood - few.repeat_purchases.sum() * np.log(7), abs=1e-5
    )


def test_parameters_are_recovered_from_simulated_customers() -> None:
    truth = ParetoNbd(0.9, 12.0, 0.8, 60.0)
    seen, later = simulate(truth, 8000, 1, 150.0, 60.0)
    fitted = pareto_nbd.fit(seen)
    assert fitted.log_likelihood >= log_likelihood(truth, seen)
    assert fitted.r / fitted.alpha == pytest.approx(truth.r / truth.alpha, rel=0.1)
    assert fitted.s / fitted.beta == pytest.approx(truth.s / truth.beta, rel=0.2)
    assert fitted.expected_purchases(seen, 60.0).sum() == pytest.approx(later.sum(), rel=0.05)


def test_each_customers_forecast_agrees_with_simulation() -> None:
    """Weigh draws of both rates by the chance of one history, and live on: by no formula of the module."""
    (x, t_x, T), ahead, n = (3.0, 40.0, 55.0), 60.0, 400_000
    model, rng = ParetoNbd(0.9, 12.0, 1.4, 90.0), np.random.default_rng(4)
    rate, leaving = rng.gamma(model.r, 1 / model.alpha, n), rng.gamma(model.s, 1 / model.beta, n)
    both = rate + leaving
    stays = rate**x * np.exp(-both * T)
    leaves = rate**x * leaving * (np.exp(-both * t_x) - np.exp(-both * T)) / both
    alive = stays.sum() / (stays + leaves).sum()
    assert model.probability_alive(history((x, t_x, T)))[0] == pytest.approx(alive, rel=0.02)
    expected = alive * np.average(-rate * np.expm1(-leaving * ahead) / leaving, weights=stays)
    assert model.expected_purchases(history((x, t_x, T)), ahead)[0] == pytest.approx(expected, rel=0.02)


parameter = st.floats(-3, 3).map(np.exp)
length = st.floats(0.5, 90)


@settings(deadline=None, max_examples=100)
@given(parameter, parameter, parameter, parameter, st.integers(0, 60), length, st.floats(0, 1))
def test_the_chance_to_be_alive_agrees_with_adaptive_quadrature(r, alpha, s, beta, x, T, share) -> None:
    t_x = max(share, 1e-3) * T if x else 0.0
    left, _ = integrate.quad(
        lambda y: (
            s
            * np.exp(
                (r + x) * (np.log(alpha + T) - np.log(alpha + y))
                + s * (np.log(beta + T) - np.log(beta + y))
                - np.log(beta + y)
            )
        ),
        t_x,
        T,
        epsabs=0,
        epsrel=1e-11,
        limit=500,
    )
    got = ParetoNbd(r, alpha, s, beta).probability_alive(history((x, t_x, T)))[0]
    assert got == pytest.approx(1 / (1 + left), rel=1e-8)


@settings(deadline=None, max_examples=100)
@given(parameter, parameter, parameter, parameter, st.integers(0, 60), length, length, st.floats(0, 1))
def test_expectations_grow_with_time_and_never_beyond_who_stays(r, alpha, s, beta, x, T, t, share) -> None:
    model = ParetoNbd(r, alpha, s, beta)
    one = history((x, max(share, 1e-3) * T if x else 0.0, T))
    nothing, some, more = (model.expected_purchases(one, time)[0] for time in (0.0, t, 2 * t))
    alive = model.probability_alive(one)[0]
    assert nothing == 0
    assert 0 <= some <= more <= 2 * some * (1 + 1e-12)  # leaving makes the second half the poorer
    assert 0 <= alive <= 1
    assert some <= alive * (r + x) / (alpha + T) * t * (1 + 1e-9)


@pytest.mark.parametrize("s", [1.0, 1 - 1e-9, 1 + 1e-9])
def test_the_expectation_is_smooth_where_its_formula_divides_by_nothing(s: float) -> None:
    rows = history((0, 0, 50), (3, 40, 50))
    here, near = (ParetoNbd(0.5, 8.0, at, 20.0).expected_purchases(rows, 30.0) for at in (s, 1.0001))
    np.testing.assert_allclose(here, near, rtol=1e-3)


def test_nobody_who_leaves_is_no_obstacle() -> None:
    """A huge beta: everybody is alive and buys on, x + r in alpha + T."""
    got = ParetoNbd(0.5, 8.0, 0.6, 1e9).expected_purchases(history((3, 2, 50)), 30.0)[0]
    assert got == pytest.approx(3.5 / 58 * 30, rel=1e-5)


def test_heavy_buyers_and_long_horizons_stay_finite() -> None:
    rows = history((5000, 3000, 3001), (1, 1e-3, 4000), (0, 0, 0), (900, 1, 3000))
    for t in (0.0, 1.0, 1e5):
        for values in (PUBLISHED.expected_purchases(rows, t), PUBLISHED.probability_alive(rows)):
            assert np.isfinite(values).all()
            assert (values >= 0).all()
    np.testing.assert_allclose(PUBLISHED.probability_alive(rows)[[2, 3]], [1.0, 0.0], atol=1e-12)


def test_who_waits_longer_is_less_likely_to_be_alive_one_time_buyers_too() -> None:
    alive = PUBLISHED.probability_alive(history((0, 0, 10), (0, 0, 100), (0, 0, 1000)))
    assert (np.diff(alive) < 0).all()


def test_the_gradient_is_the_slope_of_the_likelihood() -> None:
    rows, count = np.array([[0, 0, 9.0], [2, 5, 9], [7, 8.5, 9], [40, 3, 9]]), np.array([5.0, 2, 1, 3])
    for at in np.random.default_rng(2).normal(size=(8, 4)):
        _, slope = pareto_nbd._negative_log_likelihood(at, rows, count)
        near = optimize.approx_fprime(
            at, lambda p: pareto_nbd._negative_log_likelihood(p, rows, count)[0], 1e-7
        )
        np.testing.assert_allclose(slope, near, rtol=1e-4, atol=1e-5)


def test_nobody_who_bought_twice_is_refused() -> None:
    with pytest.raises(DataError, match="some customers with repeats, got none"):
        pareto_nbd.fit(history((0, 0, 5), (0, 0, 9)))
