"""Lapses after price rises beside the same count from the tables, a customer and a month at a time."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lapse.config import Business
from lapse.config.contradictions import contradictions
from lapse.measurement import claims
from lapse.measurement.asked import Asked
from lapse.measurement.claims import UNKNOWN
from lapse.measurement.price import price_verdict
from lapse.schema import to_day
from tests.building import bucket
from tests.measurement.small_shop import (
    AS_OF,
    CUSTOMERS,
    FIRST,
    added_up,
    draw,
    is_customer,
    known_by,
    measured,
    shop,
)

HORIZON = 90
NAME = "react less to price"


def with_rises(kind: str = "price_rise", **measure: Any) -> Business:
    """Return the shop with one more kind of event."""
    whole = shop(measure).model_dump(exclude={"source", "config_hash"}, exclude_unset=True)
    whole["events"][kind] = {"path": Path("p.parquet"), "columns": {"customer_id": "c", "time": "t"}}
    return Business.model_validate(whole)


def drawn(seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed + 1)
    day = rng.integers(FIRST, AS_OF + 60, 60)
    known = day + rng.choice([0, 0, 0, 20, 100], 60)
    rises = pd.DataFrame({"customer_id": rng.choice(CUSTOMERS, 60), "day": day, "known_day": known})
    return {**draw(seed), "price_rise": rises}


def month_ends() -> list[int]:
    ends = [to_day(date(year, month, 1)) - 1 for year in (2021, 2022, 2023) for month in range(1, 13)]
    return [end for end in ends if end - HORIZON >= FIRST - 1 and end + HORIZON <= AS_OF]


def rows_by_hand(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return customers with and without a rise at each month's end, and whether they lapsed."""
    rows = []
    for end in month_ends():
        begin = to_day(date.fromordinal(date(1970, 1, 1).toordinal() + end).replace(day=1))
        for customer in CUSTOMERS:
            if not is_customer(frames, customer, end, end):
                continue
            rises = known_by(frames, AS_OF)["price_rise"]
            rises = rises[(rises.customer_id == customer) & (rises.day <= end)]
            risen = bool(((rises.day >= begin) & (rises.known_day <= end)).any())
            if not risen and (rises.day > end - HORIZON).any():
                continue
            later = range(end + 1, end + HORIZON + 1)
            lapsed = not all(is_customer(frames, customer, day, end + HORIZON) for day in later)
            orders = known_by(frames, AS_OF)["order"]
            tenure = end - int(orders.day[orders.customer_id == customer].min())
            rows.append((end, min(tenure // 365, 4), risen, lapsed))
    return pd.DataFrame(rows, columns=["end", "year", "risen", "lapsed"])


def difference_by_hand(rows: pd.DataFrame) -> float:
    gaps = []
    for _, cell in rows.groupby(["end", "year"]):
        with_one, without = cell[cell.risen], cell[~cell.risen]
        if len(with_one) and len(without):
            gaps += [with_one.lapsed.mean() - without.lapsed.mean()] * len(with_one)
    return float(np.mean(gaps)) if gaps else np.nan


@given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
@settings(deadline=None, max_examples=2, phases=(Phase.explicit, Phase.generate))
def test_agrees_with_counting(seed: int, cuts: int) -> None:
    frames = drawn(seed)
    told = measured(claims, frames, with_rises(), cuts)
    rows, table = rows_by_hand(frames), told["claims_price"].frame
    for year, shown in enumerate(table.to_dict("records")):
        mine = rows[rows.year == year]
        risen, others = mine[mine.risen], mine[~mine.risen]
        assert (shown["with_rise"], shown["without_rise"]) == (len(risen), len(others))
        shares = [
            risen.lapsed.mean() if len(risen) else np.nan,
            others.lapsed.mean() if len(others) else np.nan,
        ]
        found = [shown["lapsed_share"], shown["lapsed_share_without"], shown["difference"]]
        assert found == pytest.approx([*shares, difference_by_hand(mine)], nan_ok=True)
    first, later = difference_by_hand(rows[rows.year == 0]), difference_by_hand(rows[rows.year > 0])
    row = told["claims"].frame.set_index("claim").loc[NAME]
    assert [row["first_year"], row["later_years"], row["between"]] == pytest.approx(
        [first, later, later - first], nan_ok=True
    )
    assert np.isnan(row.within)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=2, phases=(Phase.explicit, Phase.generate))
def test_rows_known_later_change_nothing(seed: int) -> None:
    frames = drawn(seed)
    now, early = (measured(claims, one, with_rises()) for one in (frames, known_by(frames, AS_OF)))
    for name in ("claims", "claims_price"):
        pd.testing.assert_frame_equal(now[name].frame, early[name].frame)


def company(new_effect: float, old_effect: float, seed: int = 0, customers: int = 3000) -> pd.Series:
    """Return the claim's row for customers who order monthly and leave with these chances after a rise."""
    rng = np.random.default_rng(seed)
    orders, rises = [], []
    for customer in range(customers):
        first = FIRST + int(rng.integers(0, 400))
        gone = first + int(rng.exponential(900))
        for rise in range(first + int(rng.integers(20, 365)), AS_OF, 365):
            if rise >= gone:
                break
            rises.append((customer, rise))
            if rng.random() < (new_effect if rise - first < 365 else old_effect):
                gone = rise
        orders += [(customer, day) for day in range(first, min(gone, AS_OF) + 1, 28)]
    frames = {kind: rows.iloc[:0] for kind, rows in draw(0).items()}
    for kind, rows in (("order", orders), ("price_rise", rises)):
        table = pd.DataFrame(rows, columns=["customer_id", "day"])
        frames[kind] = table.assign(known_day=table.day, amount=10.0, product="tea")
    made = bucket(list(range(customers)), frames, {"order": ("product",)})
    asked = Asked(with_rises(), FIRST, AS_OF)
    told = {one.name: one for one in claims.conclude(asked, added_up(asked, claims, [made]))}
    row: pd.Series = told["claims"].frame.set_index("claim").loc[NAME]
    return row


def test_customers_who_react_less_with_time_are_found() -> None:
    row = company(0.5, 0.1)
    assert row.between_upper < 0
    assert row.verdict.startswith("holds in what was observed")
    assert company(0.1, 0.5).verdict.startswith("the opposite")


def test_customers_who_react_alike_show_nothing() -> None:
    row = company(0.3, 0.3)
    assert row.first_year > 0.15
    assert row.between_lower < 0 < row.between_upper
    assert row.verdict == "not shown"


def test_the_event_has_a_usual_name_or_is_named() -> None:
    frames = drawn(3)
    named = {("letter" if kind == "price_rise" else kind): rows for kind, rows in frames.items()}
    usual = measured(claims, frames, with_rises())["claims_price"].frame
    other = measured(claims, named, with_rises("letter", claims={"price": "letter"}))["claims_price"].frame
    pd.testing.assert_frame_equal(usual, other)
    told = measured(claims, draw(3), shop())
    assert "claims_price" not in told
    assert told["claims"].frame.set_index("claim").verdict[NAME] == UNKNOWN


@pytest.mark.parametrize("name", ["order", "fee"])
def test_an_event_that_cannot_be_a_rise_is_refused(name: str) -> None:
    problems = contradictions(with_rises(claims={"price": name}), "shop.yaml")
    assert [(one.what, one.got) for one in problems if "claims" in one.what] == [
        ("measure.claims.price", f"'{name}'")
    ]


def test_no_rise_in_reach_is_said() -> None:
    frames = drawn(1)
    frames["price_rise"] = frames["price_rise"].iloc[:0]
    told = measured(claims, frames, with_rises())
    assert told["claims_price"].warnings
    assert told["claims"].frame.set_index("claim").verdict[NAME] == "too few customers to tell"


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((-0.2, -0.1), "holds in what was observed"),
        ((0.1, 0.2), "the opposite"),
        ((-0.1, 0.1), "not shown"),
        ((np.nan, 0.1), "too few"),
    ],
)
def test_verdicts(bounds: tuple[float, float], said: str) -> None:
    assert price_verdict(*bounds).startswith(said)
