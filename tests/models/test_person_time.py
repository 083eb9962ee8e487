from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.errors import DataError
from lapse.models.person_time import person_time


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(DataError) as caught:
        person_time(
            4,
            30,
            [0, -1, 1.5, np.nan],
            [40, -3, 50, np.nan],
            [40, 20, 10, 5],
            entry_days=[-1, 0, 50, np.inf],
            sample_weight=[1, 0, np.nan, -2],
            entered_on=["2024-01-01", "noon", "2024-01-03", "2024-01-03"],
        )
    said = [str(problem).removeprefix("outcomes: ") for problem in caught.value.problems]
    assert said[:-1] == [
        "event: expected finite numbers, got missing or infinite ones (1 row); first: row 3",
        "event: expected 0 (not lapsed) or the code of a cause, got another number (2 rows); "
        "first: row 1: -1",
        "duration_days: expected finite numbers, got missing or infinite ones (1 row); first: row 3",
        "duration_days: expected at least one day, got less (1 row); first: row 1: -3",
        "entry_days: expected finite numbers, got missing or infinite ones (1 row); first: row 3",
        "entry_days: expected at least 0, got less (1 row); first: row 0: -1",
        "entry_days: expected less than the duration, got as much or more (1 row); first: row 2: 50",
        "follow_up_days: expected at least the duration, got less (1 row); first: row 2: 10",
        "sample_weight: expected finite numbers, got missing or infinite ones (1 row); first: row 2",
        "sample_weight: expected weights above 0, got 0 or less (2 rows); first: row 1: 0",
    ]
    assert said[-1].startswith("entered_on: expected dates")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entry_days": [0, 40, 0]}, "less than the duration, got as much or more .1 row.; first: row 1: 40"),
        ({"entry_days": [0, 60, 0]}, "less than the duration"),
        ({"entry_days": [0, np.nan, 0]}, "finite"),
        ({"event": [0, 0, 0]}, "some customers who lapse, got all censored"),
        ({"step_days": 51}, "at most the longest duration, 50 days, got 51"),
        ({"follow_up_days": [60, 39, 60]}, "at least the duration, got less .1 row.; first: row 1: 39"),
        ({"sample_weight": [1, 2]}, "one value a row"),
    ],
)
def test_each_mistake(change: dict[str, object], message: str) -> None:
    given_: dict[str, object] = {"n": 3, "step_days": 30, "event": [1, 0, 2], "duration_days": [30, 40, 50]}
    with pytest.raises(DataError, match=message):
        person_time(**(given_ | change))  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("name", ["duration_days", "follow_up_days", "entry_days"])
@pytest.mark.parametrize("day", [100_001.0, 86_400.0 * 40, 1e12, 1e300])
def test_more_days_than_anybody_lives_are_refused(name: str, day: float) -> None:
    given_ = {"duration_days": [40.0, 40.0], "follow_up_days": [60.0, 60.0], "entry_days": [0.0, 0.0]}
    given_[name] = [given_[name][0], day]
    if name == "duration_days":
        del given_["follow_up_days"]
    with pytest.raises(DataError) as caught:
        person_time(2, 30, [1, 0], **given_)
    [problem] = caught.value.problems
    assert (problem.what, problem.expected) == (name, "days, at most 100,000")
    assert (problem.count, problem.example, problem.hint) == (1, f"row 1: {day:g}", "are these days?")


def test_the_longest_life_is_taken() -> None:
    assert person_time(2, 30, [127, 0], [100_000, 1], [100_000, 2]).duration.tolist() == [100_000, 1]


@pytest.mark.parametrize("code", [128, 1e6, 1e19])
def test_a_code_that_is_none_is_refused(code: float) -> None:
    with pytest.raises(DataError) as caught:
        person_time(2, 30, [1, code], [40, 50])
    [problem] = caught.value.problems
    assert (problem.what, problem.expected, problem.example) == (
        "event", "codes of at most 127", f"row 1: {code:g}",
    )  # fmt: skip


def test_weights_have_a_mean_of_one() -> None:
    found = person_time(2, 30, [1, 0], [40, 50], sample_weight=[1, 3])
    assert found.weight.tolist() == [0.5, 1.5]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 400), st.integers(1, 300))
def test_between_is_what_a_day_by_day_log_says(seed: int, first: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    duration = rng.integers(1, 300, n)
    entry = np.array([rng.integers(0, end) for end in duration])
    on = rng.integers(0, 400, n)
    event = rng.integers(0, 3, n)
    event[0] = 1
    whole = person_time(n, 1, event, duration, duration + 20, entry_days=entry, entered_on=on)
    rows, part = whole.between(first, first + length)
    for position in range(n):
        # a row is watched on the calendar days after its entry, up to the day of its end
        days = [on[position] + k for k in range(1, duration[position] - entry[position] + 1)]
        inside = [day for day in days if first < day <= first + length]
        assert (position in rows) == bool(inside)
        if inside:
            at = rows.tolist().index(position)
            assert part.duration[at] - part.entry[at] == len(inside)
            assert part.entered_on is not None
            assert part.entered_on[at] == inside[0] - 1
            assert part.event[at] == (event[position] if days[-1] <= first + length else 0)
            assert part.follow_up is not None
            assert part.follow_up[at] <= duration[position] + 20


def test_without_a_calendar_nothing_can_be_cut() -> None:
    with pytest.raises(ValueError, match="entered_on"):
        person_time(1, 30, [1], [40]).between(0, 10)
