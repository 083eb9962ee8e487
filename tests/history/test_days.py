"""Days of wall-clock times: as the standard library counts them, before 1970 too."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapse.history.days import dates_of, day_numbers
from lapse.schema import NEVER, to_day

TIME = st.one_of(st.none(), st.datetimes(datetime(1800, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)))


@given(st.lists(TIME, max_size=20), st.integers(0, 3))
def test_a_time_lies_in_its_day(times: list[datetime | None], skipped: int) -> None:
    found = dates_of(pa.array(times, pa.timestamp("us"))[skipped:])
    assert found.to_pylist() == [time and time.date() for time in times[skipped:]]
    expected = [NEVER if time is None else to_day(time.date()) for time in times[skipped:]]
    assert day_numbers(found).tolist() == expected


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_the_unit_of_a_time_does_not_matter(unit: str) -> None:
    times = pa.array([datetime(1969, 12, 31, 23, 59, 59), None, datetime(1970, 1, 1)], pa.timestamp(unit))
    assert day_numbers(dates_of(times)).tolist() == [-1, NEVER, 0]
