"""How much recent person-time to learn from, chosen by what it would have foretold.

In: person-time with its calendar. Out: :class:`Recent`, the window before the end of the data to learn from
and how many trees to grow on it.

The base hazard drifts: what happened long ago may mislead, and little data is noise. So the last three
stretches (of a year, or an eighth of the calendar where that is less) are foretold in turn from what was
known before each, with windows of 1, 2, 3, 5, 8, ... stretches and with all, each with a sixth, a third and
all of the trees. What counts is the log loss of the person-period rows of the three. Of the windows that are
not worse than the best by more than one standard error of their paired difference the longest is taken
(the rule of Breiman, Friedman, Olshen and Stone 1984): more is learned from unless less is clearly better.
What moves the hazard of a year moves it for all, so the rows of a stretch are not independent of each other:
the standard error is that between the three stretches, or between rows where that is larger.

No leak: what foretells a stretch is cut at its first day, lapses after it are not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import expit, xlog1py

from lapse.models import boosting
from lapse.models.ahead import Ahead
from lapse.models.encoding import Columns
from lapse.models.exposure import MIN_EVENTS, Exposure
from lapse.models.hazard import Rows, boost_hazard
from lapse.models.person_period import with_step
from lapse.models.person_time import PersonTime
from lapse.schema import Float64

ALL = float("inf")
"""The window that holds all person-time."""

MOST_ROWS = 200_000
"""Most person-period rows that a window is judged by, in each stretch, and that it learns from."""

_STRETCHES = (1, 2, 3, 5, 8, 13, 21, 34)
_N_HELD = 3
_LONGEST_STRETCH_DAYS = 365.0
_TREES = (6, 3, 1)


@dataclass(frozen=True)
class Recent:
    """What was chosen, and from what.

    Attributes
    ----------
    window_days : float
        Person-time of so many days before the end of the data is learned from; :data:`ALL` for all.
    n_estimators : int
    losses : tuple of (float, int, float)
        Window, trees and mean log loss of all that were tried; empty where there was too little to try.
    """

    window_days: float
    n_estimators: int
    losses: tuple[tuple[float, int, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it: no window for all person-time."""
        losses = [[_or_none(window), trees, loss] for window, trees, loss in self.losses]
        return {
            "window_days": _or_none(self.window_days),
            "n_estimators": self.n_estimators,
            "losses": losses,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` wrote."""
        losses = tuple((_or_all(window), trees, loss) for window, trees, loss in value["losses"])
        return cls(_or_all(value["window_days"]), value["n_estimators"], losses)


@dataclass(frozen=True)
class Learner:
    """What all windows share.

    Attributes
    ----------
    settings : Settings
        Of the hazard.
    columns : Columns
        Of the whole table.
    ahead : Ahead
    categorical : list of int
    step_days, max_rows : int
    """

    settings: boosting.Settings
    columns: Columns
    ahead: Ahead
    categorical: list[int]
    step_days: int
    max_rows: int

    def rows(self, person: PersonTime) -> Rows:
        """Return person-period rows, a sample where there are more than :data:`MOST_ROWS`."""
        most = min(self.max_rows, MOST_ROWS)
        return Rows.of(Exposure.of(person, self.step_days), most, self.settings.random_state)


def choose_recent(learner: Learner, person: PersonTime) -> Recent:
    """Choose the window and the number of trees.

    Parameters
    ----------
    learner : Learner
    person : PersonTime
        Of the table, with its calendar.
    """
    begin, end = person.calendar
    stretch = min(_LONGEST_STRETCH_DAYS, (end - begin) / 8)
    n_trees = learner.settings.n_estimators
    if stretch < learner.step_days:
        return Recent(ALL, n_trees, ())
    windows = [stretch * n for n in _STRETCHES if stretch * n < end - begin - stretch] + [ALL]
    trees = sorted({-(-n_trees // part) for part in _TREES})
    losses: dict[tuple[float, int], list[Float64]] = {(w, n): [] for w in windows for n in trees}
    for held in range(_N_HELD, 0, -1):
        for key, loss in _foretold(learner, person, end - held * stretch, stretch, windows, trees):
            losses[key].append(loss)
    known = {key: parts for key, parts in losses.items() if len(parts) == _N_HELD}
    return _chosen(known, n_trees)


def _foretold(
    learner: Learner,
    person: PersonTime,
    origin: float,
    stretch: float,
    windows: list[float],
    trees: list[int],
) -> Iterator[tuple[tuple[float, int], Float64]]:
    """Yield the losses of the rows of a stretch, by each window that has enough lapses."""
    at, later = person.between(origin, origin + stretch)
    held = learner.rows(later)
    if not len(held.label):
        return
    matrix = learner.columns.matrix(at[held.chosen])
    wide = with_step(matrix, held.snapshot, held.step, learner.ahead)
    for window in windows:
        before, earlier = person.between(origin - window, origin)
        rows = learner.rows(earlier)
        if rows.label.sum() < MIN_EVENTS:
            continue
        known = learner.columns.matrix(before[rows.chosen])
        boosters = boost_hazard(learner.settings, known, rows, learner.ahead, learner.categorical)
        for n in trees:
            raw = sum(
                booster.predict(
                    wide, raw_score=True, num_iteration=n, num_threads=learner.settings.num_threads
                )
                for booster in boosters
            )
            hazard = np.clip(expit(raw / len(boosters)), 1e-9, 1 - 1e-9)
            lost = np.where(held.label > 0, np.log(hazard), xlog1py(1.0 - held.label, -hazard))
            yield (window, n), -held.weight * lost


def _chosen(losses: dict[tuple[float, int], list[Float64]], n_trees: int) -> Recent:
    """Return the longest window that is not clearly worse than the best, with its own best trees.

    Parameters
    ----------
    losses : dict of (window, trees) to arrays
        One a stretch, of the same rows for all.
    n_trees : int
        Where there is nothing to choose from.
    """
    if not losses:
        return Recent(ALL, n_trees, ())
    total = {key: sum(float(part.sum()) for part in parts) for key, parts in losses.items()}
    best = min(total, key=lambda key: total[key])
    chosen = best
    for window in sorted({window for window, _ in losses}):
        own = min((key for key in losses if key[0] == window), key=lambda key: total[key])
        worse = [one - other for one, other in zip(losses[own], losses[best], strict=True)]
        if window > best[0] and total[own] - total[best] <= _standard_error(worse):
            chosen = own
    n_rows = sum(map(len, losses[best]))
    return Recent(*chosen, tuple((*key, value / n_rows) for key, value in total.items()))


def _standard_error(parts: list[Float64]) -> float:
    """Return that of the sum of all numbers: between the parts, or between numbers where that is larger."""
    every = np.concatenate(parts)
    between = np.sqrt(len(parts)) * np.std([part.sum() for part in parts], ddof=1)
    return float(max(between, np.sqrt(len(every)) * every.std()))


def _or_none(window: float) -> float | None:
    return None if window == ALL else window


def _or_all(window: float | None) -> float:
    return ALL if window is None else window
