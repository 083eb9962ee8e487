"""Tables of integers that grow while a compiled simulation writes into them."""

from __future__ import annotations

import numpy as np
from numba import njit

from lapse.schema import NEVER, Int32


@njit(cache=True, nogil=True)
def push(rows: Int32, count: int, a: int, b: int, c: int, d: int) -> Int32:
    """Write four integers into row ``count``; return the table, twice as long where it was full.

    Parameters
    ----------
    rows : int32, shape (capacity, 4)
    count : int
        Rows in use before the call.
    a, b, c, d : int
    """
    if count == len(rows):
        longer = np.empty((2 * len(rows), 4), np.int32)
        longer[:count] = rows
        rows = longer
    rows[count, 0] = a
    rows[count, 1] = b
    rows[count, 2] = c
    rows[count, 3] = d
    return rows


@njit(cache=True, nogil=True)
def follow(spans: Int32, count: int, who: int, day: int, before: int, now: int) -> tuple[Int32, int]:
    """Open or close a span (customer, opened, closed, kind) where a chain leaves or reaches its state 0.

    Parameters
    ----------
    spans : int32, shape (capacity, 4)
    count : int
        Rows in use before the call.
    who, day : int
    before, now : int
        State of the chain on the day before and on this day; 0 where nothing is open, else the kind.

    Returns
    -------
    spans, count
        As after the call; what is open has ``NEVER`` for the day closed.
    """
    if now > 0 and before == 0:
        return push(spans, count, who, day, NEVER, now), count + 1
    if now == 0 and before > 0:
        spans[count - 1, 2] = day
    return spans, count
