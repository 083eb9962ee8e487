"""The claims beside the same figures from the tables, a customer and a year at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import claims
from lapse.measurement.asked import Asked
from lapse.measurement.claims import UNKNOWN, verdict
from tests.building import bucket
from tests.measurement.small_shop import (
    AS_OF,
    CUSTOMERS,
    FIRST,
    GRACE,
    added_up,
    brought,
    draw,
    is_customer,
    known_by,
    measured,
    shop,
)

SAID = {
    "contacts": "cost less to serve",
    "referrals": "refer more",
    "breadth": "buy more kinds of things",
    "irregularity": "buy more regularly",
}


def years_by_hand(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row for each customer and closed year of tenure that counts, with each measure and its "
    "base."""
    seen = known_by(frames, AS_OF)
    rows = []
    for customer in CUSTOMERS:
        mine = {kind: part[part.customer_id == customer] for kind, part in seen.items()}
        orders = mine["order"]
        if orders.empty:
            continue
        first = int(orders.day.min())
        year = 0
        while first + 365 * (year + 1) - 1 <= AS_OF:
            begin, end = first + 365 * year, first + 365 * (year + 1) - 1
            served = sum(_was_there(orders, day) for day in range(begin, end + 1)) / 365
            if _was_there(orders, begin):
                within = {kind: part[part.day.between(begin, end)] for kind, part in mine.items()}
                days = np.unique(within["order"].day)
                gaps = np.diff(days)
                rows.append(
                    {
                        "customer": customer,
                        "year": year,
                        "contacts": sum(_was_there(orders, day) for day in within["complaint"].day),
                        "contacts_base": served,
                        "referrals": sum(_was_there(orders, day) for day in within["referral"].day),
                        "referrals_base": served,
                        "breadth": within["order"]["product"].nunique() if served == 1 else 0,
                        "breadth_base": float(served == 1),
                        "irregularity": gaps.std() / gaps.mean() if len(days) >= 4 else 0.0,
                        "irregularity_base": float(len(days) >= 4),
                    }
                )
            year += 1
    return pd.DataFrame(rows)


def _was_there(orders: pd.DataFrame, day: int) -> bool:
    return bool(((orders.day <= day) & (np.maximum(orders.day + GRACE, orders.known_day) > day)).any())


def rate(rows: pd.DataFrame, name: str) -> float:
    base = rows[f"{name}_base"].sum()
    return rows[name].sum() / base if base > 0 else np.nan


def test_contacts_after_the_lapse_cost_nothing_to_serve() -> None:
    """They have no time at risk to be divided by: of two complaints that of the day of the lapse is none."""
    orders = pd.DataFrame({"customer_id": "a", "day": [FIRST, FIRST + 20], "amount": 10.0})
    lapse = FIRST + 20 + GRACE
    complaints = pd.DataFrame({"customer_id": "a", "day": [lapse - 1, lapse]})
    alone = bucket(["a"], {"order": orders.assign(product="tea"), "complaint": complaints,
                           **dict.fromkeys(("refund", "referral"), orders.iloc[:0]),
                           "contract": orders.iloc[:0].assign(end_day=0, end_known_day=0)},
                   {"order": ("product",)})  # fmt: skip
    asked = Asked(shop(), FIRST, FIRST + 400)
    told = claims.conclude(asked, added_up(asked, claims, [alone]))
    tenure = next(one.frame for one in told if one.name == "claims_by_tenure").set_index("claim")
    assert tenure.loc["cost less to serve", "value"] == pytest.approx(1 / ((20 + GRACE) / 365))


class TestClaims:
    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(deadline=None, max_examples=6)
    def test_agrees_with_counting(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        told = measured(claims, frames, shop(), cuts)
        years = years_by_hand(frames)
        table = told["claims"].frame.set_index("claim")
        tenure = told["claims_by_tenure"].frame
        for name, said in SAID.items():
            row, counted = table.loc[said], years[years[f"{name}_base"] > 0]
            first, later = rate(counted[counted.year == 0], name), rate(counted[counted.year > 0], name)
            following = counted.assign(year=counted.year - 1)
            pairs = counted.merge(following, on=["customer", "year"], suffixes=("", "_next"))
            before = pairs[name].sum() / pairs[f"{name}_base"].sum() if len(pairs) else np.nan
            after = pairs[f"{name}_next"].sum() / pairs[f"{name}_base_next"].sum() if len(pairs) else np.nan
            expected = [first, later, later - first, after - before]
            found = row[["first_year", "later_years", "between", "within"]].to_list()
            assert found == pytest.approx(expected, nan_ok=True)
            for label, group in counted.groupby("year"):
                shown = tenure[(tenure["claim"] == said) & (tenure["tenure_year"] == str(label + 1))].iloc[0]
                assert shown["value"] == pytest.approx(rate(group, name))
                assert shown["customer_years"] == len(group)

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=8)
    def test_what_fewer_defections_are_worth(self, seed: int) -> None:
        frames = draw(seed)
        table = measured(claims, frames, shop())["claims_defections"].frame.set_index("measure").value
        start = AS_OF - 365
        there = [one for one in CUSTOMERS if is_customer(frames, one, start, start)]
        orders = known_by(frames, AS_OF)["order"]

        def stayed(customer: str) -> bool:
            mine = orders[orders.customer_id == customer]
            return all(_was_there(mine, day) for day in range(start, AS_OF + 1))

        left = [one for one in there if not stayed(one)]
        brings = [brought(frames, one, start, AS_OF, AS_OF) for one in there if one not in left]
        brought_before = [brought(frames, one, start - 365, start, AS_OF) for one in left]
        assert table["defections_fewer"] == pytest.approx(0.05 * len(left))
        if brings:
            each = float(np.mean(brings))
            assert table["worth_like_those_who_stayed"] == pytest.approx(0.05 * len(left) * each, abs=1e-3)
        assert table["worth_like_those_who_left"] == pytest.approx(0.05 * sum(brought_before), abs=1e-3)

    @given(seed=st.integers(0, 10_000))
    @settings(deadline=None, max_examples=8)
    def test_rows_known_later_change_nothing(self, seed: int) -> None:
        frames = draw(seed)
        now, early = (measured(claims, one, shop()) for one in (frames, known_by(frames, AS_OF)))
        for name in now:
            pd.testing.assert_frame_equal(now[name].frame, early[name].frame)

    @pytest.mark.parametrize(("known", "expected"), [(AS_OF, 1.0), (AS_OF + 1, 0.0)])
    def test_a_referral_known_after_as_of_does_not_exist(self, known: int, expected: float) -> None:
        frames = {kind: rows.iloc[:0] for kind, rows in draw(0).items()}
        days = np.arange(AS_OF - 364, AS_OF + 1, 28)
        orders = pd.DataFrame({"customer_id": "c00", "day": days, "known_day": days})
        frames["order"] = orders.assign(amount=1.0, product="tea")
        frames["referral"] = pd.DataFrame({"customer_id": ["c00"], "day": AS_OF - 3, "known_day": known})
        table = measured(claims, frames, shop())["claims"].frame.set_index("claim")
        assert table.first_year["refer more"] == expected

    def test_what_no_event_can_test_says_so(self) -> None:
        whole = shop()
        bare = whole.model_copy(
            update={
                "events": {"order": whole.events["refund"]},
                "value": whole.value.model_copy(update={"revenue": ("order",)}),
            }
        )
        told = measured(claims, {"order": draw(0)["order"]}, bare)
        table = told["claims"].frame.set_index("claim")
        assert (table.verdict[["refer more", "cost less to serve", "react less to price"]] == UNKNOWN).all()
        assert table.loc["refer more", ["first_year", "later_years", "between"]].isna().all()
        (warning,) = told["claims"].warnings
        assert warning.startswith(f"{UNKNOWN}: ")
        assert "refer more (needs an event named referral)" in warning
        assert "react less to price (needs an event named price_rise" in warning

    def test_less_than_a_year_says_nothing_of_defections(self) -> None:
        told = measured(claims, draw(0), shop(), as_of=FIRST + 300)["claims_defections"]
        assert told.frame["value"].isna().all()
        assert told.warnings


def test_who_stays_is_not_taken_for_what_time_does() -> None:
    """Customers who order often stay; nobody changes. Between customers tenure seems to matter, within none
    does."""
    rng = np.random.default_rng(0)
    orders, referrals = [], []
    for customer in range(400):
        often = customer % 2
        last = AS_OF if often else FIRST + int(rng.integers(60, 300))
        orders += [(customer, day) for day in range(FIRST + 10, last, 25)]
        times = rng.integers(FIRST + 10, last, rng.poisson((last - FIRST) / 365 * (3.0 if often else 0.5)))
        referrals += [(customer, int(day)) for day in times]
    frames = {kind: rows.iloc[:0] for kind, rows in draw(0).items()}
    for kind, rows in (("order", orders), ("referral", referrals)):
        table = pd.DataFrame(rows, columns=["customer_id", "day"])
        frames[kind] = table.assign(known_day=table.day, amount=10.0, product="tea")
    made = bucket(list(range(400)), frames, {"order": ("product",)})
    asked = Asked(shop(), FIRST, AS_OF)
    told = {one.name: one for one in claims.conclude(asked, added_up(asked, claims, [made]))}
    row = told["claims"].frame.set_index("claim").loc["refer more"]
    assert row.between_lower > 0
    assert row.within_lower < 0 < row.within_upper
    assert row.verdict.startswith("between customers only")


@pytest.mark.parametrize(
    ("between", "within", "said"),
    [
        ((0.1, 0.2), (0.1, 0.2), "holds, also for the same customers"),
        ((-0.1, 0.2), (0.1, 0.2), "for the same customers only"),
        ((-0.2, -0.1), (0.1, 0.2), "for the same customers only"),
        ((0.1, 0.2), (-0.2, -0.1), "the opposite"),
        ((-0.1, 0.2), (-0.2, 0.1), "not shown"),
        ((np.nan, 0.2), (-0.2, 0.1), "too few customers to tell"),
    ],
)
def test_verdicts(between: tuple[float, float], within: tuple[float, float], said: str) -> None:
    assert verdict(between, within) == said
