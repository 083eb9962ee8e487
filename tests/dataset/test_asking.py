"""One call for training and scoring: the same rows and features either way."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import lapse
from lapse.schema import to_date
from tests.dataset.making import history_of, orders


def test_training_and_scoring_rows_of_one_date_are_the_same(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(150, 366, 15)) as history:
        data = lapse.snapshots(history)
        for day in (data.calendar.fit[0], data.calendar.test[-1]):
            scoring = lapse.snapshots(history, to_date(day), recipe=data.recipe)
            rows = data.take(data.day == day)
            pd.testing.assert_frame_equal(scoring.features, rows.features, check_categorical=False)
            pd.testing.assert_frame_equal(scoring.keys, rows.keys)
            assert len(scoring.excluded) == data.not_at_risk.get(day, 0)
            assert scoring.fingerprint == data.fingerprint == history.fingerprint
        assert sum(data.not_at_risk.values()) > 0


def test_of_one_history_the_labelled_dataset_and_any_date_have_the_same_features(tmp_path: Path) -> None:
    with history_of(tmp_path, orders(150, 366, 15)) as history:
        learned = lapse.snapshots(history).recipe.to_json()
        assert lapse.snapshots(history, "2024-12-31").recipe.to_json() == learned
