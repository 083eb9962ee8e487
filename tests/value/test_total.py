"""The interval of a total, held against simulated years with good and bad months."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.value import Shocks, fit_shocks, total_of


def shocks_drawn(rng: np.random.Generator, n: int, size: float, lasting: float) -> np.ndarray:
    drawn = np.empty(n)
    drawn[0] = rng.normal(0, size)
    for step in range(1, n):
        drawn[step] = lasting * drawn[step - 1] + rng.normal(0, size * (1 - lasting**2) ** 0.5)
    return drawn


def world(
    seed: int, size: float, lasting: float, n: int = 300, dates: int = 30, ahead: int = 6, each: float = 10.0
) -> Shocks:
    """Let customers bring 10 a step, more or less by chance and by shared shocks; learn from that."""
    rng = np.random.default_rng(seed)
    month = shocks_drawn(rng, dates + ahead, size, lasting)
    date, customer = np.repeat(np.arange(dates), n), np.tile(np.arange(n), dates)
    period = date[:, None] + np.arange(ahead)[None, :]
    came = rng.gamma(4.0, 2.5, (n, dates + ahead))[customer[:, None], period] * (1 + month[period])
    came[period >= dates] = np.nan
    return fit_shocks(came * each / 10, np.full(came.shape, each), customer, period, each * np.ones(ahead))


def test_shared_months_are_found_and_chance_is_not_taken_for_them() -> None:
    assert np.mean([world(seed, 0.0, 0.0).size for seed in range(5)]) < 0.01
    found = [world(seed, 0.2, 0.7) for seed in range(8)]
    assert np.mean([one.size for one in found]) == pytest.approx(0.2, rel=0.25)
    assert np.mean([one.lasting for one in found]) == pytest.approx(0.7, abs=0.2)
    assert np.mean([world(seed, 0.2, 0.0).lasting for seed in range(8)]) < 0.35


def test_totals_are_covered_where_months_are_shared() -> None:
    """Of 60 futures of 12 steps, nine in ten or so lie between bounds at 95 %."""
    covered = []
    for seed in range(60):
        shocks = world(seed, 0.15, 0.6, n=60)
        month = shocks_drawn(np.random.default_rng(1_000 + seed), 12, 0.15, 0.6)
        total = total_of(100, 1200.0, np.full(12, 100.0), 0.0, shocks)
        covered.append(total.lower <= float((100.0 * (1 + month)).sum()) <= total.upper)
    assert np.mean(covered) >= 0.88


@settings(deadline=None, max_examples=100)
@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5), st.lists(st.floats(0, 1e4), min_size=1, max_size=12)
)
def test_shared_shocks_do_not_cancel(size: float, lasting: float, level: float, money: list[float]) -> None:
    """Twice as many customers alike have twice the spread; apart from them it would be 1.4 times."""
    shocks, by_step = Shocks(size, lasting, level), np.array(money)
    one, two = shocks.variance(by_step), shocks.variance(2 * by_step)
    assert two == pytest.approx(4 * one, rel=1e-9)
    assert one <= (size**2 + level**2) * by_step.sum() ** 2 * (1 + 1e-9)


def test_the_level_learned_from_few_is_less_sure() -> None:
    few, many = world(1, 0.0, 0.0, n=50), world(1, 0.0, 0.0, n=800)
    assert few.level == pytest.approx(4 * many.level, rel=0.35)
    assert many.level < 0.02


def level_by_hand(came: np.ndarray, customer: np.ndarray, by_step: np.ndarray) -> float:
    """Return the standard error of the level where 10 a step is expected, customer by customer."""
    seen = [k for k in range(came.shape[1]) if not np.isnan(came[:, k]).all()]
    heavy = sum(by_step[k] for k in seen)
    squares = 0.0
    for who in np.unique(customer):
        pull = 0.0
        for k in seen:
            rows = [row for row in range(len(came)) if not np.isnan(came[row, k])]
            missed = sum(came[row, k] - 10.0 for row in rows if customer[row] == who)
            pull += by_step[k] / heavy * missed / (10.0 * len(rows))
        squares += pull**2
    return float(squares**0.5)


def test_steps_never_seen_do_not_make_the_level_surer() -> None:
    rng = np.random.default_rng(5)
    came, customer = rng.gamma(2.0, 5.0, (60, 12)), np.arange(60) % 20
    came[:, 6:] = np.nan
    came[:10, 4:] = np.nan
    period, by_step = np.tile(np.arange(12), (60, 1)), np.linspace(3.0, 1.0, 12)
    found = fit_shocks(came, np.full((60, 12), 10.0), customer, period, by_step).level
    assert found == pytest.approx(level_by_hand(came, customer, by_step), rel=1e-9)
    short = fit_shocks(came[:, :6], np.full((60, 6), 10.0), customer, period[:, :6], by_step[:6]).level
    assert found == pytest.approx(short, rel=1e-9)


def test_nothing_seen_is_no_shock() -> None:
    nothing, period = np.full((3, 2), np.nan), np.zeros((3, 2), np.int64)
    assert fit_shocks(nothing, np.ones((3, 2)), np.arange(3), period, np.ones(2)) == Shocks()


def test_losses_are_as_unsure_as_gains() -> None:
    gains, losses = world(2, 0.2, 0.5), world(2, 0.2, 0.5, each=-10.0)
    assert gains.size > 0.1
    assert losses == gains


def test_customers_of_today_who_bring_nothing_together_leave_the_level_finite() -> None:
    rng = np.random.default_rng(0)
    came, period = rng.gamma(4.0, 2.5, (200, 2)), np.tile(np.arange(2), (200, 1))
    for by_step in (np.zeros(2), np.array([1.0, -3.0])):
        found = fit_shocks(came, np.full((200, 2), 10.0), np.arange(200), period, by_step)
        assert 0 < found.level < 0.2
