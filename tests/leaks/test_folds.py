"""Guard 3: no open label in training, no customer twice."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.errors import DataError, GateError
from lapse.leaks import check_folds, check_unique_keys


@given(
    fit=st.lists(st.integers(0, 300), min_size=1),
    test=st.lists(st.integers(0, 400), min_size=1),
    h=st.integers(1, 90),
)
@settings(deadline=None, max_examples=200)
def test_refused_exactly_where_a_window_is_open(fit: list[int], test: list[int], h: int):
    fit_dates, test_dates = (np.datetime64("2024-01-01") + np.array(days) for days in (fit, test))
    late = sum(day + h > min(test) for day in fit)
    if late:
        with pytest.raises(GateError) as caught:
            check_folds(fit_dates, test_dates, h)
        assert caught.value.problems[0].count == late
        assert caught.value.exit_code == 4
    else:
        check_folds(fit_dates, test_dates, h)


def test_the_first_open_row_is_shown():
    with pytest.raises(GateError, match=r"\(2 rows\); first: as of 2025-02-28, open until 2025-04-29"):
        check_folds(
            [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)],
            pd.Series([date(2025, 4, 1)]),
            horizon_days=60,
        )


@pytest.mark.parametrize(
    ("fit", "test"), [([], ["2025-01-01"]), (["2025-01-01"], []), ([None], ["2025-01-01"])]
)
def test_no_rows_or_no_date_is_an_error(fit: list[str], test: list[str]):
    with pytest.raises(DataError):
        check_folds(fit, test, 30)


def test_a_customer_twice_for_one_as_of_is_refused():
    check_unique_keys(["a", "a", "b"], ["2025-01-31", "2025-02-28", "2025-01-31"])
    with pytest.raises(DataError, match=r"\(2 rows\); first: customer a as of 2025-01-31"):
        check_unique_keys(["a", "a", "b", "a"], ["2025-01-31", "2025-01-31", "2025-01-31", "2025-01-31"])


def test_a_missing_customer_is_refused():
    with pytest.raises(DataError, match="row 1"):
        check_unique_keys(["a", None], ["2025-01-31", "2025-01-31"])
