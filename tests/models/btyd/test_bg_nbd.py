from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import betaln, gammaln, hyp2f1, roots_jacobi

from lapse.cohort.purchases import PurchaseHistory
from lapse.errors import DataError
from lapse.models.btyd import bg_nbd
from lapse.models.btyd.bg_nbd import BgNbd
from tests.models.btyd.conftest import Sample
from tests.models.btyd.histories import history

PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426)  # Fader, Hardie and Lee (2005), table 2; weeks


def log_likelihood(model: BgNbd, seen: PurchaseHistory) -> float:
    """Return equation 6 of the paper, summed over customers as it stands there."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x, t_x, T = seen.repeat_purchases, seen.t_x, seen.T
    alive = np.exp(betaln(a, b + x) - betaln(a, b) + gammaln(r + x) - gammaln(r))
    alive *= np.exp(r * np.log(alpha) - (r + x) * np.log(alpha + T))
    dropped = np.exp(betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) + gammaln(r + x) - gammaln(r))
    dropped *= np.exp(r * np.log(alpha) - (r + x) * np.log(alpha + t_x)) * (x > 0)
    return float(np.log(alive + dropped).sum())


def simulate(
    model: BgNbd, n: int, seed: int, until: np.ndarray, beyond: float
) -> tuple[PurchaseHistory, np.ndarray]:
    """Return histories at ``until`` and the purchases in the ``beyond`` after it, customer by customer."""
    rng = np.random.default_rng(seed)
    rate, drop = rng.gamma(model.r, 1 / model.alpha, n), rng.beta(model.a, model.b, n)
    rows, later = [], []
    for one_rate, one_drop, end in zip(rate, drop, until, strict=True):
        times, now = [0.0], 0.0
        while (now := now + rng.exponential(1 / one_rate)) < end + beyond:
            times.append(now)
            if rng.random() < one_drop:
                break
        before = [time for time in times if time <= end]
        rows.append((len(before) - 1, before[-1], end))
        later.append(len(times) - len(before))
    return history(*rows), np.array(later)


def test_cdnow_parameters_are_the_published_ones(cdnow: Sample) -> None:
    weeks = cdnow.weeks
    assert len(weeks) == 2357
    model = bg_nbd.fit(weeks)
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=6e-4)
    assert model.log_likelihood == pytest.approx(-9582.429, abs=5e-4)
    assert log_likelihood(model, weeks) == pytest.approx(model.log_likelihood, abs=1e-6)


def test_cdnow_next_39_weeks_are_as_known(cdnow: Sample) -> None:
    weeks, bought = cdnow.weeks, cdnow.bought_later
    expected = bg_nbd.fit(weeks).expected_purchases(weeks, 39.0)
    assert np.sqrt(np.mean((expected - bought) ** 2)) == pytest.approx(1.608, abs=5e-4)
    assert np.corrcoef(expected, bought)[0, 1] == pytest.approx(0.626, abs=5e-4)
    assert expected.sum() / bought.sum() - 1 == pytest.approx(-0.122, abs=1e-3)


def test_customer_0001_of_the_literature() -> None:
    """Two repeats by week 30.43, seen until 38.86: 1.226 purchases in the next 39 weeks."""
    expected = PUBLISHED.expected_purchases(history((2, 30.43, 38.86)), 39.0)
    assert expected[0] == pytest.approx(1.226, abs=5e-4)


def test_the_unit_of_time_does_not_matter(cdnow: Sample) -> None:
    weeks = cdnow.weeks
    few = PurchaseHistory(weeks.repeat_purchases[:400], weeks.t_x[:400], weeks.T[:400])
    in_days = PurchaseHistory(few.repeat_purchases, few.t_x * 7, few.T * 7)
    one, other = bg_nbd.fit(few), bg_nbd.fit(in_days)
    assert other.alpha == pytest.approx(7 * one.alpha, rel=1e-5)
    assert (other.r, other.a, other.b) == pytest.approx((one.r, one.a, one.b), rel=1e-5)
    assert log_likelihood(other, in_days) == pytest.approx(other.log_likelihood, abs=1e-6)


def test_parameters_are_recovered_from_simulated_customers() -> None:
    truth = BgNbd(0.8, 20.0, 0.6, 2.0)
    until = np.random.default_rng(0).uniform(100, 300, 6000)
    seen, later = simulate(truth, 6000, 1, until, 90.0)
    fitted = bg_nbd.fit(seen)
    assert fitted.log_likelihood >= log_likelihood(truth, seen)
    assert fitted.r == pytest.approx(truth.r, rel=0.1)
    assert fitted.r / fitted.alpha == pytest.approx(truth.r / truth.alpha, rel=0.1)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.1)
    assert fitted.expected_purchases(seen, 90.0).sum() == pytest.approx(later.sum(), rel=0.05)


def test_each_customers_forecast_agrees_with_simulation() -> None:
    """Draw from the posterior of one history and live on: no formula of the module is used."""
    model, (x, t_x, T), ahead, n = BgNbd(0.9, 12.0, 0.7, 1.8), (3.0, 40.0, 55.0), 60.0, 200_000
    rng = np.random.default_rng(4)
    rate, drop = rng.gamma(model.r, 1 / model.alpha, n), rng.beta(model.a, model.b, n)
    # weight by the chance of x purchases at given times, alive at T or dropped at t_x
    stays = (1 - drop) ** x * rate**x * np.exp(-rate * T)
    leaves = drop * (1 - drop) ** (x - 1) * rate**x * np.exp(-rate * t_x)
    alive = stays.sum() / (stays.sum() + leaves.sum())
    assert model.probability_alive(history((x, t_x, T)))[0] == pytest.approx(alive, rel=0.02)
    expected = alive * np.average((1 - np.exp(-rate * drop * ahead)) / drop, weights=stays)
    assert model.expected_purchases(history((x, t_x, T)), ahead)[0] == pytest.approx(expected, rel=0.02)


parameter = st.floats(-2.5, 2.5).map(np.exp)


@settings(deadline=None, max_examples=120)
@given(parameter, parameter, parameter, parameter, st.integers(0, 60), st.floats(1, 80), st.floats(0.5, 90))
def test_expected_purchases_agree_with_an_independent_quadrature(r, alpha, a, b, x, T, t) -> None:
    """Gauss and Jacobi's rule, whose weight is the Beta density itself."""
    model = BgNbd(r, alpha, a, b)
    one = history((x, 0.9 * T if x else 0.0, T))
    node, weight = roots_jacobi(200, b + x - 1, a - 1)
    p = (1 + node) / 2
    alive = weight @ (-np.expm1(-(r + x) * np.log1p(p * t / (alpha + T))) / p) / weight.sum()
    assert model.expected_purchases(one, t)[0] == pytest.approx(
        alive * model.probability_alive(one)[0], rel=1e-6
    )


@settings(deadline=None, max_examples=120)
@given(
    parameter,
    st.floats(0.5, 20),
    st.floats(0.1, 0.8),
    st.floats(1.0, 5),
    st.integers(0, 20),
    st.floats(1, 80),
)
def test_expected_purchases_agree_with_the_closed_form_where_it_is_stable(r, alpha, a, b, x, T) -> None:
    """Equation 10 of the paper, word for word."""
    t, t_x = 30.0, 0.9 * T if x else 0.0
    form = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    top = (a + b + x - 1) / (a - 1) * (1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * form)
    bottom = 1 + (a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x) if x else 0)
    got = BgNbd(r, alpha, a, b).expected_purchases(history((x, t_x, T)), t)[0]
    assert got == pytest.approx(top / bottom, rel=1e-6)


def test_customers_who_hardly_differ_are_no_obstacle() -> None:
    """A huge r is one rate for all, a huge a and b one dropout chance: r / alpha = 0.1, p = 0.2."""
    model = BgNbd(1e5, 1e6, 1e5, 4e5)
    got = model.expected_purchases(history((0, 0, 50)), 30.0)[0]
    assert got == pytest.approx((1 - np.exp(-0.1 * 0.2 * 30)) / 0.2, rel=1e-3)


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (0.4, 0.6), (1 - 1e-7, 0.5), (1.0, 1e-3)])
def test_the_expectation_is_smooth_where_its_formula_divides_by_nothing(a: float, b: float) -> None:
    rows = history((0, 0, 50), (3, 40, 50))
    here, near = (BgNbd(0.5, 8.0, a + step, b + step).expected_purchases(rows, 30.0) for step in (0.0, 1e-4))
    np.testing.assert_allclose(here, near, rtol=2e-3)


def test_heavy_buyers_and_long_horizons_stay_finite() -> None:
    rows = history((5000, 3000, 3001), (1, 1e-3, 4000), (0, 0, 0), (900, 1, 3000))
    for t in (0.0, 1.0, 1e5):
        for values in (
            PUBLISHED.expected_purchases(rows, t),
            PUBLISHED.probability_alive(rows),
        ):
            assert np.isfinite(values).all()
            assert (values >= 0).all()
    np.testing.assert_allclose(PUBLISHED.expected_purchases(rows, 0.0), 0, atol=1e-9)


def test_one_time_buyers_are_always_alive_but_expected_to_buy_less_the_longer_they_wait() -> None:
    rows = history((0, 0, 10), (0, 0, 100), (0, 0, 1000))
    np.testing.assert_array_equal(PUBLISHED.probability_alive(rows), 1)
    assert (np.diff(PUBLISHED.expected_purchases(rows, 30.0)) < 0).all()


def test_the_gradient_is_the_slope_of_the_likelihood() -> None:
    rows, count = np.array([[0, 0, 9.0], [2, 5, 9], [7, 8.5, 9]]), np.array([5.0, 2, 1])
    for at in np.random.default_rng(2).normal(size=(5, 4)):
        _, slope = bg_nbd._negative_log_likelihood(at, rows, count)
        near = optimize.approx_fprime(at, lambda p: bg_nbd._negative_log_likelihood(p, rows, count)[0], 1e-7)
        np.testing.assert_allclose(slope, near, rtol=1e-4, atol=1e-5)


def test_nobody_who_bought_twice_is_refused() -> None:
    with pytest.raises(DataError, match="some customers with repeats, got none"):
        bg_nbd.fit(history((0, 0, 5), (0, 0, 9)))
