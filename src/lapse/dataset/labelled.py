"""The dataset to learn from: every as-of date of the calendar, with what became of the customers.

In: a history. Out: a :class:`~lapse.dataset.rows.Labelled`. It holds nothing that only a score table needs.
Refused: a history without a closed horizon, outcomes without a single lapse.
"""

from __future__ import annotations

from collections import Counter
from math import ceil

import numpy as np

from lapse.cohort.calendar import Calendar, build_calendar
from lapse.cohort.outcomes import Outcomes, at_risk, known_snapshots, outcomes_of
from lapse.cohort.purchases import read_everybody, read_purchases
from lapse.config import Business
from lapse.dataset.rows import Labelled, feature_frame, key_frame
from lapse.errors import DataError, Problem
from lapse.features import Recipe, fit_recipe
from lapse.history import History
from lapse.schema import Bool, Bucket, Float64, Snapshots


def labelled(history: History, recipe: Recipe | None) -> Labelled:
    """Return the labelled dataset of a history; see :func:`lapse.dataset.snapshots`."""
    business = history.business
    calendar = build_calendar(business, history.data_end)
    recipe = recipe or fit_recipe(business, history.buckets(), calendar.test[0])
    parts = [_part(history, recipe, bucket, calendar) for bucket in history.buckets()]
    data = Labelled.join(parts)
    _require_outcomes(data)
    return data


def _part(history: History, recipe: Recipe, bucket: Bucket, calendar: Calendar) -> Labelled:
    business, days, end = history.business, calendar.labelled, calendar.data_end
    known, reach = known_snapshots(business, bucket, days)
    asked = at_risk(known, reach)
    n_steps = ceil(min(end - days[0], business.value.limit) / business.step_days)
    is_instant = not business.events[business.churn.event].has_end
    return Labelled(
        business=business,
        recipe=recipe,
        keys=key_frame(bucket, asked),
        features=feature_frame(recipe, business, bucket, asked),
        fingerprint=history.fingerprint,
        calendar=calendar,
        cut=end,
        outcomes=outcomes_of(business, bucket, asked, end, n_steps),
        early=_early(business, bucket, asked, calendar, n_steps),
        not_at_risk=Counter(known.day[reach <= known.day].tolist()),
        purchases=read_purchases(business, bucket, asked) if is_instant else None,
        everybody=read_everybody(business, bucket, calendar.fit[-1]) if is_instant else None,
    )


def _early(
    business: Business, bucket: Bucket, asked: Snapshots, calendar: Calendar, n_steps: int
) -> Outcomes:
    """Return outcomes as known on the first test date; later rows, which none may learn from, stand empty."""
    early = asked.day < calendar.test[0]
    rows = Snapshots(asked.customer[early], asked.day[early])
    seen = outcomes_of(business, bucket, rows, calendar.test[0], n_steps)
    whole = Outcomes(
        lapsed=np.zeros(len(asked), np.bool_),
        event=np.zeros(len(asked), np.int8),
        duration_days=np.zeros(len(asked), np.int32),
        spend=np.full((len(asked), n_steps), np.nan),
        margin=_placed(early, seen.margin),
        event_cost=_placed(early, seen.event_cost),
        paid=_placed(early, seen.paid),
    )
    whole.lapsed[early], whole.event[early] = seen.lapsed, seen.event
    whole.duration_days[early], whole.spend[early] = seen.duration_days, seen.spend
    return whole


def _placed(rows: Bool, money: Float64 | None) -> Float64 | None:
    """Return money in its rows of a larger table, missing elsewhere; None where there is none."""
    if money is None:
        return None
    whole = np.full((len(rows), money.shape[1]), np.nan)
    whole[rows] = money
    return whole


def _require_outcomes(data: Labelled) -> None:
    """Refuse a dataset from which nothing can be learned, or on which nothing can be judged."""
    where = str(data.business.source)
    if len(data) == 0:
        raise DataError(Problem(where, "snapshots", "customers at risk at some as-of date", "none"))
    problems = []
    assert data.early is not None  # parts of a dataset are not asked
    learned, happened = data.early.lapsed[data.is_fit], data.outcomes.lapsed[data.is_test]
    for name, lapsed in (("fit dates", learned), ("test dates", happened)):
        positives = int(lapsed.sum())
        if positives in (0, len(lapsed)):
            problems.append(
                Problem(
                    where,
                    f"outcomes on the {name}",
                    "customers who lapse within the horizon and customers who stay",
                    f"{positives:,} of {len(lapsed):,} lapse",
                    "is the grace too short, or the horizon too long?"
                    if positives
                    else "is the grace too long, or the history too short?",
                )
            )
    if problems:
        raise DataError(problems)
