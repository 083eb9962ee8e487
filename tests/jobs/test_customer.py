"""One customer looked up: the same row as in the score table, with its history beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import lapse
from lapse.dataset import Unlabelled, bucket_parts
from lapse.errors import ConfigError, DataError
from lapse.features import Recipe
from lapse.history import History
from lapse.jobs import customer as looking
from lapse.jobs.customer import explain_customer, require_page, write_page
from lapse.schema import Bucket, to_date
from tests.jobs.conftest import Place

AS_OF = "2024-10-31"


@pytest.fixture(scope="module")
def parts(shop: Place) -> Iterator[History]:
    with lapse.read(shop.business, rows_per_bucket=1_500) as history:
        assert history.n_buckets > 3
        yield history


def test_without_an_id_it_is_the_most_value_at_risk_of_all_buckets(shop: Place, parts: History) -> None:
    today = lapse.snapshots(shop.history, AS_OF, recipe=shop.model.recipe)
    scores = shop.model.score(today)
    at_risk = (scores["clv"] * scores["churn_probability"]).idxmax()
    told = explain_customer(parts, shop.model, as_of=AS_OF)
    assert told.scores["customer_id"] == scores["customer_id"][at_risk]
    assert told.document()["clv"] == pytest.approx(scores["clv"][at_risk])


def test_where_causes_are_kept_apart_it_is_the_most_from_voluntary_lapses(gym: Place) -> None:
    """Under a model that takes the causes in reverse, so that few lapses are voluntary."""
    lifetime = copy(gym.model.estimators.lifetime)
    lifetime.shares_ = replace(lifetime.shares_, causes=lifetime.causes_[::-1])
    model = replace(gym.model, estimators=replace(gym.model.estimators, lifetime=lifetime))
    scores = model.score(lapse.snapshots(gym.history, AS_OF, recipe=model.recipe))
    first = scores.loc[(scores["clv"] * scores["churn_probability_voluntary"]).idxmax()]
    part = first["churn_probability_voluntary"]
    told = explain_customer(gym.history, model, as_of=AS_OF)
    assert told.scores["customer_id"] == first["customer_id"]
    share = f"{part / first['churn_probability']:.0%}"
    assert f"{share} ({part:.1%}): the part that an offer may keep" in told.text
    assert f"{share} of it voluntary" in told.page()
    assert told.document()["churn_probability_voluntary"] == pytest.approx(part)


def test_where_they_are_not_nothing_is_said_of_causes(shop: Place, parts: History) -> None:
    told = explain_customer(parts, shop.model, as_of=AS_OF)
    assert "voluntary" not in told.text
    assert "voluntary" not in told.page()
    assert told.document()["churn_probability_voluntary"] is None


def test_what_lifetime_counts_and_at_what_level_is_said(shop: Place, parts: History) -> None:
    told = explain_customer(parts, shop.model, as_of=AS_OF)
    limit = shop.business.value.limit
    assert f"counted up to {limit:,} days ahead" in " ".join(str(told).split())
    assert told.document()["lifetime_limit_days"] == limit
    assert told.document()["interval_level"] == 0.8


def test_every_customer_is_found_scored_or_excluded(shop: Place, parts: History) -> None:
    today = lapse.snapshots(shop.history, AS_OF, recipe=shop.model.recipe)
    for status, ids in (("scored", today.keys), ("excluded", today.excluded)):
        for one in ids["customer_id"].iloc[:: max(1, len(ids) // 4)]:
            told = explain_customer(parts, shop.model, str(one), AS_OF)
            assert (told.scores["customer_id"], told.scores["status"]) == (one, status)


def test_it_is_the_row_of_the_score_table(shop: Place, parts: History) -> None:
    today = lapse.snapshots(shop.history, AS_OF, recipe=shop.model.recipe)
    scores = shop.model.score(today)
    for place in (0, len(scores) // 2, len(scores) - 1):
        row = scores.iloc[place]
        told = explain_customer(parts, shop.model, str(row["customer_id"]), AS_OF).scores
        if row["status"] == "scored":
            pd.testing.assert_series_equal(pd.Series(told)[row.index], row, check_names=False, rtol=1e-9)


def test_features_are_computed_for_the_customer_alone(
    shop: Place, parts: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(history: History, bucket: Bucket, day: int, recipe: Recipe) -> Iterator[Unlabelled]:
        asked.append(len(bucket))
        return bucket_parts(history, bucket, day, recipe)

    monkeypatch.setattr(looking, "bucket_parts", counted)
    explain_customer(parts, shop.model, ids(parts)[0], AS_OF)
    assert asked == [1]


def test_the_account_is_that_of_the_customer(shop: Place, parts: History) -> None:
    told = explain_customer(parts, shop.model, as_of=AS_OF)
    account = told.account
    assert account.scored is not None
    assert account.customer_id == told.scores["customer_id"]
    assert account.scored.added_up in told.text
    assert account.scored.added_up in told.page()
    assert 1 - account.scored.survival[horizon_steps(shop) - 1] == pytest.approx(
        told.scores["churn_probability"]
    )
    assert [step.rung for step in account.rungs][-1] == told.scores["rung"]
    document = json.loads(json.dumps(told.document(), default=str))
    assert document["account"]["rungs"][-1]["rung"] == told.scores["rung"]
    assert document["account"]["survival"][0] == account.scored.survival[0]
    assert f"Customer {account.customer_id}" in told.page()


def test_tiers_do_not_depend_on_the_number_of_buckets(shop: Place, parts: History) -> None:
    one = explain_customer(parts, shop.model, as_of=AS_OF).account.tiers
    assert one
    assert explain_customer(shop.history, shop.model, as_of=AS_OF).account.tiers == one


def test_nobody_of_that_id_is_refused_with_the_nearest_ones(shop: Place, parts: History) -> None:
    somebody = ids(parts)[0]
    with pytest.raises(DataError, match=f"customer '{somebody}x'.*got nobody") as refused:
        explain_customer(parts, shop.model, f"{somebody}x", AS_OF)
    hint = refused.value.problems[0].hint
    assert hint.startswith("ids are whole numbers in these tables; near it: ")
    assert somebody in hint
    with pytest.raises(DataError, match="customer '§'") as refused:
        explain_customer(parts, shop.model, "§", AS_OF)
    assert refused.value.problems[0].hint == "ids are whole numbers in these tables"
    with pytest.raises(DataError) as refused:
        explain_customer(parts, shop.model, f"{somebody}0", AS_OF)
    assert refused.value.problems[0].hint.startswith("near it: "), "it is a number, though nobody's"


def test_texts_are_ids_where_ids_are_texts(gym: Place) -> None:
    with pytest.raises(DataError) as refused:
        explain_customer(gym.history, gym.model, "§", AS_OF)
    assert refused.value.problems[0].hint == ""


def test_a_customer_known_only_later_is_refused_and_no_hint_either(shop: Place, parts: History) -> None:
    first = {
        str(b.customer_id[i].as_py()): int(b.known_day[i]) for b in parts.buckets() for i in range(len(b))
    }
    later = max(first, key=first.__getitem__)
    day = first[later]
    earlier = to_date(day - 1)
    with pytest.raises(DataError, match=f"one known from {to_date(day)} on"):
        explain_customer(parts, shop.model, later, earlier)
    assert explain_customer(parts, shop.model, later, to_date(day)).account.customer_id is not None
    with pytest.raises(DataError) as refused:
        explain_customer(parts, shop.model, f"{later}x", earlier)
    assert later not in refused.value.problems[0].hint.partition("near it: ")[2].split(", ")


def test_a_page_is_written_whole_or_refused_before_the_work(
    shop: Place, parts: History, tmp_path: Path
) -> None:
    record = explain_customer(parts, shop.model, as_of=AS_OF)
    file = tmp_path / "new" / "customer.html"
    require_page(file)
    assert not file.parent.exists()
    assert write_page(record, file).read_text(encoding="utf-8") == record.page()
    assert [one.name for one in file.parent.iterdir()] == ["customer.html"]
    with pytest.raises(ConfigError, match="which is a folder"):
        require_page(tmp_path)
    with pytest.raises(ConfigError, match="--page"):
        require_page(file / "below_a_file.html")


def ids(history: History) -> list[str]:
    return [str(one) for one in history.bucket(0).customer_id.to_pylist()]


def horizon_steps(shop: Place) -> int:
    return shop.business.snapshots.horizon // shop.business.step_days
