"""What a customer is worth before it is won, held against sums in plain pandas over the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import lapse
from lapse.config import Business
from lapse.dataset import Labelled
from lapse.demo import write_demo
from lapse.errors import DataError, GateError
from lapse.history import History
from lapse.jobs.model import Model
from tests.jobs.conftest import Place

DAY = pd.Timedelta(days=1)
KEY = ["customer_id", "as_of"]
VALUE = {
    "margin_rates": {"refund": 0.2},
    "category_margin_rates": {"order": {"category": {"home": 0.03, "toys": -0.1, "books": 0.5}}},
    "cost_to_serve": 73.0,
    "event_costs": {"lead": 2.0, "discount": 8.0},
    "acquisition_cost": 30.0,
}


class World:
    """A business with its history, its labelled dataset and a model of it."""

    def __init__(self, history: History, model: Model) -> None:
        self.business: Business = history.business
        self.history, self.model = history, model
        self.data: Labelled = lapse.snapshots(history, recipe=model.recipe)


def shop_with_leads(folder: Path) -> Path:
    """Write a shop that knows people 45 days before they order, and learns of some orders late."""
    config = write_demo("shop", folder, n_customers=500, seed=5)
    orders = pd.read_parquet(folder / "data" / "orders.parquet")
    late = (np.arange(len(orders)) % 5 == 0) & (orders["ordered_at"] < "2024-12-01")
    orders["told_at"] = orders["ordered_at"] + np.where(late, 12, 0) * DAY
    orders.to_parquet(folder / "data" / "orders.parquet", index=False)
    first = orders.groupby("customer_no", as_index=False)["ordered_at"].min()
    when = [first.assign(at=first["ordered_at"] + days * DAY) for days in (-45, 3)]
    leads = pd.concat(when)[["customer_no", "at"]]
    leads[leads["at"] < "2024-12-31"].to_parquet(folder / "data" / "leads.parquet", index=False)
    raw: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    raw["events"]["order"]["columns"]["known_at"] = "told_at"
    columns = {"customer_id": "customer_no", "time": "at"}
    raw["events"]["lead"] = {"path": "data/leads.parquet", "columns": columns}
    raw["value"] |= VALUE
    config.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with lapse.read(lapse.load(shop_with_leads(tmp_path_factory.mktemp("leads")))) as history:
        yield World(history, lapse.train(lapse.snapshots(history)))


def rows_of(business: Business) -> pd.DataFrame:
    """Return every row of every table with the money it leaves, at the rates and costs of the YAML."""
    value, found = business.value, []
    for kind, event in business.events.items():
        columns = event.columns
        table = pd.read_parquet(event.path)
        rate = pd.Series(value.margin_rates.get(kind, value.margin_rate), table.index)
        for category, by_value in value.category_margin_rates.get(kind, {}).items():
            rate = table[event.categories[category]].map(by_value).fillna(rate)
        brings = table[columns["amount"]] * rate if kind in business.revenue_events else 0.0
        rows = pd.DataFrame(
            {
                "customer_id": table[columns["customer_id"]],
                "day": table[columns["time"]].dt.normalize(),
                "known": table[columns.get("known_at", columns["time"])].dt.normalize(),
                "kind": kind,
            }
        )
        found.append(rows.assign(money=brings - value.event_costs.get(kind, 0.0)))
    return pd.concat(found, ignore_index=True)


def first_money(world: World) -> pd.Series:
    """Return the money of each row of the dataset since the first churn event, missing where that is old."""
    business, keys = world.business, world.data.keys
    rows = keys.reset_index(names="row").merge(rows_of(business), on="customer_id")
    rows = rows[(rows["day"] <= rows["as_of"]) & (rows["known"] <= rows["as_of"])]
    first = rows[rows["kind"] == business.churn.event].groupby("row")["day"].min()
    rows = rows[rows["day"] >= rows["row"].map(first)]
    brought = rows.groupby("row")["money"].sum().reindex(keys.index)
    days = (keys["as_of"] - first.reindex(keys.index)).dt.days + 1  # kept through the whole first step
    return (brought - days * business.value.cost_to_serve / 365).where(days <= business.step_days)


def assert_worth(world: World) -> None:
    expected = first_money(world)
    found = lapse.newcomer(world.model, world.data, world.history)
    new = expected.notna().to_numpy()
    assert found.customers == new.sum() > 20
    assert found.first_margin == pytest.approx(expected.mean(), abs=1e-4)
    predicted = world.model.estimators.predict(world.data.features[new])
    assert found.future == pytest.approx(predicted["clv"].mean(), rel=1e-9)
    cost = world.business.value.acquisition_cost
    assert found.acquisition_cost == cost
    assert found.worth == pytest.approx(expected.mean() + predicted["clv"].mean() - cost, abs=1e-3)


@pytest.mark.parametrize("name", ["shop", "gym"])
def test_a_newcomer_is_worth_what_newcomers_were(name: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(name)
    assert_worth(World(place.history, place.model))


def test_rates_costs_and_leads_count_as_they_were_known(leads: World) -> None:
    rows, value = rows_of(leads.business), leads.business.value
    assert (rows["known"] > rows["day"]).sum() > 100
    assert value.acquisition_cost == 30
    assert value.has_own_margins
    assert_worth(leads)


def test_who_was_known_long_before_is_new(leads: World) -> None:
    tenure = leads.data.features["customer__tenure_days"].to_numpy()
    new = first_money(leads).notna().to_numpy()
    assert tenure[new].min() >= 45
    with pytest.raises(DataError, match="dataset: customers: expected customers whose first order is less"):
        lapse.newcomer(leads.model, leads.data.take(~new), leads.history)


def test_rows_are_found_in_any_order(leads: World) -> None:
    found = lapse.newcomer(leads.model, leads.data, leads.history)
    shuffled = leads.data.take(np.random.default_rng(0).permutation(len(leads.data)))
    other = lapse.newcomer(leads.model, shuffled, leads.history)
    assert (other.customers, other.first_margin) == (found.customers, pytest.approx(found.first_margin))


def test_another_history_is_refused(leads: World, shop: Place) -> None:
    with pytest.raises(DataError, match="dataset: history: expected the one that it was made from"):
        lapse.newcomer(leads.model, leads.data, shop.history)
    of_the_shop = replace(leads.data, fingerprint=shop.history.fingerprint)
    with pytest.raises(GateError, match="event 'lead': expected its table"):
        lapse.newcomer(leads.model, of_the_shop, shop.history)
