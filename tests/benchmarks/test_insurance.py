from __future__ import annotations

import numpy as np
import pytest
from benchmarks.insurance import _resampled
from benchmarks.insurance_data import FILE, STEP, policies
from benchmarks.insurance_peers import at, with_tail


def test_a_tail_goes_on_with_the_mean_hazard_of_the_last_four_steps() -> None:
    survival = np.cumprod([[1.0, 0.5, 0.9, 0.8, 0.9, 0.8]], axis=1)
    found = with_tail(survival, 8)
    assert found.shape == (1, 9)
    rate = (0.9 * 0.8 * 0.9 * 0.8) ** 0.25
    np.testing.assert_allclose(found[0, 6:] / found[0, 5:-1], rate)
    assert with_tail(survival, 5) is survival


def test_between_steps_survival_is_a_straight_line() -> None:
    found = at(np.array([[1.0, 0.8, 0.4], [1.0, 0.5, 0.1]]), np.array([0.25, 2.0]))
    np.testing.assert_allclose(found, [0.95, 0.1])


def test_rows_that_are_not_known_are_left_out_of_a_resample() -> None:
    values = np.repeat([[1.0, np.nan], [1.0, 3.0]], 20, axis=0)
    np.testing.assert_allclose(_resampled(values), 2.0)


@pytest.mark.skipif(not FILE.exists(), reason="../shared/data/uslapseagent is not here")
def test_the_policies_are_what_the_benchmark_says() -> None:
    data = policies()
    assert len(data.features) == 29_317
    assert "DJIA" not in data.features
    assert (data.days <= data.follow_up).all()
    left = (data.follow_up - data.days)[data.event == 0]
    assert left.min() == 0
    assert left.max() <= 1  # in force to the end of the data, to a rounding
    assert abs(np.corrcoef(np.arange(29_317), data.days)[0, 1]) < 0.02  # shuffled
    assert 0.37 < (data.event == 1).mean() < 0.38
    age = data.age("2003-01-01")
    assert ((age > 0) & (data.days > age)).sum() == pytest.approx(17_007, abs=1)
    assert data.days.max() // STEP == 61
