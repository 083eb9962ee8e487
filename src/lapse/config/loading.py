"""Reading the business YAML: every mistake in it, found in one pass.

In: a path. Out: a :class:`~lapse.config.Business` whose paths are absolute. What is left when wrong keys are
taken out is checked too, so that a wrong key in one section does not hide a contradiction between two others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lapse.config.sections import Business, Event, Table
from lapse.config.urls import describe_url
from lapse.errors import ConfigError, Problem

_ROLES: Mapping[str, frozenset[str]] = {
    "customers": frozenset({"customer_id", "known_at"}),
    "events": frozenset({"customer_id", "time", "end", "end_known_at", "amount", "known_at", "cause"}),
}

_SECRET_KEY = re.compile("(?i)(pass|pwd|token|secret)[^.]*$")
_KNOWN_LATER = ("end", "end_known_at", "cause")
"""Roles whose columns are filled in after their row became known."""


def load(path: str | Path) -> Business:
    """Read and check one business YAML.

    Parameters
    ----------
    path : str or Path
        The YAML file; the paths in it are relative to it.

    Returns
    -------
    Business

    Raises
    ------
    ConfigError
        With every mistake found, if there is any.
    """
    source = Path(path).resolve()
    raw = _read(source)
    business, problems = _validate(raw, str(path))
    if business is not None:
        problems += _contradictions(business, str(path))
    if problems or business is None:
        raise ConfigError(problems)
    text = json.dumps(business.model_dump(mode="json"), sort_keys=True)
    located = _absolute(business, source.parent)
    return located.model_copy(
        update={"source": source, "config_hash": hashlib.sha256(text.encode()).hexdigest()[:12]}
    )


class _UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key given twice, where YAML would let the last one win."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
        raise yaml.constructor.ConstructorError(
            None, None, f"given twice: {', '.join(twice)}", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read(source: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(source.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except OSError as error:
        raise ConfigError(
            Problem(str(source), "file", "a readable YAML file", str(error.strerror))
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = describe_url(" ".join(str(error).split()))
        raise ConfigError(Problem(str(source), "file", "valid YAML", told)) from None
    if not isinstance(raw, dict):
        raise ConfigError(Problem(str(source), "file", "a mapping of keys", type(raw).__name__))
    return raw


def _validate(raw: dict[str, Any], where: str) -> tuple[Business | None, list[Problem]]:
    """Validate; where a section is wrong, find the contradictions between the others all the same."""
    try:
        return Business.model_validate(raw), []
    except ValidationError as error:
        return None, [_problem(item, where) for item in error.errors()] + list(
            _early_contradictions(raw, where)
        )


def _problem(item: Mapping[str, Any], where: str) -> Problem:
    key = ".".join(str(part) for part in item["loc"] if part != "[key]") or "file"
    kind = item["type"]
    is_secret = _SECRET_KEY.search(key) is not None
    got = "***" if is_secret else describe_url(repr(item["input"]))
    got = got if len(got) <= 80 else got[:77] + "..."
    if kind == "extra_forbidden":
        return Problem(
            where, key, "a key that lapse knows", f"an unknown key (value {got})", _nearest(item["loc"])
        )
    if kind == "missing":
        return Problem(where, key, "this key", "nothing")
    return Problem(where, key, item["msg"].removeprefix("Value error, "), got)


def _nearest(loc: tuple[int | str, ...]) -> str:
    import difflib

    model: Any = Business
    for part in loc[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_of(field.annotation) if field is not None else model
    names = list(getattr(model, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1]), names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(names)}"


def _section_of(annotation: Any) -> Any:
    """Return the section class inside an annotation such as ``Customers | None`` or ``dict[Name, Event]``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for inner in reversed(getattr(annotation, "__args__", ())):
        if hasattr(found := _section_of(inner), "model_fields"):
            return found
    return annotation


def _early_contradictions(raw: dict[str, Any], where: str) -> Iterator[Problem]:
    """Take out the wrong keys of a YAML, as far as it goes, and look for contradictions in the rest."""
    mended = json.loads(json.dumps(raw, default=str))
    for _ in range(200):
        try:
            business = Business.model_validate(mended)
        except ValidationError as error:
            if not all(_remove(mended, item["loc"]) for item in error.errors() if item["type"] != "missing"):
                return
            if any(item["type"] == "missing" for item in error.errors()):
                return
        else:
            yield from _contradictions(business, where)
            return


def _remove(tree: Any, loc: tuple[int | str, ...]) -> bool:
    """Remove one wrong key, if it can be found; what is optional then takes its default."""
    for part in loc[:-1]:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(tree, dict) and loc[-1] in tree:
        del tree[loc[-1]]
        return True
    return False


def _contradictions(business: Business, where: str) -> list[Problem]:
    checks: tuple[Callable[[Business], Iterator[tuple[str, str, str, str]]], ...] = (
        _check_tables,
        _check_churn,
        _check_snapshots,
        _check_value,
        _check_custom,
        _check_tracking,
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
    yield from _check_attributes(key, table)


def _check_url(key: str, url: str) -> Iterator[tuple[str, str, str, str]]:
    if (shown := describe_url(url)) != url:
        yield (
            key,
            "no password in the file",
            shown,
            "write ${NAME} in its place, all of it, and set that environment variable",
        )


def _check_tracking(business: Business) -> Iterator[tuple[str, str, str, str]]:
    yield from _check_url("tracking.uri", business.tracking.uri)


def _check_attributes(key: str, table: Table) -> Iterator[tuple[str, str, str, str]]:
    names = [*table.features, *(table.categories if isinstance(table, Event) else ())]
    for name in sorted({name for name in table.features if table.features.count(name) > 1}):
        yield f"{key}.features", "each column once", f"'{name}' twice", ""
    if (identifier := table.columns.get("customer_id")) in names:
        yield (
            f"{key}.features",
            "attributes of customers",
            f"the customer id '{identifier}'",
            "an id can encode the outcome",
        )
    for role in _KNOWN_LATER:
        if (column := table.columns.get(role)) in names:
            yield (
                f"{key}.features",
                "what is known when the row is",
                f"'{column}', the column of the role '{role}'",
                "it would be seen from the row's known_at on, before anybody knew it",
            )
    for name in sorted(set(table.csv.numbers) - set(table.features)):
        yield f"{key}.csv.numbers", "columns listed under features", f"'{name}'", ""
    for name in sorted(table.allowed.keys() - set(names)):
        yield f"{key}.allowed.{name}", "a column listed under features or categories", f"'{name}'", ""


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
    if list(windows) != sorted(set(windows)):
        yield (
            "features.windows",
            "lengths in ascending order, each once",
            ", ".join(f"{days}d" for days in windows),
            "",
        )


def _check_value(business: Business) -> Iterator[tuple[str, str, str, str]]:
    for name in business.revenue_events:
        event = business.events.get(name)
        if event is None and name != business.churn.event:
            yield "value.revenue", f"of {', '.join(business.events)}", f"'{name}', which is not mapped", ""
        elif event is not None and not event.has_amount:
            yield (
                "value.revenue",
                "events with a mapped 'amount'",
                f"'{name}', which has none",
                "map 'amount', or list the events that carry revenue",
            )
    if business.value.limit < business.snapshots.horizon:
        yield (
            "value.limit",
            f"at least the horizon of {business.snapshots.horizon}d",
            f"{business.value.limit}d",
            "",
        )


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


def _absolute(business: Business, folder: Path) -> Business:
    """Return the business with every path absolute, relative ones taken from the YAML's folder."""

    def place(table: Any) -> Any:
        return (
            table
            if table is None or table.path is None
            else table.model_copy(update={"path": folder / table.path})
        )

    scores = business.scores.model_copy(update={"path": folder / business.scores.path})
    return business.model_copy(
        update={
            "customers": place(business.customers),
            "events": {name: place(event) for name, event in business.events.items()},
            "scores": scores,
            "tracking": business.tracking.model_copy(
                update={"uri": _absolute_uri(business.tracking.uri, folder)}
            ),
        }
    )


def _absolute_uri(uri: str, folder: Path) -> str:
    prefix, file = "sqlite:///", uri.removeprefix("sqlite:///")
    return uri if file == uri else f"{prefix}{folder / file}"
