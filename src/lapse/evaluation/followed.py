"""What the data show of rows: whether each lapsed, when, and for how long it could be watched.

In and out: plain arrays, held together; the units are days. Nothing is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.schema import Bool, Int32, Int64

NO_STEP = "the test dates are too near to the end of the data: no row's follow-up reaches the first step"
"""Why there is no number where nobody could be watched for a step."""


@dataclass(frozen=True)
class Followed:
    """What the data show of n rows.

    Attributes
    ----------
    lapsed : bool, shape (n,)
        Whether the lapse was seen.
    duration_days : int32, shape (n,)
        Days from as_of to the lapse or the cut, whichever is first; at least 1.
    follow_up_days : int32, shape (n,)
        Days from as_of to the cut, at least the duration.
    step_days : int
    """

    lapsed: Bool
    duration_days: Int32
    follow_up_days: Int32
    step_days: int

    def whole_steps(self, most: int) -> Int64:
        """Return how many whole steps each could be watched, int64 of shape (n,); at most so many."""
        steps: Int64 = np.minimum(self.follow_up_days.astype(np.int64) // self.step_days, most)
        return steps

    def limit_days(self, most: int) -> int:
        """Return the last day of the last step that is observed of every row; 0 where there is none."""
        return int(self.whole_steps(most).min()) * self.step_days

    def reaching(self, days: int) -> Bool:
        """Return which rows could be watched for so many days."""
        reached: Bool = self.follow_up_days >= days
        return reached
