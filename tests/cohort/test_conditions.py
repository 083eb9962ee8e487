"""Conditions by history, beside the same rules over frames in plain pandas."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.cohort.conditions import holds, in_words
from lapse.cohort.ladder import RUNGS, rules_of, rungs
from lapse.config import Business
from lapse.config.sections import Condition
from lapse.schema import NEVER
from tests.building import bucket, snapshots

KINDS = ("order", "visit", "card", "complaint")


def business(rungs: dict[str, Any] | None = None) -> Business:
    return Business.model_validate(
        {
            "business": "shop",
            "currency": "EUR",
            "events": {
                kind: {
                    "path": Path("x.parquet"),
                    "columns": {"customer_id": "c", "time": "t"} | ({"end": "e"} if kind == "card" else {}),
                    "categories": ["product"] if kind in ("order", "visit") else [],
                }
                for kind in KINDS
            },
            "churn": {"event": "order", "grace": "60d"},
            "snapshots": {"start": date(2020, 1, 1), "every": "1mo", "horizon": "60d"},
            "value": {"margin_rate": 0.5, "discount_rate": 0.1},
            "scores": {"path": Path("out")},
            "measure": {"rungs": rungs or {}},
        }
    )


def history(seed: int) -> dict[str, pd.DataFrame]:
    """Return small histories of three customers: late knowledge, returns, missing products, open ends."""
    rng = np.random.default_rng(seed)

    def some(n: int) -> pd.DataFrame:
        day = rng.integers(0, 600, n)
        end = np.where(rng.random(n) < 0.6, day + rng.integers(1, 300, n), NEVER)
        return pd.DataFrame(
            {
                "customer_id": rng.choice(["a", "b", "c"], n),
                "day": day,
                "known_day": day + rng.choice([0, 0, 40], n),
                "end_day": end,
                "end_known_day": np.where(end == NEVER, NEVER, end + rng.choice([-10, 0, 30], n)),
                "product": rng.choice(["tea", "jam", "rye", None], n),
                "amount": rng.choice([-1.0, 2.0, 3.0], n),
            }
        )

    return {kind: some(int(rng.integers(1, 9))) for kind in KINDS}


def seen(frames: dict[str, pd.DataFrame], kind: str, customer: str, day: int) -> pd.DataFrame:
    rows = frames[kind]
    return rows[(rows.customer_id == customer) & (rows.day <= day) & (rows.known_day <= day)]


def oracle(frames: dict[str, pd.DataFrame], one: dict[str, Any], customer: str, day: int) -> bool:
    """Return whether a condition holds, written for reading."""
    if "any" in one:
        return any(oracle(frames, part, customer, day) for part in one["any"])
    here = {kind: seen(frames, kind, customer, day) for kind in KINDS}
    here["order_all"] = here["order"]
    here["order"] = here["order"][~(here["order"].amount < 0)]
    if "kinds" in one:
        of = one.get("of") or [kind for kind in KINDS if kind != "complaint"]
        return sum(len(here[kind]) > 0 for kind in of) >= one["kinds"]
    if "tenure" in one:
        return len(here["order"]) > 0 and day - here["order"].day.min() >= int(one["tenure"][:-1])
    if "distinct" in one:
        kind = one.get("event", "order")
        return bool(here["order_all" if kind == "order" else kind]["product"].nunique() >= one["distinct"])
    rows = here[one["event"]]
    if "in_force" in one:
        over = rows[["end_day", "end_known_day"]].max(axis=1)
        return bool((over > day).any())
    if "within" in one:
        rows = rows[rows.day > day - int(one["within"][:-1])]
    if "days" in one:
        return bool(rows.day.nunique() >= one["days"])
    return len(rows) >= one["at_least"]


number = st.integers(1, 4)
kind = st.sampled_from(KINDS)
length = st.integers(1, 500).map("{}d".format)
facts = st.one_of(
    st.fixed_dictionaries({"event": kind, "at_least": number}, optional={"within": length}),
    st.fixed_dictionaries({"event": kind, "days": number}, optional={"within": length}),
    st.just({"event": "card", "in_force": True}),
    st.fixed_dictionaries(
        {"category": st.just("product"), "distinct": number},
        optional={"event": st.sampled_from(("order", "visit"))},
    ),
    st.fixed_dictionaries({"kinds": number}, optional={"of": st.just(["order", "visit", "card"])}),
    st.fixed_dictionaries({"tenure": length}),
)
conditions = st.one_of(facts, st.lists(facts, min_size=1, max_size=3).map(lambda parts: {"any": parts}))
DAYS = (50, 200, 400, 599, 700)


class TestHolds:
    @given(seed=st.integers(0, 10_000), one=conditions)
    @settings(deadline=None, max_examples=150)
    def test_agrees_with_pandas(self, seed: int, one: dict[str, Any]) -> None:
        frames = history(seed)
        made = bucket(["a", "b", "c"], frames, {"order": ("product",), "visit": ("product",)})
        asked = snapshots([(customer, day) for customer in range(3) for day in DAYS])
        found = holds(business(), made, asked, Condition.model_validate(one))
        pairs = zip(asked.customer, asked.day, strict=True)
        assert found.tolist() == [oracle(frames, one, "abc"[c], int(d)) for c, d in pairs]

    @given(seed=st.integers(0, 10_000), one=conditions)
    @settings(deadline=None, max_examples=50)
    def test_what_is_known_later_changes_nothing(self, seed: int, one: dict[str, Any]) -> None:
        frames = history(seed)
        asked = snapshots([(customer, 400) for customer in range(3)])
        early = {
            kind: rows[(rows.known_day <= 400) & (rows.day <= 400)].assign(
                end_day=lambda part: part.end_day.where(part.end_known_day <= 400, NEVER),
                end_known_day=lambda part: part.end_known_day.where(part.end_known_day <= 400, NEVER),
            )
            for kind, rows in frames.items()
        }
        attributes = {"order": ("product",), "visit": ("product",)}
        found = [
            holds(business(), bucket(["a", "b", "c"], tables, attributes), asked, condition).tolist()
            for tables in (frames, early)
            for condition in (Condition.model_validate(one),)
        ]
        assert found[0] == found[1]


class TestRules:
    RULES: dict[str, Any] = {  # noqa: RUF012 - a class attribute that no test changes
        "customer": [{"event": "order", "days": 1}],
        "client": [{"event": "order", "days": 2, "within": "365d"}, {"kinds": 2}],
        "partner": [{"event": "card", "in_force": True}],
    }

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=50)
    def test_the_highest_rung_that_holds_counts_and_needs_the_first(self, seed: int) -> None:
        frames = history(seed)
        made = bucket(["a", "b", "c"], frames, {"order": ("product",), "visit": ("product",)})
        asked = snapshots([(customer, day) for customer in range(3) for day in DAYS])

        def by_hand(customer: str, day: int) -> str:
            if not oracle(frames, self.RULES["customer"][0], customer, day):
                return "prospect"
            held = [
                rung
                for rung, rules in self.RULES.items()
                if all(oracle(frames, one, customer, day) for one in rules)
            ]
            return max(held, key=RUNGS.index)

        pairs = zip(asked.customer, asked.day, strict=True)
        expected = [by_hand("abc"[c], int(d)) for c, d in pairs]
        assert rungs(business(self.RULES), made, asked).tolist() == expected

    def test_given_rungs_are_the_whole_ladder(self) -> None:
        assert list(rules_of(business(self.RULES))) == ["customer", "client", "partner"]
        backwards = dict(reversed(self.RULES.items()))
        assert list(rules_of(business(backwards))) == list(self.RULES)
        assert list(rules_of(business())) == ["customer", "client", "supporter"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"event": "order", "days": 1}, "order on 1 day or more"),
        ({"event": "visit", "at_least": 3, "within": "30d"}, "3 visit or more within 30 days"),
        ({"kinds": 2, "of": ["order", "visit"]}, "2 kinds of contact or more (order, visit)"),
        ({"tenure": "365d"}, "first order 365 days ago or more"),
        ({"category": "product", "distinct": 2}, "2 values of product or more in order"),
        ({"event": "card", "in_force": True}, "card in force"),
    ],
)
def test_words(one: dict[str, Any], words: str) -> None:
    assert in_words(business(), Condition.model_validate(one)) == words
