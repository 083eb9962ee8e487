from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models.curve import Curve, anchor, without_impossible
from lapse.models.incidence import cumulative_incidence


def drawn(seed: int, n: int = 5, n_causes: int = 3, n_steps: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    survival = np.cumprod(1 - rng.uniform(0, 0.4, (n, n_steps)), axis=1)
    return survival, rng.dirichlet(np.ones(n_causes), (n, n_steps)).transpose(0, 2, 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_incidences_and_survival_add_up_to_one_whatever_is_done_to_the_curve(seed: int, causes: int) -> None:
    survival, shares = drawn(seed, n_causes=causes)
    rng = np.random.default_rng(seed)
    earliest = rng.choice([0.0, 20.0, 45.0], 5)
    free = Curve(
        30,
        without_impossible(survival, earliest, 30),
        np.zeros_like(survival),
        earliest,
        cause_shares=shares,
        causes=tuple(range(1, causes + 1)),
    )
    for curve in (free, anchor(free, rng.uniform(0, 1, 5), 3)):
        np.testing.assert_allclose(curve.incidence.sum(axis=1) + curve.survival, 1.0, atol=1e-9)
        assert (np.diff(curve.incidence, axis=2) >= -1e-12).all()
        np.testing.assert_allclose(np.cumsum(curve.lapses_by_cause, axis=2), curve.incidence, atol=1e-12)


def test_incidence_by_hand() -> None:
    survival, shares = np.array([[0.5, 0.25]]), np.array([[[1.0, 0.2], [0.0, 0.8]]])
    np.testing.assert_allclose(cumulative_incidence(survival, shares), [[[0.5, 0.55], [0.0, 0.2]]])


def test_a_curve_without_causes_has_one() -> None:
    curve = Curve(30, np.array([[0.5, 0.25]]), np.zeros((1, 2)))
    np.testing.assert_array_equal(curve.incidence[:, 0], 1 - curve.survival)


@pytest.mark.parametrize(
    ("shares", "causes", "said"),
    [
        (np.full((1, 2, 2), 0.4), (1, 2), "add up to 1"),
        (np.array([[[1.5, 1.0], [-0.5, 0.0]]]), (1, 2), "at least 0"),
        (np.ones((1, 2)), (1,), "shape"),
        (np.ones((1, 1, 3)), (1,), "shape"),
        (np.full((1, 2, 2), 0.5), (1,), "name each share"),
        (None, (1,), "name each share"),
    ],
)
def test_wrong_shares_are_refused(shares: np.ndarray | None, causes: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Curve(30, np.array([[0.5, 0.25]]), np.zeros((1, 2)), cause_shares=shares, causes=causes)
