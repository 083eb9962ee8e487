"""Perturbed buckets keep what was known, change what was not, and stay valid."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.leaks.perturbation import CHANGES, empty_future, other_future
from lapse.leaks.sampling import choose_customers, sample
from lapse.schema import NEVER, Bucket, Events
from tests.leaks.honest import AS_OFS, asked, honest_bucket

EVERY = {**CHANGES, "all removed": empty_future, "all altered": other_future}


def known_rows(events: Events, as_of: int) -> list[tuple[object, ...]]:
    """All that may be seen at as_of of one kind's rows, in order."""
    rows = np.flatnonzero(events.known_day <= as_of)
    told = events.end_known_day[rows] <= as_of
    return list(
        zip(
            events.owner[rows].tolist(),
            events.day[rows].tolist(),
            events.known_day[rows].tolist(),
            np.where(told, events.end_day[rows], NEVER).tolist(),
            np.where(told, events.end_known_day[rows], NEVER).tolist(),
            np.where(told, events.cause[rows], 0).tolist(),
            np.nan_to_num(events.amount[rows], nan=-1.0).tolist(),
            events.time_us[rows].tolist(),
            *(column.take(pa.array(rows)).to_pylist() for column in events.attributes.values()),
            strict=True,
        )
    )


def known_profiles(bucket: Bucket, as_of: int) -> list[object]:
    return [
        value if day <= as_of else None
        for value, day in zip(
            bucket.profile.column("region").to_pylist(), bucket.profile_known_day, strict=True
        )
    ]


@pytest.mark.parametrize("name", EVERY)
@given(seed=st.integers(0, 10_000), as_of=st.integers(990, 1420))
@settings(deadline=None, max_examples=25)
def test_what_was_known_stays_as_it_was(name: str, seed: int, as_of: int):
    before = honest_bucket(seed, customers=4)
    after = EVERY[name](before, as_of, np.random.default_rng(seed))
    for kind, events in before.events.items():
        assert known_rows(after.events[kind], as_of) == known_rows(events, as_of)
        assert after.events[kind].offsets[0] == 0
        assert after.events[kind].offsets[-1] == len(after.events[kind])
        inside = np.diff(after.events[kind].owner) == 0
        assert np.all(np.diff(after.events[kind].time_us)[inside] >= 0)
        assert np.all(np.diff(after.events[kind].day)[inside] >= 0)
        assert np.all(after.events[kind].end_day >= after.events[kind].day)
    assert known_profiles(after, as_of) == known_profiles(before, as_of)


@pytest.mark.parametrize("name", EVERY)
def test_what_was_not_known_changes(name: str):
    before = honest_bucket()
    after = EVERY[name](before, AS_OFS[0], np.random.default_rng(0))
    everything = 10**6
    changed = {
        kind: known_rows(after.events[kind], everything) != known_rows(before.events[kind], everything)
        for kind in before.events
    }
    changed["profile"] = (
        after.profile.column("region").to_pylist() != before.profile.column("region").to_pylist()
    )
    expected = {
        "rows": ["order"],
        "ends": ["term"],
        "prof": ["profile"],
        "all ": ["order", "term", "profile"],
    }
    assert all(changed[part] for part in expected[name[:4]])


@pytest.mark.parametrize("name", ["ends known only later were altered", "all altered"])
def test_ends_and_causes_that_were_not_known_are_others(name: str):
    as_of = AS_OFS[0]
    before = honest_bucket().events["term"]
    after = EVERY[name](honest_bucket(), as_of, np.random.default_rng(0)).events["term"]
    seen = [np.flatnonzero(events.known_day <= as_of) for events in (before, after)]
    hidden = before.end_known_day[seen[0]] > as_of
    assert hidden.sum() > 20
    assert np.mean((before.end_day[seen[0]] != after.end_day[seen[1]])[hidden]) > 0.9
    assert np.all((before.cause[seen[0]] != after.cause[seen[1]])[hidden])
    told = after.end_known_day[seen[1]][hidden]
    assert np.all((told > as_of) & (told != NEVER))


def test_late_rows_are_among_those_added():
    before = honest_bucket()
    orders = CHANGES["rows known only later were added"](before, 1200, np.random.default_rng(0)).events[
        "order"
    ]
    assert len(orders) == len(before.events["order"]) + 2 * len(before)
    late = (orders.day <= 1200) & (orders.known_day > 1200)
    assert late.sum() > 10
    assert ((orders.day > 1200) & (orders.known_day > 1200)).sum() > 10


def test_a_column_with_one_value_becomes_null_and_an_empty_one_stays():
    from lapse.leaks.perturbation import _other_values

    rows, rng = np.array([True, False, True]), np.random.default_rng(0)
    assert _other_values(pa.array(["a", "a", None]), rows, rng).to_pylist() == [None, "a", "a"]
    assert _other_values(pa.nulls(3, pa.string()), rows, rng).to_pylist() == [None, None, None]
    assert _other_values(pa.array([True, True, False]), rows, rng).to_pylist() == [False, True, True]
    changed = _other_values(pa.array([1.5, 2.5, 3.5]), rows, rng).to_pylist()
    assert changed[0] != 1.5
    assert changed[1] == 2.5
    assert changed[2] != 3.5


def test_choosing_customers_keeps_their_rows():
    whole = honest_bucket()
    part = choose_customers(whole, np.array([3, 17]))
    assert part.customer_id.to_pylist() == [3, 17]
    for kind, events in whole.events.items():
        own = [row[1:] for row in known_rows(events, 10**6) if row[0] in (3, 17)]
        assert [row[1:] for row in known_rows(part.events[kind], 10**6)] == own
        assert len(part.events[kind].offsets) == 3


def test_a_sample_holds_whole_days_of_few_customers():
    whole = honest_bucket()
    part, rows = sample(whole, asked(whole, tuple(range(1100, 1200, 10))), n_customers=5, n_days=3, seed=1)
    assert len(part) == 5
    assert sorted(set(rows.day.tolist())) == [1100, 1140, 1190] or len(set(rows.day.tolist())) == 3
    assert len(rows) == 15
    assert np.all(np.diff(rows.customer) >= 0)
