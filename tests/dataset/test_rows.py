"""A dataset's rows: the same whatever the buckets, each part with what belongs to it and no more."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.dataset import Dataset
from lapse.errors import DataError
from tests.dataset.making import history_of, orders


def sorted_by_key(data: Dataset) -> np.ndarray:
    return np.lexsort([data.keys["as_of"], data.keys["customer_id"]])


def test_any_number_of_buckets_gives_the_same_rows(tmp_path: Path) -> None:
    one = history_of(tmp_path, orders(150, 366, 15))
    with one, lapse.read(one.business, rows_per_bucket=500) as many:
        assert many.n_buckets > 5
        whole, joined = lapse.snapshots(one), lapse.snapshots(many)
        now, parts = lapse.snapshots(one, "2024-12-31"), lapse.snapshots(many, "2024-12-31")
    assert whole.not_at_risk == joined.not_at_risk
    whole, joined = (data.take(sorted_by_key(data)) for data in (whole, joined))
    now, parts = (data.take(sorted_by_key(data)) for data in (now, parts))
    for first, second in ((whole, joined), (now, parts)):
        pd.testing.assert_frame_equal(first.keys, second.keys)
        pd.testing.assert_frame_equal(first.features, second.features)
    for field in fields(whole.outcomes):
        for first, second in ((whole.outcomes, joined.outcomes), (whole.early, joined.early)):
            np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert whole.purchases is not None
    assert joined.purchases is not None
    np.testing.assert_array_equal(whole.purchases.T, joined.purchases.T)
    pd.testing.assert_series_equal(now.rung, parts.rung)
    pd.testing.assert_frame_equal(
        now.excluded.sort_values("customer_id", ignore_index=True),
        parts.excluded.sort_values("customer_id", ignore_index=True),
    )


def test_rows_are_taken_by_position_or_by_mask(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(60, 366, 15)) as history:
        for data in (lapse.snapshots(history), lapse.snapshots(history, "2024-12-31")):
            mask = np.arange(len(data)) % 3 == 0
            first, second = data.take(mask), data.take(np.flatnonzero(mask))
            assert type(first) is type(data)
            pd.testing.assert_frame_equal(first.keys, second.keys)
            assert first.keys["customer_id"].tolist() == data.keys["customer_id"][mask].tolist()
            assert len(first.features) == mask.sum()


def test_the_fit_part_knows_what_was_known_on_the_first_test_date(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(80, 366, 15)) as history:
        data = lapse.snapshots(history)
    assert data.early is not None
    learned, judged = data.fit_part(), data.test_part()
    assert learned.cut == data.calendar.test[0]
    assert judged.cut == data.cut
    assert learned.early is judged.early is None
    for part, mask, outcomes in ((learned, data.is_fit, data.early), (judged, data.is_test, data.outcomes)):
        assert 0 < len(part) == mask.sum() < len(data)
        pd.testing.assert_frame_equal(part.keys, data.keys[mask].reset_index(drop=True))
        for field in fields(outcomes):
            whole = getattr(outcomes, field.name)
            if field.name in ("margin", "event_cost", "paid"):  # one rate, no costs, orders alone
                assert whole is getattr(part.labels, field.name) is None
                continue
            expected = whole[mask]
            np.testing.assert_array_equal(getattr(part.labels, field.name), expected)
    assert not (data.is_fit & data.is_test).any()


def test_a_dataset_for_scoring_is_not_learned_from_and_a_labelled_one_not_scored(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(150, 366, 15)) as history:
        data, today = lapse.snapshots(history), lapse.snapshots(history, "2024-12-31")
    with pytest.raises(DataError, match="a labelled dataset") as refused:
        lapse.train(today)
    assert "snapshots(history)" in refused.value.problems[0].hint
    model = lapse.train(data)
    assert len(model.score(today)) == len(today) + len(today.excluded)
    with pytest.raises(DataError, match="labelled ones") as refused:
        model.score(data)
    assert "as_of" in refused.value.problems[0].hint
