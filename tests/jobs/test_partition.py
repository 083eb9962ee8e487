"""What a partition says of itself: what its numbers count, hindsight, categories new to the model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lapse
from lapse.jobs.customer import explain_customer
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes, summary
from lapse.jobs.score import score
from lapse.schema import SCORE_COLUMNS
from tests.jobs.conftest import Place

AS_OF = "2024-10-31"


@pytest.fixture(scope="module")
def model(gym: Place) -> Model:
    return gym.model.asked_by(gym.business, name="m", version="1")


def test_the_file_says_how_far_lifetime_counts_and_at_what_level(
    gym: Place, model: Model, tmp_path: Path
) -> None:
    file = score(gym.history, model, AS_OF, tmp_path)
    notes = Notes.read(file)
    assert notes.lifetime_limit_days == gym.business.value.limit
    assert notes.interval_level == 0.8
    document, text = summary(file)
    assert document["lifetime_limit_days"] == gym.business.value.limit
    assert f"counted up to {gym.business.value.limit:,} days ahead" in text
    assert "intervals are at 80 %" in text
    assert pq.read_table(file, partitioning=None).column_names == [
        name for name in SCORE_COLUMNS if name != "as_of"
    ]


def test_hindsight_begins_where_an_outcome_was_learned_and_is_said_to_machines(
    gym: Place, model: Model, tmp_path: Path
) -> None:
    learned = date.fromisoformat(model.facts["last_as_of"])
    horizon = pd.Timedelta(days=gym.business.snapshots.horizon)
    first_honest = (pd.Timestamp(learned) + horizon).date()
    before = (pd.Timestamp(first_honest) - pd.Timedelta(days=1)).date()
    assert Notes.of(model, first_honest, {}).warnings == ()
    (warning,) = Notes.of(model, before, {}).warnings
    assert str(first_honest) in warning
    assert "hindsight" in warning
    document, _ = summary(score(gym.history, model, AS_OF, tmp_path))
    assert document["hindsight_until"] == str(first_honest)
    assert any("hindsight" in one for one in document["warnings"])


def test_categories_that_training_never_saw_are_counted_and_not_refused(
    gym: Place, model: Model, tmp_path: Path
) -> None:
    place = tmp_path / "gym"
    shutil.copytree(gym.config.parent, place, ignore=shutil.ignore_patterns("ml*"))
    file = place / "data" / "members.parquet"
    table = pd.read_parquet(file)
    members = sorted(table["member_id"])[::7]
    table.assign(region=table["region"].mask(table["member_id"].isin(members), "moon")).to_parquet(file)
    business = lapse.load(place / gym.config.name)
    model = model.asked_by(business, name="m", version="1")
    with lapse.read(business, rows_per_bucket=3_000) as history:
        assert history.n_buckets > 1
        written = score(history, model, AS_OF, tmp_path / "scores")
        told = explain_customer(history, model, str(members[0]), AS_OF)
    scores = pq.read_table(written, partitioning=None).to_pandas()
    strange = scores[(scores["status"] == "scored") & scores["customer_id"].isin(members)]
    assert len(strange) > 10
    document, _ = summary(written)
    assert document["unknown_categories"] == {"customer__region": len(strange)}
    assert f"'customer__region': {len(strange):,} rows" in document["warnings"][-1]
    expected = {"customer__region": 1} if members[0] in set(strange["customer_id"]) else {}
    assert told.document()["unknown_categories"] == expected


def test_known_categories_are_no_finding(gym: Place, model: Model) -> None:
    today = lapse.snapshots(gym.history, AS_OF, recipe=model.recipe)
    assert model.unknown_categories(today) == {}
    assert model.unknown_categories(replace(today, features=today.features.iloc[:0])) == {}


def test_where_nobody_is_worth_anything_that_is_said_and_the_likeliest_stand_first(
    gym: Place, model: Model, tmp_path: Path
) -> None:
    file = score(gym.history, model, AS_OF, tmp_path)
    table = pq.read_table(file, partitioning=None)
    before, text = summary(file)
    assert "THE MOST VALUE AT RISK" in text
    assert not any("no value" in warning for warning in before["warnings"])
    place = table.column_names.index("clv")
    nothing = pa.array([None if one is None else 0.0 for one in table["clv"].to_pylist()], pa.float64())
    told = Notes.read(file).metadata()
    pq.write_table(table.set_column(place, "clv", nothing).replace_schema_metadata(told), file)
    document, text = summary(file)
    assert "no value to show" in document["warnings"][-1]
    assert "THE MOST VALUE AT RISK" not in text
    scores = table.to_pandas().sort_values("churn_probability", ascending=False)
    first = text.split("THE MOST LIKELY TO LAPSE")[1].splitlines()[3]
    assert first.split()[0] == str(scores["customer_id"].iloc[0])
