"""What a partition says of itself: what its numbers count, hindsight, categories new to the model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
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


def told_from_the_whole_table(file: Path, rows: int) -> tuple[dict[str, Any], list[str]]:
    """The totals and the first customers, by pandas over all rows, of a business that keeps causes apart."""
    table = pq.read_table(file, partitioning=None).to_pandas()
    scored = table[table["status"] == "scored"]
    at_risk = scored["clv"] * scored["churn_probability"]
    keep = scored["clv"] * scored["churn_probability_voluntary"]
    rank = keep if (keep > 0).any() else scored["churn_probability"]
    totals = {
        "rows": len(table),
        "scored": len(scored),
        "excluded": table["exclusion_reason"].value_counts().to_dict(),
        "expected_lapses": pytest.approx(scored["churn_probability"].sum(), rel=1e-12),
        "total_clv": pytest.approx(scored["clv"].sum(), rel=1e-12),
        "value_at_risk": pytest.approx(at_risk.sum(), rel=1e-12),
    }
    best = scored.loc[rank.sort_values(ascending=False, kind="stable").index[:rows]]
    return totals, [
        f"{row.customer_id} {row.churn_probability:.1%} {row.churn_probability_voluntary:.1%} "
        f"{row.remaining_lifetime_days:,.0f} {row.clv:,.0f}"
        for row in best.itertuples()
    ]


@pytest.mark.parametrize("step", [1.0, 0.25, 10.0])
def test_a_summary_of_many_row_groups_is_that_of_the_whole_table(
    gym: Place, model: Model, tmp_path: Path, step: float
) -> None:
    """Churn probability and CLV are rounded to steps, so that many customers tie."""
    file = score(gym.history, model, AS_OF, tmp_path)
    table, notes = pq.read_table(file, partitioning=None), Notes.read(file).metadata()
    frame = table.to_pandas()
    for name in ("churn_probability", "churn_probability_voluntary"):
        frame[name] = (frame[name] / step * 4).round() * step / 4
    frame["clv"] = (frame["clv"] / 500 / step).round() * 500 * step
    tied = pa.Table.from_pandas(frame, table.schema, preserve_index=False).replace_schema_metadata(notes)
    texts = []
    for size in (37, 10**6):
        pq.write_table(tied, file, row_group_size=size)
        document, text = summary(file, rows=25)
        totals, first = told_from_the_whole_table(file, 25)
        assert {name: document[name] for name in totals} == totals
        assert list(document["excluded"]) == list(totals["excluded"])
        shown = [" ".join(line.split()[:5]) for line in text.splitlines() if line[:1].isalnum()]
        assert [line for line in shown if line in first] == first
        texts.append(text)
    assert texts[0] == texts[1]


def first_ids(text: str, title: str, rows: int) -> list[str]:
    """The customers under a title, as they are printed."""
    body = text.split(f"{title}\n")[1].split("\n\n")[0].splitlines()[2:]
    return [line.split()[0] for line in body if not line.startswith(" ")][:rows]


def test_causes_kept_apart_rank_by_voluntary_lapses_and_the_title_says_so(
    gym: Place, model: Model, tmp_path: Path
) -> None:
    file = score(gym.history, model, AS_OF, tmp_path)
    scores = pq.read_table(file, partitioning=None).to_pandas()
    at_risk, keep = (
        scores.assign(by=scores["clv"] * scores[name]).sort_values("by", ascending=False, kind="stable")
        for name in ("churn_probability", "churn_probability_voluntary")
    )
    expected = keep["customer_id"].head(20).tolist()
    assert expected != at_risk["customer_id"].head(20).tolist()
    _, text = summary(file, 20)
    assert first_ids(text, "THE MOST VALUE AT RISK FROM VOLUNTARY LAPSES", 20) == expected


def test_without_causes_the_list_goes_by_all_lapses_as_ever(shop: Place, tmp_path: Path) -> None:
    file = score(shop.history, shop.model.asked_by(shop.business, name="m", version="1"), AS_OF, tmp_path)
    scores = pq.read_table(file, partitioning=None).to_pandas()
    by = scores["clv"] * scores["churn_probability"]
    expected = scores["customer_id"][by.sort_values(ascending=False, kind="stable").index[:20]]
    _, text = summary(file, 20)
    assert first_ids(text, "THE MOST VALUE AT RISK", 20) == expected.astype(str).tolist()
    assert "voluntary" not in text.lower()
    assert pq.read_schema(file).field("churn_probability_voluntary").type == pa.float64()
    assert scores["churn_probability_voluntary"].isna().all()


def test_a_summary_never_reads_the_whole_table(
    gym: Place, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = score(gym.history, model, AS_OF, tmp_path)
    table, notes = pq.read_table(file, partitioning=None), Notes.read(file).metadata()
    pq.write_table(table.replace_schema_metadata(notes), file, row_group_size=20)
    whole, read = pq.ParquetFile.read_row_group, list[int]()

    def counted(self: pq.ParquetFile, number: int, columns: list[str] | None = None) -> pa.Table:
        read.append(number if columns is None else -1)
        return whole(self, number, columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    monkeypatch.setattr(pq, "read_table", None)
    summary(file, rows=2)
    assert len([number for number in read if number >= 0]) <= 2 < len(read)


def test_nobody_scored_is_summed_up(gym: Place, model: Model, tmp_path: Path) -> None:
    file = score(gym.history, model, AS_OF, tmp_path)
    table, notes = pq.read_table(file, partitioning=None), Notes.read(file).metadata()
    gone = table.filter(pa.compute.field("status") == "excluded").replace_schema_metadata(notes)
    pq.write_table(gone, file)
    document, text = summary(file)
    assert (document["scored"], document["total_clv"], document["rows"]) == (0, 0.0, len(gone))
    assert text.startswith("0 customers scored; not scored: ")


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
