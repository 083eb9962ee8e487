"""What the record of one customer rests on: who looks after it, and which events are cases.

In: a business whose sections are each right. Out: the kinds of events that are cases, and every mistake of
the ``account`` section.
"""

from __future__ import annotations

from lapse.config.section import Wrong
from lapse.config.sections import Business

CASES: tuple[str, ...] = ("complaint", "ticket")
"""The kinds that are cases unless the config says otherwise, where they are mapped with an end."""


def cases_of(business: Business) -> tuple[str, ...]:
    """Return the kinds of events that are open until their end: complaints, tickets."""
    found = business.account.cases or tuple(kind for kind in CASES if kind in business.events)
    return tuple(kind for kind in found if business.events[kind].has_end)


def check_account(business: Business) -> Wrong:
    """Yield key, expected, got and hint of every mistake in the ``account`` section."""
    account = business.account
    attributes = business.customers.features if business.customers else {}
    if account.manager is not None and account.manager not in attributes:
        known = ", ".join(attributes) or "none"
        yield "account.manager", f"a name under customers.features: {known}", f"'{account.manager}'", ""
    for kind in account.cases:
        if kind not in business.events:
            yield (
                "account.cases",
                f"one of {', '.join(business.events)}",
                f"'{kind}', which is not mapped",
                "",
            )
        elif not business.events[kind].has_end:
            hint = "without an end nobody can tell whether a case is open"
            yield "account.cases", f"an event with a mapped 'end', which '{kind}' has not", f"'{kind}'", hint
