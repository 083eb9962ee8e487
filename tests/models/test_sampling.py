"""A sample whose weights bring back what was left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models.sampling import sample

LABELS = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 9)).map(
    lambda drawn: np.random.default_rng(drawn[2]).permutation(np.repeat([0.0, 1.0], drawn[:2]))
)


@settings(deadline=None, max_examples=100)
@given(LABELS, st.integers(2, 300), st.integers(0, 5))
def test_every_label_keeps_its_total(label: np.ndarray, most: int, seed: int) -> None:
    rows, weight = sample(label, None, most, seed)
    if len(label) <= most:
        assert weight is None
        assert rows.tolist() == list(range(len(label)))
        return
    assert weight is not None
    assert len(rows) == len(weight) == most
    assert (np.diff(rows) > 0).all()
    for value in (0.0, 1.0):
        assert weight[label[rows] == value].sum() == pytest.approx((label == value).sum())
    assert (weight >= 1).all()
    rarer = min((label == 0).sum(), (label == 1).sum())
    assert min((label[rows] == 0).sum(), (label[rows] == 1).sum()) == min(rarer, most // 2)


def test_totals_of_anything_are_right_in_expectation() -> None:
    """Over many seeds the weighted total of a sample is that of all rows, with the given weights."""
    rng = np.random.default_rng(0)
    label = (rng.random(3_000) < 0.1).astype(np.float64)
    given_weight, value = rng.uniform(0.5, 2.0, 3_000), rng.gamma(1.0, 3.0, 3_000) * (1 + label)
    totals = []
    for seed in range(400):
        rows, weight = sample(label, given_weight, 500, seed)
        assert weight is not None
        totals.append(weight @ value[rows])
    error = np.std(totals) / np.sqrt(len(totals))
    assert np.mean(totals) == pytest.approx(given_weight @ value, abs=4 * error)
    assert error < 0.01 * (given_weight @ value)


def test_the_same_seed_takes_the_same_rows() -> None:
    label = np.repeat([0.0, 1.0], [900, 100])
    (first, one), (again, two), (other, _) = (sample(label, None, 200, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(one, two)
    assert first.tolist() != other.tolist()


def test_weights_are_left_alone_where_all_rows_are_taken() -> None:
    label, weight = np.array([0.0, 1.0, 1.0]), np.array([0.5, 2.0, 1.0])
    assert sample(label, weight, 3, 0)[1] is weight
