"""Leaks planted in a company's tables and config are caught by what a user runs: ``check`` or ``train``.

Six are planted here; label windows that overlap training and a column made from the outcome cannot be written
in a YAML, and are planted in the dataset in ``test_training.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import lapse
from lapse.errors import GateError
from lapse.jobs.check import Check, check_business
from lapse.jobs.progress import silent

START, END = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31")
GONE_FROM = pd.Timestamp("2024-11-01")

PEEKING = """
import numpy as np


def orders_ahead(bucket, snapshots, window_days):
    events = bucket.events["order"]
    own = [slice(events.offsets[c], events.offsets[c + 1]) for c in snapshots.customer]
    return np.array([float((events.day[rows] > t).sum()) for rows, t in zip(own, snapshots.day)])


def orders_ahead_in_later_buckets(bucket, snapshots, window_days):
    return orders_ahead(bucket, snapshots, window_days) * (bucket.number > 2)


def orders_whenever_known(bucket, snapshots, window_days):
    events = bucket.events["order"]
    own = [slice(events.offsets[c], events.offsets[c + 1]) for c in snapshots.customer]
    return np.array([float((events.day[rows] <= t).sum()) for rows, t in zip(own, snapshots.day)])
"""


def orders(seed: int = 0, n: int = 1_000) -> pd.DataFrame:
    """Return Poisson orders, each customer's until some day of the year; a tenth is known ten days late."""
    rng = np.random.default_rng(seed)
    frames = []
    for customer in range(n):
        day = np.cumsum(rng.exponential(8.0, 90))
        frames.append(pd.DataFrame({"customer": f"c{customer:04d}", "day": day[day < rng.uniform(60, 900)]}))
    table = pd.concat(frames, ignore_index=True)
    at = (START + pd.to_timedelta(table["day"], unit="D")).dt.floor("s")
    late = pd.to_timedelta(np.where(rng.random(len(table)) < 0.1, 10, 0), unit="D")
    table = pd.DataFrame({"customer": table["customer"], "at": at, "known": at + late, "paid": 10.0})
    return table[table["known"] <= END]


def leavers(table: pd.DataFrame) -> pd.Series:
    """Return for each customer whether it had stopped ordering by the autumn."""
    return table.groupby("customer")["at"].max() < GONE_FROM


def checked(
    folder: Path,
    table: pd.DataFrame,
    customers: pd.DataFrame | None = None,
    rows_per_bucket: int = 2_000_000,
    **sections: object,
) -> Check:
    table.to_parquet(folder / "orders.parquet", index=False)
    columns = {"customer_id": "customer", "time": "at", "known_at": "known", "amount": "paid"}
    raw: dict[str, object] = {
        "business": "shop",
        "currency": "EUR",
        "observed_until": END.date(),
        "events": {"order": {"path": "orders.parquet", "columns": columns}},
        "churn": {"event": "order", "grace": "40d"},
        "snapshots": {"start": date(2024, 3, 1), "every": "1mo", "horizon": "40d", "holdout": 2},
        "value": {"margin_rate": 0.3, "discount_rate": 0.1},
        "scores": {"path": "out"},
    }
    if customers is not None:
        customers.to_parquet(folder / "customers.parquet", index=False)
        features = [name for name in customers.columns if name != "customer"]
        raw["customers"] = {
            "path": "customers.parquet",
            "columns": {"customer_id": "customer"},
            "features": features,
        }
    (folder / "shop.yaml").write_text(yaml.safe_dump(raw | sections, sort_keys=False))
    business = lapse.load(folder / "shop.yaml")
    with lapse.read(business, rows_per_bucket=rows_per_bucket, today=date(2025, 6, 1)) as history:
        return check_business(history, silent)


def refused(check: Check) -> str:
    with pytest.raises(GateError) as caught:
        check.refuse()
    assert caught.value.exit_code == 4
    return " ".join(problem.what for problem in caught.value.problems)


def test_honest_tables_pass(tmp_path: Path) -> None:
    table = orders()
    regions = pd.DataFrame({"customer": sorted(table["customer"].unique())})
    regions["region"] = np.where(np.arange(len(regions)) % 3, "north", "south")
    check = checked(tmp_path, table, regions)
    check.refuse()
    assert "planted leak: named" in str(check)


def test_too_few_lapsed_to_judge_columns_by_is_a_warning(tmp_path: Path) -> None:
    check = checked(tmp_path, orders(n=60))
    check.refuse()
    (problem,) = check.warnings
    assert "not judged: only " in problem.got
    assert problem.got in str(check)
    assert any("not judged: only" in line for line in check.document()["guards"])


FUNCTIONS = ["orders_ahead", "orders_ahead_in_later_buckets", "orders_whenever_known"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_custom_feature_that_sees_future_events_or_late_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    (tmp_path / "peeking.py").write_text(PEEKING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "peeking", raising=False)
    peek = {"custom": {"order__peek": f"peeking:{function}"}}
    check = checked(tmp_path, orders(), rows_per_bucket=5_000, features=peek)
    assert "order__peek" in refused(check)


def test_a_status_written_after_the_customer_left(tmp_path: Path) -> None:
    table = orders()
    status = pd.DataFrame(
        {"customer": leavers(table).index, "status": np.where(leavers(table), "gone", "active")}
    )
    assert "customer__status" in refused(checked(tmp_path, table, status))


def test_an_attribute_overwritten_for_most_who_left(tmp_path: Path) -> None:
    table = orders()
    gone = leavers(table)
    rng = np.random.default_rng(1)
    reason = np.where(gone & (rng.random(len(gone)) < 0.8), "price", None)
    asked = pd.DataFrame({"customer": gone.index, "exit_survey": pd.Series(reason, dtype="str").to_numpy()})
    named = checked(tmp_path, table, asked).warnings
    assert [problem.what for problem in named] == ["column 'customer__exit_survey'"]


def test_the_length_of_the_whole_relationship_as_an_attribute(tmp_path: Path) -> None:
    table = orders()
    times = table.groupby("customer")["at"]
    length = (times.max() - times.min()).dt.days
    told = pd.DataFrame({"customer": length.index, "days_with_us": length.to_numpy()})
    check = checked(tmp_path, table, told)
    named = [problem.what for problem in (*check.warnings, *check.refused)]
    assert named == ["column 'customer__days_with_us'"]


def test_a_customer_id_that_encodes_the_outcome(tmp_path: Path) -> None:
    table = orders()
    gone = leavers(table)
    table["customer"] = np.where(table["customer"].map(gone), "x", "a") + table["customer"]
    assert "customer_id" in refused(checked(tmp_path, table))


def test_an_end_that_is_said_to_be_known_from_the_start(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    n = 2_000
    begins = START + pd.to_timedelta(rng.integers(0, 350, n), unit="D")
    left = begins + pd.to_timedelta(rng.exponential(400, n).round() + 5, unit="D")
    contracts = pd.DataFrame({"customer": [f"c{i:04d}" for i in range(n)], "at": begins, "known": begins})
    contracts["paid"] = 10.0
    # who has not left by the end of the data stands there with a date that no one reaches
    contracts["ends"] = left.where(left <= END, pd.Timestamp("2099-12-31"))
    columns = {"customer_id": "customer", "time": "at", "known_at": "known", "amount": "paid", "end": "ends"}
    check = checked(
        tmp_path,
        contracts,
        events={"order": {"path": "orders.parquet", "columns": columns}},
        churn={"event": "order", "grace": "10d", "end_known": "at_start"},
    )
    assert "order__days_to_end" in refused(check)
