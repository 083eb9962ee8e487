from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models.ahead import Ahead
from lapse.models.person_period import choose_snapshots, expand, steps_a_year, with_step

counts = st.lists(st.integers(0, 9), min_size=1, max_size=60).map(lambda rows: np.array(rows, np.int64))


@settings(deadline=None, max_examples=100)
@given(counts)
def test_each_snapshot_has_its_steps_in_order(rows: np.ndarray) -> None:
    expected = [(i, k) for i, n in enumerate(rows) for k in range(1, n + 1)]
    assert list(zip(*(part.tolist() for part in expand(rows)), strict=True)) == expected


@settings(deadline=None, max_examples=100)
@given(counts, st.integers(9, 300), st.integers(0, 5))
def test_sample_is_bounded_and_made_of_whole_snapshots(rows: np.ndarray, most: int, seed: int) -> None:
    chosen = choose_snapshots(rows, most, seed)
    assert rows[chosen].sum() <= most
    assert (np.diff(chosen) > 0).all()
    assert (rows[chosen] > 0).all()
    np.testing.assert_array_equal(chosen, choose_snapshots(rows, most, seed))
    if rows.sum() <= most:
        np.testing.assert_array_equal(chosen, np.flatnonzero(rows))


def test_every_snapshot_has_the_same_chance() -> None:
    rows = np.tile(np.array([1, 9], np.int64), 500)
    chosen = np.concatenate([choose_snapshots(rows, 1000, seed) for seed in range(50)])
    assert abs((chosen % 2).mean() - 0.5) < 0.02


def test_step_is_the_last_column() -> None:
    ahead = Ahead.of(["a", "b"], 30)
    wide = with_step(np.array([[1, 2], [3, 4]], np.float32), np.array([1, 1, 0]), np.array([1, 2, 1]), ahead)
    assert wide.tolist() == [[3, 4, 1], [3, 4, 2], [1, 2, 1]]
    assert wide.dtype == np.float32


def test_steps_a_year() -> None:
    assert [steps_a_year(30, n) for n in (1, 5, 60)] == [1, 5, 12]
    assert steps_a_year(400, 8) == 1
