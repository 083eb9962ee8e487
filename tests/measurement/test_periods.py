"""Calendars: periods as pandas has them, months as people count them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapse.measurement.asked import MONTHS, Asked, Unit
from lapse.measurement.periods import month_end, name_of, rows_of, whole_months
from lapse.schema import to_day
from tests.measurement import worlds

DAYS = st.dates(date(1995, 1, 1), date(2035, 12, 31)).map(to_day)


@pytest.mark.parametrize("unit", ["month", "quarter", "year"])
@given(DAYS, st.integers(0, 1500))
def test_edges_are_the_last_days_of_periods(unit: Unit, first_day: int, length: int) -> None:
    asked = Asked(None, first_day, first_day + length)  # type: ignore[arg-type]
    spans = worlds.periods(unit, first_day, first_day + length)
    assert asked.edges(unit).tolist() == [before for _, before, _ in spans]
    assert [name_of(unit, edge) for edge in asked.edges(unit).tolist()] == [name for name, *_ in spans]


@given(DAYS, st.integers(0, 1500))
def test_every_second_edge_lies_its_months_behind(first_day: int, length: int) -> None:
    for unit, months in MONTHS.items():
        edges = Asked(None, first_day, first_day + length).edges(unit)  # type: ignore[arg-type]
        assert month_end(edges[:-1], months).tolist() == edges[1:].tolist()
        assert month_end(edges[1:], -months).tolist() == edges[:-1].tolist()


@given(DAYS, st.integers(0, 1500))
def test_whole_months_are_those_that_fit(start: int, length: int) -> None:
    begin, end = pd.Timestamp(start, unit="D"), pd.Timestamp(start + length, unit="D")
    fit = 0
    while begin + pd.DateOffset(months=fit + 1) <= end:
        fit += 1
    assert whole_months(np.array([start]), np.array([start + length])).tolist() == [fit]


@pytest.mark.parametrize("unit", ["month", "quarter", "year"])
def test_a_period_that_is_open_has_customers_and_says_nothing_of_them(unit: Unit) -> None:
    """The last day lies within a period: whoever is there at its start is neither kept nor lost."""
    rng = np.random.default_rng(3)
    cover = worlds.covers(rng, 10, 800, 12.0, has_end=False)
    asked = Asked(worlds.business(grace=45, has_end=False), worlds.FIRST, worlds.FIRST + 790)
    rows = rows_of(asked, worlds.made(cover, worlds.refunds(rng, 10, 800), 10, [None] * 10), unit)
    fates = worlds.fates(asked, cover, unit).sort_values(["customer_id", "start"])
    assert not fates["closed"].all()
    for name in ("closed", "kept", "returned"):
        assert getattr(rows, name).tolist() == fates[name].tolist(), name
    still_open = ~rows.closed
    assert (asked.edges(unit)[rows.period[still_open]] == asked.edges(unit)[-1]).all()
