from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lapse.cohort.calendar import build_calendar
from lapse.errors import DataError
from lapse.schema import to_date, to_day


def plan(start: date, every: str, horizon: int, holdout: int) -> Any:
    return SimpleNamespace(
        source=Path("test.yaml"),
        snapshots=SimpleNamespace(start=start, every=every, horizon=horizon, holdout=holdout),
    )


@given(
    every=st.sampled_from(["1d", "14d", "3w", "1mo", "3mo"]),
    horizon=st.integers(1, 120),
    holdout=st.integers(1, 4),
    span=st.integers(200, 900),
)
def test_no_label_of_a_fit_date_is_open_on_the_first_test_date(
    every: str, horizon: int, holdout: int, span: int
) -> None:
    start = date(2020, 1, 31)
    end = to_day(start + timedelta(days=span))
    try:
        made = build_calendar(plan(start, every, horizon, holdout), end)
    except DataError:
        assume(False)
    assert len(made.test) == holdout
    assert all(day + horizon <= made.test[0] for day in made.fit)
    assert all(day + horizon <= end for day in made.labelled)
    assert made.labelled == tuple(sorted(set(made.labelled)))
    assert made.labelled[-holdout:] == made.test


def test_months_keep_the_day_or_take_the_last_one() -> None:
    made = build_calendar(plan(date(2024, 1, 31), "1mo", 28, 1), to_day(date(2024, 6, 15)))
    assert [str(to_date(day)) for day in made.labelled] == [
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
    ]


def test_a_history_too_short_is_refused_with_what_is_there() -> None:
    with pytest.raises(
        DataError, match=r"2 closed dates from 2024-01-01 to the end of the data on 2024-03-10"
    ):
        build_calendar(plan(date(2024, 1, 1), "1mo", 30, 3), to_day(date(2024, 3, 10)))
