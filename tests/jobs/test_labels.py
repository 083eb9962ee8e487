"""Labels of rows: taken as they stand, or refused with all that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.dataset import Dataset
from lapse.demo import write_demo
from lapse.jobs.labels import labels_of


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    with lapse.read(lapse.load(write_demo("gym", tmp_path_factory.mktemp("gym"), n_customers=60))) as history:
        yield lapse.snapshots(history, "2024-10-31")


def test_lists_arrays_and_series_say_the_same(today: Dataset) -> None:
    given = ["odd" if row % 2 else "even" for row in range(len(today))]
    series = pd.Series(given)
    same = (
        given, tuple(given), np.array(given), pd.Index(given), pd.Categorical(given), series,
        series.set_axis(pd.Index(today.keys["customer_id"])),
    )  # fmt: skip
    for cohort in same:
        label, problems = labels_of(cohort, today)
        assert not problems, type(cohort)
        assert label.tolist() == given
        assert label.index.equals(today.keys.index)


def test_nobody_has_no_labels(today: Dataset) -> None:
    nobody = today.take(np.array([], np.int64))
    for cohort in (None, [], np.array([]), pd.Series([], dtype=str)):
        label, problems = labels_of(cohort, nobody)
        assert not problems
        assert len(label) == 0


@pytest.mark.parametrize(
    ("cohort", "told"),
    [
        ("customer__channel", "got 'customer__channel'"),
        (7, "got int"),
        ({"a": 1}, "got dict"),
        (np.zeros((3, 2)), r"got ndarray of shape \(3, 2\)"),
        (pd.DataFrame({"a": [1]}), r"got DataFrame of shape \(1, 1\)"),
        (["a", "b"], "got 2 labels, 0 of them missing"),
        ([None], "got 1 labels, 1 of them missing"),
    ],
)
def test_what_is_no_label_a_row_is_refused(today: Dataset, cohort: object, told: str) -> None:
    _, [problem] = labels_of(cohort, today)
    assert re.search(f"cohort: labels: expected one for each of .* rows, {told}", str(problem))


def test_labels_that_cannot_be_told_apart_are_refused(today: Dataset) -> None:
    _, [problem] = labels_of([["a"]] * len(today), today)
    assert f"tuples of them, got list ({len(today)} rows)" in str(problem)
