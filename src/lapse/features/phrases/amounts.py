"""How much: "spent 120 EUR on baskets in 30 days (down 40 %)", "price rises of 44 EUR in 365 days".

Only what keeps a customer is called spent. Of other events lapse does not know what their amounts are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lapse.features.grammar import Feature
from lapse.features.phrases.row import Row, none_of
from lapse.features.wording import days, percent, plural, spaced


def _sum(feature: Feature, row: Row) -> str:
    total, noun = row.number(feature), plural(row.entry(feature.event))
    span, spend = f"in {days(feature.window or 0)}", row.is_spend(feature.event)
    if math.isnan(total):
        return f"unknown amount of {noun} {span}"
    if total < 0:
        back = f"{row.money(-total)} back"
        return f"{back} for {noun} {span}" if spend else f"{noun} {span}: {back}"
    if total == 0:
        return _nothing(feature, row)
    told = f"spent {row.money(total)} on {noun} {span}" if spend else f"{noun} of {row.money(total)} {span}"
    return f"{told}{_change(feature, total, row)}"


def _nothing(feature: Feature, row: Row) -> str:
    span = f"in {days(feature.window or 0)}"
    if row.is_spend(feature.event) and not row.is_span(feature.event):
        return f"nothing spent on {plural(feature.event)} {span}"
    if row.number(Feature(feature.event, "count", feature.window)) > 0:
        return f"{plural(row.entry(feature.event))} for nothing {span}"
    return none_of(feature, row)


def _change(feature: Feature, total: float, row: Row) -> str:
    """Return how the daily amount compares with that of the rest of the next larger window."""
    larger, window = row.larger_window(feature), feature.window or 0
    if larger is None or not (before := row.number(Feature(feature.event, "sum", larger)) - total) > 0:
        return ""
    change = total / window / (before / (larger - window)) - 1
    if abs(change) < 0.005:
        return " (as before)"
    return f" ({'up' if change > 0 else 'down'} {percent(abs(change))})"


def _mean(feature: Feature, row: Row) -> str:
    mean = row.number(feature)
    if math.isnan(mean):
        return none_of(feature, row)
    back = " back" if mean < 0 else ""
    one_row = feature.event if row.is_span(feature.event) else row.entry(feature.event)
    per = f"on average per {spaced(one_row)}, last {days(feature.window or 0)}"
    return f"{row.money(abs(mean))}{back} {per}"


def _max(feature: Feature, row: Row) -> str:
    largest = row.number(feature)
    if math.isnan(largest):
        return none_of(feature, row)
    which = "dearest" if row.is_contract(feature.event) else "largest"
    return f"{which} {spaced(feature.event)} in {days(feature.window or 0)}: {row.money(largest)}"


def _last_amount(feature: Feature, row: Row) -> str:
    amount = row.number(feature)
    if math.isnan(amount):
        return none_of(feature, row)
    return f"last {spaced(feature.event)}: {row.money(amount)}"


AMOUNTS: Mapping[str, Callable[[Feature, Row], str]] = {
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "last_amount": _last_amount,
}
"""The phrase of every stat of an amount."""
