"""The dataset of one date: everybody known is accounted for, and dates that cannot be answered refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

import lapse
from lapse.errors import DataError, GateError
from tests.dataset.making import history_of, orders


def test_every_known_customer_is_at_risk_or_excluded_with_a_reason(tmp_path: Path) -> None:
    table = orders(150, 366, 25)
    with history_of(tmp_path, table) as history:
        as_of = date(2024, 8, 15)
        data = lapse.snapshots(history, as_of)
    known = table.loc[table["at"] < pd.Timestamp(as_of) + timedelta(days=1)]
    last = known.groupby("customer")["at"].max().dt.normalize()
    expected = set(last[last + pd.Timedelta(days=30) > pd.Timestamp(as_of)].index)
    assert set(data.keys["customer_id"]) == expected
    assert set(data.excluded["customer_id"]) == set(last.index) - expected
    assert set(data.excluded["reason"]) == {"lapsed before as_of"}


def test_one_customer_can_be_scored_by_a_model_of_others(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(300, 366, 15)) as history:
        model = lapse.train(lapse.snapshots(history))
    alone = orders(300, 366, 15)
    alone = alone[alone["customer"] == alone["customer"].iloc[-1]]
    as_of = alone["at"].max().date()
    with history_of(tmp_path, alone) as history:
        scores = model.score(lapse.snapshots(history, as_of, recipe=model.recipe))
    assert len(scores) == 1
    assert scores["status"].tolist() == ["scored"]
    assert 0 < scores["churn_probability"].iloc[0] < 1


def test_an_as_of_before_the_data_or_after_its_end_is_refused(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(50, 366, 15)) as history:
        for as_of, expected in (("2023-12-31", "the first event"), ("2025-01-01", "the end of the data")):
            with pytest.raises(DataError, match=expected):
                lapse.snapshots(history, as_of)
        with pytest.raises(DataError, match="a date such as"):
            lapse.snapshots(history, "31.12.2024")


def test_some_quiet_days_are_allowed_where_the_end_is_not_declared(tmp_path: Path) -> None:
    table = orders(50, 300, 10)
    last = table["at"].max().date()
    with history_of(tmp_path, table, observed_until=None) as history:
        assert len(lapse.snapshots(history, last + timedelta(days=7))) > 0
        with pytest.raises(DataError, match="quiet days"):
            lapse.snapshots(history, last + timedelta(days=8))


def test_what_a_history_does_not_map_any_more_is_refused_all_at_once(tmp_path: Path) -> None:
    table = orders(100, 366, 20).assign(till=lambda frame: frame["at"], room="hall", coach="ann")
    key = {"customer_id": "customer", "time": "at"}

    def history(order: dict[str, object], visit: dict[str, object]) -> lapse.History:
        file = {"path": "orders.parquet"}
        return history_of(tmp_path, table, events={"order": file | order, "visit": file | visit})

    money, both = {"columns": {**key, "amount": "paid"}}, {"categories": ["room"], "features": ["coach"]}
    with history({**money, **both}, {"columns": {**key, "amount": "paid", "end": "till"}}) as trained:
        recipe = lapse.snapshots(trained).recipe
    with history(money, {"columns": key}) as fewer:
        for as_of in ("2024-10-31", None):
            with pytest.raises(GateError) as caught:
                lapse.snapshots(fewer, as_of, recipe=recipe)
            assert caught.value.exit_code == 4
            assert [(problem.what, problem.got) for problem in caught.value.problems] == [
                ("events.visit.columns.amount", "none"),
                ("events.visit.columns.end", "none"),
                ("category order.room", "none"),
                ("feature order__latest_coach", "no such column"),
            ]
            assert all(problem.hint and problem.expected for problem in caught.value.problems)


def test_a_table_that_the_recipe_does_not_know_is_refused(tmp_path: Path) -> None:
    table = orders(100, 366, 20)
    with history_of(tmp_path, table) as history:
        recipe, order = lapse.snapshots(history).recipe, history.business.events["order"]
    own = {"path": "orders.parquet", "columns": dict(order.columns)}
    with (
        history_of(tmp_path, table, events={"order": own, "visit": own}) as more,
        pytest.raises(GateError, match="event 'visit': expected no table, as when the model was trained"),
    ):
        lapse.snapshots(more, "2024-10-31", recipe=recipe)
