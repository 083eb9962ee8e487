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
