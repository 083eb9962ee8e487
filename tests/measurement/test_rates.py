"""Intervals cover what they say they cover; sums give what rows would give."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.stats import binomtest, chi2_contingency

from lapse.measurement.rates import (
    Together,
    adjusted,
    clustered_ratio,
    clustered_share,
    difference,
    equal_rates,
    trend,
    wilson,
)

Floats = npt.NDArray[np.float64]
RUNS = 500


def covered(bounds: tuple[Floats, Floats], truth: float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(((bounds[0] <= truth) & (truth <= bounds[1])).mean())


def sums_of(y: Floats, n: Floats) -> tuple[Floats, ...]:
    """Return the sums over customers (the last axis) that an interval takes."""
    parts = (y, n, y**2, y * n, n**2, n > 0)
    return tuple(part.sum(axis=-1).astype(np.float64) for part in parts)


def lives(
    rng: np.random.Generator, runs: int, customers: int, periods: int, spread: float
) -> tuple[Floats, Floats]:
    """Return for each customer in how many periods it was kept, and in how many there.

    A customer stays each period with a rate of its own, Beta distributed around 0.85; who leaves is replaced
    by nobody. So those who leave early count in few periods: sizes of clusters hang on the outcome.
    """
    rate = rng.beta(0.85 * spread, 0.15 * spread, (runs, customers, 1))
    stays = rng.random((runs, customers, periods)) < rate
    there = np.concatenate(
        [np.ones((runs, customers, 1), bool), np.cumprod(stays, axis=2)[:, :, :-1] > 0], axis=2
    )
    return (stays & there).sum(axis=2).astype(float), there.sum(axis=2).astype(float)


@pytest.mark.parametrize("rate", [0.6, 0.8, 0.95])
def test_wilson_covers(rate: float) -> None:
    rng = np.random.default_rng(1)
    kept = rng.binomial(400, rate, RUNS).astype(float)
    assert 0.93 <= covered(wilson(kept, np.full(RUNS, 400.0)), rate) <= 0.97


@pytest.mark.parametrize("spread", [3.0, 30.0])
def test_a_pooled_rate_covers_where_customers_repeat(spread: float) -> None:
    rng = np.random.default_rng(2)
    y, n = lives(rng, 20_000, 60, 12, spread)
    truth = y.sum() / n.sum()
    y, n = lives(rng, RUNS, 300, 12, spread)
    assert 0.93 <= covered(clustered_share(*sums_of(y, n)), truth) <= 0.97


def test_a_pooled_rate_covers_where_a_customer_is_kept_in_all_periods_or_in_none() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(1, 13, (RUNS, 150)).astype(float)
    y = n * (rng.random((RUNS, 150)) < 0.9)
    assert 0.93 <= covered(clustered_share(*sums_of(y, n)), 0.9) <= 0.97
    one_row_each = wilson(y.sum(axis=1), n.sum(axis=1))
    assert covered(one_row_each, 0.9) < 0.8, "rows of one customer taken for independent must be seen to fail"


@pytest.mark.parametrize("kind", ["gross", "net"])
def test_rates_of_money_cover(kind: str) -> None:
    rng = np.random.default_rng(4)

    def draw(shape: tuple[int, int]) -> tuple[Floats, Floats]:
        before = rng.lognormal(3, 0.6, shape)
        during = before * rng.lognormal(0.0, 0.4, shape) * (rng.random(shape) < 0.85)
        return (np.minimum(before, during) if kind == "gross" else during), before

    many, base = draw((400, 5_000))
    truth = many.sum() / base.sum()
    interval = clustered_share if kind == "gross" else clustered_ratio
    assert 0.93 <= covered(interval(*sums_of(*draw((RUNS, 400)))), truth) <= 0.97


def test_bounds_where_all_or_nobody_stayed() -> None:
    n = np.full(50, 4.0)
    for y in (n, 0 * n):
        lower, upper = clustered_share(*(one.reshape(1) for one in sums_of(y, n)))
        t = stats.t.ppf(0.975, 49)
        reach = t**2 / (50 + t**2)  # Wilson of 50 clusters that agree
        assert (lower[0], upper[0]) == pytest.approx((1 - reach, 1.0) if y.any() else (0.0, reach))


def test_one_customer_has_no_clustered_interval_and_nobody_has_none() -> None:
    one = sums_of(np.array([[3.0]]), np.array([[4.0]]))
    assert np.isnan(clustered_share(*one)).all()
    assert np.isnan(clustered_ratio(*one)).all()
    assert np.isnan(wilson(np.zeros(1), np.zeros(1))).all()


def test_wilson_is_that_of_scipy() -> None:
    for kept, n in ((0, 1), (1, 1), (7, 20), (20, 20)):
        theirs = binomtest(kept, n).proportion_ci(method="wilson")
        ours = wilson(np.array([kept], float), np.array([n], float))
        assert (ours[0][0], ours[1][0]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_trend_is_the_slope_of_rows_with_the_sandwich_of_customers() -> None:
    rng = np.random.default_rng(5)
    customer = np.repeat(np.arange(80), rng.integers(1, 9, 80))
    t = rng.integers(-4, 5, len(customer)).astype(float)
    y = (rng.random(len(customer)) < 0.7 + 0.02 * t).astype(float)
    x = np.column_stack([np.ones(len(t)), t])
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    scores = np.stack([x[customer == c].T @ (y - x @ beta)[customer == c] for c in range(80)])
    error = np.sqrt((inverse @ (80 / 79 * scores.T @ scores) @ inverse)[1, 1])
    v = np.stack([np.bincount(customer, w, 80) for w in (y, t * y, np.ones(len(t)), t, t**2)], axis=1)
    found = trend(v.sum(axis=0), v.T @ v, 80)
    reach = stats.t.ppf(0.975, 79) * error
    assert (found.slope, found.slope_lower, found.slope_upper) == pytest.approx(
        (beta[1], beta[1] - reach, beta[1] + reach)
    )


def test_the_interval_of_a_trend_covers() -> None:
    rng = np.random.default_rng(6)
    periods = np.arange(12) - 5.5
    hit = 0
    for _ in range(RUNS):
        own = rng.normal(0, 0.08, (200, 1))
        y = (rng.random((200, 12)) < 0.8 + own + 0.008 * periods).astype(float)
        v = np.stack(
            [y.sum(1), y @ periods, np.full(200, 12.0), np.zeros(200), np.full(200, (periods**2).sum())],
            axis=1,
        )
        line = trend(v.sum(axis=0), v.T @ v, 200)
        hit += line.slope_lower <= 0.008 <= line.slope_upper
    assert 0.93 <= hit / RUNS <= 0.97


def test_too_little_has_no_trend() -> None:
    assert np.isnan(trend(np.array([5.0, 0, 5, 0, 0]), np.eye(5), 5.0).slope)


def together(y: Floats, n: Floats) -> Together:
    """Return the sums of customers (rows) in groups (columns)."""
    return Together(y.sum(0), n.sum(0), y.T @ y, y.T @ n, n.T @ n, float((n.sum(1) > 0).sum()))


def test_where_a_customer_counts_once_the_test_is_close_to_pearsons() -> None:
    rng = np.random.default_rng(7)
    group = rng.integers(0, 3, 6_000)
    n = np.eye(3)[group]
    y = n * (rng.random(6_000) < np.array([0.8, 0.8, 0.83])[group])[:, None]
    ours = equal_rates(together(y, n))
    table = np.stack([y.sum(0), n.sum(0) - y.sum(0)])
    theirs = chi2_contingency(table, correction=False)
    assert ours[1] == 2
    assert ours[0] == pytest.approx(theirs.statistic, rel=0.05)


def test_the_test_keeps_its_level_where_customers_repeat_and_change_groups() -> None:
    rng = np.random.default_rng(8)
    p_values, naive = [], []
    for _ in range(RUNS):
        home = rng.integers(0, 3, 200)
        stays = rng.random(200) < 0.8  # all its periods are kept, or none: as dependent as can be
        visits = rng.multinomial(8, [1 / 3] * 3, 200) * 0.3 + 8 * np.eye(3)[home]
        found = together(visits * stays[:, None], visits)
        p_values.append(equal_rates(found)[2])
        table = np.stack([found.y, found.n - found.y])
        naive.append(chi2_contingency(table, correction=False).pvalue)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08
    assert np.mean(np.array(naive) < 0.05) > 0.3, "a test on rows must be seen to fail"


def test_a_difference_of_groups_and_its_coverage() -> None:
    rng = np.random.default_rng(9)
    hit = 0
    for _ in range(RUNS):
        n = np.stack([rng.integers(0, 6, 300), rng.integers(1, 6, 300)], axis=1).astype(float)
        rate = rng.beta(8, 2, (300, 1)) - np.array([0.1, 0.0])
        y = rng.binomial(n.astype(int), np.clip(rate, 0, 1)).astype(float)
        estimate, lower, upper = difference(together(y, n))
        assert estimate == pytest.approx(y[:, 0].sum() / n[:, 0].sum() - y[:, 1].sum() / n[:, 1].sum())
        truth = np.clip(rng.beta(8, 2, 4_000) - 0.1, 0, 1).mean() - 0.8
        hit += lower <= truth <= upper
    assert 0.92 <= hit / RUNS <= 0.98


def test_a_difference_is_not_known_without_error_where_all_of_a_group_stayed() -> None:
    rng = np.random.default_rng(12)
    hit, of_no_width = 0, 0
    for _ in range(RUNS):
        n = np.eye(2)[(np.arange(240) >= 30).astype(int)] * 2
        y = n * (rng.random(240) < np.where(np.arange(240) < 30, 0.97, 0.9))[:, None]
        _, lower, upper = difference(together(y, n))
        hit += lower <= 0.07 <= upper
        of_no_width += upper - lower < 0.05
    assert hit / RUNS >= 0.93
    assert not of_no_width


def test_a_difference_of_independent_groups_is_newcombes() -> None:
    """His method 10 with the same Wilson bounds: 56 of 70 less 48 of 80 is .0524 to .3339."""
    group = np.eye(2)[(np.arange(150) >= 70).astype(int)]
    stayed = np.r_[np.arange(70) < 56, np.arange(80) < 48][:, None]
    found = difference(together(group * stayed, group))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=3e-3)


def test_the_degrees_of_freedom_are_one_fewer_than_groups_however_unlike_their_sizes() -> None:
    rng = np.random.default_rng(13)
    size = np.array([40, 90, 50, 400, 60_000, 900_000])
    for periods in (1.0, 12.0, 1e6):
        kept = rng.binomial(size, 0.8) / size
        n = size * periods
        yy, nn = (np.diag(one * size * periods**2) for one in (kept, np.ones(6)))
        statistic, degrees, _ = equal_rates(Together(n * kept, n, yy, yy, nn, float(size.sum())))
        assert degrees == 5
        table = np.stack([size * kept, size * (1 - kept)])
        assert statistic == pytest.approx(
            chi2_contingency(table, correction=False).statistic, rel=0.4, abs=0.5
        )


@pytest.mark.parametrize("rate", [0.8, 0.9, 0.97])
@pytest.mark.parametrize("few", [3, 5, 12])
def test_a_handful_of_customers_is_told_from_the_rest_by_chance_no_more_often_than_said(
    rate: float, few: int
) -> None:
    rng = np.random.default_rng(14)
    group = np.eye(2)[(np.arange(600) >= few).astype(int)]
    p_values = np.array(
        [equal_rates(together(group * (rng.random(600) < rate)[:, None], group))[2] for _ in range(RUNS)]
    )
    assert (p_values < 0.05).mean() <= 0.07


def test_one_group_against_the_rest_is_two_groups() -> None:
    rng = np.random.default_rng(10)
    n = rng.integers(0, 4, (50, 3)).astype(float)
    y = rng.binomial(n.astype(int), 0.7).astype(float)
    two = together(y, n).against_the_rest(1)
    by_hand = together(np.stack([y[:, 1], y[:, 0] + y[:, 2]], 1), np.stack([n[:, 1], n[:, 0] + n[:, 2]], 1))
    for name in ("y", "n", "yy", "yn", "nn"):
        np.testing.assert_allclose(getattr(two, name), getattr(by_hand, name))


def test_what_cannot_be_tested_is_missing() -> None:
    n = np.ones((9, 1))
    assert np.isnan(equal_rates(together(n, n))[2])
    both = np.eye(2)[np.arange(10) % 2]
    assert np.isnan(equal_rates(together(both, both))[2]), "all stayed"
    assert np.isnan(difference(together(np.zeros((5, 2)), np.eye(2)[np.zeros(5, int)]))).all()


def test_adjusted_p_values_are_benjamini_and_hochbergs() -> None:
    p = np.array([0.001, 0.008, np.nan, 0.039, 0.041, 0.6])
    by_hand = [0.005, 0.02, np.nan, 0.05125, 0.05125, 0.6]  # p * 5 / rank, from the largest down
    assert adjusted(p) == pytest.approx(by_hand, nan_ok=True)
    assert np.isnan(adjusted(np.array([np.nan]))).all()
