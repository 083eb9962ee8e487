"""The last day that a history shows, and whether its churn table reaches so far.

In: what the churn event's table holds, and ``observed_until``. Out: the end of the data. After the last row
of the churn event nobody can tell who stayed away, however much other tables go on; so the data ends there
unless the config says that the silence after it is real. Refused: an ``observed_until`` that is yet to come,
or that the churn table stops long before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from lapse.config import Business
from lapse.errors import Problem
from lapse.schema import to_day

QUIET_DAYS = 31
"""Days without a row that any churn table may have before ``observed_until``."""


@dataclass(frozen=True)
class News:
    """When the churn table has told something: a row, or the end of what an earlier row began.

    Attributes
    ----------
    last : date
        The last day with news, up to today.
    longest_silence : int
        Most days from one such day to the next; 0 for a single one.
    """

    last: date
    longest_silence: int


def told_on(rows: pa.Table, *, has_end: bool) -> set[date]:
    """Return the days on which some rows of the stored churn event told something."""
    columns = ("known_at", "end_known_at") if has_end else ("known_at",)
    days = (pc.unique(rows[column]).to_pylist() for column in columns)
    return {day for of_column in days for day in of_column if day is not None}


def news_of(told: Iterable[set[date]], today: date) -> News:
    """Return when the churn event has told something.

    Parameters
    ----------
    told : iterable of set of date
        Of each bucket (:func:`told_on`); at least one is not empty.
    today : date
        An end that is planned for later is no news yet.
    """
    days = sorted(day for day in set().union(*told) if day <= today)
    silences = [(after - before).days for before, after in pairwise(days)]
    return News(days[-1] if days else today, max(silences, default=0))


def data_end(business: Business, news: News) -> int:
    """Return the last day observed, as a day number."""
    return to_day(business.observed_until or news.last)


def end_problems(business: Business, news: News, today: date) -> Iterator[Problem]:
    """Yield what is wrong with ``observed_until``.

    The churn table stops too early where its silence up to ``observed_until`` is longer than the grace, than
    :data:`QUIET_DAYS`, and than any silence before (a business may have its seasons).
    """
    until, where = business.observed_until, str(business.source)
    if until is None:
        return
    if until > today:
        expected, hint = f"a date up to today ({today})", "it is the last whole day in the tables"
        yield Problem(where, "observed_until", expected, str(until), hint)
    silence, usual = (until - news.last).days, max(QUIET_DAYS, business.churn.grace)
    if silence > usual and silence > news.longest_silence:
        yield Problem(
            where,
            "observed_until",
            f"a date up to {usual} days after the last row of '{business.churn.event}', known on {news.last}",
            str(until),
            "its silence would be taken for customers who left: give a newer table, or an earlier date",
        )
