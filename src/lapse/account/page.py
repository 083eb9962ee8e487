"""One customer's record as a page: what an account manager reads on the way to the customer.

In: an :class:`~lapse.account.record.Account`. Out: the text of an HTML page that needs nothing from outside
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from lapse.account.pictures import WINDOW_DAYS, draw_survival, draw_timeline
from lapse.account.record import Account, Scored
from lapse.account.text import about, facts, money, survival_at
from lapse.explain.customer import voluntary_share
from lapse.features.wording import several, spaced
from lapse.pages import embedded, render

FIRST, MOST = 15, 400
"""Entries of the timeline that are shown at once, and altogether."""


@dataclass(frozen=True)
class Card:
    """One figure on top: what it is, the figure, what stands beside it, whether it asks for a look."""

    title: str
    figure: str
    beside: str = ""
    alarm: bool = False


def page(account: Account, *, horizon_days: int, version: str, counted: str = "") -> str:
    """Return the page.

    Parameters
    ----------
    account : Account
    horizon_days : int
        Of the churn probability.
    version : str
        Of lapse.
    counted : str, optional
        What lifetime and value count, in words.
    """
    entries = [
        (str(one.day), one.words, money(one.amount, account.currency), about(one, account.as_of))
        for one in account.timeline[:MOST]
    ]
    scored = account.scored
    return render(
        "customer.html",
        version=version,
        account=account,
        cards=list(_cards(account, horizon_days)),
        facts=facts(account),
        cases=[(str(one.day), one.words, about(one, account.as_of)) for one in account.cases],
        case_kinds=", ".join(map(spaced, account.case_kinds)),
        reasons=scored.reasons if scored else (),
        added_up=scored.added_up if scored else "",
        survival=survival_at(scored) if scored else (),
        curve=embedded(draw_survival(account, scored, horizon_days), "survival") if scored else "",
        drawn=embedded(draw_timeline(account), "timeline"),
        window_days=WINDOW_DAYS,
        tiers=account.tiers[::-1],
        rungs=account.rungs[::-1],
        activity=account.activity,
        several=several,
        spaced=spaced,
        first=entries[:FIRST],
        more=entries[FIRST:],
        left_out=len(account.timeline) - len(entries),
        counted=counted,
    )


def _cards(account: Account, horizon_days: int) -> Iterator[Card]:
    if account.scored is None:
        yield Card("not scored", account.excluded)
    else:
        yield from _score_cards(account, account.scored, horizon_days)
    if account.case_kinds:
        oldest = f"the oldest since {account.cases[0].day}" if account.cases else ""
        yield Card("open cases", str(len(account.cases)), oldest, alarm=bool(account.cases))
    if account.rungs:
        yield Card("rung", account.rungs[-1].rung, f"since {account.rungs[-1].since}")
    if account.tiers and account.tiers[-1].as_of == account.as_of:
        brought = f"brought {account.tiers[-1].value:,.0f} {account.currency} in a year"
        yield Card("tier by last year's margin", account.tiers[-1].tier, brought)


def _score_cards(account: Account, scored: Scored, horizon_days: int) -> Iterator[Card]:
    scores = scored.scores
    horizon = several(horizon_days, "day")
    share = voluntary_share(scores)
    voluntary = "" if share is None else f"{share:.0%} of it voluntary: the part that an offer may keep"
    yield Card(f"chance of lapsing within {horizon}", f"{scores['churn_probability']:.0%}", voluntary)
    for title, name, unit in (
        ("lifetime value", "clv", account.currency),
        ("remaining lifetime", "remaining_lifetime_days", "days"),
        (f"expected spend, {horizon}", "expected_spend", account.currency),
    ):
        if pd.isna(scores[name]):
            continue
        lower, upper = scores.get(f"{name}_lower"), scores.get(f"{name}_upper")
        bounds = "" if pd.isna(lower) or pd.isna(upper) else f"{lower:,.0f} to {upper:,.0f}"
        tier = (
            f"tier by lifetime value: {scores['tier']}"
            if name == "clv" and not pd.isna(scores.get("tier"))
            else ""
        )
        beside = ", ".join(part for part in (bounds, tier) if part)
        figure = several(scores[name], "day") if unit == "days" else f"{scores[name]:,.0f} {unit}"
        yield Card(title, figure, beside)
