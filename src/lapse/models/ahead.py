"""What is known ahead: features whose value at a later step follows from that at the snapshot.

In: the names of a matrix's columns, and rows of a snapshot and a step. Out: how long it is sure that nobody
lapses (:func:`earliest_lapse_days`); and the same rows as they will stand at the step: the days to the end of
a term have run down to the start of the step (below 0 behind it), the season has moved on to its middle. So a
tree sees with one cut what would take a staircase in the snapshot's value and the step: that a term ends in
this step, that it will be December.

Columns are known by the grammar of features (:mod:`lapse.features.grammar`); a table with other names has
none of these, and nothing is changed. Tenure is left as at the snapshot: the latest steps were seen only of
those who joined early, and a tenure that grows would be extrapolated from them to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from lapse.features.grammar import CALENDAR, Feature
from lapse.schema import Float32, Float64, Int64

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


def earliest_lapse_days(features: pd.DataFrame, churn_event: str, grace: int) -> Float64:
    """Return in how many days each customer lapses if nothing more happens, which is the earliest it can.

    That is the grace behind the last end of a term, or behind the last order. Where a term is open, nobody
    knows: it may end tomorrow, and have ended before.

    Parameters
    ----------
    features : DataFrame, shape (n, n_features)
    churn_event : str
        The event that keeps a customer.
    grace : int
        Days.

    Returns
    -------
    float64, shape (n,)
        At least 0, and 0 where it is not known, as in a table whose columns are not ours.

    Examples
    --------
    >>> earliest_lapse_days(pd.DataFrame({"order__days_since_last": [3.0, 59.0, None]}), "order", 60).tolist()
    [57.0, 1.0, 0.0]
    """
    to_end, since_last = (str(Feature(churn_event, stat)) for stat in ("days_to_end", "days_since_last"))
    if to_end in features:
        days = features[to_end].to_numpy(np.float64) + grace
    elif since_last in features:
        days = grace - features[since_last].to_numpy(np.float64)
    else:
        days = np.zeros(len(features))
    earliest: Float64 = np.maximum(np.nan_to_num(days, nan=0.0), 0.0)
    return earliest
