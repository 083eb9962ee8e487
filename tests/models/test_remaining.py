"""What is read off a remaining life, held against a fine numeric integral."""

from __future__ import annotations

import numpy as np
import pytest

from lapse.models.remaining import remaining_lifetimes

STEP = 30


def share_behind(survival: list[float], limit: float, tail: float) -> float:
    """Return how much of the area up to the limit lies behind the tail, from a tenth of a second's strips."""
    middle = (np.arange(400_000) + 0.5) / 400_000 * limit
    alive = np.interp(middle, STEP * np.arange(len(survival) + 1), [1.0, *survival])
    return float(alive[middle > tail].sum() / alive.sum())


@pytest.mark.parametrize("limit", [45, 60, 61, 75, 90, 13])
@pytest.mark.parametrize("tail", [-20.0, 0.0, 7.5, 30.0, 40.0, 45.0, 60.0, 74.0, 89.0, 200.0])
def test_the_tail_is_what_lies_behind_the_last_day_seen(limit: int, tail: float) -> None:
    survival = [0.9, 0.8, 0.3]
    found = remaining_lifetimes(np.array([survival] * 2), STEP, limit, np.array([tail, 0.0]), 0.8)
    assert found["tail_share"][0] == pytest.approx(share_behind(survival, limit, tail), abs=1e-5)
    assert found["tail_share"][1] == 1.0
    if tail >= limit:
        assert found["tail_share"][0] == 0.0
