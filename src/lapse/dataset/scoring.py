"""The dataset of one date: who is to be scored, and who is known but not at risk.

In: a history and an as-of date. Out: an :class:`~lapse.dataset.rows.Unlabelled`, whole or piece by piece.
Refused: an as-of before the data or after its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from lapse.cohort.calendar import first_test_day
from lapse.cohort.ladder import rungs
from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.config import Business
from lapse.dataset.rows import Unlabelled, feature_frame, key_frame
from lapse.errors import DataError, Problem
from lapse.features import Recipe, fit_recipe
from lapse.history import History
from lapse.schema import Bucket, Int32, Snapshots, to_date, to_day

QUIET_DAYS = 7
"""Days after its last known event for which a history without ``observed_until`` counts as up to date."""


CUSTOMERS_AT_ONCE = 25_000
"""Whose features and predictions are in memory at a time, however many customers a bucket has."""


def unlabelled(history: History, as_of: date | str, recipe: Recipe | None) -> Unlabelled:
    """Return the dataset of one date; see :func:`lapse.dataset.snapshots`."""
    day = scoring_day(history, as_of)
    recipe = recipe or fit_recipe(history.business, history.buckets(), choice_day(history, day))
    return Unlabelled.join(list(scoring_parts(history, day, recipe)))


def choice_day(history: History, day: int) -> int:
    """Return up to which day the choices of a recipe may look: the first test date, or ``day`` if earlier."""
    first_test = first_test_day(history.business, history.data_end)
    return day if first_test is None else min(day, first_test)


def scoring_day(history: History, as_of: date | str) -> int:
    """Return an as_of as a day number, if the history can answer for it.

    Raises
    ------
    DataError
        If it is not a date, nor midnight of one, or lies before the first event or after the end of the data.
    """
    where = str(history.business.source)
    try:
        when = date_of(as_of)
    except ValueError as error:
        raise DataError(Problem(where, "as_of", "a date such as 2025-06-30", repr(as_of))) from error
    first = min(summary.first for summary in history.summaries if summary.first is not None)
    if when < first:
        raise DataError(Problem(where, "as_of", f"a date from {first} on, the first event", str(when)))
    slack = 0 if history.business.observed_until else QUIET_DAYS
    if to_day(when) > history.data_end + slack:
        raise DataError(
            Problem(
                where,
                "as_of",
                f"a date up to {to_date(history.data_end)}, the end of the data"
                + (f" (and up to {QUIET_DAYS} quiet days)" if slack else ""),
                str(when),
                "silence after the end of the data would be taken for customers who left: give newer tables",
            )
        )
    return to_day(when)


def date_of(as_of: object) -> date:
    """Return a date, that of its ISO string or that whose midnight it is, as pandas gives dates.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(as_of, str):
        return date.fromisoformat(as_of)
    if isinstance(as_of, date | np.datetime64) and not pd.isna(as_of):
        moment = pd.Timestamp(as_of)
        if moment.tz is None and moment == moment.normalize():
            return moment.date()
    raise ValueError("no date")


def scoring_parts(history: History, day: int, recipe: Recipe) -> Iterator[Unlabelled]:
    """Yield the dataset of one date piece by piece, in the order of the buckets and of their customers."""
    for bucket in history.buckets():
        yield from bucket_parts(history, bucket, day, recipe)


def bucket_parts(history: History, bucket: Bucket, day: int, recipe: Recipe) -> Iterator[Unlabelled]:
    """Yield the dataset of one date and bucket in pieces of :data:`CUSTOMERS_AT_ONCE`; one at least."""
    known, reach = known_snapshots(history.business, bucket, (day,))
    for start in range(0, max(len(known), 1), CUSTOMERS_AT_ONCE):
        rows = slice(start, start + CUSTOMERS_AT_ONCE)
        yield _part(history, recipe, bucket, Snapshots(known.customer[rows], known.day[rows]), reach[rows])


def _part(history: History, recipe: Recipe, bucket: Bucket, known: Snapshots, reach: Int32) -> Unlabelled:
    business = history.business
    asked = at_risk(known, reach)
    return Unlabelled(
        business=business,
        recipe=recipe,
        keys=key_frame(bucket, asked),
        features=feature_frame(recipe, business, bucket, asked),
        fingerprint=history.fingerprint,
        rung=_rungs(business, bucket, asked),
        excluded=_excluded(business, bucket, known, reach),
    )


def _excluded(business: Business, bucket: Bucket, known: Snapshots, reach: Int32) -> pd.DataFrame:
    gone = reach <= known.day
    rows = Snapshots(known.customer[gone], known.day[gone])
    reason = np.where(reach[gone] < 0, f"no {business.churn.event} yet", "lapsed before as_of")
    return key_frame(bucket, rows).assign(
        reason=pd.Series(reason, dtype="str"), rung=_rungs(business, bucket, rows)
    )


def _rungs(business: Business, bucket: Bucket, rows: Snapshots) -> pd.Series:
    return pd.Series(rungs(business, bucket, rows)).astype("str")
