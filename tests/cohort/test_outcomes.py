"""The one rule against an oracle that walks day by day and reads like the rule itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.cohort.outcomes import at_risk, known_snapshots, outcomes_of
from lapse.history.spells import covers_of, spells_of
from lapse.schema import NEVER, Snapshots
from tests.building import bucket

N_DAYS = 60


def business(*, grace: int, has_end: bool, horizon: int = 20, step: int = 10) -> Any:
    """Return what outcomes read of a business, without a YAML."""
    return SimpleNamespace(
        source=Path("test.yaml"),
        churn=SimpleNamespace(event="cover", grace=grace),
        events={"cover": SimpleNamespace(has_end=has_end)},
        snapshots=SimpleNamespace(horizon=horizon),
        revenue_events=("cover",),
        value=SimpleNamespace(has_own_margins=False, event_costs={}),
        step_days=step,
    )


def random_covers(rng: np.random.Generator, n_customers: int, *, has_end: bool, mapped: bool) -> pd.DataFrame:
    """Return random covers; a tenth is known late, ends are open, known at the start or at a mapped day."""
    n = rng.poisson(3, n_customers)
    customer = np.repeat(np.arange(n_customers), n)
    day = rng.integers(0, N_DAYS, len(customer)).astype(np.int32)
    known = day + np.where(rng.random(len(day)) < 0.1, rng.integers(0, 15, len(day)), 0)
    frame = pd.DataFrame({"customer_id": customer, "day": day, "known_day": known.astype(np.int32)})
    frame["amount"] = rng.integers(-3, 10, len(day)).astype(float)
    if has_end:
        end = day + rng.integers(0, 25, len(day))
        open_end = rng.random(len(day)) < 0.1
        end_known = np.maximum(end + rng.integers(-10, 10, len(day)), known) if mapped else known
        frame["end_day"] = np.where(open_end, NEVER, end).astype(np.int32)
        frame["end_known_day"] = np.where(open_end, NEVER, end_known).astype(np.int32)
    frame["cause"] = rng.integers(0, 4, len(day)).astype(np.int8)
    return frame


def keeps(cover: Any, day: int, info: int, grace: int, has_end: bool) -> bool:
    """Return whether one cover keeps its customer at the end of ``day``, for who knows all by ``info``."""
    if cover.day > day or cover.known_day > info:
        return False
    end, end_known = (cover.end_day, cover.end_known_day) if has_end else (cover.day, cover.known_day)
    return end_known > day or end == NEVER or end + grace > day


def oracle(own: list[Any], t: int, until: int, grace: int, has_end: bool) -> int:
    """Return the first day after t on which no cover keeps the customer, or NEVER."""
    for day in range(t + 1, until + 1):
        if not any(keeps(cover, day, until, grace, has_end) for cover in own):
            return day
    return NEVER


@pytest.mark.parametrize(
    ("has_end", "mapped", "grace"),
    [(False, False, 1), (False, False, 7), (False, False, 20)]
    + [(True, mapped, grace) for mapped in (False, True) for grace in (0, 1, 7, 20)],
)
def test_at_risk_lapse_and_duration_equal_the_day_by_day_oracle(
    has_end: bool, mapped: bool, grace: int
) -> None:
    rng = np.random.default_rng([grace, has_end, mapped])
    n_customers, cut, days = 3_000, 50, (5, 17, 29, 41)
    frame = random_covers(rng, n_customers, has_end=has_end, mapped=mapped)
    shop, one = business(grace=grace, has_end=has_end), bucket(list(range(n_customers)), {"cover": frame})
    own: dict[int, list[Any]] = {c: [] for c in range(n_customers)}
    for cover in frame.itertuples():
        own[cover.customer_id].append(cover)

    known, reach = known_snapshots(shop, one, days)
    asked = at_risk(known, reach)
    expected_known = {(c, t) for c in own for t in days if any(e.known_day <= t for e in own[c])}
    assert set(zip(known.customer.tolist(), known.day.tolist(), strict=True)) == expected_known
    expected_risk = {(c, t) for c, t in expected_known if any(keeps(e, t, t, grace, has_end) for e in own[c])}
    assert set(zip(asked.customer.tolist(), asked.day.tolist(), strict=True)) == expected_risk
    assert len(expected_risk) > 300

    found = outcomes_of(shop, one, asked, cut, n_steps=3)
    for i, (c, t) in enumerate(zip(asked.customer, asked.day, strict=True)):
        label_end = min(t + 20, cut)
        assert found.lapsed[i] == (oracle(own[c], t, label_end, grace, has_end) != NEVER)
        lapse = oracle(own[c], t, cut, grace, has_end)
        assert found.duration_days[i] == min(lapse, cut) - t
        assert (found.event[i] > 0) == (lapse != NEVER)
        for k in range(3):
            first, last = t + 10 * k + 1, t + 10 * (k + 1)
            until = min(last, lapse)
            spent = sum(e.amount for e in own[c] if first <= e.day <= until and e.known_day <= cut)
            assert np.isnan(found.spend[i, k]) if last > cut else found.spend[i, k] == spent


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), has_end=st.booleans(), grace=st.integers(1, 20))
def test_a_label_is_final_on_the_day_its_horizon_ends(seed: int, has_end: bool, grace: int) -> None:
    rng = np.random.default_rng(seed)
    frame = random_covers(rng, 20, has_end=has_end, mapped=True)
    t, horizon = 20, 20
    later = (frame["day"] > t + horizon) | (frame["known_day"] > t + horizon)
    shop = business(grace=grace, has_end=has_end, horizon=horizon)
    changed = frame.copy()
    if has_end:
        unknown_end = (changed["end_known_day"] > t + horizon) & (changed["end_day"] != NEVER)
        changed.loc[unknown_end, "end_day"] = changed.loc[unknown_end, "end_day"] + 40
    changed = pd.concat(
        [changed[~later], random_covers(rng, 20, has_end=has_end, mapped=True).assign(known_day=55)]
    )
    whole, cut_off = (bucket(list(range(20)), {"cover": f}) for f in (frame, changed))
    known, reach = known_snapshots(shop, whole, (t,))
    asked = at_risk(known, reach)
    again = at_risk(*known_snapshots(shop, cut_off, (t,)))
    assert asked.customer.tolist() == again.customer.tolist()
    first = outcomes_of(shop, whole, asked, 50, 1)
    second = outcomes_of(shop, cut_off, asked, 50, 1)
    np.testing.assert_array_equal(first.lapsed, second.lapsed)


def test_causes_come_from_the_cover_that_ends_the_spell() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "day": [0, 10, 0],
            "end_day": [10, 20, 15],
            "end_known_day": [0, 10, 0],
            "cause": [1, 2, 0],
        }
    )
    shop = business(grace=5, has_end=True)
    found = outcomes_of(
        shop,
        bucket(["a", "b"], {"cover": frame}),
        Snapshots(np.array([0, 1]), np.array([5, 5], np.int32)),
        50,
        1,
    )
    assert found.event.tolist() == [2, 3]
    assert found.duration_days.tolist() == [20, 15]


def test_spells_join_covers_without_a_gap_longer_than_grace() -> None:
    frame = pd.DataFrame({"customer_id": ["a"] * 4 + ["b"], "day": [0, 10, 21, 40, 45]})
    shop = business(grace=10, has_end=False)
    covers = covers_of(shop, bucket(["a", "b"], {"cover": frame}))
    customer, start, lapse = spells_of(covers, until=49)
    assert customer.tolist() == [0, 0, 0, 1]
    assert start.tolist() == [0, 21, 40, 45]
    assert lapse.tolist() == [20, 31, NEVER, NEVER]


def test_a_booked_term_keeps_nobody_before_it_begins() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["a"], "day": [30], "known_day": [5], "end_day": [60], "end_known_day": [5]}
    )
    shop, one = business(grace=0, has_end=True), bucket(["a"], {"cover": frame})
    known, reach = known_snapshots(shop, one, (10, 30))
    assert known.day.tolist() == [10, 30]
    assert at_risk(known, reach).day.tolist() == [30]
