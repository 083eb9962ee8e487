"""Cohorts against a slow count in pandas; an open cell is missing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.jobs.measure import add_up, pieces_of
from lapse.leaks.perturbation import CHANGES
from lapse.measurement import cohorts
from tests.measurement import worlds
from tests.measurement.test_retention import WORLD, world


@settings(deadline=None, max_examples=15)
@given(WORLD, st.integers(1, 20))
def test_cohorts_are_those_of_a_count_day_by_day(drawn: tuple[int, bool, int], size: int) -> None:
    asked, bucket, cover, *_ = world(*drawn)
    grace, has_end = asked.business.churn.grace, asked.business.events["cover"].has_end
    sums = add_up(cohorts.collect(asked, piece) for piece in pieces_of(bucket, size))
    seen = cover[(cover["day"] <= asked.as_of) & (cover["known_day"] <= asked.as_of)]
    first = seen.groupby("customer_id")["day"].min()
    own = {customer: list(group.itertuples()) for customer, group in cover.groupby("customer_id")}
    for unit in ("month", "quarter", "year"):
        table = cohorts.cohort_table(asked, sums, unit)
        spans = worlds.periods(unit, asked.first_day - 370, asked.as_of)
        begin = {name: start for name, start, _ in spans}
        last = {name: end for name, _, end in spans}
        fates = worlds.fates(asked, cover, unit)
        assert table.drop_duplicates("cohort")["acquired"].sum() == len(first)
        for row in table.to_dict("records"):
            mine = first[(first > begin[row["cohort"]]) & (first <= last[row["cohort"]])].index
            assert row["acquired"] == len(mine)
            end = last[row["period"]]
            if end > asked.as_of:
                assert row["status"] == "open"
                assert pd.isna(row["share_left"])
                assert pd.isna(row["rate"])
                continue
            left = sum(worlds.is_there(own[one], end, end, grace, has_end) for one in mine)
            assert row["share_left"] == pytest.approx(left / len(mine))
            of_period = fates[(fates["period"] == row["period"]) & fates["customer_id"].isin(mine)]
            if row["age"] == 0 or not len(of_period):
                assert pd.isna(row["rate"])
            else:
                assert row["customers"] == len(of_period)
                assert row["rate"] == pytest.approx(of_period["kept"].mean())


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_known_later_changes_nothing(change: str) -> None:
    asked, bucket, *_ = world(5, True, 14, customers=60)
    asked = dataclasses.replace(asked, as_of=worlds.FIRST + 300)
    other = CHANGES[change](bucket, asked.as_of, np.random.default_rng(1))
    one, two = (cohorts.conclude(asked, add_up([cohorts.collect(asked, b)])) for b in (bucket, other))
    assert len(one) == 2, "months and quarters; no year has closed"
    for mine, theirs in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(mine.frame, theirs.frame)


def test_of_the_first_cohort_is_told_once() -> None:
    asked, bucket, *_ = world(5, True, 14, customers=60)
    told = cohorts.conclude(asked, add_up([cohorts.collect(asked, bucket)]))
    assert ["The first cohort, 2022-01, may hold" in one.text for one in told] == [True, False, False]
    assert not [warning for one in told for warning in one.warnings]


def test_every_cohort_is_drawn() -> None:
    asked, bucket, *_ = world(5, True, 14, customers=60)
    for one in cohorts.conclude(asked, add_up([cohorts.collect(asked, bucket)])):
        assert one.picture is not None
        figure = one.picture()
        drawn = figure.axes[0].images[0].get_array()
        assert drawn is not None
        assert drawn.shape[0] == one.frame.loc[one.frame["share_left"].notna(), "cohort"].nunique()
        assert drawn.count() == one.frame["share_left"].notna().sum(), "what is open is not drawn"
