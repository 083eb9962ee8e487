"""The made-up company: as large as asked, the same for a seed, late now and then, left by its customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.histories import CATEGORIES, FIRST, LAST, Size, draw_customers, write_history

import lapse
from tests.benchmarks.conftest import SIZE

TIMES = {"orders": ("ordered_at", "booked_at"), "visits": ("visited_at", "logged_at")}
TIMES["tickets"] = ("opened_at", "logged_at")


def table(company: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(company / "data" / f"{name}.parquet")


def test_a_seed_gives_the_same_bytes_and_another_one_does_not(company: Path, tmp_path: Path) -> None:
    again, other = write_history(tmp_path / "a", SIZE).parent, tmp_path / "b"
    write_history(other, Size(SIZE.customers, SIZE.orders, SIZE.visits, SIZE.tickets, seed=2))
    for file in sorted((company / "data").iterdir()):
        assert file.read_bytes() == (again / "data" / file.name).read_bytes()
        assert file.read_bytes() != (other / "data" / file.name).read_bytes()


@pytest.mark.parametrize("name", list(TIMES))
def test_tables_are_as_large_as_asked_and_in_the_order_of_knowledge(company: Path, name: str) -> None:
    frame, (time, known) = table(company, name), TIMES[name]
    assert len(frame) == pytest.approx(getattr(SIZE, name), rel=0.15)
    assert frame[time].min() >= pd.Timestamp(FIRST)
    assert frame[known].max() < pd.Timestamp(LAST) + pd.Timedelta("1D")
    months = frame[time].dt.to_period("M")
    assert months.is_monotonic_increasing
    assert all(part.is_monotonic_increasing for _, part in frame[known].groupby(months))
    late = frame[known] > frame[time]
    assert (frame[known] >= frame[time]).all()
    assert 0.005 < late.mean() < 0.04


def test_orders_are_skewed_in_who_and_in_what(company: Path) -> None:
    orders = table(company, "orders")
    counts = orders["customer_no"].value_counts().sort_values()
    assert counts.iloc[-len(counts) // 10 :].sum() > 0.3 * counts.sum()
    assert set(orders["category"]) == set(CATEGORIES)
    favourite = orders.groupby("customer_no")["category"].agg(
        lambda of: of.value_counts(normalize=True).iloc[0]
    )
    assert favourite[counts.index[-50:]].mean() > 0.4
    assert (orders["amount"] > 0).all()


def test_who_joins_orders_at_once(company: Path) -> None:
    joined = table(company, "customers").set_index("customer_no")["joined_at"]
    new = joined[joined >= pd.Timestamp(FIRST)]
    first = table(company, "orders").groupby("customer_no")["ordered_at"].min()
    same = first.reindex(new.index) == new
    assert same.mean() > 0.97  # what is known after the last day is left out


def test_customers_leave_sooner_where_they_are_said_to() -> None:
    customers = draw_customers(20_000, np.random.default_rng(0))
    stay = customers.left - np.maximum(customers.joined, 0.0)
    by_channel = [np.median(stay[customers.channel == code]) for code in range(4)]
    assert np.argsort(by_channel).tolist() == [3, 0, 2, 1]
    assert 0.3 < np.mean(customers.left < (LAST - FIRST).days) < 0.7


def test_lapse_reads_both_businesses(company: Path) -> None:
    for name, kinds in (("orders", ["order"]), ("company", ["order", "visit", "ticket"])):
        with lapse.read(lapse.load(company / f"{name}.yaml")) as history:
            assert list(history.business.events) == kinds
            lapsed = lapse.snapshots(history).labels.lapsed
            assert 0.05 < np.mean(lapsed) < 0.6
