from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.models.exposure import Exposure
from lapse.models.hazard import Rows
from lapse.models.person_time import person_time

STEP = 10


def slow(
    event: int, duration: int, entry: int, follow_up: int | None, weight: float
) -> list[tuple[int, float, float]]:
    """Return (step, label, weight) of the person-period rows of one, day by day."""
    found = []
    for step in range(1, 40):
        begins, ends = STEP * (step - 1), STEP * step
        if follow_up is not None and ends > follow_up:
            break  # the data cut this step for all
        lapses = event > 0 and begins < duration <= ends
        days = sum(1 for day in range(begins + 1, ends + 1) if entry < day <= duration)
        if not days:
            continue
        found.append((step, float(lapses), weight * (1.0 if lapses else days / STEP)))
    return found


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_rows_and_counts_are_those_of_a_log_by_day(seed: int, known_end: bool, late: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 8
    event, duration = rng.integers(0, 3, n), rng.integers(1, 80, n)
    event[0], duration[0] = 1, 30
    follow_up = duration + np.where(rng.random(n) < 0.7, rng.integers(0, 30, n), 0)  # some are lost before
    follow_up[0] = 60
    entry = np.array([rng.integers(0, end) if late else 0 for end in duration])
    weight = rng.integers(1, 4, n).astype(float)
    person = person_time(
        n,
        STEP,
        event,
        duration,
        follow_up if known_end else None,
        entry_days=entry,
        sample_weight=weight,
    )
    exposure = Exposure.of(person, STEP)
    expected = {
        (i, step): (label, w)
        for i in range(n)
        for step, label, w in slow(
            event[i], duration[i], entry[i], follow_up[i] if known_end else None, weight[i] / weight.mean()
        )
    }
    rows = Rows.of(exposure, 10**6, 0)
    found = {
        (int(rows.chosen[s]), int(step)): (label, w)
        for s, step, label, w in zip(rows.snapshot, rows.step, rows.label, rows.weight, strict=True)
    }
    assert found.keys() == expected.keys()
    for key, (label, w) in expected.items():
        assert found[key] == (label, pytest.approx(w))
    at_risk, events = exposure.counts()
    for step in range(1, len(at_risk) + 1):
        own = [pair for key, pair in expected.items() if key[1] == step]
        assert at_risk[step - 1] == pytest.approx(sum(w for _, w in own))
        assert events[step - 1] == pytest.approx(sum(w for label, w in own if label))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_a_life_in_several_rows_counts_as_one(seed: int, known_end: bool) -> None:
    """Features that change are rows one after the other: each is censored where the next one begins."""
    rng = np.random.default_rng(seed)
    n = 20
    event, duration = rng.integers(0, 2, n), rng.integers(STEP + 1, 9 * STEP, n)
    event[0], duration[0] = 1, 3 * STEP
    follow_up = duration + rng.integers(0, 30, n)
    follow_up[0] = 4 * STEP
    cut = STEP * np.array([rng.integers(1, -(-int(end) // STEP)) for end in duration])
    whole = person_time(n, STEP, event, duration, follow_up if known_end else None)
    parts = person_time(
        2 * n,
        STEP,
        np.concatenate([np.zeros(n), event]),
        np.concatenate([cut, duration]),
        np.tile(follow_up, 2) if known_end else None,
        entry_days=np.concatenate([np.zeros(n), cut]),
    )
    for one, other in zip(Exposure.of(whole, STEP).counts(), Exposure.of(parts, STEP).counts(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
