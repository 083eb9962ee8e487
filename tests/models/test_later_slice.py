from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models.later_slice import MIN_POSITIVES, SLICE_SHARE, later_slice


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 30), st.integers(7, 40), st.integers(1, 120), st.integers(50, 400), st.integers(0, 99))
def test_outcomes_of_the_earlier_rows_are_final_when_the_slice_begins(
    dates: int, every: int, horizon: int, a_date: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    day = rng.permutation(np.repeat(np.arange(dates, dtype=np.int32) * every, a_date))
    label = (rng.random(len(day)) < 0.2).astype(float)
    earlier, later, found = later_slice(day, label, horizon)
    assert not (earlier & later).any()
    if found.n_rows:
        assert day[earlier].max() + horizon <= day[later].min()
        assert day[later].max() == day.max()
        assert later.mean() <= SLICE_SHARE or len(np.unique(day[later])) == 1
        assert min(label[later].sum(), label[earlier].sum()) >= MIN_POSITIVES
        assert (found.n_rows, found.first_day) == (later.sum(), day[later].min())
    else:
        assert not earlier.any()
        assert not later.any()
        assert "not calibrated" in found.note


def test_slice_is_the_last_third_where_there_is_time() -> None:
    day = np.repeat(np.arange(24, dtype=np.int32) * 30, 500)
    label = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], len(day) // 5)
    _, _, found = later_slice(day, label, 60)
    assert (found.first_day, found.last_day, found.n_rows, found.n_fit) == (480, 690, 4000, 7500)


def test_too_few_positives_leave_no_slice() -> None:
    day = np.repeat(np.arange(24, dtype=np.int32) * 30, 500)
    label = np.zeros(len(day))
    label[::1000] = 1.0
    assert later_slice(day, label, 60)[2].n_rows == 0


def test_no_dates_no_slice() -> None:
    assert "no as_of dates" in later_slice(None, np.array([0.0, 1.0]), 60)[2].note
