"""The score table's lifetime values in the measurement: of that very date, of those customers, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import lapse
from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.demo import write_demo
from lapse.errors import DataError
from lapse.history import History
from lapse.jobs.parquet import write_tables
from lapse.jobs.partition import Notes
from lapse.jobs.scored import scored_values


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with lapse.read(
        lapse.load(write_demo("shop", tmp_path_factory.mktemp("shop"), n_customers=120, seed=2))
    ) as opened:
        yield opened


def scores(history: History, folder: Path, hindsight: str = "", **changed: object) -> pd.DataFrame:
    """Write a partition of the last day, of made-up values, and return its scored rows."""
    business, day = history.business, history.data_end
    ids = [
        one
        for bucket in history.buckets()
        for one in bucket.customer_id.take(
            pa.array(at_risk(*known_snapshots(business, bucket, (day,))).customer)
        ).to_pylist()
    ]
    rows = pd.DataFrame({"customer_id": ids, "status": "scored", "clv": np.arange(len(ids)) * 10.0 - 5})
    rows = rows.assign(currency=business.currency, config_hash=business.config_hash).assign(**changed)
    gone = rows.iloc[:1].assign(customer_id=10**9, status="excluded", clv=np.nan)
    partition = folder / f"as_of={lapse.schema.to_date(day)}"
    partition.mkdir()
    table = pa.Table.from_pandas(pd.concat([rows, gone]), preserve_index=False)
    write_tables(partition / "scores.parquet", [table], Notes(730, 0.8, hindsight).metadata)
    return rows


def test_the_pyramid_is_that_of_the_scored(history: History, tmp_path: Path) -> None:
    rows = scores(history, tmp_path, hindsight="2099-01-01")
    found = lapse.measure(history, scores=tmp_path)
    table = found.tables["pyramid_clv"].set_index("tier")
    assert table.customers.sum() == len(rows)
    assert table.value.sum() == pytest.approx(rows.clv.sum())
    assert table.customers["lead"] == 1
    assert table.customers["platinum"] == int(0.05 * len(rows))
    assert any("hindsight" in warning for warning in found.warnings)
    assert "pyramid_clv" in found.page()


def test_lifetime_value_against_cost_is_that_of_the_tables(tmp_path: Path) -> None:
    """What customers brought since their first order and what is expected of them, by channel, over costs."""
    config = write_demo("shop", tmp_path, n_customers=150, seed=6)
    months = pd.period_range("2022-02", "2024-12", freq="M").astype(str)
    spent = pd.DataFrame([(month, channel, 80.0 + 7 * place) for place, month in enumerate(months)
                          for channel in ("referral", "organic", "radio")],
                         columns=["period", "channel", "cost"]).drop(index=[30, 31])  # fmt: skip
    spent.to_csv(tmp_path / "costs.csv", index=False)
    raw = yaml.safe_load(config.read_text())
    raw["measure"] = {"lifecycle": {"channel": "channel", "costs": "costs.csv"}}
    config.write_text(yaml.safe_dump(raw))
    folder = tmp_path / "scored"
    folder.mkdir()
    with lapse.read(lapse.load(config)) as history:
        clv = scores(history, folder).set_index("customer_id")["clv"]
        found = lapse.measure(history, scores=folder).tables["lifecycle_value"].set_index("channel")
    orders, refunds, customers = (
        pd.read_parquet(tmp_path / "data" / f"{name}.parquet") for name in ("orders", "refunds", "customers")
    )
    refunds = refunds[pd.to_datetime(refunds.booked_at) < "2025-01-01"]
    people = pd.DataFrame({"first": pd.to_datetime(orders.groupby("customer_no").ordered_at.min())})
    money = [
        part.groupby("customer_no").amount.sum().reindex(people.index).fillna(0) for part in (orders, refunds)
    ]
    people["worth"] = 0.30 * sum(money) + clv.reindex(people.index).fillna(0)
    people["channel"] = customers.set_index("customer_no").channel
    people["period"] = people["first"].dt.to_period("M").astype(str)
    assert set(found.index) == set(people.channel)
    for channel, mine in people.groupby("channel"):
        cells = spent[spent.channel == channel]
        won = mine.period.isin(cells.period).sum()
        assert found.customers[channel] == len(mine)
        assert found.worth_mean[channel] == pytest.approx(mine.worth.mean(), abs=1e-3)
        ratio = mine.worth.mean() * won / cells.cost.sum() if len(cells) else np.nan
        assert found.worth_per_cost[channel] == pytest.approx(ratio, rel=1e-5, nan_ok=True)
    assert found.worth_per_cost.notna().sum() == 2


def test_without_scores_of_that_very_date_all_is_missing(history: History, tmp_path: Path) -> None:
    scores(history, tmp_path)
    next(tmp_path.iterdir()).rename(tmp_path / "as_of=2024-06-30")
    found = lapse.measure(history, scores=tmp_path)
    assert found.tables["pyramid_clv"].drop(columns="tier").isna().all(axis=None)
    told = [warning for warning in found.warnings if "lapse score" in warning]
    assert len(told) == 1
    assert "--as-of 2024-12-31" in told[0]


def test_scores_of_others_are_refused(history: History, tmp_path: Path) -> None:
    rows = scores(history, tmp_path)
    next(tmp_path.glob("*/*")).unlink()
    next(tmp_path.iterdir()).rmdir()
    scores(history, tmp_path, customer_id=[10**9 + 1, *rows.customer_id[1:]])
    with pytest.raises(DataError, match=f"{len(rows)} others"):
        lapse.measure(history, scores=tmp_path)


def test_what_is_no_score_table_is_refused(history: History, tmp_path: Path) -> None:
    scores(history, tmp_path)
    file = next(tmp_path.glob("*/*"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="a Parquet file"):
        scored_values(history.business, history.data_end, tmp_path)
    pq.write_table(pa.table({"customer_id": [1]}), file)
    with pytest.raises(DataError, match="'lapse score' wrote") as refused:
        scored_values(history.business, history.data_end, tmp_path)
    assert len(refused.value.problems) == 5


def test_another_currency_is_refused_and_another_config_warned_of(history: History, tmp_path: Path) -> None:
    scores(history, tmp_path, config_hash="0" * 12)
    found = scored_values(history.business, history.data_end, tmp_path)
    assert found is not None
    assert "scored with config 000000000000" in found.warnings[0]
    next(tmp_path.glob("*/*")).unlink()
    next(tmp_path.iterdir()).rmdir()
    scores(history, tmp_path, currency="CHF")
    with pytest.raises(DataError, match="values in"):
        scored_values(history.business, history.data_end, tmp_path)
