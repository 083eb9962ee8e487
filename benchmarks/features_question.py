"""What the features benchmark asks of everybody: names, windows, categories, dates.

At an as-of date an order counts if it was known by the end of that day. A window of ``w`` days is
``(as_of - w, as_of]``. There is a row for every customer with an order known by then. Where a window is
empty, counts and sums are 0 and the maximum is missing. Everything is written as 32-bit floats.
"""

from __future__ import annotations

from datetime import date, timedelta

from benchmarks.histories import CATEGORIES, LAST

WINDOWS = (30, 90, 180, 365)
LONGEST = max(WINDOWS)
STATS = ("count", "sum", "max", *(f"count_category_{category}" for category in CATEGORIES))
FIRST_SEEN, LAST_SEEN = "order__days_since_first", "order__days_since_last"
NAMES = (*(f"order__{stat}__{window}d" for window in WINDOWS for stat in STATS), FIRST_SEEN, LAST_SEEN)


def month_ends(count: int) -> list[str]:
    """Return the last ``count`` month ends of the tables, as ISO dates, ascending.

    Examples
    --------
    >>> month_ends(2)
    ['2024-11-30', '2024-12-31']
    """
    firsts = [date(LAST.year - back // 12, 12 - back % 12, 1) for back in range(count)]
    after = [date(first.year + first.month // 12, first.month % 12 + 1, 1) for first in firsts]
    return [str(day - timedelta(days=1)) for day in sorted(after)]
