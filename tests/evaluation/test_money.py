from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.evaluation import money


def slow_gini(actual: np.ndarray, order: np.ndarray) -> float:
    """Mean over random tie-breaks is a straight line within ties: average both extreme tie-breaks."""
    sums = []
    for tie_break in (actual, -actual):
        sorted_ = actual[np.lexsort((tie_break, order))]
        sums.append((np.cumsum(sorted_) - sorted_ / 2).sum())
    return 1 - 2 * float(np.mean(sums)) / (len(actual) * actual.sum())


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_gini_agrees_with_the_definition(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.gamma(0.5, 10, n)
    predicted = rng.integers(0, 5, n).astype(float)
    expected = slow_gini(actual, predicted) / slow_gini(actual, actual)
    assert money.normalised_gini(actual, predicted) == pytest.approx(expected, abs=1e-9)
    assert money.normalised_gini(actual, actual) == pytest.approx(1)
    assert money.normalised_gini(actual, -actual) == pytest.approx(-1)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_a_weight_is_a_number_of_copies_and_the_order_of_rows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 30
    actual = np.maximum(rng.normal(5, 10, n), 0) + 0.01
    predicted = rng.integers(0, 9, n).astype(float)
    weight = rng.integers(0, 3, n)
    weight[:2] = 1
    copies = rng.permutation(np.repeat(np.arange(n), weight))
    for metric in (money.total_bias, money.normalised_gini, money.decile_error):
        copied = metric(actual[copies], predicted[copies])
        assert metric(actual, predicted, weight) == pytest.approx(copied, rel=1e-9)


def test_decile_error_by_hand() -> None:
    actual = np.repeat(np.arange(1.0, 11.0), 10)
    predicted = actual * np.repeat([1.5, 1, 1, 1, 1, 1, 1, 1, 1, 0.95], 10)
    assert money.decile_error(actual, predicted) == pytest.approx((0.5 + 0.05) / 10)


def test_deciles_without_money_are_joined_with_a_neighbour() -> None:
    predicted = np.arange(1.0, 11.0)
    low = np.array([0, 0, 6.0, 4, 5, 6, 7, 8, 9, 10])
    assert money.decile_error(low, predicted) == pytest.approx(0)
    high = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 19.0, -1.0])
    assert money.decile_error(high, predicted) == pytest.approx((19 - 18) / 18 / 9)
    refunds = np.array([3.0, 0, 0, 0, 0, 0, 0, 0, 0, -2.0])
    assert money.decile_error(refunds, predicted) == pytest.approx((55 - 1) / 1)


def test_total_bias_counts_refunds() -> None:
    assert money.total_bias([10.0, -2.0], [5.0, 5.0]) == pytest.approx(0.25)


@pytest.mark.parametrize("actual", [[0.0, 0.0], [1.0, -2.0]])
def test_without_money_nothing_is_defined_and_the_reason_is_said(actual: list[float]) -> None:
    for metric in (money.total_bias, money.normalised_gini, money.decile_error):
        assert np.isnan(metric(actual, [1.0, 2.0]))
        assert money.why_undefined(metric.__name__, actual) == "nothing came in"


def test_equal_spenders_cannot_be_ranked() -> None:
    assert np.isnan(money.normalised_gini([2.0, 2.0], [1.0, 2.0]))
    assert "nothing to rank" in money.why_undefined("normalised_gini", [2.0, 2.0])
    assert money.total_bias([2.0, 2.0], [1.0, 2.0]) == -0.25


def test_a_horizon_is_shown_only_where_each_of_its_steps_is() -> None:
    steps = [[1.0, 2.0, np.nan], [1.0, np.nan, np.nan]]
    np.testing.assert_array_equal(money.over_horizon(steps, 2), [3.0, np.nan])
    with pytest.raises(ValueError, match="at least 4 columns, got 3"):
        money.over_horizon(steps, 4)


@pytest.mark.parametrize(
    ("actual", "predicted", "said"),
    [
        ([], [], "at least 1"),
        ([1.0], [1.0, 2.0], "one length"),
        ([np.nan], [1.0], "finite"),
        ([1.0], [np.inf], "finite"),
    ],
)
def test_what_is_outside_the_domain_is_refused(actual, predicted, said: str) -> None:
    for metric in (money.total_bias, money.normalised_gini, money.decile_error):
        with pytest.raises(ValueError, match=said):
            metric(actual, predicted)
