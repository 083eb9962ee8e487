"""The rows of the training benchmark are the same whichever way they are read, and models learn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.training_rows import N_FEATURES, categorical, dataset, features, lapsed, matrix, write

from benchmarks import training
from lapse.models.encoding import Encoding

ROWS = 4_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rows")
    write(place, ROWS, seed=0)
    return place


def test_frame_and_matrix_hold_the_same(folder: Path) -> None:
    frame = features(folder)
    encoding = Encoding.fit(frame)
    assert frame.shape == (ROWS, N_FEATURES)
    assert encoding.categorical == categorical()
    np.testing.assert_array_equal(encoding.encode(frame), matrix(folder))


def test_rows_are_a_labelled_dataset(folder: Path) -> None:
    data = dataset(folder)
    np.testing.assert_array_equal(data.labels.lapsed, lapsed(folder))
    assert 0.1 < data.labels.lapsed.mean() < 0.2
    fit = data.fit_part()
    assert (fit.day + fit.labels.duration_days <= data.calendar.test[0]).all()
    assert np.isnan(fit.labels.spend).any()


def test_other_rows_of_the_same_world(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, ROWS, seed=1)
    assert not np.array_equal(matrix(tmp_path), matrix(folder), equal_nan=True)
    share = [lapsed(place).mean() for place in (folder, tmp_path)]
    assert share[0] == pytest.approx(share[1], abs=0.03)
    training.defection_way(str(folder))()
    training.booster_way(str(folder))()
    assert training._unseen(folder, tmp_path).startswith(
        "log loss on 4,000 rows of other customers: lapse 0.3"
    )
