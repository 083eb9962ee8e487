"""Rungs by history, beside the rules written out by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.cohort.ladder import RUNGS, rungs
from lapse.config import Business
from lapse.schema import NEVER, Bucket, Snapshots
from tests.building import bucket, snapshots


def business(*kinds: str, categories: tuple[str, ...] = (), ends: tuple[str, ...] = ()) -> Business:
    columns = {"customer_id": "c", "time": "t"}
    return Business.model_validate(
        {
            "business": "shop",
            "currency": "EUR",
            "events": {
                kind: {
                    "path": Path("x.parquet"),
                    "columns": columns | ({"end": "e"} if kind in ends else {}),
                    "categories": categories if kind == "order" else (),
                }
                for kind in ("order", *kinds)
            },
            "churn": {"event": "order", "grace": "60d"},
            "snapshots": {"start": date(2020, 1, 1), "every": "1mo", "horizon": "60d"},
            "value": {"margin_rate": 0.5, "discount_rate": 0.1},
            "scores": {"path": Path("out")},
        }
    )


def rows(*events: tuple[object, ...], columns: str = "day") -> pd.DataFrame:
    return pd.DataFrame([("a", *event) for event in events], columns=["customer_id", *columns.split()])


def rung_of(made: Bucket, day: int, of: Business) -> str:
    return str(rungs(of, made, snapshots([(0, day)]))[0])


class TestRungs:
    def test_the_ladder_from_the_first_day_to_the_last(self) -> None:
        made = bucket(
            ["a"],
            {
                "visit": rows((90,)),
                "order": rows((100,), (140,)),
                "referral": rows((600,)),
                "integration": rows((700, 750, 750), columns="day end_day end_known_day"),
            },
        )
        of = business("visit", "referral", "integration", ends=("integration",))
        ladder = {
            99: "prospect",
            100: "customer",
            140: "client",
            464: "client",
            465: "supporter",
            600: "advocate",
        }
        ladder |= {700: "partner", 749: "partner", 750: "advocate"}
        assert {day: rung_of(made, day, of) for day in ladder} == ladder

    def test_two_orders_on_a_day_or_a_return_do_not_make_a_client(self) -> None:
        made = bucket(["a"], {"order": rows((100, 5.0), (100, 7.0), (120, -5.0), columns="day amount")})
        assert rung_of(made, 200, business()) == "customer"

    def test_what_is_known_later_does_not_count_yet(self) -> None:
        made = bucket(["a"], {"order": rows((100, 100), (110, 150), columns="day known_day")})
        assert [rung_of(made, day, business()) for day in (149, 150)] == ["customer", "client"]

    def test_an_end_not_known_yet_does_not_end_an_integration(self) -> None:
        made = bucket(
            ["a"],
            {
                "order": rows((100,)),
                "integration": rows((110, 150, 170), columns="day end_day end_known_day"),
            },
        )
        of = business("integration", ends=("integration",))
        assert [rung_of(made, day, of) for day in (160, 169, 170)] == ["partner", "partner", "customer"]

    def test_an_integration_without_a_mapped_end_stays(self) -> None:
        made = bucket(["a"], {"order": rows((100,)), "integration": rows((110, 110), columns="day end_day")})
        assert rung_of(made, 900, business("integration")) == "partner"

    def test_two_categories_are_breadth_and_one_is_not(self) -> None:
        def with_products(*products: str | None) -> Bucket:
            frame = rows(*zip((100, 200, 300), products, strict=True), columns="day product")
            return bucket(["a"], {"order": frame}, {"order": ("product",)})

        of = business(categories=("product",))
        assert rung_of(with_products("tea", "tea", "tea"), 500, of) == "client"
        assert rung_of(with_products("tea", None, "jam"), 500, of) == "supporter"
        assert rung_of(with_products("tea", None, "jam"), 299, of) == "client"

    def test_complaints_are_no_breadth(self) -> None:
        made = bucket(["a"], {"order": rows((100,), (200,)), "complaint": rows((210,), (220,))})
        assert rung_of(made, 500, business("complaint")) == "client"

    def test_a_referral_alone_leaves_a_prospect(self) -> None:
        made = bucket(
            ["a"], {"order": rows().astype({"customer_id": str}).assign(day=[]), "referral": rows((10,))}
        )
        assert rung_of(made, 500, business("referral")) == "prospect"

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=50)
    def test_rungs_agree_with_the_rules_over_frames(self, seed: int) -> None:
        rng = np.random.default_rng(seed)

        def some(n: int) -> pd.DataFrame:
            day = rng.integers(0, 900, n)
            return pd.DataFrame(
                {
                    "customer_id": rng.choice(["a", "b", "c"], n),
                    "day": day,
                    "known_day": day + rng.integers(0, 60, n),
                    "end_day": np.where(rng.random(n) < 0.5, day + rng.integers(1, 400, n), NEVER),
                    "product": rng.choice(["tea", "jam"], n),
                    "amount": rng.choice([-1.0, 2.0], n),
                }
            ).assign(end_known_day=lambda frame: frame["end_day"])

        frames = {
            kind: some(int(rng.integers(1, 6))) for kind in ("order", "visit", "referral", "integration")
        }
        made = bucket(["a", "b", "c"], frames, {"order": ("product",)})
        of = business("visit", "referral", "integration", categories=("product",), ends=("integration",))
        asked = snapshots([(customer, day) for customer in range(3) for day in (100, 400, 700, 950)])
        expected = [_by_hand(frames, "abc"[c], d) for c, d in zip(asked.customer, asked.day, strict=True)]
        assert rungs(of, made, asked).tolist() == expected


def _by_hand(frames: dict[str, pd.DataFrame], customer: str, day: int) -> str:
    seen = {
        kind: frame[(frame.customer_id == customer) & (frame.day <= day) & (frame.known_day <= day)]
        for kind, frame in frames.items()
    }
    orders = seen["order"][seen["order"].amount >= 0]
    rung = 0
    if len(orders):
        rung = 1
    if orders.day.nunique() >= 2:
        rung = 2
        others = sum(len(seen[kind]) > 0 for kind in ("visit", "referral", "integration"))
        is_broad = others >= 1 or seen["order"]["product"].nunique() >= 2
        if is_broad and day - orders.day.min() >= 365:
            rung = 3
    if rung and len(seen["referral"]):
        rung = 4
    if rung and (seen["integration"].end_day > day).any():
        rung = 5
    return RUNGS[rung]


def test_no_snapshots_give_no_rungs():
    made = bucket(["a"], {"order": rows((100,))})
    empty = Snapshots(np.empty(0, np.int64), np.empty(0, np.int32))
    assert len(rungs(business(), made, empty)) == 0
