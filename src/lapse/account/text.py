"""One customer's record on a terminal.

In: an :class:`~lapse.account.record.Account`. Out: something that ``rich`` prints. The score and its reasons
are told by :func:`lapse.explain.describe`; here is what stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lapse.account.record import Account, Scored
from lapse.account.timeline import Activity, Entry
from lapse.features.wording import counted, several, spaced

LATEST = 12
"""Entries of the timeline on a terminal."""

_SURVIVAL_DAYS = (30, 90, 180, 365, 730)


def told(account: Account) -> RenderableType:
    """Return open cases, facts, standing, activity and the latest of the timeline.

    Parameters
    ----------
    account : Account
    """
    return Group(*_spaced(_sections(account)))


def facts(account: Account) -> tuple[tuple[str, str], ...]:
    """Return what is known of a customer, by its name in words: who looks after it, spells, attributes."""
    found = [("account manager", account.manager)] if account.manager else []
    found += [("customer since", _relationships(account))] if account.spells else []
    if account.kept_until is not None:
        word = spaced(account.churn)
        found.append(("lapses on", f"{account.kept_until}, unless there is another {word}"))
    return tuple((name, str(value)) for name, value in (*found, *account.profile, *account.latest))


def survival_at(scored: Scored) -> tuple[tuple[int, float], ...]:
    """Return the probability of still being a customer after some ends of steps, as (days, probability).

    Of steps that end near 30, 90, 180, 365 and 730 days, and the last one.
    """
    last = len(scored.survival)
    wanted = [max(1, round(days / scored.step_days)) for days in _SURVIVAL_DAYS]
    steps = sorted({*(step for step in wanted if step <= last), last})
    return tuple((step * scored.step_days, float(scored.survival[step - 1])) for step in steps)


def _sections(account: Account) -> Iterator[tuple[str, RenderableType]]:
    if account.excluded:
        yield f"customer {account.customer_id} as of {account.as_of}: not scored, {account.excluded}", Text()
    yield _cases_heading(account), _entries(account.cases, account)
    if found := facts(account):
        yield "profile", _pairs(found)
    if account.scored is not None:
        pairs = [
            (f"after {several(days, 'day')}", f"{share:.0%}") for days, share in survival_at(account.scored)
        ]
        yield "still a customer", _pairs(pairs)
    yield "rungs", _pairs([(str(step.since), step.rung) for step in account.rungs])
    if account.tiers:
        heading = f"tiers, by the margin less cost to serve of the year before ({account.currency})"
        yield (
            heading,
            _pairs([(str(one.as_of), f"{one.tier:10}{one.value:>12,.0f}") for one in account.tiers]),
        )
    yield "activity", _activity_table(account.activity, account.currency)
    more = len(account.timeline) - LATEST
    heading = f"timeline, the latest {LATEST} of {len(account.timeline):,}" if more > 0 else "timeline"
    yield heading, _entries(account.timeline[:LATEST], account)
    if account.notes:
        yield "to be known", Group(*(Text(note) for note in account.notes))


def _spaced(sections: Iterator[tuple[str, RenderableType]]) -> Iterator[RenderableType]:
    for heading, body in sections:
        yield Text()
        yield Text(heading, style="bold")
        if not (isinstance(body, Text) and not body.plain):
            yield body


def _cases_heading(account: Account) -> str:
    if not account.case_kinds:
        return "open cases: cannot be known, no kind of case is mapped with an end"
    kinds = ", ".join(map(spaced, account.case_kinds))
    return f"open cases ({kinds}): {len(account.cases) or 'none'}"


def _relationships(account: Account) -> str:
    """Return when the customer came, and when it was gone in between.

    Only the first and the last relationship are told of many.
    """
    first, *later = account.spells
    told_of = [str(first.start)]
    if first.lapse is not None:
        told_of.append(f"gone on {first.lapse}")
    if len(later) > 1:
        told_of.append(f"back and gone {counted(len(later) - 1, 'time')}")
    if later:
        told_of.append(f"back on {later[-1].start}")
        if later[-1].lapse is not None:
            told_of.append(f"gone on {later[-1].lapse}")
    return ", ".join(told_of)


def _pairs(pairs: Sequence[tuple[str, str]]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _entries(entries: Sequence[Entry], account: Account) -> RenderableType:
    if not entries:
        return Text()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for one in entries:
        table.add_row(
            Text(str(one.day), style="dim"),
            Text(one.words, style="bold" if one.state != "past" else ""),
            Text(money(one.amount, account.currency), justify="right"),
            Text(about(one, account.as_of)),
        )
    return table


def about(one: Entry, as_of: date) -> str:
    """Return when an entry ends, how long it has been open, when it was known, and its attributes.

    Examples
    --------
    >>> case = Entry(date(2025, 1, 1), "ticket", "open", 1, None, None, None, "topic invoice")
    >>> about(case, date(2025, 1, 11))
    'open for 10 days, topic invoice'
    """
    span = one.span
    if span == "open":
        span = f"open for {counted((as_of - one.day).days, 'day')}" if one.day < as_of else "opened today"
    ahead = "booked ahead" if one.state == "ahead" else ""
    late = f"known on {one.known_on}" if one.known_on else ""
    return ", ".join(part for part in (ahead, span, late, one.details) if part)


def money(amount: float | None, currency: str) -> str:
    """Return an amount with its currency, nothing where there is none."""
    return "" if amount is None else f"{amount:,.2f} {currency}"


def _activity_table(kinds: Sequence[Activity], currency: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    headings = ("", "last", "90 days", "365 days", "year before", f"365 days, {currency}")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 2 else "right")
    for one in kinds:
        counts = (one.days_90, one.days_365, one.year_before)
        amount = "" if one.amount_365 is None else f"{one.amount_365:,.0f}"
        table.add_row(spaced(one.kind), str(one.last or "never"), *(f"{count:,}" for count in counts), amount)
    return table
