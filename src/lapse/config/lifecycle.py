"""What is wrong with the ``measure.lifecycle`` section.

In: a business whose sections are each right. Out: every mistake: an event that is not mapped, a channel that
neither the lead nor the customers have, costs that are neither CSV nor Parquet, a programme with a control
and no groups.
"""

from __future__ import annotations

from lapse.config.measuring import Lifecycle, Programme
from lapse.config.section import Wrong
from lapse.config.sections import Business

_KEY = "measure.lifecycle"


def check_lifecycle(business: Business) -> Wrong:
    """Yield key, expected, got and hint of every mistake."""
    lifecycle = business.measure.lifecycle
    if lifecycle is None:
        return
    mapped = ", ".join(business.events)
    for key in ("lead", "qualified"):
        name = getattr(lifecycle, key)
        if name is not None and name not in business.events:
            yield f"{_KEY}.{key}", f"one of {mapped}", f"'{name}', which is not mapped", ""
        elif name is not None and name == business.churn.event:
            yield f"{_KEY}.{key}", "an event before the first of those that keep a customer", f"'{name}'", ""
    if lifecycle.qualified and not lifecycle.lead:
        yield f"{_KEY}.lead", "an event, since 'qualified' says what becomes of leads", "nothing", ""
    yield from _check_sources(business, lifecycle)
    if lifecycle.costs is not None and lifecycle.costs.suffix.lower() not in (".csv", ".parquet"):
        yield f"{_KEY}.costs", "a file that ends in .csv or .parquet", f"'{lifecycle.costs}'", ""
    for name, programme in lifecycle.programmes.items():
        yield from _check_programme(business, f"{_KEY}.programmes.{name}", programme)


def attributes_of_event(business: Business, kind: str | None) -> tuple[str, ...]:
    """Return the names of an event's features and categories; none where there is no such event."""
    event = business.events.get(kind or "")
    return (*event.features, *event.categories) if event else ()


def _check_sources(business: Business, lifecycle: Lifecycle) -> Wrong:
    of_customers = business.customers.features if business.customers else {}
    known = tuple(dict.fromkeys([*attributes_of_event(business, lifecycle.lead), *of_customers]))
    for key in ("channel", "campaign"):
        name = getattr(lifecycle, key)
        if name is not None and name not in known:
            expected = f"a feature or category of the lead, or of customers: {', '.join(known) or 'none'}"
            yield f"{_KEY}.{key}", expected, f"'{name}'", ""
    for key in ("lead", "costs", "campaign"):
        if getattr(lifecycle, key) is not None and lifecycle.channel is None:
            yield f"{_KEY}.channel", f"a name, since there is '{key}'", "nothing", ""
            return


def _check_programme(business: Business, key: str, programme: Programme) -> Wrong:
    if programme.event not in business.events:
        mapped = ", ".join(business.events)
        yield f"{key}.event", f"one of {mapped}", f"'{programme.event}', which is not mapped", ""
    elif programme.group is not None and programme.group not in (
        known := attributes_of_event(business, programme.event)
    ):
        expected = f"a feature or category of '{programme.event}': {', '.join(known) or 'none'}"
        yield f"{key}.group", expected, f"'{programme.group}'", ""
    given = [name for name in ("group", "treated", "control") if getattr(programme, name) is not None]
    if "control" in given and len(given) < 3:
        yield f"{key}", "group and treated beside control", ", ".join(given), ""
    if programme.control is not None and programme.control == programme.treated:
        yield f"{key}.control", "another group than the treated one", f"'{programme.control}'", ""
