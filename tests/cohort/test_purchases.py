from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.cohort.purchases import PurchaseHistory, read_histories
from lapse.errors import DataError


def slow_history(
    events: list[tuple[int, int, int]], who: int, as_of: int
) -> tuple[float, float, float] | None:
    days = sorted({day for customer, day, known in events if customer == who and max(day, known) <= as_of})
    return (len(days) - 1, days[-1] - days[0], as_of - days[0]) if days else None


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40)
)
def test_histories_agree_with_a_walk_over_each_customers_events(drawn) -> None:
    events = [(customer, day, day + delay) for customer, day, delay in drawn]
    customer, day, known = np.array(events).T
    asked = [(c, t) for c in range(5) for t in (3, 10, 31, 50) if slow_history(events, c, t)]
    if not asked:
        return
    who, as_of = np.array(asked).T
    got = read_histories(customer, day, known, who, as_of)
    expected = np.array([slow_history(events, c, t) for c, t in asked], float)
    np.testing.assert_array_equal(np.column_stack([got.repeat_purchases, got.t_x, got.T]), expected)


def test_customer_ids_may_be_strings_and_asked_in_any_order() -> None:
    customer, day = np.array(["b", "a", "b"], object), np.array([5, 1, 9])
    got = read_histories(customer, day, day, np.array(["a", "b"], object), np.array([10, 10]))
    np.testing.assert_array_equal(got.T, [9, 5])
    np.testing.assert_array_equal(got.repeat_purchases, [0, 1])


def test_a_customer_without_a_known_purchase_is_named() -> None:
    one = np.array([1])
    with pytest.raises(DataError, match=r"a purchase known by as_of, got none \(2 rows\); first: 1 at day 4"):
        read_histories(one, np.array([5]), np.array([7]), np.array([1, 1, 1]), np.array([4, 6, 7]))
    with pytest.raises(DataError, match="first: 2 at day 9"):
        read_histories(one, one, one, np.array([2]), np.array([9]))


@pytest.mark.parametrize(
    "row", [(1, 0, 5), (0, 3, 5), (1, 6, 5), (-1, 0, 5), (0, 0, np.nan), (np.nan, 0, 5), (2, 3, np.inf)]
)
def test_histories_that_cannot_be_are_refused(row: tuple[float, float, float]) -> None:
    with pytest.raises(DataError, match=r"\(1 row\); first: row 1: "):
        PurchaseHistory(*(np.array([good, bad], float) for good, bad in zip((1, 2, 3), row, strict=True)))


def test_histories_of_buckets_join_in_order() -> None:
    first = PurchaseHistory(np.array([1.0]), np.array([2.0]), np.array([3.0]))
    second = PurchaseHistory(np.array([0.0]), np.array([0.0]), np.array([9.0]))
    np.testing.assert_array_equal(PurchaseHistory.join([first, second]).T, [3, 9])
