"""Person-time: from when to when each row of a table was watched, and how that ended.

In: events, durations and what may come with them, as array-likes. Out: :class:`PersonTime`, checked, from
which stretches of the calendar can be cut.

Refused (:class:`~lapse.errors.DataError`), all mistakes at once: other lengths, missing or infinite values,
a step that is no whole number of days, event codes below 0, between whole numbers or above
:data:`MOST_CODE`, durations below a day, more days than :data:`lapse.models.inputs.MOST`, entries below 0 or
not before the end, a follow-up shorter than the duration, weights of 0 or less, nobody who lapses, and steps
longer than everything that was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lapse.errors import DataError, Problem
from lapse.models import inputs
from lapse.models.inputs import TOO_LONG, Domain
from lapse.schema import Bool, Float64, Int64

_T = TypeVar("_T")

MOST_CODE = int(np.iinfo(np.int8).max)
"""Largest event code: what an int8 holds, as that of :class:`lapse.schema.Events` is."""

_A_CODE = Domain(
    lambda code: (code < 0) | (code > np.floor(code)),
    "0 (not lapsed) or the code of a cause",
    "another number",
)
_A_SMALL_CODE = Domain(
    lambda code: code > MOST_CODE,
    f"codes of at most {MOST_CODE}",
    "more",
    "0 where the customer had not lapsed, else 1, or 1, 2, ... for the cause; no ids or dates",
)
_A_DAY = Domain(lambda day: day < 1, "at least one day")
_NOT_BEFORE = Domain(lambda day: day < 0, "at least 0")


@dataclass(frozen=True)
class PersonTime:
    """What was seen of each row; times are days from its origin.

    Attributes
    ----------
    event : int64, shape (n,)
        0 where no lapse was seen, else the code of its cause.
    duration, entry : float64, shape (n,)
        Day of the lapse or of the last sight; day from which it was watched, before that.
    follow_up : float64, shape (n,), or None
        Day on which the data end, lapse or not.
    weight : float64, shape (n,)
        Of mean 1.
    entered_on : float64, shape (n,), or None
        Calendar day number of the entry.
    """

    event: Int64
    duration: Float64
    entry: Float64
    follow_up: Float64 | None
    weight: Float64
    entered_on: Float64 | None

    @property
    def lapsed(self) -> Bool:
        """Whether a lapse was seen, of any cause."""
        lapsed: Bool = self.event > 0
        return lapsed

    @property
    def calendar(self) -> tuple[float, float]:
        """First and last calendar day on which anybody was watched."""
        begins = self._entered_on
        return float(begins.min()), float((begins + self.duration - self.entry).max())

    def between(self, first: float, last: float) -> tuple[Int64, PersonTime]:
        """Return what was seen after one calendar day and up to another.

        Parameters
        ----------
        first, last : float
            Calendar day numbers. What happened after ``last`` is not known: lapses become censored.

        Returns
        -------
        rows : int64, shape (m,)
            Positions of those who were watched then.
        PersonTime
            Of these.
        """
        begins = self._entered_on
        shift = begins - self.entry
        entry = np.maximum(self.entry, first - shift)
        duration = np.minimum(self.duration, last - shift)
        rows: Int64 = np.flatnonzero(duration > entry)
        event = np.where(self.duration <= last - shift, self.event, 0)
        follow_up = None if self.follow_up is None else np.minimum(self.follow_up, last - shift)[rows]
        return rows, PersonTime(
            event[rows], duration[rows], entry[rows], follow_up, self.weight[rows], (shift + entry)[rows]
        )

    @property
    def _entered_on(self) -> Float64:
        if self.entered_on is None:
            raise ValueError("the calendar is not known without entered_on")
        return self.entered_on


def person_time(
    n: int,
    step_days: int,
    event: npt.ArrayLike,
    duration_days: npt.ArrayLike,
    follow_up_days: npt.ArrayLike | None = None,
    *,
    entry_days: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
    entered_on: npt.ArrayLike | None = None,
) -> PersonTime:
    """Check what :meth:`lapse.Lifetime.fit` is given.

    Parameters
    ----------
    n : int
        Rows of the table.
    step_days : int
    event, duration_days, follow_up_days, entry_days, sample_weight, entered_on
        As there.

    Raises
    ------
    DataError
        With all mistakes.

    Examples
    --------
    >>> person_time(2, 30, [1, 0], [40, 90], entry_days=[0, 30]).entry.tolist()
    [0.0, 30.0]
    """
    problems: list[Problem] = []

    def noted(found: tuple[_T, list[Problem]]) -> _T:
        problems.extend(found[1])
        return found[0]

    step = noted(inputs.tried(lambda: inputs.whole("step_days", step_days), 1))
    code = noted(inputs.checked("event", event, n, _A_CODE, _A_SMALL_CODE))
    # A duration that is wrong is NaN, and so less than nothing.
    duration = noted(inputs.checked("duration_days", duration_days, n, _A_DAY, TOO_LONG))
    entry, follow_up, weight, entered = np.zeros(n), None, np.ones(n), None
    if entry_days is not None:
        late = Domain(
            lambda day: (day >= duration) & (day <= inputs.MOST), "less than the duration", "as much or more"
        )
        entry = noted(inputs.checked("entry_days", entry_days, n, _NOT_BEFORE, late, TOO_LONG))
    if follow_up_days is not None:
        short = Domain(lambda day: day < duration, "at least the duration")
        follow_up = noted(inputs.checked("follow_up_days", follow_up_days, n, short, TOO_LONG))
    if sample_weight is not None:
        weight = noted(inputs.tried(lambda: inputs.weights(sample_weight, n), weight))
    if entered_on is not None:
        entered = noted(
            inputs.tried(lambda: inputs.days(entered_on, n, "entered_on").astype(np.float64), None)
        )
    if not problems:
        problems.extend(_nothing_to_learn(code, duration, step))
    if problems:
        raise DataError(problems)
    return PersonTime(code.astype(np.int64), duration, entry, follow_up, weight / weight.mean(), entered)


def _nothing_to_learn(code: Float64, duration: Float64, step_days: int) -> list[Problem]:
    found = []
    if not code.any():
        hint = "a longer history, or a shorter grace"
        found.append(Problem("outcomes", "event", "some customers who lapse", "all censored", hint))
    if step_days > duration.max():
        longest = f"at most the longest duration, {duration.max():g} days"
        hint = "shorter steps, or a longer history"
        found.append(Problem("lifetime", "step_days", longest, f"{step_days}", hint))
    return found
