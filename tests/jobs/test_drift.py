"""A config that asks another question is refused by one gate, which names what differs and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.config import Business
from lapse.errors import GateError
from lapse.jobs.drift import differences, refuse_drift
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
            "  features: [joined_on]\n",
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


@pytest.mark.parametrize("column", ["nickname", "shoe_size"])
def test_a_new_column_of_the_customers_changes_nothing(shop: Place, tmp_path: Path, column: str) -> None:
    """Neither text nor numbers that the model never saw: they are read for those who look a customer up."""
    more = changed(shop, ("  features: [channel]\n", f"  features: [channel, {column}]\n"))
    table = pd.read_parquet(shop.config.parent / "data" / "customers.parquet")
    table["nickname"], table["shoe_size"] = "lee", np.arange(len(table)) % 9 + 36.0
    table.to_parquet(tmp_path / "customers.parquet", index=False)
    section = more.customers.model_copy(update={"path": tmp_path / "customers.parquet"})
    model = fetch(more, "champion")
    with lapse.read(more.model_copy(update={"customers": section})) as history:
        told = model.score(lapse.snapshots(history, "2024-10-31", recipe=model.recipe))
    then = shop.model.score(lapse.snapshots(shop.history, "2024-10-31", recipe=shop.model.recipe))
    same = [name for name in then if name not in ("config_hash", "model_name", "model_version")]
    pd.testing.assert_frame_equal(told[same], then[same])


def test_a_column_of_the_customers_of_another_type_is_refused(shop: Place, tmp_path: Path) -> None:
    table = pd.read_parquet(shop.config.parent / "data" / "customers.parquet")
    table.assign(channel=1.5).to_parquet(tmp_path / "customers.parquet", index=False)
    section = shop.business.customers.model_copy(update={"path": tmp_path / "customers.parquet"})
    model = fetch(shop.business, "champion")
    with (
        lapse.read(shop.business.model_copy(update={"customers": section})) as history,
        pytest.raises(GateError, match=r"feature customer__channel: expected text .*, got numbers"),
    ):
        lapse.snapshots(history, "2024-10-31", recipe=model.recipe)


def test_a_table_of_the_customers_that_comes_or_goes_is_another_question(shop: Place) -> None:
    """With it a customer may be known before the first event: more than its columns hangs on it."""
    without = shop.business.model_copy(update={"customers": None})
    for now, then, told in (
        (shop.business, without, ["customers.mapped"]),
        (without, shop.business, ["customers.mapped", "customers.features"]),
    ):
        with pytest.raises(GateError) as caught:
            refuse_drift(now, then, "model 'shop'")
        assert [problem.what for problem in caught.value.problems] == told


def test_keys_of_one_side_alone_are_told() -> None:
    assert differences({"a": {"b": 1}}, {"a": {"c": (1, 2)}}) == [
        ("a.b", "1", "nothing"),
        ("a.c", "nothing", "1, 2"),
    ]
    assert differences({"a": {"b": [1]}}, {"a": {"b": (1,)}}) == []
