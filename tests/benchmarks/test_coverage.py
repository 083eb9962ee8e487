from __future__ import annotations

import numpy as np
import pytest
from benchmarks.coverage import lifetime_ranks

from lapse.models.curve import Curve, without_impossible
from lapse.models.durations import lifetime_quantile_days

FIRST = np.array([0.0, 20.0, 65.0])
SURVIVAL = without_impossible(np.cumprod(np.full((3, 12), 0.9), axis=1), FIRST, 30)
CURVE = Curve(30, SURVIVAL, np.zeros((3, 12)), FIRST, first_day_share=0.6)
LIMIT = 350


@pytest.mark.parametrize("share", [0.01, 0.04, 0.2, 0.5, 0.65, 0.9])
def test_the_rank_of_a_quantile_is_its_share(share: float) -> None:
    days, capped = lifetime_quantile_days(CURVE, share, LIMIT)
    below, upto = lifetime_ranks(CURVE, days, LIMIT)
    assert (below <= share + 1e-9).all()
    assert (share <= upto + 1e-9).all()
    heaped = capped | (np.abs(days - FIRST) < 1e-9)
    np.testing.assert_allclose(below[~heaped], share, atol=1e-9)
    np.testing.assert_allclose(upto[~heaped], share, atol=1e-9)


def test_ends_on_the_first_day_and_at_the_limit_share_a_range_of_ranks() -> None:
    below, upto = lifetime_ranks(CURVE, FIRST + np.array([1e-6, 0.0, 0.0]), LIMIT)
    np.testing.assert_allclose(below[1:], 0.0, atol=1e-9)
    np.testing.assert_allclose(upto[1:], 0.06, atol=1e-9)  # six tenths of the first step's tenth
    below, upto = lifetime_ranks(CURVE, np.full(3, float(LIMIT)), LIMIT)
    start, end = SURVIVAL[:, 10], SURVIVAL[:, 11]
    np.testing.assert_allclose(below, 1 - start + (start - end) * 20 / 30)
    assert (upto == 1.0).all()
