"""The rules about rows that cannot be right, as conditions in SQL.

In: a :class:`~lapse.history.normalise.Plan`, the ``quality`` section, what day it is. Out: a :class:`Rule`
for everything that a row of that table may break; :mod:`lapse.history.quality` counts and decides.

A value of exactly midnight is taken for a date: known on the day on which it happened is not known before.

Dates that stand for a missing one
----------------------------------
Nobody's business has rows from before :data:`FIRST_YEAR` or from 9999-12-31: such a date is taken for a
missing one wherever it stands, and cannot be kept except as an end. 1900-01-01 (and 1899-12-30 and -31, where
spreadsheets begin) and 1970-01-01, where the clocks of computers begin, may be real: they are taken for a
missing one if no other value of their column lies within :data:`ISOLATED_DAYS` of them. Half a day before
such a date belongs to it, since midnight in one time zone is the evening before in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from lapse.config import Business, Quality, Table
from lapse.config.sections import attributes
from lapse.history.normalise import ATTRIBUTE, MOST_AMOUNT, Plan, section
from lapse.history.sources import literal, quote

FIRST_YEAR = 1800
ISOLATED_DAYS = 365

_STARTS = (("1899-12-30", "1900-01-01"), ("1970-01-01", "1970-01-01"))
"""First and last day of where clocks and spreadsheets begin."""


@dataclass(frozen=True)
class Rule:
    """One condition over the plan's query, and what follows where it holds.

    Attributes
    ----------
    check : str
        Key of the ``quality`` section; empty for what no policy allows.
    condition : str
        SQL, true for a row that breaks the rule.
    policy : str
        ``refuse``, ``drop`` or ``keep``.
    what, expected, hint : str
        For the problem.
    shown : str
        SQL of the wrong value as text; empty where there is nothing to show.
    unless : str
        SQL: the rule does not hold for a table in which any row meets this; empty where it always does.
    roles : tuple of str
        The times that the rule looks at. Of a row whose time stands for a missing one, other rules about that
        time say nothing.
    """

    check: str
    condition: str
    policy: str
    what: str
    expected: str
    shown: str = ""
    hint: str = ""
    unless: str = ""
    roles: tuple[str, ...] = ()


def rules_of(plan: Plan, business: Business, table: Table, today: date) -> Iterator[Rule]:
    """Yield the rules of one table: values that mean nothing first, then the rules of the config."""
    for value in plan.unreadable:
        yield Rule("", value.flag, "refuse", value.what, value.expected, value.shown, value.hint)
    yield from _missing_values(plan, business, table)
    for role in ("time", "known_at"):
        if role in table.columns:
            yield from _placeholders(role, business.quality.placeholder_dates)
    for role in ("end", "end_known_at"):
        if role in table.columns:
            yield _far_end(role, business.quality.placeholder_dates)
    yield from _impossible_times(plan, business)
    if "known_at" in plan.columns:
        yield _future(business, today, "known_at" if "known_at" in table.columns else "time")
    policy = business.quality.unknown_categories
    hint = (
        f"add it under {section(business, plan.source.name)}.allowed, or set quality.unknown_categories: drop"
    )
    for name, values in table.allowed.items():
        text = f"CAST({quote(ATTRIBUTE + name)} AS VARCHAR)"
        unknown = f"{text} NOT IN ({', '.join(map(literal, values))})" if values else f"{text} IS NOT NULL"
        what, expected = f"column '{attributes(table)[name]}'", f"one of {', '.join(values)}"
        yield Rule("unknown_categories", unknown, policy, what, expected, text, hint)


def _missing_values(plan: Plan, business: Business, table: Table) -> Iterator[Rule]:
    keys = " or ".join(role for role in ("customer_id", "time", "known_at") if role in table.columns)
    rule, expected = business.quality.null_keys, "a value in every row"
    yield Rule("null_keys", "lacks_key", rule, keys, expected, hint=hint_for("null_keys"))
    if plan.has_amount:
        rule, below = business.quality.null_amounts, f"{MOST_AMOUNT:.0e}"
        expected = f"a finite number in every row, below {below}"
        yield Rule("null_amounts", "lacks_amount", rule, "amount", expected, hint=hint_for("null_amounts"))
    if plan.has_amount and plan.source.name == business.churn.event and "end" not in table.columns:
        yield _negative_orders(business)


def _negative_orders(business: Business) -> Rule:
    """Return the rule against returns among orders: each would keep its customer as an order does."""
    return Rule(
        "negative_orders",
        "(amount < 0 AND NOT lacks_amount)",
        business.quality.negative_orders,
        "amount",
        "0 or more, since every row counts as an order",
        "CAST(amount AS VARCHAR)",
        "map returns as an event of their own, such as 'refund', and list it under value.revenue, "
        "or set quality.negative_orders: drop",
    )


def _placeholders(role: str, policy: str) -> Iterator[Rule]:
    """Yield the rules about dates of a role that stand for a missing one; see the module."""
    value, check = quote(role), "placeholder_dates"
    shown, hint = f"CAST({value} AS VARCHAR)", hint_for(check)
    beyond = f"({value} < TIMESTAMP '{FIRST_YEAR}-01-01' OR {_is_far(value)})"
    expected = f"a date from {FIRST_YEAR} on and before 9999-12-31: others stand for a missing one"
    never = "drop" if policy == "drop" else "refuse"
    yield Rule(
        check,
        beyond,
        never,
        role,
        expected,
        shown,
        f"mend the table, or set quality.{check}: drop",
        roles=(role,),
    )
    for first, last in _STARTS:
        there = f"({_lies(value, first, last, 'INTERVAL 12 HOUR', 'INTERVAL 1 DAY')})"
        before, after = (f"INTERVAL {days} DAY" for days in (ISOLATED_DAYS, ISOLATED_DAYS + 1))
        near = f"{_lies(value, first, last, before, after)} AND NOT {there}"
        expected = f"a real date: {last}, far from all others, stands for a missing one"
        yield Rule(check, there, policy, role, expected, shown, hint, near, (role,))


def _lies(value: str, first: str, last: str, before: str, after: str) -> str:
    return f"{value} >= TIMESTAMP '{first}' - {before} AND {value} < TIMESTAMP '{last}' + {after}"


def _is_far(value: str) -> str:
    return f"{value} >= TIMESTAMP '9999-12-30 12:00:00'"


def _far_end(role: str, policy: str) -> Rule:
    """Return the rule against ends that stand for none; to drop them would drop whoever stays."""
    return Rule(
        "placeholder_dates",
        f"({_is_far(quote(role))})",
        "keep" if policy == "keep" else "refuse",
        role,
        "null where there is none: 9999-12-31 stands for no end",
        f"CAST({quote(role)} AS VARCHAR)",
        "store null, or set quality.placeholder_dates: keep (dropped, all who stay would be missing)",
        roles=(role,),
    )


def _impossible_times(plan: Plan, business: Business) -> Iterator[Rule]:
    for check, role, policy in (
        ("known_before_time", "known_at", business.quality.known_before_time),
        ("end_before_time", "end", business.quality.end_before_time),
    ):
        if "time" in plan.columns and role in plan.columns:
            value = quote(role)
            early = f"({value} < time AND {value} <> date_trunc('day', time))"
            expected = f"{role} at or after time"
            shown, hint = f"CAST({value} AS VARCHAR)", hint_for(check)
            yield Rule(check, early, policy, role, expected, shown, hint, roles=("time", role))


def _future(business: Business, today: date, role: str) -> Rule:
    until = business.observed_until or today
    said = f"observed_until ({until})" if business.observed_until else f"today ({until})"
    late = f"known_at >= TIMESTAMP '{until + timedelta(days=1)}'"
    expected, shown = f"nothing known after {said}", "CAST(known_at AS VARCHAR)"
    rule, hint = business.quality.future_dates, hint_for("future_dates")
    return Rule("future_dates", late, rule, "known_at", expected, shown, hint, roles=(role,))


def hint_for(check: str) -> str:
    """Return what can be done about a check of the ``quality`` section."""
    policies = get_args(Quality.model_fields[check].annotation)
    others = " or ".join(policy for policy in policies if policy != "refuse")
    return f"mend the table, or set quality.{check}: {others}"
