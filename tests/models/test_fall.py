from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from lapse.models.fall import Fall, fit_fall
from lapse.models.tail import ShiftedBetaGeometric


@settings(deadline=None, max_examples=100)
@given(st.floats(0.05, 50), st.floats(0.05, 50), st.integers(1, 20), st.integers(1, 30))
def test_with_a_power_of_one_the_hazard_is_that_of_the_sbg(
    alpha: float, beta: float, last: int, more: int
) -> None:
    sbg = ShiftedBetaGeometric(alpha, beta, 0.0)
    level = sbg.hazard(np.array([last]))
    step = last + np.arange(1.0, more + 1)
    np.testing.assert_allclose(Fall(alpha).hazard(level, last, step)[0], sbg.hazard(step), rtol=1e-10)


@pytest.mark.parametrize("power", [0.7, 1.3, 1.8])
def test_with_another_power_it_is_nearly_that_of_the_beta_discrete_weibull(power: float) -> None:
    alpha, beta = 1.2, 900.0

    def survival(t: np.ndarray) -> np.ndarray:
        return np.exp(betaln(alpha, beta + t**power) - betaln(alpha, beta))

    step = np.arange(12.0, 60.0)
    exact = 1 - survival(step) / survival(step - 1)
    found = Fall(alpha, power).hazard(exact[:1], 12.0, step)[0]
    np.testing.assert_allclose(found, exact, rtol=0.01)


def simulated(power: float, alpha: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    step = np.tile(np.arange(5.0, 17.0), 60_000)
    level = np.repeat(rng.uniform(0.02, 0.2, 60_000), 12)
    fall = Fall(alpha, power)
    speed, past = fall._clock(10.5, step)
    event = rng.random(len(step)) < speed * level / (1 + past * level / alpha)
    return level, step, event.astype(float)


@pytest.mark.parametrize(("power", "alpha"), [(1.0, 2.0), (1.5, 3.0), (0.7, 2.0)])
def test_the_likelier_tail_is_chosen(power: float, alpha: float) -> None:
    level, step, event = simulated(power, alpha, 1)
    found = fit_fall(level, 10.5, step, event, np.ones(len(step)))
    assert found.alpha == pytest.approx(alpha, rel=0.15)
    if power == 1.0:
        assert found.power == 1.0
    else:
        assert found.power == pytest.approx(power, rel=0.05)


def test_a_constant_hazard_is_nearly_but_never_constant() -> None:
    level, step, event = simulated(1.0, 1e9, 2)
    found = fit_fall(level, 10.5, step, event, np.ones(len(step)))
    assert 10 < found.alpha < 149
    assert found.power == 1.0


@given(st.floats(0.02, 148), st.floats(0.37, 2.7), st.floats(1e-4, 0.9))
def test_hazards_fall_in_the_end_and_stay_in_their_bounds(alpha: float, power: float, level: float) -> None:
    hazard = Fall(alpha, power).hazard(np.array([level]), 20.0, np.array([21.0, 1e7, 2e7]))[0]
    assert (hazard > 0).all()
    assert (hazard <= 1).all()
    assert hazard[2] < hazard[1]
