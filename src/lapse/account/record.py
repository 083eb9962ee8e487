"""One customer's record joined: profile, standing, history, open cases, and the score with its reasons.

In: a customer as known at a day, its tiers, and, where the customer is scored, its score, curve and reasons.
Out: an :class:`Account`, a plain value that text, page and machines read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from lapse.account.known import as_known
from lapse.account.standing import (
    Spell,
    Step,
    TierAt,
    kept_until,
    rung_steps,
    spells,
)
from lapse.account.timeline import (
    Activity,
    Entry,
    activity,
    open_cases,
    revenue_by_month,
    shown,
    timeline,
)
from lapse.config import Business
from lapse.config.account import CASES, cases_of
from lapse.explain.customer import Reason
from lapse.features.wording import spaced
from lapse.schema import Bucket, Float64, to_date


@dataclass(frozen=True)
class Scored:
    """What the model says of a customer.

    Attributes
    ----------
    scores : mapping
        A row of the score table.
    reasons : tuple of Reason
        The strongest first.
    step_days : int
    survival : float64, shape (n_steps,)
        Probability of still being a customer after each step.
    earliest_days : float
        Until this day nobody can lapse: survival falls from there on within its step.
    added_up : str
        How the reasons and the rest add up to the score before calibration, in words.
    """

    scores: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    step_days: int
    survival: Float64
    earliest_days: float = 0.0
    added_up: str = ""


@dataclass(frozen=True)
class Account:
    """One customer's record as of a day; nothing in it was known later.

    Attributes
    ----------
    business, currency : str
    churn : str
        The event that keeps a customer.
    customer_id : object
    as_of : date
    manager : str or None
        Who looks after the customer; None where that is not mapped or not known.
    profile : tuple of (str, str)
        Names and values of the mapped attributes, without the manager.
    latest : tuple of (str, str)
        Latest values of the attributes of events.
    rungs : tuple of Step
    tiers : tuple of TierAt
    spells : tuple of Spell
    kept_until : date or None
        On which day the customer lapses if nothing more happens.
    activity : tuple of Activity
    cases : tuple of Entry
        Open ones, the oldest first.
    case_kinds : tuple of str
        The kinds that are cases; empty where open cases cannot be known.
    timeline : tuple of Entry
        The latest first.
    revenue : mapping of date to float
        By first day of the month.
    scored : Scored or None
    excluded : str
        Why there is no score.
    notes : tuple of str
        What must be known before anything is believed.
    """

    business: str
    currency: str
    churn: str
    customer_id: Any
    as_of: date
    manager: str | None
    profile: tuple[tuple[str, str], ...]
    latest: tuple[tuple[str, str], ...]
    rungs: tuple[Step, ...]
    tiers: tuple[TierAt, ...]
    spells: tuple[Spell, ...]
    kept_until: date | None
    activity: tuple[Activity, ...]
    cases: tuple[Entry, ...]
    case_kinds: tuple[str, ...]
    timeline: tuple[Entry, ...]
    revenue: Mapping[date, float]
    scored: Scored | None = None
    excluded: str = ""
    notes: tuple[str, ...] = field(default=())


def account_of(
    business: Business,
    bucket: Bucket,
    customer: int,
    as_of: int,
    tiers: tuple[TierAt, ...],
    scored: Scored | None = None,
    excluded: str = "",
) -> Account:
    """Return one customer's record.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    customer : int
        Position in the bucket; known at as_of.
    as_of : int
        Day number.
    tiers : tuple of TierAt
        :func:`lapse.account.standing.tiers_over_time`, which needs what everybody brought.
    scored : Scored, optional
    excluded : str, optional
        Why there is none.
    """
    alone = as_known(bucket, customer, as_of)
    profile = dict(_profile(alone))
    manager = profile.pop(business.account.manager, None) if business.account.manager else None
    return Account(
        business=business.business,
        currency=business.currency,
        churn=business.churn.event,
        customer_id=bucket.customer_id[customer].as_py(),
        as_of=to_date(as_of),
        manager=manager,
        profile=tuple((spaced(name), value) for name, value in profile.items()),
        latest=tuple(_latest(business, alone, as_of)),
        rungs=rung_steps(business, alone, as_of),
        tiers=tiers,
        spells=spells(business, alone, as_of),
        kept_until=kept_until(business, alone, as_of),
        activity=activity(business, alone, as_of),
        cases=open_cases(business, alone, as_of),
        case_kinds=cases_of(business),
        timeline=timeline(business, alone, as_of),
        revenue=revenue_by_month(business, alone, as_of),
        scored=scored,
        excluded=excluded,
        notes=tuple(_notes(business)),
    )


def _profile(alone: Bucket) -> Iterator[tuple[str, str]]:
    """Yield every attribute of the customer that is known."""
    for name in alone.profile.column_names:
        value = alone.profile.column(name)[0].as_py()
        if value is not None:
            yield name, shown(value)


def _latest(business: Business, alone: Bucket, as_of: int) -> Iterator[tuple[str, str]]:
    """Yield the latest value of every attribute of events up to as_of."""
    for kind, events in alone.events.items():
        rows = np.flatnonzero(events.day <= as_of)[::-1]
        for name in business.events[kind].features:
            column = events.attributes[name]
            value = next((v for row in rows if (v := column[int(row)].as_py()) is not None), None)
            if value is not None:
                yield f"{spaced(kind)}: {spaced(name)}", shown(value)


def _notes(business: Business) -> Iterator[str]:
    for kind in CASES:
        if not business.account.cases and kind in business.events and not business.events[kind].has_end:
            yield f"'{kind}' maps no end: which of them are open cannot be known"
