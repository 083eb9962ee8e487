from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from lapse.models.level import Level


def rows(customers: int, steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predictions, steps and customers of person-period rows of all lengths."""
    rng = np.random.default_rng(seed)
    lasting = rng.integers(1, steps + 1, customers)
    whose = np.repeat(np.arange(customers), lasting)
    step = np.concatenate([np.arange(1, n + 1) for n in lasting])
    return rng.gamma(2.0, 1.0, len(step)), step, whose


@settings(deadline=None, max_examples=40)
@given(st.floats(-0.5, 0.5), st.floats(-0.03, 0.03), st.floats(0.01, 1000))
def test_a_level_that_is_there_is_found_in_any_unit(start: float, slope: float, unit: float) -> None:
    predicted, step, whose = rows(3000, 12)
    predicted *= unit
    found = Level.fit(predicted, predicted * Level(start, slope).factor(12)[step - 1], step, whose, 12)
    assert found.start == pytest.approx(start, abs=0.02)
    assert found.slope == pytest.approx(slope, abs=0.004)


def test_it_is_the_maximum_of_the_penalised_likelihood() -> None:
    predicted, step, whose = rows(200, 8)
    actual = np.random.default_rng(1).poisson(1.3 * predicted).astype(float)
    missed = np.bincount(whose, actual - predicted)
    dispersion = (missed**2).sum() / predicted.sum()

    def loss(at: np.ndarray) -> float:
        mean = predicted * np.exp(at[0] + at[1] * (step - 1) / 6)
        return float((mean - actual * np.log(mean)).sum() / dispersion + (at**2).sum() / (2 * 0.2**2))

    best = optimize.minimize(loss, [0.0, 0.0], tol=1e-12).x
    found = Level.fit(predicted, actual, step, whose, 6)
    assert (found.start, 6 * found.slope) == pytest.approx(best, abs=1e-4)


def test_few_customers_move_it_little_and_many_the_whole_way() -> None:
    def start(customers: int) -> float:
        _, step, whose = rows(customers, 6)
        luck = np.random.default_rng(2).gamma(0.2, 5 * 1.5, customers)
        luck *= 1.5 / luck.mean()
        return Level.fit(np.ones(len(step)), luck[whose], step, whose, 12).start

    assert 0 < start(10) < 0.2
    assert start(20_000) == pytest.approx(np.log(1.5), abs=0.05)


def test_rows_of_one_customer_count_as_one() -> None:
    """The same sums from customers of ten rows each say less than from ten times as many customers."""
    rng = np.random.default_rng(3)
    luck = rng.gamma(0.3, 1.3 / 0.3, 50)
    actual, step, whose = np.repeat(luck, 10), np.tile(np.arange(1, 11), 50), np.repeat(np.arange(50), 10)
    together = Level.fit(np.ones(500), actual, step, whose, 12)
    apart = Level.fit(np.ones(500), actual, step, np.arange(500), 12)
    assert abs(together.start) < 0.7 * abs(apart.start)


def test_right_predictions_are_left_alone() -> None:
    predicted, step, whose = rows(50, 5)
    assert Level.fit(predicted, predicted, step, whose, 12).factor(5) == pytest.approx(np.ones(5))
