from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.features.latest import time_of_year
from lapse.models.ahead import Ahead, earliest_lapse_days
from lapse.models.lifetime import Lifetime
from lapse.models.spend import Spend

NAMES = ["term__days_to_end", "calendar__year_sin", "visit__count__30d", "calendar__year_cos"]


def test_other_names_leave_a_table_as_it_is() -> None:
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    Ahead.of(["a", "days_to_end", "calendar__year_sin", "customer__tenure_days"], 30).move(
        wide, np.array([1, 2, 3])
    )
    np.testing.assert_array_equal(wide, np.arange(12).reshape(3, 4))


def test_days_to_the_end_run_down_to_the_start_of_the_step() -> None:
    wide = np.array([[100, 0, 5, 1, 1], [100, 0, 5, 1, 4], [np.nan, 0, 5, 1, 4]], np.float32)
    Ahead.of(NAMES, 30).move(wide, np.array([1, 4, 4]))
    np.testing.assert_array_equal(wide[:, 0], [100, 10, np.nan])
    np.testing.assert_array_equal(wide[:, 2], 5)


def test_the_season_is_that_of_the_middle_of_the_step() -> None:
    day = np.arange(19_000, 19_700, 7, dtype=np.int32)
    sine, cosine = time_of_year(day)
    wide = np.column_stack([np.zeros_like(sine), sine, np.zeros_like(sine), cosine]).astype(np.float32)
    Ahead.of(NAMES, 30).move(wide, np.full(len(day), 9, np.int64))
    there = time_of_year((day + 8 * 30 + 15).astype(np.int32))
    np.testing.assert_allclose(wide[:, [1, 3]], np.column_stack(there), atol=0.02)


def test_a_hazard_at_the_end_of_a_term_is_found_in_its_step() -> None:
    """Half leave when their term ends, nobody at any other time."""
    rng = np.random.default_rng(0)
    left = rng.integers(1, 361, 4000)
    leaves = rng.random(4000) < 0.5
    X = pd.DataFrame({"term__days_to_end": left.astype(np.float64)})
    model = Lifetime(30, n_estimators=60, num_threads=1)
    model.fit(X, leaves, np.where(leaves, left, 361), np.full(4000, 361))
    hazard = model.predict_hazard(pd.DataFrame({"term__days_to_end": [45.0, 135.0, 315.0]}), 12)
    np.testing.assert_array_equal(hazard.argmax(axis=1), [1, 4, 10])
    assert (hazard.max(axis=1) > 0.35).all()
    assert (np.sort(hazard, axis=1)[:, :-1] < 0.1).all()


def test_a_term_paid_in_advance_is_spent_in_the_step_in_which_it_begins() -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(0, 360, 4000)
    spend = np.where(np.arange(12)[None, :] == (left // 30)[:, None], 290.0, 0.0)
    X = pd.DataFrame({"term__days_to_end": left.astype(np.float64)})
    model = Spend(30, n_estimators=60, num_threads=1).fit(X, spend)
    expected = model.predict(pd.DataFrame({"term__days_to_end": [45.0, 135.0, 315.0]}))
    np.testing.assert_array_equal(expected.argmax(axis=1), [1, 4, 10])
    assert (expected.max(axis=1) > 200).all()


def test_the_earliest_lapse_is_the_grace_behind_the_last_cover() -> None:
    frame = pd.DataFrame({"term__days_to_end": [9.0, -3.0, None, -20.0], "term__days_since_last": [1.0] * 4})
    assert earliest_lapse_days(frame, "term", 14).tolist() == [23.0, 11.0, 0.0, 0.0]
    assert earliest_lapse_days(frame.drop(columns="term__days_to_end"), "term", 14).tolist() == [13.0] * 4
    assert earliest_lapse_days(frame, "order", 14).tolist() == [0.0] * 4
