"""The pyramid beside the same figures from the tables, a customer and a day at a time."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import pyramid
from lapse.measurement.asked import Asked
from lapse.schema import to_date, to_day
from tests.measurement.small_shop import (
    AS_OF,
    CUSTOMERS,
    FIRST,
    brought,
    draw,
    is_customer,
    known_by,
    measured,
    shop,
)

SHARES = {"tiers": {"margin": {"platinum_share": 0.2, "gold_share": 0.3}}}
QUARTERS = [
    date(2021, 12, 31),
    *(date(2022, month, day) for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))),
    date(2023, 3, 31),
]
"""Ends of closed quarters with a whole year behind."""


def values_at(frames: dict[str, pd.DataFrame], day: int) -> dict[str, float]:
    return {
        customer: round(brought(frames, customer, day - 365, day, day), 4)
        for customer in CUSTOMERS
        if is_customer(frames, customer, day, day)
    }


def tiers_at(frames: dict[str, pd.DataFrame], day: int) -> dict[str, str]:
    """Return tiers by the shares above, counting who has as much or more."""
    values = values_at(frames, day)

    def tier(value: float) -> str:
        reach = sum(other >= value for other in values.values()) / len(values)
        if value < 0:
            return "lead"
        return "platinum" if reach <= 0.2 else "gold" if reach <= 0.5 else "iron"

    return {customer: tier(value) for customer, value in values.items()}


class TestPyramid:
    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(deadline=None, max_examples=15)
    def test_customers_and_money_by_tier(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        table = measured(pyramid, frames, shop(SHARES), cuts)["pyramid"].frame.set_index("tier")
        values, tiers = values_at(frames, AS_OF), tiers_at(frames, AS_OF)
        for tier in table.index:
            here = [value for customer, value in values.items() if tiers[customer] == tier]
            assert table.customers[tier] == len(here)
            assert table.value[tier] == pytest.approx(sum(here))
            assert table.customers_share[tier] == pytest.approx(len(here) / len(values))
            if sum(values.values()) > 0:
                assert table.value_share[tier] == pytest.approx(sum(here) / sum(values.values()))
            else:
                assert np.isnan(table.value_share[tier])

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=6)
    def test_over_time_and_moves(self, seed: int) -> None:
        frames = draw(seed)
        told = measured(pyramid, frames, shop(SHARES))
        days = [to_day(one) for one in QUARTERS]
        standing = {day: tiers_at(frames, day) for day in days}
        over_time = told["pyramid_over_time"].frame.set_index(["as_of", "tier"]).customers
        for day in days:
            for tier in ("lead", "iron", "gold", "platinum"):
                assert over_time[to_date(day), tier] == sum(one == tier for one in standing[day].values())
        moves = [
            (to_date(high), tier, standing[high].get(customer, "gone"))
            for low, high in pairwise(days)
            for customer, tier in standing[low].items()
        ]
        single = pd.Series(moves).value_counts().to_dict()
        found = told["pyramid_moves_by_period"].frame.query("period == 'quarter'")
        keys = zip(found["period_end"], found["from"], found["to"], strict=True)
        assert dict(zip(keys, found["customers"], strict=True)) == single
        pooled = pd.Series([move[1:] for move in moves]).value_counts()
        table = told["pyramid_moves"].frame.query("period == 'quarter'").set_index(["from", "to"])
        assert table.moves[table.moves > 0].to_dict() == pooled.to_dict()
        starts = pd.Series([move[1] for move in moves]).value_counts()
        for (tier, _), row in table.iterrows():
            assert row.at_start == starts[tier]
            assert row.share == pytest.approx(row.moves / starts[tier])
            assert np.isnan(row.share_lower) or row.share_lower <= row.share <= row.share_upper

    def test_from_year_to_year_no_day_counts_twice(self) -> None:
        told = measured(pyramid, draw(3), shop())
        years = told["pyramid_moves_by_period"].frame.query("period == 'year'")
        assert set(years["period_end"]) == {date(2022, 12, 31)}

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=15)
    def test_rows_known_later_change_nothing(self, seed: int) -> None:
        frames = draw(seed)
        now, early = (measured(pyramid, one, shop(SHARES)) for one in (frames, known_by(frames, AS_OF)))
        for name in now:
            pd.testing.assert_frame_equal(now[name].frame, early[name].frame)

    def test_equal_values_are_never_split(self) -> None:
        orders = pd.DataFrame({"customer_id": CUSTOMERS, "day": AS_OF - 5, "amount": [20.0] * 6 + [10.0] * 6})
        frames = {**draw(0), "order": orders.assign(known_day=orders.day, product="tea")}
        frames["refund"] = frames["refund"].iloc[:0]
        table = measured(pyramid, frames, shop(SHARES))["pyramid"].frame.set_index("tier")
        assert table.customers.to_dict() == {"platinum": 0, "gold": 6, "iron": 6, "lead": 0}

    def test_a_sum_that_cancels_is_no_loss(self) -> None:
        day = {"day": AS_OF - 5, "known_day": AS_OF - 5, "product": "tea"}
        orders = pd.DataFrame({"customer_id": ["c00"], "amount": [0.3], **day})
        refunds = pd.DataFrame({"customer_id": "c00", "amount": [-0.1, -0.2], **day})
        frames = {**draw(0), "order": orders, "refund": refunds}
        told = measured(pyramid, frames, shop(cost=0.0))
        assert told["pyramid"].frame.set_index("tier").customers["lead"] == 0
        assert "cost_to_serve is 0" in told["pyramid"].warnings[0]

    def test_limits_in_money(self) -> None:
        rule = {"tiers": {"margin": {"platinum_from": 60.0, "gold_from": 15.0}}}
        frames = draw(5)
        table = measured(pyramid, frames, shop(rule))["pyramid"].frame.set_index("tier")
        values = np.array(list(values_at(frames, AS_OF).values()))
        assert table.customers["platinum"] == (values >= 60).sum()
        assert table.customers["gold"] == ((values >= 15) & (values < 60)).sum()

    def test_without_a_whole_year_nothing_is_known(self) -> None:
        as_of = FIRST + 363
        told = measured(pyramid, draw(1), shop(), as_of=as_of)
        assert told["pyramid"].frame.drop(columns="tier").isna().all(axis=None)
        assert told["pyramid_concentration"].frame[["value", "value_share"]].isna().all(axis=None)
        assert "cannot be known" in told["pyramid"].warnings[0]
        assert len(told["pyramid_over_time"].frame) == 0
        assert "cannot be known" in told["pyramid_moves"].warnings[0]
        whole = measured(pyramid, draw(1), shop(), as_of=as_of + 1)
        assert whole["pyramid"].frame.customers.notna().all()


def test_by_lifetime_value() -> None:
    asked = Asked(shop(SHARES), FIRST, AS_OF)
    clv = pd.Series([*np.arange(100.0), -1.0, np.nan])
    told = {one.name: one.frame for one in pyramid.conclude_clv(asked, clv)}
    customers = told["pyramid_clv"].set_index("tier").customers
    assert customers.to_dict() == {"platinum": 5, "gold": 25, "iron": 70, "lead": 1}
    assert told["pyramid_clv_concentration"].value_share.iloc[-1] == pytest.approx(1.0)


class TestConcentration:
    @given(values=st.lists(st.integers(-5, 30), min_size=1, max_size=60))
    @settings(deadline=None, max_examples=60)
    def test_agrees_with_taking_customers_one_by_one(self, values: list[int]) -> None:
        value = np.array(values, float)
        table = pyramid.concentration_table(value).set_index("customers_share").value
        for share, held in table.items():
            # equals in proportion: each tie's customers count its mean value, so any order of them serves
            ordered = np.sort(value)[::-1]
            whole, part = divmod(float(share) * len(value), 1)
            edge = ordered[int(whole)] * part if part > 1e-9 and whole < len(value) else 0.0
            assert held == pytest.approx(ordered[: int(whole)].sum() + edge, abs=1e-6)

    def test_the_picture_shows_that_the_rest_costs_money(self) -> None:
        figure = pyramid.draw_whale(np.array([50.0, 30.0, 5.0, -20.0]), "margin")
        line = figure.axes[0].lines[0].get_ydata()
        assert max(line) == 85.0
        assert line[-1] == 65.0
