"""Short, human words for one feature of one snapshot.

In: a feature's parts and the row that it stands in. Out: a phrase such as "3 baskets in 30 days, 9 in the 60
days before". A missing value gets honest words ("no visit on record"), never a number.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from numbers import Real

from lapse.features.grammar import Feature, parse
from lapse.features.wording import counted, days, percent, plain, plural, spaced


@lru_cache(maxsize=64)
def parsed(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """Return the parts of every name of a row; rows of one frame have the same names, so it is done once."""
    return tuple(map(parse, names))


@lru_cache(maxsize=64)
def _windows(names: tuple[str, ...]) -> Mapping[str, tuple[int, ...]]:
    """Return the windows over which each event is counted or summed, ascending."""
    found: dict[str, set[int]] = {}
    for feature in parsed(names):
        if feature.window is not None and feature.stat in ("count", "sum"):
            found.setdefault(feature.event, set()).add(feature.window)
    return {event: tuple(sorted(windows)) for event, windows in found.items()}


@dataclass(frozen=True)
class Row:
    """The values of one snapshot by feature name, and the currency of amounts."""

    values: Mapping[str, object]
    currency: str = ""

    def number(self, feature: Feature) -> float:
        """Return a value as a number, NaN where it is missing, null or text."""
        value = self.values.get(str(feature))
        return float(value) if isinstance(value, Real) else math.nan

    def larger_window(self, feature: Feature) -> int | None:
        """Return the next larger window over which the same event is counted or summed."""
        windows = _windows(tuple(self.values)).get(feature.event, ())
        return next((window for window in windows if window > (feature.window or 0)), None)


def _money(row: Row, amount: float) -> str:
    return (
        f"{amount:,.0f} {row.currency}".strip()
        if abs(amount) >= 10
        else f"{amount:.2f} {row.currency}".strip()
    )


def _none(feature: Feature) -> str:
    span = f"in {days(feature.window)}" if feature.window else "on record"
    return f"no {spaced(feature.event)} {span}"


def _too_few(feature: Feature) -> str:
    return f"too few {plural(feature.event)} on record to know a rhythm"


def _since(feature: Feature, row: Row) -> str:
    since = row.number(feature)
    if math.isnan(since):
        return _none(feature)
    usual = row.number(Feature(feature.event, "gap_mean"))
    told = (
        f"no {spaced(feature.event)} for {days(since)}"
        if since > 0
        else f"a {spaced(feature.event)} on the day"
    )
    if math.isnan(usual):
        return told
    rhythm = round(usual) if usual >= 3 else usual
    return f"{told}, usually every {plain(rhythm) if since > 0 and usual < 730 else days(rhythm)}"


def _count(feature: Feature, row: Row) -> str:
    count, larger = row.number(feature), row.larger_window(feature)
    told = f"{counted(count, feature.event)} in {days(feature.window or 0)}"
    before = row.number(Feature(feature.event, feature.stat, larger)) - count
    if larger is None or math.isnan(before):
        return told
    return (
        f"{told}, {plain(before) if before else 'none'} in the {days(larger - (feature.window or 0))} before"
    )


def _active_days(feature: Feature, row: Row) -> str:
    number = row.number(feature)
    return f"{counted(number, 'day')} with a {spaced(feature.event)} in {days(feature.window or 0)}"


def _trend(feature: Feature, row: Row) -> str:
    trend, larger = row.number(feature), row.larger_window(feature)
    longer = f"the last {days(larger)}" if larger else "a longer time"
    if math.isnan(trend):
        return f"no {spaced(feature.event)} in {longer}"
    return (
        f"{plural(feature.event)} in {days(feature.window or 0)} at {percent(trend)} of the pace of {longer}"
    )


def _rate(feature: Feature, row: Row) -> str:
    rate = row.number(feature)
    if math.isnan(rate) or rate <= 0.001:
        return f"hardly any {spaced(feature.event)} at the recent pace"
    return f"at the recent pace a {spaced(feature.event)} every {days(1 / rate)}"


def _sum(feature: Feature, row: Row) -> str:
    total, larger, window = row.number(feature), row.larger_window(feature), feature.window or 0
    noun = plural(feature.event)
    if math.isnan(total):
        return f"unknown spend on {noun} in {days(window)}"
    if total < 0:
        return f"{_money(row, -total)} back for {noun} in {days(window)}"
    if total == 0:
        return f"nothing spent on {noun} in {days(window)}"
    told = f"spent {_money(row, total)} on {noun} in {days(window)}"
    if larger is None or not (before := row.number(Feature(feature.event, "sum", larger)) - total) > 0:
        return told
    change = total / window / (before / (larger - window)) - 1
    return f"{told} ({'up' if change > 0 else 'down'} {percent(abs(change))})"


def _mean(feature: Feature, row: Row) -> str:
    mean = row.number(feature)
    if math.isnan(mean):
        return _none(feature)
    return f"{_money(row, mean)} a {spaced(feature.event)} in {days(feature.window or 0)}"


def _max(feature: Feature, row: Row) -> str:
    largest = row.number(feature)
    if math.isnan(largest):
        return _none(feature)
    return f"largest {spaced(feature.event)} in {days(feature.window or 0)}: {_money(row, largest)}"


def _last_amount(feature: Feature, row: Row) -> str:
    amount = row.number(feature)
    return _none(feature) if math.isnan(amount) else f"last {spaced(feature.event)}: {_money(row, amount)}"


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
        return _none(feature)
    if math.isnan(left):
        return f"{noun} has no known end"
    if left == 0:
        return f"{noun} ends on the day"
    return f"{noun} ends in {days(left)}" if left > 0 else f"{noun} ended {days(-left)} ago"


def _term_days(feature: Feature, row: Row) -> str:
    length = row.number(feature)
    if math.isnan(length):
        return f"{spaced(feature.event)} has no known length"
    return f"{spaced(feature.event)} of {days(length)}"


def _price_change(feature: Feature, row: Row) -> str:
    change = row.number(feature)
    if math.isnan(change):
        return f"no earlier price of a {spaced(feature.event)}"
    if abs(change) < 0.005:
        return "price unchanged"
    return f"price went {'up' if change > 0 else 'down'} {percent(abs(change))}"


def _next_known(feature: Feature, row: Row) -> str:
    booked = row.number(feature) > 0
    return f"next {spaced(feature.event)} {'already' if booked else 'not yet'} booked"


def _renewals(feature: Feature, row: Row) -> str:
    number = row.number(feature)
    if _without_terms(feature, row):
        return _none(feature)
    return f"{spaced(feature.event)} {f'renewed {_times(number)}' if number > 0 else 'never renewed'}"


def _times(number: float) -> str:
    return "once" if number == 1 else f"{plain(number)} times"


def _simple(text: Callable[[Feature, float], str]) -> Callable[[Feature, Row], str]:
    """Return a phrase for a rhythm, where a missing value means too few events."""

    def phrase(feature: Feature, row: Row) -> str:
        value = row.number(feature)
        return _too_few(feature) if math.isnan(value) else text(feature, value)

    return phrase


def _times_since(gap: str) -> Callable[[Feature, Row], str]:
    return _simple(lambda f, v: f"{plain(v)} times {gap} since the last {spaced(f.event)}")


def _quiet(which: str) -> Callable[[Feature, Row], str]:
    return lambda feature, row: (
        _none(Feature(feature.event, feature.stat))
        if math.isnan(row.number(feature))
        else f"{percent(row.number(feature))} of {which} were followed by {days(feature.window or 0)} "
        f"without a {spaced(feature.event)}"
    )


PHRASES: Mapping[str, Callable[[Feature, Row], str]] = {
    "days_since_last": _since,
    "gap_mean": _simple(lambda f, v: f"usually a {spaced(f.event)} every {days(v)}"),
    "gap_sd": _simple(lambda f, v: f"time between {plural(f.event)} varies by {days(v)}"),
    "gap_max": _simple(lambda f, v: f"longest time between {plural(f.event)}: {days(v)}"),
    "gap_median": _simple(lambda f, v: f"half of the gaps between {plural(f.event)} within {days(v)}"),
    "gap_q90": _simple(lambda f, v: f"nine in ten gaps between {plural(f.event)} within {days(v)}"),
    "gap_recent": _simple(lambda f, v: f"lately a {spaced(f.event)} every {days(v)}"),
    "last_gap": _simple(lambda f, v: f"{days(v)} between the last two {plural(f.event)}"),
    "since_vs_gap": _times_since("the usual gap"),
    "since_vs_max": _times_since("the longest gap"),
    "since_vs_median": _times_since("the median gap"),
    "since_vs_q90": _times_since("the longest usual gap"),
    "since_vs_recent": _times_since("the recent gap"),
    "longer_gaps": _simple(
        lambda f, v: f"{percent(v)} of the gaps between {plural(f.event)} were longer than this one"
    ),
    "quiet": _quiet("days"),
    "quiet_recent": _quiet("recent days"),
    "silence": _simple(
        lambda f, v: (
            f"{percent(v)} chance of {plain(f.window or 0)} more days without a {spaced(f.event)}, "
            "going by its own gaps"
        )
    ),
    "silence_chance": _simple(
        lambda f, v: (
            f"{percent(v)} chance of no {spaced(f.event)} in the horizon, "
            f"going by the pace of {days(f.window or 0)}"
        )
    ),
    "count": _count,
    "days": _active_days,
    "trend": _trend,
    "rate": _rate,
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "last_amount": _last_amount,
    "open": _open,
    "open_days": _open,
    "days_to_end": _days_to_end,
    "terms": lambda f, r: f"{counted(r.number(f), f.event)} so far",
    "renewals": _renewals,
    "term_days": _term_days,
    "price_change": _price_change,
    "next_known": _next_known,
}
"""The phrase of every stat that any event can have."""


def _distinct(feature: Feature, row: Row) -> str:
    noun = feature.stat.removeprefix("distinct_")
    number = row.number(feature)
    told = counted(number, f"different_{noun}") if number else f"no {spaced(noun)}"
    return f"{told} among {plural(feature.event)} in {days(feature.window or 0)}"


def _share(feature: Feature, row: Row) -> str:
    share = row.number(feature)
    what = spaced(feature.stat.removeprefix("spend_").removeprefix("share_"))
    if math.isnan(share):
        return _none(feature)
    spend = "spend on " if feature.stat.startswith("spend_") else ""
    return f"{percent(share)} of {spend}{plural(feature.event)} in {days(feature.window or 0)}: {what}"


def attribute(name: str, value: object) -> str:
    """Return an attribute and its value: "plan is basic", "plan not known"."""
    if isinstance(value, Real) and not math.isnan(value):
        return f"{spaced(name)} is {plain(float(value))}"
    return f"{spaced(name)} is {value}" if isinstance(value, str) else f"{spaced(name)} not known"


def _latest(feature: Feature, row: Row) -> str:
    return attribute(feature.stat.removeprefix("latest_"), row.values.get(str(feature)))


def _changes(feature: Feature, row: Row) -> str:
    number, name = row.number(feature), spaced(feature.stat.removeprefix("changes_"))
    return f"{name} changed {_times(number)}" if number > 0 else f"{name} never changed"


PREFIXES: Mapping[str, Callable[[Feature, Row], str]] = {
    "distinct_": _distinct,
    "share_": _share,
    "spend_share_": _share,
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
