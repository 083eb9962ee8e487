"""How often: "3 baskets in 30 days, 9 in the 60 days before"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lapse.features.grammar import Feature
from lapse.features.phrases.row import Row, none_of
from lapse.features.wording import counted, days, one, percent, plain, plural, spaced, whole

_HARDLY = 0.001
_DOUBLE = 2.0


def _count(feature: Feature, row: Row) -> str:
    return _with_before(feature, row.number(feature), row)


def _with_before(feature: Feature, count: float, row: Row) -> str:
    """Return a count in a window, and that in the rest of the next larger window."""
    window, larger = feature.window or 0, row.larger_window(feature)
    noun = row.beginning(feature.event) if count == 0 else row.entry(feature.event)
    told = f"{counted(count, noun)} in {days(window)}"
    before = row.number(Feature(feature.event, "count", larger)) - count
    if larger is None or math.isnan(before):
        return told
    return f"{told}, {whole(before) if before > 0 else 'none'} in the {days(larger - window)} before"


def _active_days(feature: Feature, row: Row) -> str:
    number = row.number(feature)
    return f"{counted(number, 'day')} with {one(feature.event)} in {days(feature.window or 0)}"


def _trend(feature: Feature, row: Row) -> str:
    trend, larger = row.number(feature), row.larger_window(feature)
    if math.isnan(trend):
        return none_of(Feature(feature.event, feature.stat, larger or feature.window), row)
    if trend == 0:
        return _with_before(feature, 0.0, row)
    longer = f"the last {days(larger)}" if larger else "a longer time"
    pace = f"{plain(trend)} times" if trend >= _DOUBLE else f"{percent(trend)} of"
    noun = plural(row.entry(feature.event))
    return f"{noun} in {days(feature.window or 0)} at {pace} the pace of {longer}"


def _rate(feature: Feature, row: Row) -> str:
    rate, since = row.number(feature), row.since_last(feature.event)
    if since is not None and math.isnan(since):
        return none_of(Feature(feature.event, feature.stat), row)
    if math.isnan(rate) or rate <= _HARDLY:
        return f"hardly any {spaced(row.beginning(feature.event))} {_at_pace(feature)}"
    return f"{_at_pace(feature)} {one(row.entry(feature.event))} every {days(1 / rate)}"


def _at_pace(feature: Feature) -> str:
    """Return whose pace it is: days further back than the half-life count for less than half."""
    return f"at the pace of about the last {days(feature.window)}" if feature.window else "at the recent pace"


def _silence_chance(feature: Feature, row: Row) -> str:
    chance = row.number(feature)
    if math.isnan(chance):
        return f"too few {plural(feature.event)} on record to know a rhythm"
    return f"{percent(chance)} chance of no {spaced(feature.event)} in the horizon {_at_pace(feature)}"


VOLUME: Mapping[str, Callable[[Feature, Row], str]] = {
    "count": _count,
    "days": _active_days,
    "trend": _trend,
    "rate": _rate,
    "silence_chance": _silence_chance,
}
"""The phrase of every stat of a number of events."""
