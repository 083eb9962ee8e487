"""Who the customer is and what an event was: "plan is basic", "34 % of baskets in 90 days: store north"."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from numbers import Real

from lapse.features.grammar import Feature
from lapse.features.phrases.row import Row, none_of, times
from lapse.features.wording import counted, days, percent, plain, plural, spaced


def _distinct(feature: Feature, row: Row) -> str:
    noun = feature.stat.removeprefix("distinct_")
    number = row.number(feature)
    told = counted(number, f"different_{noun}" if number > 1 else noun)
    return f"{told} among {plural(_rows(feature, row))} in {days(feature.window or 0)}"


def _share(feature: Feature, row: Row) -> str:
    share = row.number(feature)
    what = spaced(feature.stat.removeprefix("spend_").removeprefix("share_"))
    if math.isnan(share):
        return none_of(feature, row)
    told = plural(_rows(feature, row))
    if feature.stat.startswith("spend_"):
        told = f"spend on {told}" if row.is_spend(feature.event) else f"{told} by amount"
    return f"{percent(share)} of {told} in {days(feature.window or 0)}: {what}"


def _count(feature: Feature, row: Row) -> str:
    what = spaced(feature.stat.removeprefix("count_"))
    return f"{counted(row.number(feature), _rows(feature, row))} in {days(feature.window or 0)}: {what}"


def _rows(feature: Feature, row: Row) -> str:
    return feature.event if row.is_span(feature.event) else row.entry(feature.event)


def attribute(name: str, value: object) -> str:
    """Return an attribute and its value: "plan is basic", "plan not known"."""
    if isinstance(value, Real) and not math.isnan(value):
        return f"{spaced(name)} is {plain(float(value))}"
    return f"{spaced(name)} is {value}" if isinstance(value, str) else f"{spaced(name)} not known"


def _latest(feature: Feature, row: Row) -> str:
    return attribute(feature.stat.removeprefix("latest_"), row.values.get(str(feature)))


def _changes(feature: Feature, row: Row) -> str:
    number, name = row.number(feature), spaced(feature.stat.removeprefix("changes_"))
    return f"{name} changed {times(number)}" if number > 0 else f"{name} never changed"


PREFIXES: Mapping[str, Callable[[Feature, Row], str]] = {
    "distinct_": _distinct,
    "share_": _share,
    "spend_share_": _share,
    "count_": _count,
    "latest_": _latest,
    "changes_": _changes,
}
"""The phrase of every stat whose name ends in a column's."""


def tenure(feature: Feature, row: Row) -> str:
    """Return how long a customer has been one."""
    length = row.number(feature)
    return "no event on record" if math.isnan(length) else f"customer for {days(length)}"


def breadth(feature: Feature, row: Row) -> str:
    """Return with how many kinds of events a customer was in touch."""
    number, span = row.number(feature), days(feature.window or 0)
    return f"{counted(number, 'kind')} of contact in {span}" if number else f"no contact in {span}"


def profile(feature: Feature, row: Row) -> str:
    """Return an attribute of the customer."""
    return attribute(feature.stat, row.values.get(str(feature)))


def season(feature: Feature, row: Row) -> str:  # noqa: ARG001 (every phrase has these parameters)
    """Return the month that a pair of season features stands for."""
    angle = math.atan2(
        row.number(Feature("calendar", "year_sin")), row.number(Feature("calendar", "year_cos"))
    )
    if math.isnan(angle):
        return "time of the year"
    day = date(2001, 1, 1) + timedelta(round(angle / (2 * math.pi) % 1.0 * 365))
    return f"time of the year: {calendar.month_name[day.month]}"


def other(feature: Feature, row: Row) -> str:
    """Return the words of a feature that lapse does not know: a user's own."""
    span = f" in {days(feature.window)}" if feature.window else ""
    value = row.number(feature)
    told = "not known" if math.isnan(value) else plain(value)
    return f"{spaced(feature.stat)} of {plural(feature.event)}{span}: {told}"
