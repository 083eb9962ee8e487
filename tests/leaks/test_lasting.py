"""An attribute that was worked out from a customer's last event is named; honest ones are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lapse.leaks import Lasting, halves, lasting_columns
from lapse.schema import Float64, Int32, Int64

END = 1_500


@dataclass(frozen=True)
class World:
    """Customers who come and go, asked about on six dates, the data ending at END."""

    customer: Int64
    first: Int64
    last: Int64
    day: Int32

    @property
    def tenure(self) -> Float64:
        return (self.day - self.first).astype(np.float64)

    def named(self, **columns: object) -> dict[str, str]:
        ends = np.minimum(self.last, END)
        found: list[Lasting] = lasting_columns(
            pd.DataFrame(columns),
            self.tenure,
            self.day,
            (ends - self.day).astype(np.int32),
            self.last <= END,
            halves(pd.Series(self.customer)),
        )
        return {one.column: one.verdict for one in found}


def world(n: int = 1_000) -> World:
    """Return customers whose chance of leaving is the same every day."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 1_200, n)
    last = first + 20 + rng.exponential(300, n).astype(np.int64)
    customer, day = np.meshgrid(np.arange(n), np.arange(900, 1_400, 90), indexing="ij")
    customer, day = customer.ravel(), day.ravel()
    there = (first[customer] < day) & (last[customer] > day)
    customer, day = customer[there], day[there].astype(np.int32)
    return World(customer, first[customer], last[customer], day)


def test_honest_attributes_are_not_named() -> None:
    asked = world()
    rng = np.random.default_rng(1)
    assert (
        asked.named(
            first=asked.first,
            number=rng.normal(size=1_000)[asked.customer],
            region=pd.Categorical(rng.choice(["north", "south"], 1_000)[asked.customer]),
            name=pd.Series([f"c{one * 7919 % 10_007}" for one in asked.customer]),
            missing=np.full(len(asked.day), np.nan),
        )
        == {}
    )


def test_where_the_tenure_says_how_long_they_stay_honest_attributes_are_not_named() -> None:
    rng = np.random.default_rng(0)
    first, n = -rng.integers(100, 3_000, 1_500), 1_500
    left = np.ceil(-first * rng.lognormal(0, 0.5, n)).astype(np.int64)
    asked = World(np.arange(n), first, left, np.zeros(n, np.int32))
    age = rng.integers(18, 80, n)
    assert asked.named(first=first, age=age) == {}
    assert asked.named(last=np.minimum(left, END), first=first) == {"last": "refused"}


def test_what_was_worked_out_from_the_last_event_is_named() -> None:
    asked = world()
    last = np.minimum(asked.last, END)
    dates = pd.Series(pd.to_datetime(last, unit="D").strftime("%Y-%m-%d"))
    found = asked.named(last=last, days_since=END - last, life=last - asked.first, date=dates)
    assert found == dict.fromkeys(("last", "days_since", "life", "date"), "refused")


def test_the_length_of_the_relationship_needs_the_tenure_to_be_seen() -> None:
    asked = world()
    life = (np.minimum(asked.last, END) - asked.first).astype(np.float64)
    blurred = life + np.random.default_rng(2).normal(0, 60, 1_000)[asked.customer]
    assert asked.named(life=blurred) == {"life": "warning"}


def test_a_word_that_says_who_stayed_long_is_named() -> None:
    asked = world()
    stayed = np.digitize(np.minimum(asked.last, END), [1_200, 1_300, 1_400])
    words = np.array(["zinc", "ash", "teal", "moss"])[stayed]  # their order says nothing
    assert "grade" in asked.named(grade=pd.Categorical(words))


def test_too_few_to_judge_by_name_nothing() -> None:
    asked = world(n=25)
    assert asked.named(last=np.minimum(asked.last, END)) == {}
