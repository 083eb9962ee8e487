"""The shop: its tables, its one rule day by day, and an oracle that is calibrated and sees no future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from lapse.schema import to_day
from lapse.synth import Synthetic, make_shop
from tests.synth.oracles import assert_calibrated, lapse_by_walking

DATES = [when.date() for when in pd.date_range("2023-01-01", "2024-10-01", freq="3MS")]


@pytest.fixture(scope="module")
def shop() -> Synthetic:
    return make_shop(6_000, seed=7)


def test_the_same_seed_gives_the_same_tables_and_another_seed_does_not() -> None:
    one, two, other = make_shop(80, 3), make_shop(80, 3), make_shop(80, 4)
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, two.tables[name])
    assert not one.tables["orders"].equals(other.tables["orders"])


def test_tables_hold_only_what_was_known(shop: Synthetic) -> None:
    end = pd.Timestamp("2025-01-01")
    for name, column in [
        ("orders", "ordered_at"),
        ("refunds", "booked_at"),
        ("late_deliveries", "noticed_at"),
        ("tickets", "opened_at"),
        ("tickets", "answered_at"),
        ("discounts", "granted_on"),
    ]:
        assert shop.tables[name][column].max() < end, (name, column)
    assert not any(frame.duplicated().any() for frame in shop.tables.values())


def test_refunds_are_negative_and_amounts_are_heavy_tailed(shop: Synthetic) -> None:
    amount, refunds = shop.tables["orders"]["amount"], shop.tables["refunds"]
    assert (refunds["amount"] < 0).all()
    assert (refunds["booked_at"].dt.normalize() > refunds["returned_on"]).any()
    assert (amount > 0).all()
    assert amount.max() > 10 * amount.median()


def test_lapses_are_those_of_a_walk_day_by_day(shop: Synthetic) -> None:
    orders = shop.tables["orders"]
    day = orders["ordered_at"].to_numpy("datetime64[D]").astype(int)
    covers = pd.DataFrame({"customer_id": orders["customer_no"], "day": day, "end": day})
    early = date(2024, 6, 30)
    truth = shop.truth.outcomes(early, 60).set_index("customer_id")["lapsed"]
    walked = lapse_by_walking(covers[covers["customer_id"] < 12_000], 60, to_day(early), 60)
    assert walked.any()
    assert not walked.all()
    pd.testing.assert_series_equal(
        walked, truth[truth.index < 12_000], check_names=False, check_index_type=False
    )


@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize("horizon", [30, 60])
def test_the_oracle_is_calibrated(seed: int, horizon: int) -> None:
    truth = make_shop(6_000, seed).truth
    assert_calibrated(truth.probability(DATES, horizon), truth.outcomes(DATES, horizon))


def test_the_oracle_is_calibrated_just_after_an_order() -> None:
    """An order of the last days may still be found late: the oracle must weigh both."""
    shop = make_shop(30_000, seed=9)
    dates = [when.date() for when in pd.date_range("2022-06-01", "2024-10-01", freq="14D")]
    found, outcomes = shop.truth.probability(dates, 60), shop.truth.outcomes(dates, 60)
    orders = shop.tables["orders"].assign(day=lambda frame: frame["ordered_at"].dt.normalize())
    recent = {
        (customer, day + pd.Timedelta(days=lag))
        for customer, day in zip(orders["customer_no"], orders["day"], strict=True)
        for lag in range(3)
    }
    fresh = np.array([key in recent for key in zip(found["customer_id"], found["as_of"], strict=True)])
    assert fresh.sum() > 20_000
    assert_calibrated(found[fresh], outcomes[fresh], bins=1)


def test_the_oracle_uses_nothing_that_is_known_later(shop: Synthetic) -> None:
    """Cutting and garbling everything after as_of changes neither the probabilities nor the causes."""
    as_of = date(2023, 9, 15)
    day, truth = to_day(as_of), shop.truth
    orders = truth.orders[truth.orders[:, 1] <= day].copy()
    fresh = orders[:, 1] + truth.world.late_after > day
    orders[fresh, 2] = 1 - orders[fresh, 2]
    tickets = truth.tickets[truth.tickets[:, 1] <= day].copy()
    tickets[tickets[:, 2] > day, 2] = day + 1
    garbled = replace(truth, orders=orders, tickets=tickets)
    assert fresh.any()
    pd.testing.assert_frame_equal(truth.probability(as_of, 60), garbled.probability(as_of, 60))
    pd.testing.assert_frame_equal(truth.causes(as_of), garbled.causes(as_of))


def test_a_horizon_beyond_the_grace_is_refused(shop: Synthetic) -> None:
    with pytest.raises(ValueError, match="exact up to the grace of 60d"):
        shop.truth.probability(date(2024, 1, 1), 61)


def test_each_planted_cause_goes_with_more_lapses(shop: Synthetic) -> None:
    dates = [when.date() for when in pd.date_range("2023-01-01", "2024-10-01", freq="MS")]
    causes, lapsed = shop.truth.causes(dates), shop.truth.outcomes(dates, 60)["lapsed"]
    strong = ["late_delivery", "ticket", "discount"]
    rest = lapsed[causes[strong].lt(0.2).all(axis=1)].mean()
    for cause in strong:
        assert lapsed[causes[cause] > 0.8].mean() > 1.3 * rest, cause


def test_the_future_counts_orders_and_refunds_until_the_lapse(shop: Synthetic) -> None:
    as_of = date(2024, 1, 1)
    future = shop.truth.future(as_of, horizon=60, limit=300, margin_rate=0.3, discount_rate=0.1)
    paid = pd.concat(
        [
            shop.tables["orders"][["customer_no", "ordered_at", "amount"]],
            shop.tables["refunds"][["customer_no", "returned_on", "amount"]].rename(
                columns={"returned_on": "ordered_at"}
            ),
        ]
    ).merge(future, left_on="customer_no", right_on="customer_id")
    ahead = (paid["ordered_at"].dt.normalize() - pd.Timestamp(as_of)).dt.days
    inside = (ahead > 0) & (ahead <= 300) & ~(paid["ordered_at"].dt.normalize() > paid["lapse_on"])
    expected = paid[inside].groupby("customer_id")["amount"].sum()
    assert np.allclose(expected.reindex(future["customer_id"], fill_value=0.0), future["revenue"])
