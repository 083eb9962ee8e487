"""Churn probability and value at risk by cause: by hand, and as parts of a whole."""

from __future__ import annotations

import numpy as np
import pytest

from lapse.models.curve import Curve
from lapse.value import churn_by_cause, value_at_risk, value_to_keep

SHARES = np.array([[[1.0, 0.25, 0.0], [0.0, 0.75, 1.0]]])
CURVE = Curve(30, np.array([[0.5, 0.25, 0.0]]), np.zeros((1, 3)), cause_shares=SHARES, causes=(1, 3))


def test_by_hand_up_to_the_horizon_and_no_further() -> None:
    assert churn_by_cause(CURVE, 1) == {"voluntary": [0.5], "other": [0.0]}
    assert churn_by_cause(CURVE, 2) == {"voluntary": [0.5625], "other": [0.1875]}
    assert value_at_risk(CURVE, np.array([160.0]), 2) == {"voluntary": [90.0], "other": [30.0]}


def test_each_step_is_that_of_the_whole_incidence() -> None:
    rng = np.random.default_rng(1)
    survival = np.cumprod(rng.uniform(0.5, 1, (6, 5)), axis=1)
    shares = rng.dirichlet(np.ones(3), (6, 5)).transpose(0, 2, 1)
    curve = Curve(30, survival, np.zeros((6, 5)), cause_shares=shares, causes=(1, 2, 3))
    for step in range(1, 6):
        np.testing.assert_array_equal(curve.incidence_at(step), curve.incidence[:, :, step - 1])
        found = churn_by_cause(curve, step)
        np.testing.assert_allclose(sum(found.values()), 1 - survival[:, step - 1], atol=1e-12)


def test_without_causes_there_is_one_and_all_of_it_is_at_risk() -> None:
    curve = Curve(30, np.array([[0.5]]), np.zeros((1, 1)))
    assert churn_by_cause(curve, 1) == {"any": [0.5]}
    kept = value_to_keep(np.array([10.0, 10.0]), np.array([0.5, 0.5]), np.array([np.nan, 0.0]))
    assert kept.tolist() == [5.0, 0.0]


@pytest.mark.parametrize("steps", [0, 4])
def test_a_horizon_beyond_the_curve_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="on a curve of 3"):
        churn_by_cause(CURVE, steps)
