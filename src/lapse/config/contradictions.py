"""What no single key of the YAML says wrong, but two of them together do.

In: a business whose sections are each right. Out: every contradiction between them: events that are named but
not mapped, a horizon shorter than the grace where orders are instants, columns mapped in a way that cannot
work, answers listed as features, names given twice, passwords written out, environment variables not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lapse.config.account import check_account
from lapse.config.lifecycle import check_lifecycle
from lapse.config.mapping import check_tables, check_url
from lapse.config.section import Wrong
from lapse.config.sections import Business
from lapse.config.standing import check_standing
from lapse.errors import Problem


def contradictions(business: Business, where: str) -> list[Problem]:
    """Return every contradiction of a business; ``where`` names its YAML in the messages."""
    checks: tuple[Callable[[Business], Wrong], ...] = (
        check_tables,
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


def _check_tracking(business: Business) -> Wrong:
    yield from check_url("tracking.uri", business.tracking.uri)


def _check_churn(business: Business) -> Wrong:
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


def _check_snapshots(business: Business) -> Wrong:
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


def _check_value(business: Business) -> Wrong:
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
    if (referral := business.value.referral) is not None:
        event = business.events.get(referral.event)
        if event is None:
            known = ", ".join(business.events)
            yield "value.referral.event", f"one of {known}", f"'{referral.event}', which is not mapped", ""
        elif referral.referred not in event.categories:
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


def _check_margins(business: Business) -> Wrong:
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


def _check_custom(business: Business) -> Wrong:
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


def _check_trusted(business: Business) -> Wrong:
    """Yield what cannot be a feature, whatever the data are: a name whose first part is no event."""
    known = ("customer", "calendar", *business.events)
    for name in business.features.trusted:
        first, joint, _ = name.partition("__")
        if name != "customer_id" and not (joint and first in known):
            expected = f"a feature <event>__<stat>, the event one of {', '.join(known)}"
            yield "features.trusted", expected, f"'{name}'", "lapse check names the features it suspects"


def _check_also(business: Business) -> Wrong:
    """Yield what cannot be asked for, whatever the data are: of no mapped event, or over no window."""
    windows = ", ".join(f"{days}d" for days in business.features.windows)
    for name in business.features.also:
        event, *parts = name.split("__")
        if event not in business.events or len(parts) not in (1, 2):
            expected = f"<event>__<stat> or <event>__<stat>__<window>, of {', '.join(business.events)}"
            yield "features.also", expected, f"'{name}'", ""
        elif len(parts) > 1 and parts[1] not in windows.split(", "):
            yield "features.also", f"a window of features.windows: {windows}", f"'{name}'", ""


def _check_groups(business: Business) -> Wrong:
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


def _check_repeats(business: Business) -> Wrong:
    """Yield every entry that stands twice in one list, wherever that is."""
    yield from _repeats("", business.model_dump(mode="json"))


def _repeats(key: str, part: object) -> Wrong:
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
