"""A config that asks another question is refused by one gate, which names what differs and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import lapse
from lapse.config import Business
from lapse.errors import GateError
from lapse.jobs.drift import differences
from lapse.jobs.tracking import fetch
from tests.jobs.conftest import Place


def changed(shop: Place, *changes: tuple[str, str]) -> Business:
    text = shop.config.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    other: Path = shop.config.with_name("other.yaml")
    other.write_text(text, encoding="utf-8")
    try:
        return lapse.load(other)
    finally:
        other.unlink()


@pytest.mark.parametrize(
    ("old", "new", "key", "values"),
    [
        ("grace: 60d", "grace: 50d", "churn.grace", ("'60d'", "'50d'")),
        ("margin_rate: 0.30", "margin_rate: 0.20", "value.margin_rate", ("0.3", "0.2")),
        ("windows: [14d, 30d,", "windows: [30d,", "features.windows", ("14d, 30d", "30d, 60d")),
        ("  features: [channel]\n", "", "customers.features", ("channel", "nothing")),
        (
            "  features: [channel]\n",
            "  features: [channel, joined_on]\n",
            "customers.features",
            ("channel", "joined_on"),
        ),
        ("    categories: [category]\n", "", "events.order.categories", ("category", "nothing")),
    ],
)
def test_only_the_key_that_differs_is_named(
    shop: Place, old: str, new: str, key: str, values: tuple[str, str]
) -> None:
    with pytest.raises(GateError) as caught:
        fetch(changed(shop, (old, new)), "champion")
    (problem,) = caught.value.problems
    assert problem.what == key
    assert values[0] in problem.expected
    assert values[1] in problem.got
    assert "{" not in str(problem)


def test_keys_of_one_side_alone_are_told() -> None:
    assert differences({"a": {"b": 1}}, {"a": {"c": (1, 2)}}) == [
        ("a.b", "1", "nothing"),
        ("a.c", "nothing", "1, 2"),
    ]
    assert differences({"a": {"b": [1]}}, {"a": {"b": (1,)}}) == []
