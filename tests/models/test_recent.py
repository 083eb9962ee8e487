from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.models import boosting, recent
from lapse.models.ahead import Ahead
from lapse.models.encoding import Encoding
from lapse.models.lifetime import Lifetime
from lapse.models.person_time import PersonTime, person_time
from lapse.models.recent import ALL, Learner, Recent, choose_recent

STEP = 30
YEARS = 8


def drifting(
    hazards: list[float], n: int = 4_000, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return customers who come evenly over the years and leave with the hazard a day of the year."""
    rng = np.random.default_rng(seed)
    end = 365 * len(hazards)
    came = rng.integers(0, end - 40, n)
    daily = np.repeat(np.array(hazards) / STEP, 365)
    last = np.empty(n, np.int64)
    event = np.zeros(n, np.int64)
    for i in range(n):
        fate = np.flatnonzero(rng.random(end - came[i]) < daily[came[i] :])
        last[i] = came[i] + fate[0] + 1 if len(fate) else end
        event[i] = len(fate) > 0
    X = pd.DataFrame({"nothing": rng.normal(size=n)})
    return X, {"event": event, "duration_days": last - came, "entered_on": came}


def learner(X: pd.DataFrame, trees: int = 30) -> Learner:
    encoding = Encoding.fit(X)
    model = Lifetime(STEP, n_estimators=trees, num_threads=1)
    settings = boosting.Settings.of(model, "binary")
    return Learner(settings, encoding.columns(X), Ahead.of(encoding.names, STEP), [], STEP, 10**6)


def chosen(hazards: list[float]) -> Recent:
    X, seen = drifting(hazards)
    return choose_recent(learner(X), person_time(len(X), STEP, **seen))


def test_all_is_learned_from_where_nothing_drifts() -> None:
    assert chosen([0.03] * YEARS).window_days == ALL


def test_a_level_that_has_changed_is_learned_from_recent_years() -> None:
    found = chosen([0.12, 0.12, 0.12, 0.02, 0.02, 0.02, 0.02, 0.02])
    assert found.window_days <= 5 * 365
    assert {window for window, _, _ in found.losses} == {365.0, 730.0, 1095.0, 1825.0, ALL}


def test_what_foretells_is_cut_where_the_stretch_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    X, seen = drifting([0.03] * YEARS, n=800)
    asked: list[tuple[float, float]] = []
    between = PersonTime.between

    def noted(self: PersonTime, first: float, last: float) -> tuple[np.ndarray, PersonTime]:
        asked.append((first, last))
        return between(self, first, last)

    monkeypatch.setattr(PersonTime, "between", noted)
    person = person_time(len(X), STEP, **seen)
    choose_recent(learner(X, 6), person)
    end = person.calendar[1]
    origins = {end - 3 * 365, end - 2 * 365, end - 365}
    held = {pair for pair in asked if pair[0] in origins and pair[1] == pair[0] + 365}
    assert {first for first, _ in held} == origins
    assert all(last in origins for first, last in asked if (first, last) not in held)


def test_later_outcomes_do_not_move_what_foretells() -> None:
    """Whoever lapses after an origin is censored there, however it ends."""
    X, seen = drifting([0.03] * YEARS, n=800)
    person = person_time(len(X), STEP, **seen)
    origin = person.calendar[1] - 365
    known = person.between(-np.inf, origin)[1]
    later = seen["entered_on"] + seen["duration_days"] > origin
    changed = person_time(
        len(X),
        STEP,
        np.where(later, 1 - seen["event"], seen["event"]),
        seen["duration_days"],
        entered_on=seen["entered_on"],
    )
    for name in ("event", "duration", "entry"):
        np.testing.assert_array_equal(
            getattr(changed.between(-np.inf, origin)[1], name), getattr(known, name)
        )


def test_a_calendar_too_short_to_try_takes_all() -> None:
    X, seen = drifting([0.1], n=300)
    person = person_time(len(X), 60, **seen)
    found = choose_recent(Learner(**{**learner(X).__dict__, "step_days": 60}), person)
    assert found == Recent(ALL, 30, ())


def test_more_is_taken_unless_less_is_better_in_each_stretch() -> None:
    def losses(*by_stretch: float) -> list[np.ndarray]:
        return [np.full(100, loss) for loss in by_stretch]

    same = {(1.0, 5): losses(0.50, 0.51, 0.50), (2.0, 5): losses(0.52, 0.50, 0.51)}
    assert recent._chosen(same, 9).window_days == 2.0  # better twice, worse once
    clear = {(1.0, 5): losses(0.50, 0.51, 0.50), (2.0, 5): losses(0.52, 0.53, 0.51)}
    assert recent._chosen(clear, 9).window_days == 1.0
    assert recent._chosen({}, 9) == Recent(ALL, 9, ())


def test_json_keeps_it() -> None:
    kept = Recent(ALL, 7, ((365.0, 7, 0.25), (ALL, 3, 0.5)))
    assert Recent.from_json(kept.to_json()) == kept
