"""What is known ahead: features whose value at a later step follows from that at the snapshot.

In: the names of a matrix's columns, and rows of a snapshot and a step. Out: the same rows as they will stand
then: the days to the end of a term have run down to the start of the step (below 0 behind it), the season has
moved on to its middle. So a tree sees with one cut what would take a staircase in the snapshot's value and
the step: that a term ends in this step, that it will be December.

Columns are known by the grammar of features (:mod:`lapse.features.grammar`); a table with other names has
none of these, and nothing is changed. Tenure is left as at the snapshot: the latest steps were seen only of
those who joined early, and a tenure that grows would be extrapolated from them to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lapse.features.grammar import CALENDAR, Feature
from lapse.schema import Float32, Int64

_DAYS_A_YEAR = 365.25
_RUNS_DOWN = "__days_to_end"
_SEASON = (str(Feature(CALENDAR, "year_sin")), str(Feature(CALENDAR, "year_cos")))


@dataclass(frozen=True)
class Ahead:
    """Which columns move with the steps.

    Attributes
    ----------
    step_days : int
    running_down : tuple of int
        Positions of columns that lose a day each day.
    season : tuple of int
        Positions of the sine and the cosine of the time of year; empty without both.
    """

    step_days: int
    running_down: tuple[int, ...]
    season: tuple[int, ...]

    @classmethod
    def of(cls, names: Sequence[str], step_days: int) -> Self:
        """Find the columns that move.

        Examples
        --------
        >>> Ahead.of(["visit__count__30d", "term__days_to_end"], 30).running_down
        (1,)
        """
        where = {name: position for position, name in enumerate(names)}
        return cls(
            step_days,
            tuple(where[name] for name in where if name.endswith(_RUNS_DOWN)),
            tuple(where[name] for name in _SEASON) if all(name in where for name in _SEASON) else (),
        )

    def move(self, wide: Float32, step: Int64) -> None:
        """Move rows from their snapshot to their step, in place.

        Parameters
        ----------
        wide : float32, shape (m, at least n_features)
            As at the snapshot; missing values stay missing.
        step : int64, shape (m,)
            From 1; in step 1 nothing moves but the season.
        """
        days = (self.step_days * (step - 1)).astype(np.float32)
        for column in self.running_down:
            wide[:, column] -= days
        if self.season:
            angle = (days + self.step_days / 2) * np.float32(2 * np.pi / _DAYS_A_YEAR)
            sine, cosine = (wide[:, column].copy() for column in self.season)
            wide[:, self.season[0]] = sine * np.cos(angle) + cosine * np.sin(angle)
            wide[:, self.season[1]] = cosine * np.cos(angle) - sine * np.sin(angle)
