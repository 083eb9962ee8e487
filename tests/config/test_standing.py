"""Rules of a customer's standing: what is refused, all at once, with key, expected and got."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lapse.config import Business, load
from tests.config.test_loading import changed, refusal

SPAN = ("events.visit.columns", {"customer_id": "id", "time": "at", "end": "until"})
ONE, TWO = {"event": "order", "days": 1}, {"event": "order", "days": 2}


def ladder(**rungs: Any) -> tuple[str, Any]:
    return "measure.rungs", rungs


REFUSED: list[tuple[list[tuple[str, Any]], str]] = [
    (
        [ladder(client=[TWO], customer=[ONE])],
        "measure.rungs: expected rungs in the order customer, client, got client, customer",
    ),
    (
        [ladder(customer=[TWO], client=[ONE])],
        "measure.rungs.client: expected more than 'customer' asks for, which stands below it",
    ),
    (
        [ladder(customer=[ONE], client=[TWO], supporter=[{"event": "order", "at_least": 2}])],
        "measure.rungs.supporter: expected more than 'client' asks for",
    ),
    (
        [
            ladder(
                customer=[ONE], client=[TWO, {"tenure": "1y"}], advocate=[{"any": [{"tenure": "90d"}, TWO]}]
            )
        ],
        "measure.rungs.advocate: expected more than 'client' asks for",
    ),
    ([ladder(client=[TWO])], "measure.rungs.customer: expected this rung: those given are the whole ladder"),
    ([ladder(customer=[ONE], client=[])], "measure.rungs.client: expected at least one condition, got none"),
    (
        [ladder(customer=[ONE], friend=[TWO])],
        "measure.rungs.friend: expected 'customer', 'client', 'supporter'",
    ),
    (
        [ladder(customer=[{"event": "ordr", "days": 1}])],
        "measure.rungs.customer.0.event: expected one of order, visit, got 'ordr', which is not mapped",
    ),
    (
        [ladder(customer=[ONE], client=[{"any": [{"event": "card", "at_least": 1}]}])],
        "measure.rungs.client.0.any.0.event: expected one of order, visit, got 'card'",
    ),
    (
        [ladder(customer=[{"event": "order"}])],
        "measure.rungs.customer.0: expected event with one of at_least, days, in_force",
    ),
    ([ladder(customer=[{}])], "measure.rungs.customer.0: expected event with one of"),
    ([ladder(customer=[{"event": "order", "days": 1, "tenure": "3d"}])], "got days, event, tenure"),
    (
        [ladder(customer=[{"event": "order", "days": 0}])],
        "measure.rungs.customer.0.days: expected a number of",
    ),
    ([ladder(customer=[{"tenure": 90}])], "measure.rungs.customer.0.tenure: expected a length with its unit"),
    ([ladder(customer=[{"event": "order", "dayz": 1}])], "did you mean 'days'?"),
    (
        [ladder(customer=[ONE], partner=[{"event": "visit", "in_force": True}])],
        "measure.rungs.partner.0.in_force: expected a mapped 'end' of 'visit', got none",
    ),
    (
        [ladder(customer=[ONE], client=[{"category": "product", "distinct": 2}])],
        "measure.rungs.client.0.category: expected a category of 'order': none, got 'product'",
    ),
    ([ladder(customer=[{"kinds": 3}])], "measure.rungs.customer.0.kinds: expected at most 2"),
    (
        [ladder(customer=[{"kinds": 2, "of": ["order"]}])],
        "measure.rungs.customer.0.kinds: expected at most 1",
    ),
    (
        [ladder(customer=[{"kinds": 1, "of": ["x"]}])],
        "measure.rungs.customer.0.of: expected one of order, visit",
    ),
    (
        [ladder(customer=[ONE, ONE])],
        "measure.rungs.customer: expected each entry once, got 'event: order, days: 1'",
    ),
    (
        [("measure.tiers", {"clv": {"platinum_share": 0.1, "gold_from": 10.0, "platinum_from": 20.0}})],
        "measure.tiers.clv: expected shares or money, got platinum_share, platinum_from, gold_from",
    ),
    (
        [("measure.tiers", {"margin": {"gold_from": 10.0}})],
        "measure.tiers.margin: expected platinum_from and gold_from, both or neither, got gold_from",
    ),
    (
        [("measure.tiers", {"margin": {"gold_from": 10.0, "platinum_from": 5.0}})],
        "measure.tiers.margin.platinum_from: expected money above gold_from (10), got 5",
    ),
    (
        [("measure.tiers", {"clv": {"platinum_share": 0.5, "gold_share": 0.6}})],
        "measure.tiers.clv: expected shares that leave some customers to iron",
    ),
    (
        [("measure.strategic", {"high_from": 3, "points": {"a": {"when": [TWO]}, "b": {"when": [ONE]}}})],
        "measure.strategic.high_from: expected at most 2, all the points there are, got 3",
    ),
    (
        [("measure.strategic", {"points": {"a": {"when": [{"event": "x", "at_least": 1}]}}})],
        "measure.strategic.points.a.when.0.event: expected one of order, visit, got 'x'",
    ),
    (
        [("measure.strategic", {"points": {"a": {"when": []}}})],
        "measure.strategic.points.a.when: expected at least 1",
    ),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_what_is_wrong_is_refused(tmp_path: Path, changes: list[tuple[str, Any]], message: str) -> None:
    assert message in str(refusal(tmp_path, changed(*changes)))


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    raw = changed(
        ladder(client=[{"event": "nope", "days": 2}], customer=[{"event": "order"}]),
        ("measure.tiers", {"clv": {"platinum_share": 0.1, "gold_from": 10.0, "platinum_from": 20.0}}),
        ("measure.strategic", {"high_from": 5, "points": {"a": {"when": [TWO]}}}),
    )
    found = {problem.what for problem in refusal(tmp_path, raw).problems}
    assert found == {
        "measure.rungs",
        "measure.rungs.client.0.event",
        "measure.rungs.customer.0",
        "measure.tiers.clv",
        "measure.strategic.high_from",
    }


def test_rules_that_are_right_are_taken(tmp_path: Path) -> None:
    rules = {
        "customer": [ONE],
        "client": [{"any": [TWO, {"event": "order", "at_least": 3, "within": "90d"}]}],
        "supporter": [TWO, {"tenure": "365d"}, {"kinds": 2}],
        "partner": [{"event": "visit", "in_force": True}],
    }
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(changed(SPAN, ladder(**rules)), sort_keys=False), encoding="utf-8")
    business: Business = load(path)
    assert [len(conditions) for conditions in business.measure.rungs.values()] == [1, 1, 3, 1]
