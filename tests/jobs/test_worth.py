"""What a trained model says of value: rows that add up, totals that know each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import lapse
from lapse.dataset import Dataset
from lapse.errors import ConfigError, DataError
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes, summary
from lapse.jobs.score import score
from lapse.schema import CAUSES
from lapse.value import CHANGES, FLOW_COLUMNS, Change, no_flows
from tests.jobs.conftest import Place

AS_OF = "2024-10-31"


@pytest.fixture(scope="module", params=["shop", "gym"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def today(place: Place) -> Dataset:
    return lapse.snapshots(place.history, AS_OF, recipe=place.model.recipe)


def test_cash_flows_are_rows_that_add_up_to_the_clv(place: Place, today: Dataset) -> None:
    rows = lapse.cash_flows(place.model, today)
    assert tuple(rows.columns) == FLOW_COLUMNS
    clv = place.model.score(today).dropna(subset="clv").set_index("customer_id")["clv"]
    total = rows.groupby("customer_id")["cash_flow"].sum()
    np.testing.assert_allclose(total.loc[clv.index], clv, rtol=1e-9)
    flow = (rows["margin"] - rows["cost"]) * rows["discount_factor"]
    np.testing.assert_allclose(rows["cash_flow"], flow, rtol=1e-12, atol=1e-12)
    ahead = (pd.to_datetime(rows["date"]) - pd.to_datetime(rows["as_of"])).dt.days
    limit = place.business.value.limit
    assert (ahead == np.minimum(rows["step"] * place.business.step_days, limit)).all()
    assert ahead.max() == limit


def with_flows(place: Place, folder: Path) -> Model:
    """Return the model under a config that asks for cash flows in a folder."""
    value = place.business.value.model_copy(update={"cash_flows": folder})
    business = place.business.model_copy(update={"value": value})
    return replace(place.model, estimators=replace(place.model.estimators, business=business))


def test_the_folder_of_cash_flows_is_one_table_for_every_reader(gym: Place, tmp_path: Path) -> None:
    dates, flows, scores = ("2024-09-30", AS_OF), tmp_path / "flows", tmp_path / "scores"
    model = with_flows(gym, flows)
    for one in dates:
        score(gym.history, model, one, scores)
    clv = sum(
        model.score(lapse.snapshots(gym.history, one, recipe=model.recipe))["clv"].sum() for one in dates
    )
    hive = f"read_parquet('{flows}/*/*.parquet', hive_partitioning = true)"
    read = {
        "pandas": pd.read_parquet(flows),
        "pyarrow": pq.read_table(flows).to_pandas(),
        "dataset": ds.dataset(flows, partitioning="hive").to_table().to_pandas(),
        "DuckDB": duckdb.sql(f"SELECT * FROM {hive}").df(),
    }
    for reader, rows in read.items():
        assert sorted(rows.columns) == sorted(FLOW_COLUMNS), reader
        assert sorted(rows["as_of"].astype(str).unique()) == list(dates), reader
        assert rows["cash_flow"].sum() == pytest.approx(clv, rel=1e-9), reader
        ahead = (pd.to_datetime(rows["date"]) - pd.to_datetime(rows["as_of"].astype(str))).dt.days
        assert ahead[rows["step"] == 1].unique().tolist() == [gym.business.step_days], reader
    assert sorted(pd.read_parquet(scores)["as_of"].astype(str).unique()) == list(dates)


def test_scoring_writes_the_same_rows_where_it_is_asked(place: Place, today: Dataset, tmp_path: Path) -> None:
    there = tmp_path / "flows"
    model = with_flows(place, there)
    file = score(place.history, model, AS_OF, tmp_path / "scores")
    written = pd.read_parquet(there / f"as_of={AS_OF}" / "cash_flows.parquet")
    expected = lapse.cash_flows(model, today)
    keys = ["customer_id", "step"]
    pd.testing.assert_frame_equal(
        written.sort_values(keys, ignore_index=True)[[*keys, "cash_flow", "margin", "survival"]],
        expected.sort_values(keys, ignore_index=True)[[*keys, "cash_flow", "margin", "survival"]],
        check_dtype=False,
    )
    schema = pq.read_schema(there / f"as_of={AS_OF}" / "cash_flows.parquet")
    assert no_flows(schema.field("customer_id").type).drop_columns("as_of").schema.equals(schema)
    assert [one.name for one in (tmp_path / "scores" / f"as_of={AS_OF}").iterdir()] == [file.name]
    assert not [one for one in (there / f"as_of={AS_OF}").iterdir() if one.name.startswith(".")]


def test_the_file_says_what_all_are_worth_together(place: Place, today: Dataset, tmp_path: Path) -> None:
    file = score(place.history, place.model, AS_OF, tmp_path)
    told, table = Notes.read(file).value, pd.read_parquet(file)
    total = lapse.total_value(place.model, today).loc["all"]
    assert told["total"]["clv"] == pytest.approx(table["clv"].sum(), rel=1e-9)
    for name in ("clv", "lower", "upper", "customers"):
        assert told["total"][name] == pytest.approx(total[name], rel=1e-9)
    assert told["total"]["lower"] < told["total"]["clv"] < told["total"]["upper"]
    at_risk = (table["clv"] * table["churn_probability"]).sum()
    assert sum(told["value_at_risk"].values()) == pytest.approx(at_risk, rel=1e-9)
    causes = {"gym": {"voluntary", "involuntary", "other"}, "shop": {"any"}}
    assert set(told["value_at_risk"]) == causes[place.business.business]
    assert 0 <= told["beyond_observed"] < 1
    assert told["what_if"]["as it is"] == told["total"]["clv"]
    table_if = lapse.what_if(place.model, today)
    assert table_if.index.tolist() == list(CHANGES)
    for name, worth in told["what_if"].items():
        assert worth == pytest.approx(table_if.loc[name, "clv"], rel=1e-9)
    document, text = summary(file)
    assert document["value"]["total"]["upper"] == told["total"]["upper"]
    assert "what if: +1 point retention +" in text


def test_what_if_moves_as_it_must(place: Place, today: Dataset) -> None:
    changes = {"now": Change(), "same": Change(), "more": Change(margin=0.01), "later": Change(discount=0.01)}
    table = lapse.what_if(place.model, today, changes)
    assert table.loc["same", "clv"] == table.loc["now", "clv"]
    assert table.loc["more", "percent"] == pytest.approx(1.0, rel=1e-9)  # nothing is spent on serving
    assert table.loc["later", "difference"] < 0


def test_what_if_is_held_against_what_is(place: Place, today: Dataset) -> None:
    table = lapse.what_if(place.model, today, {"more": Change(margin=0.1)})
    assert table.index.tolist() == ["as it is", "more"]
    assert table.loc["as it is", "clv"] == lapse.what_if(place.model, today).loc["as it is", "clv"]
    assert table.loc["more", "percent"] == pytest.approx(10.0, rel=1e-9)
    for wrong in ([Change()], {"more": 0.1}, {"as it is": Change(margin=0.1)}):
        with pytest.raises(DataError, match="what_if: changes: expected a Change by name"):
            lapse.what_if(place.model, today, wrong)  # type: ignore[arg-type]  # that is the test


def test_cohorts_add_up_and_their_intervals_do_not_cancel(place: Place, today: Dataset) -> None:
    half = pd.Series(np.where(np.arange(len(today)) % 2, "odd", "even"))
    parts, whole = lapse.total_value(place.model, today, half), lapse.total_value(place.model, today)
    assert parts["clv"].sum() == pytest.approx(whole.loc["all", "clv"], rel=1e-9)
    width = (parts["upper"] - parts["lower"]).to_numpy()
    all_width = float(whole.loc["all", "upper"] - whole.loc["all", "lower"])
    assert np.sqrt((width**2).sum()) <= all_width * (1 + 1e-9)
    assert all_width <= width.sum() * (1 + 1e-9)
    with pytest.raises(DataError, match="one for each of"):
        lapse.total_value(place.model, today, half.iloc[1:])
    with pytest.raises(DataError, match=r"cohort: index: expected that of data\.keys"):
        lapse.total_value(place.model, today, half.sample(frac=1.0, random_state=0))
    by_customer = half.set_axis(today.keys["customer_id"])
    pd.testing.assert_frame_equal(lapse.total_value(place.model, today, by_customer), parts)
    with pytest.raises(DataError, match=r"cohort: index: expected that of data\.keys"):
        lapse.total_value(place.model, today, by_customer.iloc[::-1])


def test_nobody_is_worth_anything_twice(place: Place) -> None:
    data = lapse.snapshots(place.history)
    two = data.take(np.flatnonzero(np.isin(data.day, np.unique(data.day)[:2])))
    with pytest.raises(DataError, match="each customer once in a cohort"):
        lapse.total_value(place.model, two)
    by_date = lapse.total_value(place.model, two, two.keys["as_of"])
    assert by_date["customers"].sum() == len(two)


def test_nobody_together_is_worth_nothing(gym: Place) -> None:
    today = lapse.snapshots(gym.history, AS_OF, recipe=gym.model.recipe)
    nobody, some = today.take(np.array([], np.int64)), lapse.total_value(gym.model, today.take(np.arange(9)))
    found = lapse.total_value(gym.model, nobody)
    assert found.dtypes.equals(some.dtypes)
    assert found.loc["all"].tolist() == [0, 0.0, 0.0, 0.0, 0.95]
    for labels in ([], pd.Series([], dtype=str)):
        found = lapse.total_value(gym.model, nobody, labels)
        assert found.dtypes.equals(some.dtypes)
        assert len(found) == 0


def test_labels_may_be_a_list_or_an_array(gym: Place) -> None:
    today = lapse.snapshots(gym.history, AS_OF, recipe=gym.model.recipe)
    half = np.where(np.arange(len(today)) % 2, "odd", "even")
    parts = lapse.total_value(gym.model, today, pd.Series(half), level=0.8)
    assert parts["level"].tolist() == [0.8, 0.8]
    for same in (half, half.tolist(), tuple(half)):
        pd.testing.assert_frame_equal(
            lapse.total_value(gym.model, today, same, np.float32(0.8)), parts, rtol=1e-6
        )


def test_a_total_is_checked_before_any_work(today: Dataset) -> None:
    model: Model = None  # type: ignore[assignment]  # that nothing is asked of it is the test
    for level in (0, 1, 1.5, np.nan, None, "x", True):
        with pytest.raises(DataError, match="level: expected a share between 0 and 1") as refused:
            lapse.total_value(model, today, "channel", level)  # type: ignore[arg-type]  # that is the test
        assert [problem.where for problem in refused.value.problems] == ["cohort", "parameters"]


def test_what_is_no_dataset_is_refused(gym: Place) -> None:
    today = lapse.snapshots(gym.history, AS_OF, recipe=gym.model.recipe)
    asked = (
        lapse.total_value,
        lapse.cash_flows,
        lapse.value_at_risk,
        lapse.what_if,
        Model.score,
        Model.explain,
    )
    for ask in asked:
        for wrong in (today.features, None):
            with pytest.raises(
                DataError, match=r"dataset: data: expected what lapse\.snapshots returned, got a"
            ):
                ask(gym.model, wrong)  # type: ignore[arg-type]  # that is the test


def test_value_at_risk_by_cause_is_the_whole(place: Place, today: Dataset) -> None:
    table = lapse.value_at_risk(place.model, today).set_index("customer_id").drop(columns="as_of")
    scores = place.model.score(today).dropna(subset="clv").set_index("customer_id").loc[table.index]
    np.testing.assert_allclose(
        table.sum(axis=1), scores["clv"] * scores["churn_probability"], rtol=1e-7, atol=1e-9
    )


def test_the_voluntary_part_of_the_churn_probability_is_that_of_the_value_at_risk(
    place: Place, today: Dataset
) -> None:
    """Held against a walk along each curve, step by step; a shop keeps no causes apart."""
    scores = place.model.score(today).set_index("customer_id")
    told = scores["churn_probability_voluntary"]
    if place.business.business == "shop":
        assert told.isna().all()
        return
    assert told[scores["status"] == "excluded"].isna().all()
    assert scores["status"].eq("excluded").any()
    ids, estimators = today.keys["customer_id"], place.model.estimators
    part, whole = told.loc[ids], scores.loc[ids, "churn_probability"]
    assert part.between(0, whole).all()
    assert 0 < part.sum() < whole.sum()
    risk = lapse.value_at_risk(place.model, today)["voluntary"]
    np.testing.assert_allclose(risk, scores.loc[ids, "clv"] * part, rtol=1e-9, atol=1e-9)
    survival = place.model.curve(today).survival
    shares = estimators.lifetime.predict_cause_shares(today.features, estimators.n_steps)
    first = estimators.lifetime.causes_.index(CAUSES.index("voluntary") + 1)
    for row in range(0, len(today), 7):
        walked, before = 0.0, 1.0
        for step in range(place.business.snapshots.horizon // place.business.step_days):
            walked += (before - survival[row, step]) * shares[row, first, step]
            before = survival[row, step]
        assert part.iloc[row] == pytest.approx(walked, abs=1e-12)


def test_referrals_need_their_rule(place: Place, today: Dataset) -> None:
    with pytest.raises(ConfigError, match="referral"):
        lapse.referral_value(place.history, place.model.score(today))
