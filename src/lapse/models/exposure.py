"""Which steps of a life were seen: person-period rows counted, before any is written.

In: whether and after how many days each snapshot's customer lapsed, how long it could be followed, and where
it came under observation late, when. Out: how many steps of each were seen, who was at risk in each step and
who lapsed in it, and the last step of which enough is known.

Who comes under observation inside a step counts there for the part that was seen, unless it lapses in it.

Refused (:class:`~lapse.errors.DataError`): nobody who lapses in a step that was wholly seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.errors import DataError, Problem
from lapse.models.person_time import PersonTime
from lapse.schema import Bool, Float64, Int64

MIN_ROWS = 50
"""Fewest person-period rows at risk in the last step that counts as observed."""

MIN_EVENTS = 10
"""Fewest events in that step or after it."""


@dataclass(frozen=True)
class Exposure:
    """Of each row of a table, the steps that were seen.

    Attributes
    ----------
    first : int64, shape (n,)
        Steps that were over when it came under observation: 0 for most.
    last : int64, shape (n,)
        Last step that was seen; not after ``first`` where none was.
    missed : float64, shape (n,)
        Part of the step after ``first`` that was over by then, in [0, 1).
    part : float64, shape (n,)
        How much of the last step was seen, in (0, 1].
    ends : bool, shape (n,)
        Whether it lapsed in the last step.
    weight : float64, shape (n,)
    """

    first: Int64
    last: Int64
    missed: Float64
    part: Float64
    ends: Bool
    weight: Float64

    @classmethod
    def of(cls, person: PersonTime, step_days: int) -> Exposure:
        """Return the steps of a checked table.

        With a follow-up, a step that the end of the data cuts is left out for all who are at risk in it.
        Whoever was lost from sight before that counts, as without one, for the part that was seen.
        """
        duration, lapsed = person.duration, person.lapsed
        until = np.ceil(duration / step_days)
        part = np.where(lapsed, 1.0, duration / step_days - (until - 1))
        last = until
        if person.follow_up is not None:
            last = np.minimum(until, np.floor(person.follow_up / step_days))
            part = np.where(last < until, 1.0, part)
        first = np.floor(person.entry / step_days)
        missed: Float64 = person.entry / step_days - first
        steps = last.astype(np.int64)
        return cls(first.astype(np.int64), steps, missed, part, lapsed & (last == until), person.weight)

    @property
    def rows(self) -> Int64:
        """Person-period rows of each, int64 of shape (n,)."""
        rows: Int64 = np.maximum(self.last - self.first, 0)
        return rows

    def seen(self, snapshot: Int64, step: Int64) -> tuple[Bool, Float64]:
        """Return, of person-period rows, whether they are lapses, and their weights; both of shape (m,)."""
        last = step == self.last[snapshot]
        label: Bool = self.ends[snapshot] & last
        part = np.where(last, self.part[snapshot], 1.0)
        part -= np.where(step == self.first[snapshot] + 1, self.missed[snapshot], 0.0)
        return label, np.where(label, 1.0, part) * self.weight[snapshot]

    def counts(self) -> tuple[Float64, Float64]:
        """Return how many were at risk in each step, and how many lapsed in it, weighted.

        Returns
        -------
        at_risk, events : float64, shape (n_steps,)
            Both above 0 somewhere.

        Raises
        ------
        DataError
            If nobody lapses in a step that was wholly seen.
        """
        some = self.rows > 0
        n_steps = int(self.last[some].max(initial=0))
        if not (self.ends & some).any():
            hint = "a longer history, or shorter steps"
            wanted = "customers who lapse in a step that was wholly seen"
            raise DataError(Problem("outcomes", "event", wanted, "none", hint))

        def by_step(step: Int64, weight: Float64) -> Float64:
            return np.bincount(step, weights=weight, minlength=n_steps).astype(np.float64)

        last, first, weight = self.last[some] - 1, self.first[some], self.weight[some]
        whole = by_step(last, weight)
        longer = np.cumsum(whole[::-1])[::-1] - whole
        came_after = np.cumsum(by_step(first, weight)[::-1])[::-1] - by_step(first, weight)
        missed = np.where(self.ends[some] & (first == last), 0.0, self.missed[some])
        at_risk = (
            by_step(last, self.part[some] * weight) + longer - came_after - by_step(first, missed * weight)
        )
        ends = self.ends[some]
        return at_risk, by_step(last[ends], weight[ends])


def observed_steps(at_risk: Float64, events: Float64) -> int:
    """Return the last step that has enough rows, and enough events in it or after; at least 1."""
    enough = (at_risk >= MIN_ROWS) & (np.cumsum(events[::-1])[::-1] >= MIN_EVENTS)
    return int(np.flatnonzero(enough).max(initial=0)) + 1
