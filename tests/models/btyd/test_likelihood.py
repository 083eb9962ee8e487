from __future__ import annotations

import numpy as np
import pytest

from lapse.errors import DataError
from lapse.models.btyd.likelihood import distinct_histories, log_likelihood, minimise
from tests.models.btyd.histories import history


def test_the_best_of_all_starts_is_taken() -> None:
    """Two valleys, at e^-1 and at e^2, of which the second is deeper."""

    def loss(z: np.ndarray) -> tuple[float, np.ndarray]:
        return float(((z + 1) ** 2 * (z - 2) ** 2 - 0.1 * z)[0]), 2 * (z + 1) * (z - 2) * (2 * z - 1) - 0.1

    near, far = (minimise(loss, starts, "valleys") for starts in ([(0.3,)], [(0.3,), (9.0,)]))
    assert np.log(near[0][0]) == pytest.approx(-1, abs=0.02)
    assert np.log(far[0][0]) == pytest.approx(2, abs=0.02)


def test_a_loss_that_is_nowhere_finite_is_refused() -> None:
    with pytest.raises(DataError, match="a finite likelihood"):
        minimise(lambda z: (float("nan"), np.full_like(z, np.nan)), [(1.0, 1.0)], "nothing")


def test_histories_are_counted_in_the_unit_of_their_mean() -> None:
    seen = history((1, 3, 8), (1, 3, 8), (0, 0, 2))
    rows, count, unit = distinct_histories(seen)
    assert unit == 6
    np.testing.assert_allclose(rows * [1, 6, 6], [[0, 0, 2], [1, 3, 8]])
    assert count.tolist() == [1, 2]
    assert log_likelihood(0.5, seen, unit) == pytest.approx(-1.5 - 2 * np.log(6))
