"""What is wrong with how tables are mapped: roles that are missing or unknown, columns that cannot work.

In: a business whose sections are each right. Out: every mistake: a table without a place or with two, a URL
with a password or without a table, columns whose names differ by case alone, answers listed as features, an
end that is known before there is one.
"""

from __future__ import annotations

from collections.abc import Mapping

from lapse.config.section import Wrong
from lapse.config.sections import Business, Event, Table, mapped_columns
from lapse.config.urls import describe_url, missing_variables

_ROLES: Mapping[str, frozenset[str]] = {
    "customers": frozenset({"customer_id", "known_at"}),
    "events": frozenset(
        {"customer_id", "time", "end", "end_known_at", "amount", "currency", "known_at", "cause"}
    ),
}

_KNOWN_LATER = ("end", "end_known_at", "cause")
"""Roles whose columns are filled in after their row became known."""


def check_tables(business: Business) -> Wrong:
    """Yield key, expected, got and hint of every mistake in the tables."""
    if business.customers is not None:
        yield from _check_table("customers", business.customers, {"customer_id"})
    for name, event in business.events.items():
        yield from _check_table(f"events.{name}", event, {"customer_id", "time"})
        if "end_known_at" in event.columns and not event.has_end:
            yield f"events.{name}.columns.end_known_at", "an 'end' beside it", "no end", ""
        if "currency" in event.columns and not event.has_amount:
            yield f"events.{name}.columns.currency", "an 'amount' beside it", "no amount", ""
        if "cause" in event.columns and name != business.churn.event:
            yield f"events.{name}.columns.cause", "a cause on the churn event only", f"one on '{name}'", ""
    if business.customers is not None and "customers" in business.events:
        yield "events.customers", "another name", "the name of the customers table", ""


def _check_table(key: str, table: Table, needed: set[str]) -> Wrong:
    roles = _ROLES[key.split(".")[0]]
    for role in sorted(needed - table.columns.keys()):
        yield f"{key}.columns.{role}", "the column that holds it", "nothing", ""
    for role in sorted(table.columns.keys() - roles):
        yield (
            f"{key}.columns.{role}",
            f"one of {', '.join(sorted(roles))}",
            "an unknown role",
            "list further columns under 'features'",
        )
    given = [name for name in ("path", "table", "query") if getattr(table, name) is not None]
    if len(given) != 1:
        yield key, "exactly one of path, table, query", ", ".join(given) or "none of them", ""
    if (table.url is None) != (table.path is not None):
        yield (
            f"{key}.url",
            "a SQLAlchemy URL with 'table' or 'query', and none with 'path'",
            describe_url(str(table.url)),
            "",
        )
    yield from check_url(f"{key}.url", table.url or "")
    if table.path is not None and table.path.suffix not in {".parquet", ".csv"}:
        yield f"{key}.path", "a file ending in .parquet or .csv", str(table.path), ""
    elif "csv" in table.model_fields_set and (table.path is None or table.path.suffix != ".csv"):
        got = "one beside a table that is none" if table.path is None else f"one beside {table.path}"
        yield f"{key}.csv", "this section beside a path that ends in .csv", got, ""
    yield from _check_case(key, table)
    yield from _check_attributes(key, table)


def _check_case(key: str, table: Table) -> Wrong:
    """Yield columns whose names differ by nothing but case, which the engine takes for one."""
    spellings: dict[str, set[str]] = {}
    for column in mapped_columns(table):
        spellings.setdefault(column.lower(), set()).add(column)
    for found in spellings.values():
        if len(found) > 1:
            got = " and ".join(f"'{column}'" for column in sorted(found))
            yield f"{key}", "columns that differ by more than case", got, "rename one of them in the table"


def check_url(key: str, url: str) -> Wrong:
    """Yield a password that is written out, and environment variables that are not set."""
    if (shown := describe_url(url)) != url:
        yield (
            key,
            "no password in the file",
            shown,
            "write ${NAME} in its place, all of it, and set that environment variable",
        )
    for name in missing_variables(url):
        yield key, f"the environment variable {name}, which ${{{name}}} names", "none", f"export {name}=..."


def _check_attributes(key: str, table: Table) -> Wrong:
    categories = table.categories if isinstance(table, Event) else {}
    for part, columns in (("features", table.features), ("categories", categories)):
        yield from _check_listed(f"{key}.{part}", table, columns)
    for name in sorted(table.features.keys() & categories.keys()):
        if table.features[name] != categories[name]:
            got = f"'{name}' for '{table.features[name]}' and for '{categories[name]}'"
            yield f"{key}.categories", "one column for each name", got, "give one of them another name"
    for name in sorted(set(table.csv.numbers) - table.features.keys()):
        yield f"{key}.csv.numbers", "names listed under features", f"'{name}'", ""
    for name in sorted(table.allowed.keys() - table.features.keys() - categories.keys()):
        yield f"{key}.allowed.{name}", "a name listed under features or categories", f"'{name}'", ""


def _check_listed(key: str, table: Table, columns: Mapping[str, str]) -> Wrong:
    """Yield what is wrong with the columns under ``features`` or ``categories``."""
    listed = set(columns.values())
    if (identifier := table.columns.get("customer_id")) in listed:
        yield (
            key,
            "attributes of customers",
            f"the customer id '{identifier}'",
            "an id can encode the outcome",
        )
    for role in _KNOWN_LATER:
        if (column := table.columns.get(role)) in listed:
            yield (
                key,
                "what is known when the row is",
                f"'{column}', the column of the role '{role}'",
                "it would be seen from the row's known_at on, before anybody knew it",
            )
