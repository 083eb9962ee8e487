"""The ladder beside the same figures from the tables, a customer and a day at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import next_rung, rungs
from lapse.measurement.asked import Asked
from lapse.schema import to_date, to_day
from tests.measurement.small_shop import (
    AS_OF,
    FIRST,
    brought,
    buckets_of,
    draw,
    is_customer,
    known_by,
    known_customers,
    measured,
    shop,
)

RULES: dict[str, Any] = {
    "rungs": {
        "customer": [{"event": "order", "days": 1}],
        "client": [{"event": "order", "days": 3}],
        "supporter": [
            {"event": "order", "days": 6},
            {"tenure": "500d"},
            {"category": "product", "distinct": 2},
        ],
        "advocate": [{"event": "referral", "at_least": 1}],
        "partner": [{"event": "contract", "in_force": True}],
    }
}
EDGES = [int(day) for day in Asked(shop(), FIRST, AS_OF).edges("month")]


def met_by_hand(frames: dict[str, pd.DataFrame], customer: str, day: int) -> dict[str, list[bool]]:
    """Return which conditions of each rung hold, by the rules above."""
    seen = {kind: rows[rows.customer_id == customer] for kind, rows in known_by(frames, day).items()}
    days = sorted(set(seen["order"].day))
    over = seen["contract"][["end_day", "end_known_day"]].max(axis=1)
    return {
        "customer": [len(days) >= 1],
        "client": [len(days) >= 3],
        "supporter": [
            len(days) >= 6,
            len(days) > 0 and day - days[0] >= 500,
            seen["order"]["product"].nunique() >= 2,
        ],
        "advocate": [len(seen["referral"]) >= 1],
        "partner": [bool((over > day).any())],
    }


def state(frames: dict[str, pd.DataFrame], customer: str, day: int) -> str:
    met = met_by_hand(frames, customer, day)
    if not all(met["customer"]):
        return "prospect"
    if not is_customer(frames, customer, day, day):
        return "gone"
    return [rung for rung, conditions in met.items() if all(conditions)][-1]


def states(frames: dict[str, pd.DataFrame]) -> dict[int, dict[str, str]]:
    return {day: {one: state(frames, one, day) for one in known_customers(frames, day)} for day in EDGES}


class TestLadder:
    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(deadline=None, max_examples=4)
    def test_counts_moves_and_value(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        told = measured(rungs, frames, shop(RULES), cuts)
        standing = states(frames)
        self.check_counts(told["ladder_over_time"].frame, standing)
        for unit, months in (("month", 1), ("quarter", 3), ("year", 12)):
            edges = [day for day in EDGES if to_date(day + 1).month % months == (1 if months > 1 else 0)]
            self.check_moves(told, standing, unit, edges)
        self.check_value(told, frames, standing)

    def check_counts(self, table: pd.DataFrame, standing: dict[int, dict[str, str]]) -> None:
        for row in table.itertuples():
            here = list(standing[to_day(row.as_of)].values())
            assert row.customers == here.count(row.rung)
            there = len(here) - here.count("gone")
            if row.rung == "gone" or there == 0:
                assert np.isnan(row.share)
            else:
                assert row.share == pytest.approx(row.customers / there)

    def check_moves(
        self, told: dict[str, Any], standing: dict[int, dict[str, str]], unit: str, edges: list[int]
    ) -> None:
        moves = [
            (to_date(high), rung, standing[high][customer])
            for low, high in pairwise(edges)
            for customer, rung in standing[low].items()
        ]
        found = told["ladder_moves_by_period"].frame
        found = found[found["period"] == unit]
        keys = zip(found["period_end"], found["from"], found["to"], strict=True)
        assert dict(zip(keys, found["customers"], strict=True)) == pd.Series(moves).value_counts().to_dict()
        table = told["ladder_moves"].frame
        table = table[table["period"] == unit].set_index(["from", "to"])
        pooled = pd.Series([move[1:] for move in moves]).value_counts().to_dict()
        assert table.moves[table.moves > 0].to_dict() == pooled
        starts = [move[1] for move in moves]
        assert all(row.at_start == starts.count(rung) for (rung, _), row in table.iterrows())

    def check_value(
        self, told: dict[str, Any], frames: dict[str, pd.DataFrame], standing: dict[int, dict[str, str]]
    ) -> None:
        rows = [
            (rung, brought(frames, customer, low, high, AS_OF), high - low)
            for low, high in pairwise(EDGES)
            for customer, rung in standing[low].items()
            if is_customer(frames, customer, low, low)
        ]
        by_rung = pd.DataFrame(rows, columns=["rung", "money", "days"]).groupby("rung").sum()
        value = by_rung.money * 365 / by_rung.days
        table = told["ladder_value"].frame.set_index("rung").value_a_year
        assert table.dropna().to_dict() == pytest.approx(value.to_dict(), abs=1e-3)
        for row in told["ladder_steps"].frame.itertuples():
            low, high = row[1], row[2]
            assert row.difference_a_year == pytest.approx(value[high] - value[low], abs=1e-3)

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=15)
    def test_a_rung_uses_no_later_event(self, seed: int) -> None:
        """Rungs of past months are the same whether or not the rows known later are there."""
        frames = draw(seed)
        business = shop(RULES)
        for day in EDGES[5::7]:
            now, early = (
                [rungs.states_at(business, one, [day])[0] for one in buckets_of(tables)]
                for tables in (frames, known_by(frames, day))
            )
            assert np.array_equal(now[0], early[0])

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=10)
    def test_rows_known_after_as_of_change_nothing(self, seed: int) -> None:
        frames = draw(seed)
        now, early = (measured(rungs, one, shop(RULES)) for one in (frames, known_by(frames, AS_OF)))
        for name in now:
            pd.testing.assert_frame_equal(now[name].frame, early[name].frame)

    def test_rungs_that_no_event_can_show_are_named(self) -> None:
        told = measured(rungs, draw(0), shop())["ladder_over_time"]
        assert any(warning.startswith("partner: no rule or mapped event") for warning in told.warnings)
        assert "partner" not in set(told.frame["rung"])


class TestOneStepAway:
    LADDER = ("prospect", "customer", "client", "supporter", "advocate", "partner")

    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(deadline=None, max_examples=20)
    def test_who_misses_one_condition(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        told = measured(rungs, frames, shop(RULES), cuts)
        expected = {}
        for customer in known_customers(frames, AS_OF):
            rung = state(frames, customer, AS_OF)
            if rung in ("gone", "partner"):
                continue
            following = self.LADDER[self.LADDER.index(rung) + 1]
            conditions = met_by_hand(frames, customer, AS_OF)[following]
            if conditions.count(False) == 1:
                value = brought(frames, customer, AS_OF - 365, AS_OF, AS_OF)
                expected[customer] = (rung, following, conditions.index(False), round(value, 4))
        listed = told["ladder_candidates"].frame
        words = {
            ("customer", 0): "order on 1 day or more",
            ("client", 0): "order on 3 days or more",
            ("supporter", 0): "order on 6 days or more",
            ("supporter", 1): "first order 500 days ago or more",
            ("supporter", 2): "2 values of product or more in order",
            ("advocate", 0): "1 referral or more",
            ("partner", 0): "contract in force",
        }
        found = {row.customer_id: tuple(row)[2:] for row in listed.itertuples()}
        waits = ("supporter", 1)  # only time is missing: nobody to act on
        assert found == {
            customer: (rung, following, words[following, place], pytest.approx(value))
            for customer, (rung, following, place, value) in expected.items()
            if (following, place) != waits
        }
        away = told["ladder_one_step_away"].frame
        assert (away["comes_with_time"] == (away["missing"] == words[waits])).all()
        assert away["comes_with_time"].is_monotonic_increasing, "what can be acted on stands first"
        counts = away.set_index(["rung", "next_rung", "missing"]).customers
        by_hand = pd.Series([(*one[:2], words[one[1], one[2]]) for one in expected.values()]).value_counts()
        assert counts.to_dict() == by_hand.to_dict()

    def test_who_lacks_nothing_but_time_is_counted_apart_and_not_listed(self) -> None:
        frames = {kind: rows.iloc[:0] for kind, rows in draw(0).items()}
        soon = [("c00", AS_OF - 300 + 40 * place) for place in range(8)]  # 8 days with orders, tenure 300
        often = [("c01", AS_OF - ago) for ago in (600, 450, 300, 100, 10)]  # 5 days with orders, tenure 600
        orders = pd.DataFrame([*soon, *often], columns=["customer_id", "day"])
        product = np.where(np.arange(len(orders)) % 2, "tea", "jam")
        frames["order"] = orders.assign(known_day=orders.day, amount=10.0, product=product)
        told = measured(rungs, frames, shop(RULES))
        away = told["ladder_one_step_away"].frame
        assert away[["missing", "comes_with_time", "customers"]].to_numpy().tolist() == [
            ["order on 6 days or more", False, 1],
            ["first order 500 days ago or more", True, 1],
        ]
        assert told["ladder_candidates"].frame["customer_id"].tolist() == ["c01"]

    def test_the_list_holds_the_most_valuable_for_each_rung(self, monkeypatch: pytest.MonkeyPatch) -> None:
        frames = draw(1)
        whole = measured(rungs, frames, shop(RULES), 3)["ladder_candidates"].frame
        monkeypatch.setattr(next_rung, "MOST_LISTED", 1)
        short = measured(rungs, frames, shop(RULES), 3)["ladder_candidates"].frame
        assert len(whole) > len(short) == whole["next_rung"].nunique()
        best = whole.groupby("next_rung")["value_last_year"].max()
        assert short.set_index("next_rung")["value_last_year"].to_dict() == best.to_dict()


def test_who_is_known_from_always_is_no_prospect_before_an_event() -> None:
    frames = draw(2)
    (one,) = buckets_of(frames)
    always = replace(one, known_day=np.full(len(one), np.iinfo(np.int32).min, np.int32))
    found, _ = rungs.states_at(shop(RULES), always, EDGES)
    dated, _ = rungs.states_at(shop(RULES), one, EDGES)
    assert (found[dated > 0] == dated[dated > 0]).all()
    assert (found[dated <= 0] == -1).all()


def test_who_may_have_come_later_is_not_one_step_away() -> None:
    """A customers table without known_at holds also those whose first order lies behind as_of."""
    frames = draw(2)
    (one,) = buckets_of(frames)
    always = replace(one, known_day=np.full(len(one), np.iinfo(np.int32).min, np.int32))
    early = Asked(shop(RULES), FIRST, FIRST + 60)
    late = set(known_customers(frames, AS_OF)) - set(known_by(frames, FIRST + 60)["order"].customer_id)
    assert late, "somebody orders later"
    listed = next_rung.collect_steps(early, always)["next_customers"].reset_index()
    assert len(listed)
    assert not late & set(listed["customer_id"])


def test_dates_are_the_ends_of_months() -> None:
    table = measured(rungs, draw(0), shop())["ladder_over_time"].frame
    assert table["as_of"].min() == date(2021, 1, 31)
    assert table["as_of"].max() == date(2023, 3, 31)


@pytest.mark.parametrize(("months", "warned"), [(10.0, False), (9.3, False), (8.0, True), (12.5, True)])
def test_a_constant_rate_is_warned_of_where_it_is_far_off(months: float, warned: bool) -> None:
    row = {
        "rung": "client",
        "months": months,
        "months_lower": months - 0.1,
        "months_upper": months + 0.1,
        "months_constant": 10.0,
        "limit_months": 1e6,
    }
    assert (rungs._disagreement(row) is not None) == warned
