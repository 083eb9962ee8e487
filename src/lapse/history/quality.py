"""Rows that cannot be right: counted, then refused, dropped or kept as the config says.

In: a :class:`~lapse.history.normalise.Plan` and the ``quality`` section. Out: a :class:`Tally`: problems
(what is refused), findings (what was dropped or kept), and the condition under which a row stays. A row that
several rules drop is counted by the first of them only, so that what was read is what is stored plus what was
dropped. What the rules are is said in :mod:`lapse.history.rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from lapse.errors import Problem
from lapse.history.normalise import Plan
from lapse.history.rules import Rule, hint_for
from lapse.history.sources import Source

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
        SQL condition of the rows that stay, neither dropped nor refused.
    """

    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    dropped: int = 0
    kept: str = "true"


def odd(rules: Sequence[Rule]) -> str:
    """Return the SQL condition of the rows that any of the rules looks for, null or false for the others.

    Most tables have none. Conditions are not filled: DuckDB then asks each only of the rows that the parts
    before it leave open.
    """
    conditions = [condition for rule in rules for condition in (rule.condition, rule.unless) if condition]
    return " OR ".join(f"({condition})" for condition in conditions) or "false"


def tally(connection: duckdb.DuckDBPyConnection, plan: Plan, rules: Sequence[Rule]) -> Tally:
    """Count the rows that cannot be right.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    plan : Plan
    rules : sequence of Rule
        Of the table (:func:`lapse.history.rules.rules_of`).

    Returns
    -------
    Tally
    """
    rules, asked, counts = _counted(connection, plan, odd(rules), [_filled(rule) for rule in rules])
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
    leaving = [rule.condition for rule, _, _ in found if rule.policy != "keep"]
    kept = " AND ".join(f"NOT {condition}" for condition in leaving) or "true"
    return Tally(tuple(problems), tuple(findings), dropped, kept)


def _counted(
    connection: duckdb.DuckDBPyConnection, plan: Plan, some: str, rules: list[Rule]
) -> tuple[list[Rule], list[str], list[int]]:
    """Return the rules that hold for the table, the full condition of each, and how many rows meet it.

    Where a rule found rows that its ``unless`` then defends it leaves, and the others are asked again without
    it. Rows that are dropped whatever stands beside them defend nothing.
    """
    asked = list(_asked(rules))
    gone = [f"NOT {rule.condition}" for rule in rules if rule.policy == "drop" and not rule.unless]
    defending = [" AND ".join([rule.unless or "false", *gone]) for rule in rules]
    counts = _counts(connection, plan, some, [*asked, *defending])
    rows, defended = counts[: len(rules)], counts[len(rules) :]
    standing = [rule for rule, n, others in zip(rules, rows, defended, strict=True) if not (n and others)]
    if len(standing) < len(rules):
        return _counted(connection, plan, some, standing)
    return rules, asked, rows


def _asked(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the condition of each rule without the rows that another one speaks for."""
    dropping = [rule.condition for rule in rules if rule.policy == "drop"]
    for number, rule in enumerate(rules):
        earlier = rules[:number]
        others = {
            "refuse": [],
            "drop": [one.condition for one in earlier if one.policy == "drop"],
            "keep": dropping,
        }[rule.policy]
        others += [
            one.condition
            for one in earlier
            if one.check == "placeholder_dates" != rule.check
            and one.policy != "keep"
            and set(one.roles) & set(rule.roles)
        ]
        yield " AND ".join([rule.condition, *(f"NOT {other}" for other in others)])


def balance(where: str, read: int, stored: int, dropped: int) -> Problem | None:
    """Return a problem unless every row that was read is stored or was dropped and counted, and some stay.

    Examples
    --------
    >>> balance("event 'visit'", read=10, stored=8, dropped=2)
    >>> print(balance("event 'visit'", read=10, stored=8, dropped=1))
    event 'visit': rows: expected 10 read = stored + dropped, got 8 stored + 1 dropped
        hint: did the source change while it was read? read it again
    """
    if stored == 0 and read == dropped:
        return Problem(where, "rows", "at least one row that stays", f"none: all {read:,} were dropped")
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
        source.where, "all mapped columns", expected, got, hint_for("duplicates"), rows, example
    ), None


def row_named(plan: Plan) -> str:
    """Return an SQL text that names a row in messages: ``customer c7, time 2024-03-01 10:00:00``."""
    named = "'customer ' || coalesce(CAST(customer_id AS VARCHAR), 'null')"
    if "time" not in plan.columns:
        return named
    return f"{named} || ', time ' || coalesce(CAST(time AS VARCHAR), 'null')"


def _filled(rule: Rule) -> Rule:
    """Return the rule with a condition that is false, not null, where it has nothing to look at."""
    return replace(rule, condition=f"coalesce({rule.condition}, false)")


def _counts(
    connection: duckdb.DuckDBPyConnection, plan: Plan, some: str, conditions: Sequence[str]
) -> list[int]:
    """Return how many rows meet each condition; ``some`` holds where any of them does."""
    counted = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    row = connection.execute(f"SELECT {counted} FROM ({plan.query}) WHERE {some}").fetchone()
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
