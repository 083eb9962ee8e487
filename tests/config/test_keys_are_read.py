"""A key that no code reads would promise what nothing does: every one is read in the course of a user's day.

What is read is recorded, not guessed from names in the source: a small business with a table of every kind is
checked, trained, scored, explained and measured, and each look at a key of a section counts if it comes from
outside :mod:`lapse.config`. A property of a section (``business.zone``) passes the look on to whoever asked
for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

import lapse
from lapse.config import Business, sections
from lapse.demo import write_demo
from lapse.jobs.check import check_business
from lapse.jobs.customer import explain_customer
from lapse.jobs.progress import silent
from lapse.jobs.run import train_and_register
from lapse.jobs.score import score
from lapse.jobs.tracking import fetch


def sections_of(model: Any) -> Iterator[Any]:
    """Yield a section and all that are nested in it."""
    yield model
    for field in model.model_fields.values():
        pending = [field.annotation]
        while pending:
            annotation = pending.pop()
            if hasattr(annotation, "model_fields"):
                yield from sections_of(annotation)
            pending += getattr(annotation, "__args__", ())


def keys() -> list[str]:
    """Return every key as Section.key."""
    found = {
        f"{section.__name__}.{name}"
        for section in sections_of(Business)
        for name, field in section.model_fields.items()
        if not field.exclude
    }
    return sorted(found)


def recording(read: set[str]) -> Callable[[Any, str], Any]:
    """Return how a section gives its attributes while it notes who, outside lapse.config, looks at a key."""

    def look(self: Any, name: str) -> Any:
        if name in type(self).model_fields:
            frame = sys._getframe(1)
            while frame.f_back and (frame.f_code is look.__code__ or _is_of(frame, sections.__name__)):
                frame = frame.f_back
            if _is_of(frame, "lapse") and not _is_of(frame, "lapse.config"):
                read.add(f"{type(self).__name__}.{name}")
        return object.__getattribute__(self, name)

    return look


def _is_of(frame: FrameType, package: str) -> bool:
    name = frame.f_globals["__name__"]
    return bool(name == package or name.startswith(f"{package}."))


def gym_of_every_kind(folder: Path) -> dict[str, Any]:
    """Write a gym whose visits are CSV and whose complaints lie in a database; return its YAML."""
    raw: dict[str, Any] = yaml.safe_load(write_demo("gym", folder, n_customers=300, seed=3).read_text())
    visits = pd.read_parquet(folder / "data" / "visits.parquet").assign(minutes=45.5, room="a")
    visits.to_csv(folder / "data" / "visits.csv", index=False, sep=";", decimal=",")
    raw["events"]["visit"] |= {
        "path": "data/visits.csv",
        "csv": {"delimiter": ";", "decimal": ",", "numbers": ["minutes"]},
        "features": ["minutes"],
        "categories": ["room"],
    }
    engine = sa.create_engine(f"sqlite:///{folder / 'gym.db'}")
    for name in ("members", "tickets", "price_letters"):
        pd.read_parquet(folder / "data" / f"{name}.parquet").to_sql(name, engine, index=False)
    engine.dispose()
    raw["events"]["complaint"] = in_database(raw["events"]["complaint"], folder, table="tickets")
    letters = "SELECT * FROM price_letters"
    raw["events"]["price_rise"] = in_database(raw["events"]["price_rise"], folder, query=letters)
    fact = {"event": "visit", "at_least": 2, "within": "90d"}
    rooms = {"category": "room", "distinct": 2, "event": "visit"}
    broad = [{"any": [fact, rooms, {"kinds": 2}, {"tenure": "1y"}]}]
    raw["measure"] = {
        "segments": ["channel"],
        "rungs": {"customer": [{"event": "term", "at_least": 1}], "client": broad},
        "strategic": {"points": {"broad": {"when": [*broad, rooms, {"kinds": 1, "of": ["visit"]}]}}},
        "tiers": {"margin": {"platinum_from": 900.0, "gold_from": 300.0}},
        "claims": {"price": "price_rise"},
        "lifecycle": {
            "channel": "channel",
            "campaign": "region",
            "lead": "visit",
            "qualified": "complaint",
            "costs": "costs.csv",
            "programmes": {
                "room": {"event": "visit", "group": "room", "treated": "a", "control": "b", "cost": 1.0}
            },
        },
    }
    (folder / "costs.csv").write_text("period,channel,campaign,cost\n2024-01,web,north,5\n", encoding="utf-8")
    raw["account"] = {"manager": "region", "cases": ["complaint"]}
    raw["features"]["custom"] = {"visit__weekend": "lapse.features.examples:weekend_share"}
    raw["events"]["referral"] = referrals(folder)
    raw["value"] |= {
        "margin_rates": {"term": 0.4},
        "category_margin_rates": {},
        "event_costs": {"complaint": 8.0},
        "acquisition_cost": 30.0,
        "referral": {"event": "referral", "referred": "friend", "credit": 0.2},
        "cash_flows": "out/flows",
    }
    return raw


def referrals(folder: Path) -> dict[str, Any]:
    """Write a table in which some members brought others; return its part of the YAML."""
    members = pd.read_parquet(folder / "data" / "members.parquet").sort_values("joined_on")
    brought = pd.DataFrame(
        {
            "member_id": members["member_id"].to_numpy()[:40],
            "friend": members["member_id"].astype(str).to_numpy()[40:80],
            "told_on": members["joined_on"].to_numpy()[40:80],
        }
    )
    brought.to_parquet(folder / "data" / "referrals.parquet", index=False)
    columns = {"customer_id": "member_id", "time": "told_on"}
    return {"path": "data/referrals.parquet", "columns": columns, "categories": ["friend"]}


def in_database(source: dict[str, Any], folder: Path, **where: str) -> dict[str, Any]:
    found = {key: value for key, value in source.items() if key != "path"}
    return {**found, "url": f"sqlite:///{folder / 'gym.db'}", **where}


def written(folder: Path, raw: dict[str, Any]) -> Path:
    config = folder / "gym.yaml"
    config.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def read_keys(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the keys that were read in a day of a gym, and in reading members and shops of other kinds."""
    folder, shop = (tmp_path_factory.mktemp(name) for name in ("gym", "shop"))
    raw = gym_of_every_kind(folder)
    read: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections.Section, "__getattribute__", recording(read), raising=False)
        business = lapse.load(written(folder, raw))
        with lapse.read(business) as history:
            check_business(history, silent)
            train_and_register(history)
            model = fetch(business, "champion")
            scores = pd.read_parquet(score(history, model, "2024-12-31").parent.parent)
            credited = lapse.referral_value(history, scores)
            assert credited["clv_with_referrals"].sum() == pytest.approx(scores["clv"].sum(), rel=1e-9)
            data = lapse.snapshots(history, recipe=model.recipe)
            assert lapse.newcomer(model, data, history).acquisition_cost == 30
            explain_customer(history, model)
            lapse.measure(history).write()
        for where in ({"table": "members"}, {"query": "SELECT * FROM members"}):
            members = in_database(raw["customers"], folder, **where)
            lapse.read(lapse.load(written(folder, {**raw, "customers": members}))).close()
        lapse.read(lapse.load(write_demo("shop", shop, n_customers=50))).close()
    return read


def test_keys_are_found_in_nested_sections() -> None:
    assert {"Business.currency", "CsvFormat.decimal", "Quality.duplicates", "Event.categories"} <= set(keys())


def test_a_look_counts_from_outside_the_config_alone() -> None:
    read: set[str] = set()
    value = sections.Value(margin_rate=0.3, discount_rate=0.1)
    outside = {"__name__": "lapse.value", "value": value}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections.Section, "__getattribute__", recording(read), raising=False)
        assert value.limit == eval("value.limit", {"__name__": "lapse.config.contradictions", "value": value})
        assert read == set()
        assert eval("value.limit", outside) == 5 * 365
        value.model_dump()
    assert read == {"Value.limit"}


@pytest.mark.parametrize("key", keys())
def test_every_key_is_read(key: str, read_keys: set[str]) -> None:
    assert key in read_keys, f"{key} is read by no code outside lapse.config"
