"""The dataset to learn from: nothing known too late, and histories that cannot answer refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.cohort.outcomes import at_risk, known_snapshots, outcomes_of
from lapse.errors import DataError
from lapse.schema import to_date
from tests.dataset.making import history_of, orders


def test_one_customer_and_nobody_who_lapses_are_refused(tmp_path: Path) -> None:
    steady = pd.DataFrame({"customer": "a", "at": pd.date_range("2024-01-01", "2024-12-31"), "paid": 1.0})
    with history_of(tmp_path, steady) as history, pytest.raises(DataError) as caught:
        lapse.snapshots(history)
    assert caught.value.exit_code == 3
    assert [problem.what for problem in caught.value.problems] == [
        "outcomes on the fit dates",
        "outcomes on the test dates",
    ]
    assert "0 of 8 lapse" in str(caught.value)


def test_a_limit_shorter_than_what_the_data_shows_is_evaluated_up_to_it(tmp_path: Path) -> None:
    short = {"margin_rate": 0.3, "discount_rate": 0.1, "limit": "30d"}
    with history_of(tmp_path, orders(150, 366, 15), value=short) as history:
        evaluation = lapse.train(lapse.snapshots(history)).evaluation
    assert sorted(set(evaluation.lifetime["days"])) == [0, 30]


def test_nobody_at_risk_at_any_date_is_refused(tmp_path: Path) -> None:
    days = pd.to_datetime(["2024-01-01", "2024-12-31"])  # before the first date and after the last
    gone = pd.DataFrame({"customer": ["a", "b"], "at": days, "paid": 1.0})
    with history_of(tmp_path, gone) as history, pytest.raises(DataError, match="customers at risk"):
        lapse.snapshots(history)


def test_a_history_too_short_for_a_test_date_is_refused(tmp_path: Path) -> None:
    plan = {"start": date(2024, 10, 1), "every": "1mo", "horizon": "30d", "holdout": 3}
    short = history_of(tmp_path, orders(50, 366, 15), snapshots=plan)
    with short as history, pytest.raises(DataError, match="test dates"):
        lapse.snapshots(history)


def test_what_became_known_after_the_first_test_date_teaches_nothing(tmp_path: Path) -> None:
    table = orders(200, 366, 15)
    columns = {"customer_id": "customer", "time": "at", "amount": "paid", "known_at": "known"}
    events = {"order": {"path": "orders.parquet", "columns": columns}}
    table = table.reset_index(drop=True).assign(known=table["at"].to_numpy())
    late = np.random.default_rng(1).random(len(table)) < 0.2
    table.loc[late, "known"] += pd.Timedelta(days=20)
    table = table[table["known"] < "2025-01-01"]
    with history_of(tmp_path, table, events=events) as history:
        data = lapse.snapshots(history)
        first_test = to_date(data.calendar.test[0])
        known = table[table["known"] < pd.Timestamp(first_test) + timedelta(days=1)]
        fit = data.fit_part()
    with history_of(tmp_path, known, events=events, observed_until=first_test) as history:
        truncated = lapse.snapshots(history, first_test, recipe=data.recipe)
        assert len(truncated) > 0
        bucket = history.bucket(0)
        asked = at_risk(*known_snapshots(history.business, bucket, data.calendar.fit))
        found = outcomes_of(history.business, bucket, asked, data.calendar.test[0], fit.labels.spend.shape[1])
    np.testing.assert_array_equal(found.event, fit.labels.event)
    np.testing.assert_array_equal(found.duration_days, fit.labels.duration_days)
    np.testing.assert_array_equal(found.spend, fit.labels.spend)
