"""As of which dates the question is asked, and which of them only evaluate.

In: the config's ``snapshots`` section and the last day that the data shows. Out: a :class:`Calendar`. A date
is labelled when its horizon has closed in the data. The last ``holdout`` labelled dates are the **test**; the
**fit** dates are those whose horizon closes on or before the first test date, so that nothing learned from
could have been seen later (an embargo of one horizon). Refused: a calendar without a fit or a test date.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from lapse.config import Business, parse_days
from lapse.errors import DataError, Problem
from lapse.schema import to_date, to_day


@dataclass(frozen=True)
class Calendar:
    """The as-of dates of one business, as day numbers in ascending order.

    Attributes
    ----------
    fit : tuple of int
        Dates to learn from when the test dates evaluate.
    test : tuple of int
        Dates that only evaluate.
    labelled : tuple of int
        All dates whose horizon has closed; what a model for tomorrow learns from.
    data_end : int
        Last day that the data shows.
    """

    fit: tuple[int, ...]
    test: tuple[int, ...]
    labelled: tuple[int, ...]
    data_end: int


def build_calendar(business: Business, data_end: int) -> Calendar:
    """Return the as-of dates of a business.

    Parameters
    ----------
    business : Business
    data_end : int
        Last day that the data shows, as a day number.

    Raises
    ------
    DataError
        If the history is too short for one test date and one fit date before it.
    """
    plan = business.snapshots
    labelled = closed_days(business, data_end)
    test = tuple(labelled[-plan.holdout :])
    fit = tuple(day for day in labelled if test and day + plan.horizon <= test[0])
    if not fit:
        raise DataError(
            Problem(
                str(business.source),
                "snapshots",
                f"at least {plan.holdout} test dates and one earlier date whose horizon of {plan.horizon}d "
                f"has closed before them",
                f"{len(labelled)} closed dates from {plan.start} to the end of the data on "
                f"{to_date(data_end)}",
                "start earlier, ask more often, shorten the horizon or hold out fewer dates",
            )
        )
    return Calendar(fit, test, tuple(labelled), data_end)


def first_test_day(business: Business, data_end: int) -> int | None:
    """Return the first date that only evaluates, or None where too few horizons have closed."""
    labelled, holdout = closed_days(business, data_end), business.snapshots.holdout
    return labelled[-holdout] if len(labelled) >= holdout else None


def closed_days(business: Business, data_end: int) -> list[int]:
    """Return the as-of dates whose horizon closes by the end of the data, as day numbers."""
    plan = business.snapshots
    return list(takewhile(lambda day: day + plan.horizon <= data_end, _grid(plan.start, plan.every)))


def _grid(start: date, every: str) -> Iterator[int]:
    """Yield the as-of days from ``start`` on, for ever."""
    if not every.endswith("mo"):
        day, length = to_day(start), parse_days(every)
        while True:
            yield day
            day += length
    step = int(every.removesuffix("mo"))
    count = 0
    while True:
        yield to_day(_add_months(start, count))
        count += step


def _add_months(start: date, count: int) -> date:
    """Return the same day of a later month, or that month's last day.

    Examples
    --------
    >>> _add_months(date(2024, 1, 31), 1)
    datetime.date(2024, 2, 29)
    """
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, months.monthrange(year, month + 1)[1]))
