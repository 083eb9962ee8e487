"""The last day that a history shows, and whether its churn table reaches so far.

In: what the churn event's table holds, and ``observed_until``. Out: the end of the data. After the last row
of the churn event nobody can tell who stayed away, however much other tables go on; so the data ends there
unless the config says that the silence after it is real. Refused: an ``observed_until`` that is yet to come,
or that the churn table stops long before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb

from lapse.config import Business
from lapse.errors import Problem
from lapse.history.store import Stored, longest_silence
from lapse.schema import to_day

QUIET_DAYS = 31
"""Days without a row that any churn table may have before ``observed_until``."""


def data_end(business: Business, churn: Stored) -> int:
    """Return the last day observed, as a day number.

    Parameters
    ----------
    business : Business
    churn : Stored
        The churn event's rows, at least one.
    """
    if business.observed_until is not None:
        return to_day(business.observed_until)
    assert churn.known_until is not None  # every row of an event has a known_at
    return to_day(churn.known_until.date())


def end_problems(
    connection: duckdb.DuckDBPyConnection, business: Business, churn: Stored, folder: Path, today: date
) -> Iterator[Problem]:
    """Yield what is wrong with ``observed_until``.

    The churn table stops too early where its silence up to ``observed_until`` is longer than the grace, than
    :data:`QUIET_DAYS`, and than any silence before (a business may have its seasons).

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    business : Business
    churn : Stored
        The churn event's rows.
    folder : Path
        Where they lie.
    today : date
    """
    until, where = business.observed_until, str(business.source)
    if until is None:
        return
    if until > today:
        expected, hint = f"a date up to today ({today})", "it is the last whole day in the tables"
        yield Problem(where, "observed_until", expected, str(until), hint)
    if churn.known_until is None:
        return
    last = churn.known_until.date()
    silence, usual = (until - last).days, max(QUIET_DAYS, business.churn.grace)
    if silence > usual and silence > longest_silence(connection, folder):
        yield Problem(
            where,
            "observed_until",
            f"a date up to {usual} days after the last row of '{business.churn.event}', known on {last}",
            str(until),
            "its silence would be taken for customers who left: give a newer table, or an earlier date",
        )
