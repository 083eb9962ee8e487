"""What lasts: "term ends in 9 days", "1 complaint open for 12 days"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lapse.features.grammar import Feature
from lapse.features.phrases.row import Row, none_of, times
from lapse.features.wording import counted, days, one, percent, spaced


def _open(feature: Feature, row: Row) -> str:
    number = row.number(Feature(feature.event, "open"))
    age = row.number(Feature(feature.event, "open_days"))
    if math.isnan(number):
        number = 0 if math.isnan(age) else 1
    told = f"{counted(number, feature.event)} open"
    if number == 0 or math.isnan(age):
        return told
    return f"{told} for {days(age)}" if number == 1 else f"{told}, the oldest for {days(age)}"


def _without_terms(feature: Feature, row: Row) -> bool:
    return row.number(Feature(feature.event, "terms")) == 0


def _days_to_end(feature: Feature, row: Row) -> str:
    left, noun = row.number(feature), spaced(feature.event)
    if _without_terms(feature, row):
        return none_of(feature, row)
    if math.isnan(left):
        return f"{noun} has no known end"
    if left == 0:
        return f"{noun} ends today"
    return f"{noun} ends in {days(left)}" if left > 0 else f"{noun} ended {days(-left)} ago"


def _term_days(feature: Feature, row: Row) -> str:
    length = row.number(feature)
    if math.isnan(length):
        return f"{spaced(feature.event)} has no known length"
    return f"{spaced(feature.event)} of {days(length)}"


def _price_change(feature: Feature, row: Row) -> str:
    change = row.number(feature)
    if math.isnan(change):
        return f"no earlier price of {one(feature.event)}"
    if abs(change) < 0.005:
        return "price unchanged"
    return f"price went {'up' if change > 0 else 'down'} {percent(abs(change))}"


def _next_known(feature: Feature, row: Row) -> str:
    booked = row.number(feature) > 0
    return f"next {spaced(feature.event)} {'already' if booked else 'not yet'} booked"


def _renewals(feature: Feature, row: Row) -> str:
    number = row.number(feature)
    if _without_terms(feature, row):
        return none_of(feature, row)
    return f"{spaced(feature.event)} {f'renewed {times(number)}' if number > 0 else 'never renewed'}"


def _terms(feature: Feature, row: Row) -> str:
    return f"{counted(row.number(feature), feature.event)} so far"


TERMS: Mapping[str, Callable[[Feature, Row], str]] = {
    "open": _open,
    "open_days": _open,
    "days_to_end": _days_to_end,
    "terms": _terms,
    "renewals": _renewals,
    "term_days": _term_days,
    "price_change": _price_change,
    "next_known": _next_known,
}
"""The phrase of every stat of a span."""
