from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.models import inputs
from lapse.schema import EPOCH


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, Decimal(2)], object),
        pd.array([1, 2], "Int64"),
        pd.array([True, False], "boolean"),
        [1.0, 2.0],
        pd.Categorical([1, 2]),
    ],
)
def test_numbers_of_any_kind_are_taken(values: object) -> None:
    assert inputs.numbers("event", values, 2).dtype == np.float64  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.to_timedelta([1, 2], unit="D"), r"(?s)got timedelta64.*\.dt\.days"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "got datetime64"),
        (np.array(["1", "2"]), "expected numbers, got <U1"),
        (np.array([1j, 2j]), "got complex"),
        (pd.array([1, None], "Int64"), "expected"),
        ([1.0, np.inf], r"missing or infinite ones \(1 row\); first: row 1"),
        (pd.Series(["1", "2"], dtype=object), r"expected numbers, got text \(2 rows\); first: row 0: '1'"),
        (pd.Series(["1", "2"], dtype="str"), "expected numbers, got text"),
        (np.array([1.0, "2"], object), r"got text \(1 row\); first: row 1: '2'"),
        (np.array([np.timedelta64(1, "D"), 2], object), r"(?s)got timedelta64 .*\.dt\.days"),
        (np.array([pd.Timedelta("1D"), 2], object), r"(?s)got Timedelta .*\.dt\.days"),
        (np.array([1j, 2], object), r"got complex \(1 row\)"),
        (np.array([10**400, 2], object), "expected numbers"),
        (np.array([1, None], object), r"missing or infinite ones \(1 row\); first: row 1"),
        ([1, 2, 3], "one value a row"),
    ],
)
def test_what_is_no_number_is_refused(values: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        inputs.numbers("duration_days", values, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "dates",
    [
        ["2024-03-01", "2024-03-02"],
        pd.Series(pd.to_datetime(["2024-03-01 23:30", "2024-03-02 00:30"])),
        pd.Series(pd.to_datetime(["2024-03-01 23:30", "2024-03-02 00:30"]).tz_localize("America/New_York")),
        pd.Series(pd.to_datetime(["2024-03-01", "2024-03-02"]).date),
        [19_783, 19_784],
        np.array([19_783.0, 19_784.0]),
    ],
)
def test_a_day_is_the_date_that_stands_there(dates: object) -> None:
    """A moment with a time zone falls on the date of that zone, not on that of UTC."""
    assert inputs.days(dates, 2).tolist() == [19_783, 19_784]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (
            ["2024-01-01", "noon"],
            r"expected dates or whole day numbers since 1970, got others \(1 row\); first: row 1: 'noon'\n"
            r" +hint: dates as text are written 2024-03-31$",
        ),
        (["01/02/2024", "2024-01-01"], "row 0: '01/02/2024'"),
        (["99999-01-01", "2024-01-01"], "row 0: '99999-01-01'"),
        (np.array([True, False]), "got bool"),
        (np.array([True, "2024-01-01"], object), r"others \(1 row\); first: row 0: 'True'"),
        (np.array([5, "2024-01-01"], object), r"others \(1 row\); first: row 0: '5'"),
        (np.array([1j, 2j]), "got complex"),
        (pd.to_timedelta([1, 2], unit="D"), "got timedelta64"),
        (["2024-01-01"], r"one value a row, shape \(2,\), got shape \(1,\)"),
        ([datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2)], "expected dates"),
        ([pd.NaT, pd.Timestamp("2024-01-01")], "missing"),
        ([0.5, 1.0], r"whole day numbers since 1970, got others \(1 row\); first: row 0: 0\.5"),
        ([1e12, 1.0], r"others \(1 row\)"),
        (["2024-01-01T00:00+02:00", "2024-01-01T00:00-05:00"], "(?i)mixed time ?zones"),
    ],
)
def test_what_is_no_day_is_refused(dates: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        inputs.days(dates, 2, "entered_on")  # type: ignore[arg-type]


def test_dates_far_from_now_are_dates() -> None:
    far = [datetime(3000, 1, 1, 5), date(1500, 1, 1)]
    assert inputs.days(far, 2).tolist() == [(date(3000, 1, 1) - EPOCH).days, (date(1500, 1, 1) - EPOCH).days]
    with pytest.raises(DataError, match=r"missing or infinite ones \(1 row\); first: row 1"):
        inputs.days(np.array([19_783, None], object), 2)


def test_more_days_than_anybody_lives_are_refused() -> None:
    assert inputs.elapsed(100_000, 1).tolist() == [100_000.0]
    with pytest.raises(
        DataError, match=r"(?s)elapsed_days: expected days, at most 100,000, got more.*1e\+09.*days\?"
    ):
        inputs.elapsed(1e9, 2)


def test_weights_that_add_up_to_infinity_are_refused() -> None:
    assert inputs.weights([1e30, 1e-3], 2).tolist() == [1e30, 1e-3]
    with pytest.raises(
        DataError, match=r"weights of at most 1e\+30, got more \(2 rows\); first: row 0: 1e\+308"
    ):
        inputs.weights([1e308, 1e31], 2)


def test_days_that_are_over_are_at_least_none_and_the_first_of_others_is_named() -> None:
    assert inputs.elapsed(3, 2).tolist() == [3.0, 3.0]
    with pytest.raises(
        DataError, match=r"elapsed_days: expected at least 0, got less \(2 rows\); first: row 1: -1"
    ):
        inputs.elapsed([0, -1, -2], 3)


@pytest.mark.parametrize("value", [1, 365, 365.0, np.int64(30), np.float32(7)])
def test_whole_numbers(value: float) -> None:
    assert inputs.whole("n_steps", value) == value
    assert type(inputs.whole("n_steps", value)) is int


@pytest.mark.parametrize(
    "value",
    [0, -3, 30.5, np.nan, np.inf, "30", None, True, pd.Timedelta("3D"), np.timedelta64(3, "D"), 10**400],
)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(
        DataError, match="parameters: step_days: expected a whole number from 1 to 100,000, got"
    ):
        inputs.whole("step_days", value)


@pytest.mark.parametrize("value", [0.0, 1.0, 80, -0.1, np.nan, None, "0.8", True])
def test_a_level_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="level: expected a share between 0 and 1"):
        inputs.level(value)


def test_customers_are_numbered_and_none_may_be_missing() -> None:
    assert inputs.customers(["b", "a", "b"], 3).tolist() == [0, 1, 0]
    with pytest.raises(DataError, match=r"customer: expected none missing, got missing \(1 row\); .* row 2"):
        inputs.customers(["b", "a", None], 3)
    with pytest.raises(DataError, match="one a row"):
        inputs.customers([1, 2], 3)
