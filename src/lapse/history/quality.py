"""Rows that cannot be right: counted, then refused, dropped or kept as the config says.

In: a :class:`~lapse.history.normalise.Plan` and the ``quality`` section. Out: a :class:`Tally`: problems
(what is refused), findings (what was dropped or kept), and the condition under which a row stays. A row that
several rules drop is counted by the first of them only, so that what was read is what is stored plus what was
dropped.

A value of exactly midnight is taken for a date: known on the day on which it happened is not known before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb

from lapse.config import Business, Table
from lapse.errors import Problem
from lapse.history.normalise import ATTRIBUTE, Plan, section
from lapse.history.sources import Source, literal, quote

_EXAMPLES = 5
"""How many different wrong values a message lists."""


@dataclass(frozen=True)
class Finding:
    """Rows that a rule found, and what was done with them.

    Attributes
    ----------
    table : str
        ``customers`` or the event's name.
    check : str
        Key of the ``quality`` section.
    rows : int
    example : str
        The first of them by customer and time.
    done : str
        ``dropped`` or ``kept``.
    """

    table: str
    check: str
    rows: int
    example: str
    done: str


@dataclass(frozen=True)
class Tally:
    """What the rules found in one table.

    Attributes
    ----------
    problems : tuple of Problem
    findings : tuple of Finding
    dropped : int
        Rows that the rules drop.
    kept : str
        SQL condition of the rows that stay.
    """

    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    dropped: int
    kept: str


@dataclass(frozen=True)
class _Rule:
    """One condition over the plan's query, and what follows where it holds."""

    check: str
    condition: str
    policy: str
    what: str
    expected: str
    shown: str = ""
    hint: str = ""


def tally(
    connection: duckdb.DuckDBPyConnection, plan: Plan, business: Business, table: Table, today: date
) -> Tally:
    """Count the rows that cannot be right.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    business : Business
    table : Table
        The table's section of the config.
    today : date
        Nothing can be known after this day (or ``observed_until``, where it is given).

    Returns
    -------
    Tally
    """
    rules = [_filled(rule) for rule in _rules(plan, business, table, today)]
    dropping = [rule.condition for rule in rules if rule.policy == "drop"]
    earlier: list[str] = []
    asked = []
    for rule in rules:
        others = {"refuse": [], "drop": earlier, "keep": dropping}[rule.policy]
        asked.append(" AND ".join([rule.condition, *(f"NOT {other}" for other in others)]))
        earlier = earlier + [rule.condition] * (rule.policy == "drop")
    counts = _counts(connection, plan, asked)
    found = [(rule, where, rows) for rule, where, rows in zip(rules, asked, counts, strict=True) if rows]
    problems, findings = [], []
    for rule, where, rows in found:
        example = _example(connection, plan, where, rule.shown)
        if rule.policy == "refuse":
            got = _values(connection, plan, where, rule.shown) if rule.shown else "rows that break this"
            problems.append(
                Problem(plan.source.where, rule.what, rule.expected, got, rule.hint, rows, example)
            )
        else:
            done = {"drop": "dropped", "keep": "kept"}[rule.policy]
            findings.append(Finding(plan.source.name, rule.check, rows, example, done))
    dropped = sum(finding.rows for finding in findings if finding.done == "dropped")
    kept = " AND ".join(f"NOT {condition}" for condition in dropping) or "true"
    return Tally(tuple(problems), tuple(findings), dropped, kept)


def balance(where: str, read: int, stored: int, dropped: int) -> Problem | None:
    """Return a problem unless every row that was read is stored or was dropped and counted.

    Examples
    --------
    >>> balance("event 'visit'", read=10, stored=8, dropped=2)
    >>> print(balance("event 'visit'", read=10, stored=8, dropped=1))
    event 'visit': rows: expected 10 read = stored + dropped, got 8 stored + 1 dropped
        hint: did the source change while it was read? read it again
    """
    if read == stored + dropped:
        return None
    got = f"{stored} stored + {dropped} dropped"
    hint = "did the source change while it was read? read it again"
    return Problem(where, "rows", f"{read} read = stored + dropped", got, hint)


def duplicates(source: Source, policy: str, rows: int, example: str) -> tuple[Problem | None, Finding | None]:
    """Return what follows from exact duplicate rows, of which one each is not counted."""
    if rows == 0:
        return None, None
    if policy != "refuse":
        done = {"drop": "dropped", "keep": "kept"}[policy]
        return None, Finding(source.name, "duplicates", rows, example, done)
    got, expected = "rows that are exact copies of another", "each row once"
    return Problem(
        source.where, "all mapped columns", expected, got, _hint("duplicates"), rows, example
    ), None


def row_named(plan: Plan) -> str:
    """Return an SQL text that names a row in messages: ``customer c7, time 2024-03-01 10:00:00``."""
    named = "'customer ' || coalesce(CAST(customer_id AS VARCHAR), 'null')"
    if "time" not in plan.columns:
        return named
    return f"{named} || ', time ' || coalesce(CAST(time AS VARCHAR), 'null')"


def _filled(rule: _Rule) -> _Rule:
    """Return the rule with a condition that is false, not null, where it has nothing to look at."""
    return replace(rule, condition=f"coalesce({rule.condition}, false)")


def _rules(plan: Plan, business: Business, table: Table, today: date) -> Iterator[_Rule]:
    """Yield the rules of one table: values that mean nothing first, then the rules of the config."""
    for value in plan.unreadable:
        yield _Rule("", value.flag, "refuse", value.what, value.expected, value.shown, value.hint)
    yield from _missing_values(plan, business, table)
    yield from _impossible_times(plan, business)
    if "known_at" in plan.columns:
        yield _future(business, today)
    policy = business.quality.unknown_categories
    hint = (
        f"add it under {section(business, plan.source.name)}.allowed, or set quality.unknown_categories: drop"
    )
    for column, values in table.allowed.items():
        text = f"CAST({quote(ATTRIBUTE + column)} AS VARCHAR)"
        unknown = f"{text} NOT IN ({', '.join(map(literal, values))})" if values else f"{text} IS NOT NULL"
        what, expected = f"column '{column}'", f"one of {', '.join(values)}"
        yield _Rule("unknown_categories", unknown, policy, what, expected, text, hint)


def _missing_values(plan: Plan, business: Business, table: Table) -> Iterator[_Rule]:
    keys = " or ".join(role for role in ("customer_id", "time", "known_at") if role in table.columns)
    rule, expected = business.quality.null_keys, "a value in every row"
    yield _Rule("null_keys", "lacks_key", rule, keys, expected, hint=_hint("null_keys"))
    if plan.has_amount:
        rule, expected = business.quality.null_amounts, "a finite number in every row"
        yield _Rule("null_amounts", "lacks_amount", rule, "amount", expected, hint=_hint("null_amounts"))
    if plan.has_amount and plan.source.name == business.churn.event and "end" not in table.columns:
        yield _negative_orders(business)


def _negative_orders(business: Business) -> _Rule:
    """Return the rule against returns among orders: each would keep its customer as an order does."""
    return _Rule(
        "negative_orders",
        "amount < 0",
        business.quality.negative_orders,
        "amount",
        "0 or more, since every row counts as an order",
        "CAST(amount AS VARCHAR)",
        "map returns as an event of their own, such as 'refund', and list it under value.revenue, "
        "or set quality.negative_orders: drop",
    )


def _impossible_times(plan: Plan, business: Business) -> Iterator[_Rule]:
    for check, role, policy in (
        ("known_before_time", "known_at", business.quality.known_before_time),
        ("end_before_time", "end", business.quality.end_before_time),
    ):
        if "time" in plan.columns and role in plan.columns:
            value = quote(role)
            early = f"({value} < time AND {value} <> date_trunc('day', time))"
            expected = f"{role} at or after time"
            yield _Rule(check, early, policy, role, expected, f"CAST({value} AS VARCHAR)", _hint(check))


def _future(business: Business, today: date) -> _Rule:
    until = business.observed_until or today
    said = f"observed_until ({until})" if business.observed_until else f"today ({until})"
    late = f"known_at >= TIMESTAMP '{until + timedelta(days=1)}'"
    expected, shown = f"nothing known after {said}", "CAST(known_at AS VARCHAR)"
    rule = business.quality.future_dates
    return _Rule("future_dates", late, rule, "known_at", expected, shown, _hint("future_dates"))


def _hint(check: str) -> str:
    others = "drop or keep" if check in ("known_before_time", "duplicates") else "drop"
    return f"mend the table, or set quality.{check}: {others}"


def _counts(connection: duckdb.DuckDBPyConnection, plan: Plan, conditions: Sequence[str]) -> list[int]:
    counted = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    row = connection.execute(f"SELECT {counted} FROM ({plan.query})").fetchone()
    return [int(number) for number in row or ()]


def _example(connection: duckdb.DuckDBPyConnection, plan: Plan, where: str, shown: str) -> str:
    """Return the first row by customer, time and value."""
    order = [*(column for column in ("customer_id", "time") if column in plan.columns), shown or "1"]
    row = connection.execute(
        f"SELECT {row_named(plan)}, {shown or 'NULL'} FROM ({plan.query}) WHERE {where}"
        f" ORDER BY {', '.join(f'{column} NULLS LAST' for column in order)} LIMIT 1"
    ).fetchone()
    named, value = row if row is not None else ("", None)
    return named if value is None else f"{named}, value '{value}'"


def _values(connection: duckdb.DuckDBPyConnection, plan: Plan, where: str, shown: str) -> str:
    """Return the wrong values themselves, the first few in their order."""
    rows = connection.execute(
        f"SELECT DISTINCT {shown} FROM ({plan.query}) WHERE {where} ORDER BY 1 LIMIT {_EXAMPLES + 1}"
    ).fetchall()
    listed = [f"'{value}'" if value is not None else "null" for (value,) in rows]
    return ", ".join(listed[:_EXAMPLES]) + (", ..." if len(listed) > _EXAMPLES else "")
