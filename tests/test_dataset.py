"""The dataset: one call for training and scoring, nothing lost, and histories that cannot answer refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import lapse
from lapse.cohort.outcomes import at_risk, known_snapshots, outcomes_of
from lapse.errors import DataError
from lapse.schema import to_date


def orders(n_customers: int, days: int, every: float, seed: int = 0) -> pd.DataFrame:
    """Return Poisson orders from 2024-01-01 on."""
    rng = np.random.default_rng(seed)
    frames = []
    for customer in range(n_customers):
        day = np.cumsum(rng.exponential(every * rng.gamma(2, 0.5), 400))
        day = day[day < days]
        frames.append(pd.DataFrame({"customer": f"c{customer:04d}", "day": day}))
    table = pd.concat(frames)
    start = pd.Timestamp("2024-01-01")
    return pd.DataFrame(
        {
            "customer": table["customer"],
            "at": (start + pd.to_timedelta(table["day"], unit="D")).dt.floor("s"),
            "paid": rng.gamma(2.0, 10.0, len(table)).round(2),
        }
    )


def history_of(folder: Path, table: pd.DataFrame, **sections: object) -> lapse.History:
    table.to_parquet(folder / "orders.parquet", index=False)
    raw = {
        "business": "shop",
        "currency": "EUR",
        "observed_until": date(2024, 12, 31),
        "events": {
            "order": {
                "path": "orders.parquet",
                "columns": {"customer_id": "customer", "time": "at", "amount": "paid"},
            }
        },
        "churn": {"event": "order", "grace": "30d"},
        "snapshots": {"start": date(2024, 3, 1), "every": "1mo", "horizon": "30d", "holdout": 2},
        "value": {"margin_rate": 0.3, "discount_rate": 0.1},
        "scores": {"path": "out"},
    }
    (folder / "shop.yaml").write_text(yaml.safe_dump(raw | sections, sort_keys=False))
    return lapse.read(lapse.load(folder / "shop.yaml"), today=date(2025, 6, 1))


def test_training_and_scoring_rows_of_one_date_are_the_same(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(150, 366, 15)) as history:
        data = lapse.snapshots(history)
        assert data.calendar is not None
        for day in (data.calendar.fit[0], data.calendar.test[-1]):
            scoring = lapse.snapshots(history, to_date(day), recipe=data.recipe)
            assert scoring.outcomes is None
            rows = data.take(data.day == day)
            pd.testing.assert_frame_equal(scoring.features, rows.features, check_categorical=False)
            pd.testing.assert_frame_equal(scoring.keys, rows.keys)
            known = data.excluded[data.excluded["as_of"] == pd.Timestamp(to_date(day))]
            assert len(scoring.excluded) == len(known)


def test_of_one_history_the_labelled_dataset_and_any_date_have_the_same_features(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(150, 366, 15)) as history:
        learned = lapse.snapshots(history).recipe.to_json()
        assert lapse.snapshots(history, "2024-12-31").recipe.to_json() == learned


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
        assert data.calendar is not None
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
