"""Whose rows are judged where there are too many."""

from __future__ import annotations

import numpy as np
import pytest

import lapse
from lapse.jobs import judge
from tests.jobs.conftest import Place


def test_some_customers_are_judged_with_all_their_dates(shop: Place) -> None:
    test = lapse.snapshots(shop.history).test_part()
    assert judge.some_customers(test, len(test)) is test
    some = judge.some_customers(test, len(test) // 3)
    assert 0.15 < len(some) / len(test) < 0.5
    chosen = set(some.keys["customer_id"])
    assert len(some) == test.keys["customer_id"].isin(chosen).sum()
    more = judge.some_customers(test, len(test) // 2)
    assert chosen < set(more.keys["customer_id"])
    turned = judge.some_customers(test.take(np.arange(len(test))[::-1]), len(test) // 3)
    assert set(turned.keys["customer_id"]) == chosen


def test_the_evaluation_says_who_was_judged(shop: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lapse.snapshots(shop.history)
    monkeypatch.setattr(judge, "MOST_ROWS", 200)
    evaluation = judge.judge(data, shop.model.estimators).evaluation
    asked = evaluation.protocol
    assert asked.n < asked.n_all == len(data.test_part())
    assert asked.n_fit == asked.n_yardstick == len(data.fit_part())
    assert f"of {asked.n_all:,} rows" in str(evaluation)
    whole = shop.model.evaluation.protocol
    assert whole.n == whole.n_all


@pytest.mark.parametrize("place", ["shop", "gym"])
def test_curves_are_judged_by_what_the_test_dates_show(place: str, request: pytest.FixtureRequest) -> None:
    at: Place = request.getfixturevalue(place)
    test, evaluation = lapse.snapshots(at.history).test_part(), at.model.evaluation
    step, happened = at.business.step_days, test.labels
    follow_up = test.cut - test.day
    months = evaluation.lifetime_periods
    assert set(months["method"]) == {"lapse", "Kaplan-Meier"}
    assert (np.diff(months.loc[months["method"] == "lapse", "days"], prepend=0) <= 31).all()
    begin = 0
    for row in months[months["method"] == "lapse"].itertuples():
        inside = (happened.duration_days > begin) & (happened.duration_days <= row.days)
        watched = follow_up >= row.days
        assert (row.n, row.realised) == (watched.sum(), (watched & inside & (happened.event > 0)).sum())
        begin = row.days
    deciles = evaluation.lifetime_deciles
    means = deciles[(deciles["figure"] == "restricted_mean_days") & (deciles["method"] == "Kaplan-Meier")]
    limit = follow_up.min() // step * step
    assert means["days"].tolist() == [limit]
    assert means["observed"].iloc[0] == pytest.approx(np.minimum(happened.duration_days, limit).mean())
    assert 0 < means["predicted"].iloc[0] <= limit
