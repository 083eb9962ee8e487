"""One customer looked up: the same row as in the score table, found without reading on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

import lapse
from lapse.errors import DataError
from lapse.history import History
from lapse.jobs import customer as looking
from lapse.jobs.customer import explain_customer
from lapse.schema import to_day
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


def test_buckets_behind_the_customer_are_not_read(
    shop: Place, parts: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(*arguments: object) -> Iterator[object]:
        for number, part in enumerate(scoring_parts(*arguments)):
            read.append(number)
            yield part

    scoring_parts = looking.scoring_parts
    monkeypatch.setattr(looking, "scoring_parts", counted)
    somebody = next(scoring_parts(parts, to_day(date.fromisoformat(AS_OF)), shop.model.recipe)).keys
    explain_customer(parts, shop.model, str(somebody["customer_id"].iloc[0]), AS_OF)
    assert read == [0]


def test_nobody_of_that_id_is_refused(shop: Place, parts: History) -> None:
    with pytest.raises(DataError, match="customer 'nobody'"):
        explain_customer(parts, shop.model, "nobody", AS_OF)
