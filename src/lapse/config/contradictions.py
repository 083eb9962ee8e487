"""What no single key of the YAML says wrong, but two of them together do.

In: a business whose sections are each right. Out: every contradiction between them: events that are named but
not mapped, a horizon shorter than the grace where orders are instants, columns mapped in a way that cannot
work, answers listed as features, names given twice, passwords written out, environment variables not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from lapse.config.account import check_account
from lapse.config.lifecycle import check_lifecycle
from lapse.config.sections import Business, Event, Table, mapped_columns
from lapse.config.standing import check_standing
from lapse.config.urls import describe_url, missing_variables
from lapse.errors import Problem

_ROLES: Mapping[str, frozenset[str]] = {
    "customers": frozenset({"customer_id", "known_at"}),
    "events": frozenset({"customer_id", "time", "end", "end_known_at", "amount", "known_at", "cause"}),
}

_KNOWN_LATER = ("end", "end_known_at", "cause")
"""Roles whose columns are filled in after their row became known."""


def contradictions(business: Business, where: str) -> list[Problem]:
    """Return every contradiction of a business; ``where`` names its YAML in the messages."""
    checks: tuple[Callable[[Business], Iterator[tuple[str, str, str, str]]], ...] = (
        _check_tables,
        _check_churn,
        _check_snapshots,
        _check_value,
        _check_custom,
        _check_trusted,
        _check_also,
        check_standing,
        check_account,
        check_lifecycle,
        _check_groups,
        _check_tracking,
        _check_repeats,
    )
    return [Problem(where, *parts) for check in checks for parts in check(business)]


def _check_tables(business: Business) -> Iterator[tuple[str, str, str, str]]:
    if business.customers is not None:
        yield from _check_table("customers", business.customers, {"customer_id"})
    for name, event in business.events.items():
        yield from _check_table(f"events.{name}", event, {"customer_id", "time"})
        if "end_known_at" in event.columns and not event.has_end:
            yield f"events.{name}.columns.end_known_at", "an 'end' beside it", "no end", ""
        if "cause" in event.columns and name != business.churn.event:
            yield f"events.{name}.columns.cause", "a cause on the churn event only", f"one on '{name}'", ""
    if business.customers is not None and "customers" in business.events:
        yield "events.customers", "another name", "the name of the customers table", ""


def _check_table(key: str, table: Table, needed: set[str]) -> Iterator[tuple[str, str, str, str]]:
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
    yield from _check_url(f"{key}.url", table.url or "")
    if table.path is not None and table.path.suffix not in {".parquet", ".csv"}:
        yield f"{key}.path", "a file ending in .parquet or .csv", str(table.path), ""
    elif "csv" in table.model_fields_set and (table.path is None or table.path.suffix != ".csv"):
        got = "one beside a table that is none" if table.path is None else f"one beside {table.path}"
        yield f"{key}.csv", "this section beside a path that ends in .csv", got, ""
    yield from _check_case(key, table)
    yield from _check_attributes(key, table)


def _check_case(key: str, table: Table) -> Iterator[tuple[str, str, str, str]]:
    """Yield columns whose names differ by nothing but case, which the engine takes for one."""
    spellings: dict[str, set[str]] = {}
    for column in mapped_columns(table):
        spellings.setdefault(column.lower(), set()).add(column)
    for found in spellings.values():
        if len(found) > 1:
            got = " and ".join(f"'{column}'" for column in sorted(found))
            yield f"{key}", "columns that differ by more than case", got, "rename one of them in the table"


def _check_url(key: str, url: str) -> Iterator[tuple[str, str, str, str]]:
    if (shown := describe_url(url)) != url:
        yield (
            key,
            "no password in the file",
            shown,
            "write ${NAME} in its place, all of it, and set that environment variable",
        )
    for name in missing_variables(url):
        yield key, f"the environment variable {name}, which ${{{name}}} names", "none", f"export {name}=..."


def _check_tracking(business: Business) -> Iterator[tuple[str, str, str, str]]:
    yield from _check_url("tracking.uri", business.tracking.uri)


def _check_attributes(key: str, table: Table) -> Iterator[tuple[str, str, str, str]]:
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


def _check_listed(key: str, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
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


def _check_churn(business: Business) -> Iterator[tuple[str, str, str, str]]:
    churn = business.churn
    event = business.events.get(churn.event)
    if event is None:
        yield (
            "churn.event",
            f"one of {', '.join(business.events)}",
            f"'{churn.event}', which is not mapped",
            "",
        )
        return
    if event.has_end and churn.end_known is None:
        yield (
            "churn.end_known",
            "at_start, at_end or end_known_at",
            "nothing",
            f"'{churn.event}' has an end: say when it becomes known",
        )
    if not event.has_end and churn.end_known is not None:
        yield "churn.end_known", "nothing: an instant has no end", f"'{churn.end_known}'", ""
    if (
        (churn.end_known == "end_known_at") != ("end_known_at" in event.columns)
        and event.has_end
        and churn.end_known
    ):
        yield (
            "churn.end_known",
            "end_known_at exactly where that column is mapped",
            f"'{churn.end_known}'",
            "",
        )
    if not event.has_end and churn.grace == 0:
        yield "churn.grace", "a length longer than nothing, since orders are instants", "'0d'", ""
    if not event.has_end and business.snapshots.horizon < churn.grace:
        yield (
            "snapshots.horizon",
            f"at least the grace of {churn.grace}d, since '{churn.event}' is an instant",
            f"{business.snapshots.horizon}d",
            "whoever ordered on the snapshot day could never be seen to lapse",
        )
    if churn.causes and "cause" not in event.columns:
        yield "churn.causes", f"a 'cause' column of '{churn.event}'", "none", ""


def _check_snapshots(business: Business) -> Iterator[tuple[str, str, str, str]]:
    until = business.observed_until
    if until is not None and until <= business.snapshots.start:
        yield "snapshots.start", f"a date before observed_until ({until})", str(business.snapshots.start), ""
    windows = business.features.windows
    if list(windows) != sorted(windows):
        yield (
            "features.windows",
            "lengths in ascending order",
            ", ".join(f"{days}d" for days in windows),
            "",
        )


def _check_value(business: Business) -> Iterator[tuple[str, str, str, str]]:
    for name in business.revenue_events:
        event = business.events.get(name)
        if event is None and name != business.churn.event:
            known = ", ".join(business.events)
            yield "value.revenue", f"one of {known}", f"'{name}', which is not mapped", ""
        elif event is not None and not event.has_amount:
            yield (
                "value.revenue",
                "events with a mapped 'amount'",
                f"'{name}', which has none",
                "map 'amount', or list the events that carry revenue",
            )
    yield from _check_margins(business)
    for name in sorted(business.value.event_costs.keys() - business.events.keys()):
        known = ", ".join(business.events)
        yield f"value.event_costs.{name}", f"one of {known}", f"'{name}', which is not mapped", ""
    referral = business.value.referral
    if referral is not None and referral.referred not in (
        event.categories if (event := business.events.get(referral.event)) else ()
    ):
        expected = f"a name listed under events.{referral.event}.categories"
        yield "value.referral.referred", expected, f"'{referral.referred}'", ""
    flows = business.value.cash_flows
    if flows is not None and (flows == business.scores.path or business.scores.path in flows.parents):
        expected = "a folder that is not within scores.path, where every file is taken for scores"
        yield "value.cash_flows", expected, str(flows), ""
    if business.value.limit < business.snapshots.horizon:
        yield (
            "value.limit",
            f"at least the horizon of {business.snapshots.horizon}d",
            f"{business.value.limit}d",
            "",
        )


def _check_margins(business: Business) -> Iterator[tuple[str, str, str, str]]:
    """Yield rates of margin that no amount could ever have."""
    value, known = business.value, ", ".join(business.revenue_events)
    for key in ("margin_rates", "category_margin_rates"):
        for name in sorted(getattr(value, key).keys() - set(business.revenue_events)):
            yield f"value.{key}.{name}", f"an event of value.revenue: {known}", f"'{name}'", ""
    for name, columns in value.category_margin_rates.items():
        if len(columns) != 1:
            got = ", ".join(columns) or "none"
            yield f"value.category_margin_rates.{name}", "one of its categories", got, "a row has one rate"
        event = business.events.get(name)
        for column in sorted(columns.keys() - (event.categories.keys() if event else set())):
            expected = f"a name listed under events.{name}.categories"
            yield f"value.category_margin_rates.{name}.{column}", expected, f"'{column}'", ""


def _check_custom(business: Business) -> Iterator[tuple[str, str, str, str]]:
    for name, target in business.features.custom.items():
        parts = name.split("__")
        if len(parts) not in (2, 3) or parts[0] not in (*business.events, "customer"):
            yield (
                f"features.custom.{name}",
                "a name <event>__<stat> or <event>__<stat>__<window>",
                f"'{name}'",
                "",
            )
        if not re.fullmatch(r"[\w.]+:\w+", target):
            yield f"features.custom.{name}", "an import path 'module:function'", f"'{target}'", ""


def _check_trusted(business: Business) -> Iterator[tuple[str, str, str, str]]:
    """Yield what cannot be a feature, whatever the data are: a name whose first part is no event."""
    known = ("customer", "calendar", *business.events)
    for name in business.features.trusted:
        first, joint, _ = name.partition("__")
        if name != "customer_id" and not (joint and first in known):
            expected = f"a feature <event>__<stat>, the event one of {', '.join(known)}"
            yield "features.trusted", expected, f"'{name}'", "lapse check names the features it suspects"


def _check_also(business: Business) -> Iterator[tuple[str, str, str, str]]:
    """Yield what cannot be asked for, whatever the data are: of no mapped event, or over no window."""
    windows = ", ".join(f"{days}d" for days in business.features.windows)
    for name in business.features.also:
        event, *parts = name.split("__")
        if event not in business.events or len(parts) not in (1, 2):
            expected = f"<event>__<stat> or <event>__<stat>__<window>, of {', '.join(business.events)}"
            yield "features.also", expected, f"'{name}'", ""
        elif len(parts) > 1 and parts[1] not in windows.split(", "):
            yield "features.also", f"a window of features.windows: {windows}", f"'{name}'", ""


def _check_groups(business: Business) -> Iterator[tuple[str, str, str, str]]:
    """Yield segments that are no attributes of customers, and products that are no categories."""
    churn = business.events.get(business.churn.event)
    customers = business.customers
    listed: tuple[tuple[str, tuple[str, ...], str, Mapping[str, str]], ...] = (
        (
            "segments",
            business.measure.segments,
            "customers.features",
            customers.features if customers else {},
        ),
        (
            "products",
            business.measure.products,
            f"events.{business.churn.event}.categories",
            churn.categories if churn else {},
        ),
    )
    for key, names, where, known in listed:
        for name in dict.fromkeys(names):
            if name not in known:
                expected = f"a name listed under {where}" + (f": {', '.join(known)}" if known else "")
                yield f"measure.{key}", expected, f"'{name}'", ""
            elif name == "all" or (key == "products" and name in business.measure.segments):
                got = f"'{name}', which is taken"
                yield f"measure.{key}", "a name of its own", got, "give the column another name"


def _check_repeats(business: Business) -> Iterator[tuple[str, str, str, str]]:
    """Yield every entry that stands twice in one list, wherever that is."""
    yield from _repeats("", business.model_dump(mode="json"))


def _repeats(key: str, part: object) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _repeats(f"{key}.{name}" if key else str(name), value)
    elif isinstance(part, list):
        for number, entry in enumerate(part):
            yield from _repeats(f"{key}.{number}", entry)
            if part.index(entry) == number and part.count(entry) > 1:
                yield key, "each entry once", f"'{_shown(entry)}' twice", ""


def _shown(entry: object) -> object:
    """Return an entry as the YAML has it: of one with keys, those that say something."""
    if not isinstance(entry, dict):
        return entry
    return ", ".join(f"{name}: {value}" for name, value in entry.items() if value not in (None, []))
