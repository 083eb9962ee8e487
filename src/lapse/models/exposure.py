"""Which steps of a life were seen: person-period rows counted, before any is written.

In: whether and after how many days each snapshot's customer lapsed, and how long it could be followed. Out:
how many steps of each were seen, who was at risk in each step and who lapsed in it, and the last step of
which enough is known.

Refused (:class:`~lapse.errors.DataError`): event codes below 0, a follow-up shorter than the duration, nobody
who lapses in a step that was wholly seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lapse.errors import DataError, Problem
from lapse.models import inputs
from lapse.schema import Bool, Float64, Int64

MIN_ROWS = 50
"""Fewest person-period rows at risk in the last step that counts as observed."""

MIN_EVENTS = 10
"""Fewest events in that step or after it."""


def lapsed_of(event: npt.ArrayLike, n: int) -> Bool:
    """Return whether each event code is that of a lapse, bool of shape (n,)."""
    code = inputs.numbers("event", event, n)
    if ((code < 0) | (code != np.floor(code))).any():
        raise DataError(
            Problem("outcomes", "event", "0 (not lapsed) or the code of a cause", "another number")
        )
    lapsed: Bool = code > 0
    return lapsed


def rows_by_exposure(lapsed: Bool, duration: Float64, step_days: int) -> tuple[Int64, Float64]:
    """Return the rows of each snapshot, and how much of its last step was seen, in (0, 1]."""
    rows = np.ceil(duration / step_days)
    part: Float64 = np.where(lapsed, 1.0, duration / step_days - (rows - 1))
    return rows.astype(np.int64), part


def rows_by_follow_up(
    lapsed: Bool, duration: Float64, follow_up: Float64, step_days: int
) -> tuple[Int64, Float64]:
    """Return the rows of each snapshot, none of them cut; and ones."""
    if (short := follow_up < duration).any():
        raise DataError(
            Problem(
                "outcomes",
                "follow_up_days",
                "at least the duration",
                "less",
                count=int(short.sum()),
                example=f"row {int(short.argmax())}",
            )
        )
    whole = np.floor(follow_up / step_days)
    seen = np.where(lapsed, np.ceil(duration / step_days), np.floor(duration / step_days))
    return np.minimum(whole, seen).astype(np.int64), np.ones(len(duration))


def counts(rows: Int64, part: Float64, ends: Bool) -> tuple[Float64, Float64]:
    """Return how many were at risk in each step, and how many lapsed in it; both at least somewhere above
    0.
    """
    n_steps = int(rows.max(initial=0))
    if not n_steps or not (ends & (rows > 0)).any():
        raise DataError(
            Problem(
                "outcomes",
                "event",
                "customers who lapse in a step that was wholly seen",
                "none",
                "a longer history, or shorter steps",
            )
        )
    some = rows > 0
    last = np.bincount(rows[some] - 1, weights=part[some], minlength=n_steps)
    whole = np.bincount(rows[some] - 1, minlength=n_steps)
    longer = np.cumsum(whole[::-1])[::-1] - whole
    events = np.bincount(rows[some & ends] - 1, minlength=n_steps)
    return (last + longer).astype(np.float64), events.astype(np.float64)


def observed_steps(at_risk: Float64, events: Float64) -> int:
    """Return the last step that has enough rows, and enough events in it or after; at least 1."""
    enough = (at_risk >= MIN_ROWS) & (np.cumsum(events[::-1])[::-1] >= MIN_EVENTS)
    return int(np.flatnonzero(enough).max(initial=0)) + 1
