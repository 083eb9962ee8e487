"""The loyalty ladder: how far a customer's relationship has come, as known at as_of.

In: a bucket and snapshots. Out: a rung for each, by the rules of ``measure.rungs``. Without them,
``prospect`` is known and has no churn event yet (no order, no term); ``customer`` has them on one day;
``client`` came back, on two days or more; ``supporter`` is a client for a year or longer with a
relationship of breadth: two kinds of contact (complaints are none) or two categories; ``advocate`` has an
event of the kind ``referral``; ``partner`` has one of the kind ``integration`` that has not ended. The
highest whose conditions hold counts; whoever does not meet those of ``customer`` is a prospect. A rung is
what the relationship has come to: whether the customer is still at risk is the status's to say.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lapse.cohort.conditions import holds
from lapse.config import Business
from lapse.config.measuring import Condition, Fact
from lapse.config.standing import COMPLAINT, LADDER
from lapse.schema import Bool, Bucket, Int64, Snapshots

RUNGS: tuple[str, ...] = ("prospect", *LADDER)
REFERRAL, INTEGRATION = "referral", "integration"
LONG_STANDING_DAYS = 365

Rules = Mapping[str, tuple[Condition, ...]]
"""Conditions by rung, in the order of the ladder; rungs that nobody can stand on are not in it."""


def rules_of(business: Business) -> Rules:
    """Return the conditions of each rung above prospect: those of the config, else the default ones.

    Returns
    -------
    mapping of rung to tuple of Condition
    """
    given = {str(rung): rules for rung, rules in business.measure.rungs.items()}
    return {rung: given[rung] for rung in LADDER if rung in given} or _default_rules(business)


def _default_rules(business: Business) -> Rules:
    churn = business.churn.event
    client = Condition(event=churn, days=2)
    rules: dict[str, tuple[Condition, ...]] = {
        "customer": (Condition(event=churn, days=1),),
        "client": (client,),
    }
    if breadth := breadth_of(business):
        rules["supporter"] = (client, Condition(tenure=f"{LONG_STANDING_DAYS}d"), breadth)
    if REFERRAL in business.events:
        rules["advocate"] = (Condition(event=REFERRAL, at_least=1),)
    if INTEGRATION in business.events:
        ends = business.events[INTEGRATION].has_end
        asked = {"in_force": True} if ends else {"at_least": 1}
        rules["partner"] = (Condition.model_validate({"event": INTEGRATION, **asked}),)
    return rules


def breadth_of(business: Business) -> Condition | None:
    """Return what makes a relationship broad unless told otherwise; None where no event could show it."""
    churn = business.churn.event
    facts = [Fact(category=name, distinct=2) for name in business.events[churn].categories]
    if any(kind not in (churn, COMPLAINT) for kind in business.events):
        facts.insert(0, Fact(kinds=2))
    return Condition(any=tuple(facts)) if facts else None


def met(business: Business, bucket: Bucket, snapshots: Snapshots) -> dict[str, Bool]:
    """Return which conditions of each rung are met, from what was known at each as_of.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    snapshots : Snapshots
        Of customers known at as_of, at risk or not; n rows.

    Returns
    -------
    dict of rung to bool, shape (n, n_conditions)
        In the order of :func:`rules_of`.
    """
    known: dict[Condition, Bool] = {}
    for conditions in rules_of(business).values():
        for one in conditions:
            if one not in known:
                known[one] = holds(business, bucket, snapshots, one)
    return {
        rung: np.stack([known[one] for one in conditions], axis=1)
        for rung, conditions in rules_of(business).items()
    }


def rung_codes(conditions_met: Mapping[str, Bool]) -> Int64:
    """Return the place in :data:`RUNGS` of the highest rung whose conditions, and those of customer, hold.

    Parameters
    ----------
    conditions_met : mapping of rung to bool, shape (n, n_conditions)
        What :func:`met` returns.

    Returns
    -------
    int64, shape (n,)
    """
    came = np.asarray(conditions_met["customer"].all(axis=1))
    code = np.zeros(len(came), np.int64)
    for rung, conditions in conditions_met.items():
        code[came & conditions.all(axis=1)] = RUNGS.index(rung)
    return code


def rungs(business: Business, bucket: Bucket, snapshots: Snapshots) -> pd.Categorical[str]:
    """Return the rung that each customer has reached, from what was known at each as_of.

    Parameters
    ----------
    business : Business
    bucket : Bucket
    snapshots : Snapshots
        Of customers known at as_of, at risk or not; n rows.

    Returns
    -------
    pandas.Categorical, shape (n,)
        Ordered from ``prospect`` to ``partner``.
    """
    codes = rung_codes(met(business, bucket, snapshots))
    return pd.Categorical.from_codes(codes, categories=pd.Index(RUNGS), ordered=True)
