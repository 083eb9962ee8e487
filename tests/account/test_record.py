"""One customer's record beside the same from the rows, a day at a time; nothing known later is in it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.account import Account, account_of
from lapse.account.known import as_known
from lapse.account.standing import YEARS, Spell, TierAt, beside, own_values, tiers_over_time
from lapse.cohort.ladder import RUNGS, rungs
from lapse.leaks.perturbation import empty_future, other_future
from lapse.leaks.sampling import choose_customers
from lapse.schema import NEVER, Bucket, Snapshots, to_date, to_day
from tests.account.small import AS_OF, CUSTOMERS, business, frames, made

SEEDS = st.integers(0, 10_000)


def record(of: Bucket, customer: int = 0, day: int = AS_OF, **account: object) -> Account:
    asked = business(**account)
    own = own_values(asked, of, customer, day)
    parts = [beside(asked, choose_customers(of, np.array(which)), day, own) for which in ([0], [1, 2])]
    return account_of(asked, of, customer, day, tiers_over_time(asked, own, parts))


def known(frame: pd.DataFrame, customer: object = "a", day: int = AS_OF) -> pd.DataFrame:
    return frame[(frame["customer_id"] == customer) & (frame["known_day"] <= day)]


def rows(*events: tuple[object, ...], columns: str) -> pd.DataFrame:
    names = ["customer_id", *columns.split()]
    return pd.DataFrame([("a", *event) for event in events], columns=names)


EMPTY = {
    "order": rows((AS_OF - 10, 5.0, "food"), columns="day amount line"),
    "visit": rows(columns="day"),
    "ticket": rows(columns="day end_day end_known_day topic"),
    "card": rows(columns="day end_day end_known_day amount"),
}


class TestLeaks:
    @given(seed=SEEDS, customer=st.integers(0, 2), back=st.integers(0, 400))
    @settings(max_examples=25, deadline=None)
    def test_what_becomes_known_later_changes_nothing(self, seed: int, customer: int, back: int) -> None:
        day = AS_OF - back
        of = made(frames(seed), profile_known=day + 1 if seed % 2 else None)
        told = record(of, customer, day)
        rng = np.random.default_rng(seed)
        assert record(other_future(of, day, rng), customer, day) == told
        assert record(empty_future(of, day, rng), customer, day) == told

    @given(seed=SEEDS)
    @settings(max_examples=10, deadline=None)
    def test_it_is_cut_as_the_guard_cuts(self, seed: int) -> None:
        """The cut keeps what the leak guard, which is code of its own, calls known."""
        of = made(frames(seed))
        guard = as_known(empty_future(of, AS_OF, np.random.default_rng(0)), 1, NEVER)
        mine = as_known(of, 1, AS_OF)
        for kind in ("order", "visit", "ticket", "card"):
            for column in ("day", "known_day", "end_day", "end_known_day"):
                assert (getattr(mine.events[kind], column) == getattr(guard.events[kind], column)).all()

    def test_a_profile_known_later_is_not_shown(self) -> None:
        of = made(frames(0), profile_known=AS_OF + 1)
        told = record(of, manager="looked_after_by")
        assert (told.profile, told.manager) == ((), None)
        assert record(made(frames(0), profile_known=AS_OF), manager="looked_after_by").manager == "Ms Lee"


class TestTimeline:
    @given(seed=SEEDS, customer=st.integers(0, 2))
    @settings(max_examples=25, deadline=None)
    def test_every_row_that_is_known_is_in_it_once(self, seed: int, customer: int) -> None:
        tables = frames(seed, rows=200)
        told = record(made(tables), customer).timeline
        assert [entry.day for entry in told] == sorted((entry.day for entry in told), reverse=True)
        for kind, table in tables.items():
            mine = known(table, CUSTOMERS[customer])
            expected = mine.groupby("day").size()
            found = pd.Series(
                [entry.rows for entry in told if entry.kind == kind],
                [to_day(entry.day) for entry in told if entry.kind == kind],
                dtype=np.int64,
            )
            assert found.groupby(level=0).sum().to_dict() == expected.to_dict()
            money = sum(entry.amount or 0.0 for entry in told if entry.kind == kind)
            assert money == pytest.approx(mine["amount"].sum() if "amount" in mine else 0.0)

    def test_states_spans_and_what_was_known_late(self) -> None:
        tables = EMPTY | {
            "card": rows(
                (AS_OF - 90, AS_OF - 89, AS_OF - 30, AS_OF - 30, 10.0),  # over
                (AS_OF - 60, AS_OF - 60, AS_OF + 30, AS_OF - 60, 10.0),  # runs, its end is known
                (AS_OF - 50, AS_OF - 50, AS_OF + 30, AS_OF + 1, 10.0),  # runs, its end becomes known tomorrow
                (AS_OF + 5, AS_OF - 1, AS_OF + 35, AS_OF - 1, 10.0),  # booked ahead
                columns="day known_day end_day end_known_day amount",
            )
        }
        cards = [entry for entry in record(made(tables)).timeline if entry.kind == "card"]
        assert [(entry.state, entry.span) for entry in cards] == [
            ("ahead", f"until {to_date(AS_OF + 35)}"),
            ("open", "open"),
            ("open", f"until {to_date(AS_OF + 30)}"),
            ("past", f"ended {to_date(AS_OF - 30)}"),
        ]
        assert [entry.known_on for entry in cards] == [None, None, None, to_date(AS_OF - 89)]

    def test_rows_of_one_day_are_one_entry_that_sums_and_names(self) -> None:
        orders = rows(*[(AS_OF - 3, 5.0, "food")] * 2, (AS_OF - 3, 7.0, "toys"), columns="day amount line")
        entry = record(made(EMPTY | {"order": orders})).timeline[0]
        assert (entry.rows, entry.amount, entry.words) == (3, 17.0, "3 orders")
        assert entry.details == "line food and toys"


class TestCases:
    def test_open_cases_at_the_end_of_the_day(self) -> None:
        tables = EMPTY | {
            "ticket": rows(
                (AS_OF - 40, AS_OF - 40, AS_OF, AS_OF, "closed today"),
                (AS_OF - 30, AS_OF - 30, AS_OF + 1, AS_OF + 1, "closed tomorrow"),
                (AS_OF - 20, AS_OF - 20, AS_OF - 5, AS_OF + 1, "closed, and nobody knows"),
                (AS_OF - 10, AS_OF + 1, NEVER, NEVER, "opened, and nobody knows"),
                (AS_OF, AS_OF, NEVER, NEVER, "opened today"),
                (AS_OF + 1, AS_OF - 1, NEVER, NEVER, "opens tomorrow"),
                columns="day known_day end_day end_known_day topic",
            )
        }
        told = record(made(tables))
        assert [case.details.removeprefix("topic ") for case in told.cases] == [
            "closed tomorrow",
            "closed, and nobody knows",
            "opened today",
        ]
        assert told.case_kinds == ("ticket",)

    def test_the_config_says_which_events_are_cases(self) -> None:
        told = record(made(EMPTY), cases=("card",))
        assert told.case_kinds == ("card",)


class TestStanding:
    @given(seed=SEEDS, customer=st.integers(0, 2))
    @settings(max_examples=15, deadline=None)
    def test_rungs_are_those_of_every_day(self, seed: int, customer: int) -> None:
        of = made(frames(seed, rows=20))
        steps = {step.since: step.rung for step in record(of, customer).rungs}
        now = ""
        first = min(steps, default=to_date(AS_OF))
        for day in range(to_day(first), AS_OF + 1):
            now = steps.get(to_date(day), now)
            one = Snapshots(np.array([customer]), np.array([day], np.int32))
            assert str(rungs(business(), of, one)[0]) == now
        assert of.known_day[customer] > AS_OF or first <= to_date(int(of.known_day[customer]))
        assert set(steps.values()) <= set(RUNGS)

    @given(seed=SEEDS, customer=st.integers(0, 2))
    @settings(max_examples=15, deadline=None)
    def test_tiers_are_those_of_the_year_before_among_all(self, seed: int, customer: int) -> None:
        tables = frames(seed, rows=90)
        told = {one.as_of: one for one in record(made(tables), customer).tiers}
        expected = {}
        orders = tables["order"]
        first = int(orders.loc[orders["known_day"] <= AS_OF, "day"].min())
        for at in (*quarter_ends(first), to_date(AS_OF)):
            day = to_day(at)
            values = {one: brought(tables, one, day) for one in CUSTOMERS if is_there(tables, one, day)}
            mine = values.get(CUSTOMERS[customer])
            if mine is not None:
                reach = sum(value >= mine for value in values.values()) / len(values)
                tier = (
                    "lead"
                    if mine < 0
                    else "platinum"
                    if reach <= 0.05
                    else "gold"
                    if reach <= 0.3
                    else "iron"
                )
                expected[at] = (tier, pytest.approx(mine, abs=1e-4))
        assert {at: (one.tier, one.value) for at, one in told.items()} == expected

    def test_no_tier_before_a_whole_year_lies_behind(self) -> None:
        of = made(
            EMPTY | {"order": rows((AS_OF - 363, 5.0, "x"), (AS_OF, 5.0, "x"), columns="day amount line")}
        )
        assert record(of).tiers == ()
        of = made(
            EMPTY | {"order": rows((AS_OF - 364, 5.0, "x"), (AS_OF, 5.0, "x"), columns="day amount line")}
        )
        assert [one.as_of for one in record(of).tiers] == [to_date(AS_OF)]
        assert isinstance(record(of).tiers[0], TierAt)

    def test_relationships_and_until_when_it_is_kept(self) -> None:
        orders = rows((AS_OF - 300, 1.0, "x"), (AS_OF - 20, 1.0, "x"), columns="day amount line")
        told = record(made(EMPTY | {"order": orders}))
        assert told.spells == (
            Spell(to_date(AS_OF - 300), to_date(AS_OF - 240)),
            Spell(to_date(AS_OF - 20), None),
        )
        assert told.kept_until == to_date(AS_OF + 40)

    def test_somebody_without_an_event_is_a_prospect(self) -> None:
        told = record(made(EMPTY), customer=1)
        assert [step.rung for step in told.rungs] == ["prospect"]
        assert (told.spells, told.timeline, told.tiers) == ((), (), ())


def quarter_ends(first: int) -> list[date]:
    ends = pd.date_range(to_date(AS_OF - YEARS * 365), to_date(AS_OF), freq="QE")
    return [end.date() for end in ends if to_day(end.date()) - 364 >= first]


def is_there(tables: dict[str, pd.DataFrame], customer: object, day: int) -> bool:
    orders = known(tables["order"], customer, day)
    reach = np.maximum(orders["day"] + 60, orders["known_day"])
    return bool(((orders["day"] <= day) & (reach > day)).any())


def brought(tables: dict[str, pd.DataFrame], customer: object, day: int) -> float:
    """Return half the orders of the year up to a day, less 20 a year for the days on which it was there."""
    orders = known(tables["order"], customer, day)
    in_year = orders["day"].between(day - 364, day)
    there = {
        at
        for start, late in zip(orders["day"], orders["known_day"], strict=True)
        for at in range(start, max(start + 60, late))
        if day - 365 < at <= day
    }
    return 0.5 * float(orders.loc[in_year, "amount"].sum()) - 20.0 * len(there) / 365
