"""Wall-clock times as days, which everything downstream counts in.

In: timestamps. Out: the local date of each, or its number (:mod:`lapse.schema`): the time is floored, so that
it stays in its day before 1970 too.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from lapse.schema import NEVER, US_PER_DAY, Int32, Int64


def dates_of(times: pa.Array) -> pa.Array:
    """Return the dates of wall-clock times as date32, null where they are."""
    days = _floored(times.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0).to_numpy())
    nulls = times.is_null().to_numpy(zero_copy_only=False) if times.null_count else None
    return pa.array(days, pa.int32(), mask=nulls).view(pa.date32())


def day_numbers(dates: pa.Array) -> Int32:
    """Return the numbers of dates, ``NEVER`` where null."""
    return np.asarray(dates.view(pa.int32()).fill_null(NEVER).to_numpy(), np.int32)


@njit(cache=True, nogil=True)
def _floored(micros: Int64) -> Int32:
    days = np.empty(len(micros), np.int32)
    for row in range(len(micros)):
        days[row] = micros[row] // US_PER_DAY
    return days
