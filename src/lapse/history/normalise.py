"""What the columns of a source mean: one SQL view that gives a table's rows in the words of the history.

In: a :class:`~lapse.history.sources.Source` and its section of the config. Out: a :class:`Plan`: a query over
the source with the columns ``customer_id``, ``time``, ``known_at``, ``end``, ``end_known_at``, ``amount``,
``cause`` (those that the table has) and its attributes (``a:<name>``), beside the conditions under which a
row cannot be right. Refused: columns that are not there and types that cannot mean what the config says, all
of a table at once.

Ends
----
An end becomes known when the row does (``at_start``), when it happens (``at_end``: the later of ``end`` and
``known_at``), or at a mapped ``end_known_at``, never before ``known_at``. A mapped ``end_known_at`` that is
null beside an end counts as ``at_end``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from lapse.config import Business, Event, Table
from lapse.config.sections import attributes, mapped_columns
from lapse.errors import DataError, Problem
from lapse.history.casts import (
    Cast,
    Zones,
    attribute_cast,
    identity_cast,
    identity_of,
    number_attribute,
    number_cast,
    time_cast,
)
from lapse.history.currencies import not_told_apart, other_currencies
from lapse.history.sources import Source, literal, quote
from lapse.schema import CAUSES

ATTRIBUTE = "a:"
"""What the names of stored attributes begin with, so that none can be taken for a role."""

MOST_AMOUNT = 10**15
"""Amounts of this size and above are mistakes: sums of them are not exact to a cent."""

_VISIBLE = r"[^\s\p{Z}\p{C}]"
"""A character that can be seen, in the regular expressions of DuckDB: neither space nor control."""

_TIMES = frozenset({"time", "known_at", "end", "end_known_at"})


@dataclass(frozen=True)
class Unreadable:
    """Values that mean nothing: what marks them in the plan's query, and the column with their text."""

    what: str
    expected: str
    flag: str
    shown: str
    hint: str = ""


@dataclass(frozen=True)
class Plan:
    """How one table is read.

    Attributes
    ----------
    source : Source
    query : str
        SELECT that gives ``columns`` and, beside them, flags and texts for the checks.
    columns : tuple of str
        What is stored, customer_id first, then time.
    has_amount : bool
        Whether the query has the flag ``lacks_amount`` beside ``lacks_key``.
    unreadable : tuple of Unreadable
        Values that mean nothing, whatever the quality rules say.
    """

    source: Source
    query: str
    columns: tuple[str, ...]
    has_amount: bool
    unreadable: tuple[Unreadable, ...]


def identity(source: Source, business: Business, table: Table) -> str:
    """Return what a table's customer ids are: ``integer``, ``text`` or ``untyped``.

    Raises
    ------
    DataError
        If their type cannot name a customer, or a mapped column is missing.
    """
    column = table.columns["customer_id"]
    if column not in source.types:
        raise DataError(_missing(source, section(business, source.name), table))
    return identity_of(source, column, f"{section(business, source.name)}.columns.customer_id")


def common_identity(kinds: Mapping[str, str], wheres: Mapping[str, str]) -> str:
    """Return the one kind of customer id that all tables have.

    Parameters
    ----------
    kinds : mapping of table to str
        See :func:`identity`. A CSV file has no types: it takes that of the others, and text where none has
        one.
    wheres : mapping of table to str
        Names for the message.

    Raises
    ------
    DataError
        If some tables have integers and others text.
    """
    typed = {name: kind for name, kind in kinds.items() if kind != "untyped"}
    if len(set(typed.values())) > 1:
        said = "; ".join(
            f"{kind} in {', '.join(wheres[name] for name, held in typed.items() if held == kind)}"
            for kind in ("integer", "text")
        )
        hint = "store the ids of all tables as one of them"
        raise DataError(
            Problem("all tables", "customer_id", "ids of one type in every table", said, hint=hint)
        )
    return next(iter(typed.values()), "text")


def plan(source: Source, business: Business, table: Table, identity: str) -> Plan:
    """Return how a table is read.

    Parameters
    ----------
    source : Source
    business : Business
    table : Table
        The table's section of the config.
    identity : str
        ``integer`` or ``text``, for all tables of the business.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        With every missing column and every wrong type.
    """
    key = section(business, source.name)
    problems = [*_missing(source, key, table), *not_told_apart(source, table, key)]
    casts: dict[str, Cast] = {}
    for name, column in _targets(table).items():
        if column in source.types:
            try:
                casts[name] = _cast(source, business, table, identity, name)
            except DataError as error:
                problems += error.problems
    if problems:
        raise DataError(problems)
    columns = _columns(business, source.name, table)
    flags, unreadable = _flags(business, source, table, casts)
    typed = [f"{cast.value} AS {quote(name)}" for name, cast in casts.items()]
    typed += [f"{sql} AS {flag}" for flag, sql in flags.items()]
    outer = [f"{sql} AS {quote(name)}" for name, sql in columns.items()] + list(flags)
    query = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(typed)} FROM {source.relation}) AS typed"
    return Plan(source, query, tuple(columns), "amount" in casts, tuple(unreadable))


def section(business: Business, name: str) -> str:
    """Return the config key of a table."""
    return f"events.{name}" if name in business.events else name


def _missing(source: Source, key: str, table: Table) -> list[Problem]:
    problems = []
    for column in mapped_columns(table):
        if column in source.types:
            continue
        close = difflib.get_close_matches(column, source.types, n=1)
        there = f"columns there: {', '.join(source.types)}"
        hint = f"did you mean '{close[0]}'? {there}" if close else there
        problems.append(Problem(source.where, f"column '{column}' ({key})", "this column", "none", hint=hint))
    return problems


def _targets(table: Table) -> dict[str, str]:
    """Return the source column of every role and attribute; a currency is compared, and not kept."""
    roles = {role: column for role, column in table.columns.items() if role != "currency"}
    return {**roles, **{ATTRIBUTE + name: column for name, column in attributes(table).items()}}


def _key(business: Business, table_name: str, table: Table, name: str) -> str:
    """Return the config key that maps a column of the history."""
    part = f"columns.{name}"
    if name.startswith(ATTRIBUTE):
        part = "features" if name.removeprefix(ATTRIBUTE) in table.features else "categories"
    return f"{section(business, table_name)}.{part}"


def _cast(source: Source, business: Business, table: Table, identity: str, name: str) -> Cast:
    column, key, form = _targets(table)[name], _key(business, source.name, table, name), table.csv
    if name == "customer_id":
        return identity_cast(source, column, key, identity)
    if name in _TIMES:
        zones = Zones(table.timezone or business.timezone, business.timezone)
        return time_cast(source, column, key, form, zones)
    if name == "amount":
        return number_cast(source, column, key, form)
    attribute = name.removeprefix(ATTRIBUTE)
    if source.is_text and attribute in form.numbers:
        return number_attribute(number_cast(source, column, key, form))
    is_label = name == "cause" or (isinstance(table, Event) and attribute in table.categories)
    return attribute_cast(source, column, key, is_label)


def _columns(business: Business, name: str, table: Table) -> dict[str, str]:
    """Return the stored columns as SQL over the typed ones, in order."""
    known_at = '"known_at"' if "known_at" in table.columns else '"time"'
    columns = {"customer_id": '"customer_id"'}
    if isinstance(table, Event):
        columns |= {"time": '"time"', "known_at": known_at}
        if table.has_end:
            known = _end_known(business, name, table, known_at)
            columns |= {"end": '"end"', "end_known_at": f'CASE WHEN "end" IS NOT NULL THEN {known} END'}
            columns["cause"] = _cause(business, table)
        if table.has_amount:
            columns["amount"] = '"amount"'
    elif "known_at" in table.columns:
        columns["known_at"] = known_at
    return columns | {name: quote(name) for name in _targets(table) if name.startswith(ATTRIBUTE)}


def _end_known(business: Business, name: str, table: Event, known_at: str) -> str:
    if name == business.churn.event and business.churn.end_known == "at_start":
        return known_at
    if "end_known_at" in table.columns:
        return f'greatest(coalesce("end_known_at", "end"), {known_at})'
    return f'greatest("end", {known_at})'


def cause_codes(business: Business) -> dict[str, int]:
    """Return the event code of every value that a cause column may have: those of the config, and CAUSES."""
    words = {cause: cause for cause in CAUSES} | dict(business.churn.causes)
    return {value: CAUSES.index(cause) + 1 for value, cause in words.items()}


def _cause(business: Business, table: Event) -> str:
    other = CAUSES.index("other") + 1
    if "cause" not in table.columns:
        return f'CAST(CASE WHEN "end" IS NULL THEN 0 ELSE {other} END AS TINYINT)'
    cases = " ".join(f"WHEN {literal(value)} THEN {code}" for value, code in cause_codes(business).items())
    known = f'CASE "cause" {cases} ELSE {other} END'
    return f'CAST(CASE WHEN "end" IS NULL THEN 0 ELSE {known} END AS TINYINT)'


def _flags(
    business: Business, source: Source, table: Table, casts: Mapping[str, Cast]
) -> tuple[dict[str, str], list[Unreadable]]:
    """Return the conditions that look at the source's own values, as flags beside the typed columns."""
    lacking = [f"{casts[role].raw} IS NULL" for role in ("customer_id", "time", "known_at") if role in casts]
    if source.types[table.columns["customer_id"]] == "VARCHAR":
        lacking.append(f"NOT regexp_matches({casts['customer_id'].raw}, {literal(_VISIBLE)})")
    flags = {"lacks_key": f"({' OR '.join(lacking)})"}
    unreadable = []
    if "amount" in casts:
        raw, value = casts["amount"].raw, casts["amount"].value
        flags["lacks_amount"] = f"({raw} IS NULL OR NOT isfinite({value}) OR abs({value}) >= {MOST_AMOUNT})"
    found = [(role, cast.failed, cast.expected, cast.raw, "") for role, cast in casts.items()]
    found += _meaningless(business, source.name, casts)
    failures = [
        (f"column '{_targets(table)[role]}' ({_key(business, source.name, table, role)})", *parts)
        for role, *parts in found
    ]
    failures += other_currencies(source, business, table, section(business, source.name))
    for number, (what, failed, expected, raw, hint) in enumerate(failures):
        if failed:
            flag, shown = f"failed_{number}", f"shown_{number}"
            flags |= {flag: f"({failed})", shown: f"CAST({raw} AS VARCHAR)"}
            unreadable.append(Unreadable(what, expected, flag, shown, hint))
    return flags, unreadable


def _meaningless(
    business: Business, name: str, casts: Mapping[str, Cast]
) -> list[tuple[str, str, str, str, str]]:
    """Return what cannot be whatever the quality rules say: role, condition, expected, raw value, hint."""
    found = []
    is_churn = name == business.churn.event
    if is_churn and "end" in casts and business.churn.end_known == "at_start":
        expected = "an end: a term whose end is known at its start has one (churn.end_known: at_start)"
        found.append(("end", f"{casts['end'].raw} IS NULL", expected, casts["end"].raw, ""))
    if "end_known_at" in casts and "end" in casts:
        early = f"{casts['end_known_at'].raw} IS NOT NULL AND {casts['end'].raw} IS NULL"
        expected = "nothing where the end is null: there is no end to be known"
        found.append(("end_known_at", early, expected, casts["end_known_at"].raw, ""))
    if "cause" in casts:
        listed = ", ".join(map(literal, cause_codes(business)))
        expected = f"a cause listed under churn.causes, or one of {', '.join(CAUSES)}"
        hint = f"map it under churn.causes to {', '.join(CAUSES)}"
        found.append(
            ("cause", f"{casts['cause'].value} NOT IN ({listed})", expected, casts["cause"].raw, hint)
        )
    return found
