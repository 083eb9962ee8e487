"""The row that phrases read, and what several of them say.

In: the values of one snapshot by feature name. Out: numbers, the windows of an event, which noun to call it
by, amounts with their currency, what to say where there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from numbers import Real

from lapse.features.grammar import Feature, parse
from lapse.features.wording import days, spaced

CONTRACT = ("days_to_end", "next_known", "renewals", "term_days", "terms")
"""Stats that only the spans have that keep a customer."""
_SIDE_SPAN = ("open", "open_days")
_KEEPING = (*CONTRACT, "longer_gaps", "quiet", "quiet_recent", "silence", "silence_chance")
"""Stats that only the event has that keeps a customer."""


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


@lru_cache(maxsize=256)
def _events_with(names: tuple[str, ...], stats: tuple[str, ...]) -> frozenset[str]:
    return frozenset(feature.event for feature in parsed(names) if feature.stat in stats)


@dataclass(frozen=True)
class Row:
    """The values of one snapshot by feature name, and the currency of amounts."""

    values: Mapping[str, object]
    currency: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names of the row."""
        return tuple(self.values)

    def number(self, feature: Feature) -> float:
        """Return a value as a number, NaN where it is missing, null or text."""
        value = self.values.get(str(feature))
        return float(value) if isinstance(value, Real) else math.nan

    def larger_window(self, feature: Feature) -> int | None:
        """Return the next larger window over which the same event is counted or summed."""
        windows = _windows(self.names).get(feature.event, ())
        return next((window for window in windows if window > (feature.window or 0)), None)

    def is_contract(self, event: str) -> bool:
        """Say whether an event is the span that keeps a customer, such as a term."""
        return event in _events_with(self.names, CONTRACT)

    def is_span(self, event: str) -> bool:
        """Say whether an event lasts: a term, or a complaint that stays open."""
        return event in _events_with(self.names, CONTRACT + _SIDE_SPAN)

    def is_spend(self, event: str) -> bool:
        """Say whether the amounts of an event are what the customer spends to stay one."""
        return event in _events_with(self.names, _KEEPING)

    def beginning(self, event: str) -> str:
        """Return the noun for one more event: "basket", but "new_term" of what lasts.

        A member in mid-term has a term and no new one.
        """
        return f"new_{event}" if self.is_span(event) else event

    def entry(self, event: str) -> str:
        """Return the noun for one row of an event's table, where it is there to be counted.

        What keeps a customer is a thing that can be counted: "3 baskets". A row of another table may be of
        the same thing as the row before: 123 rows of departments are not 123 departments, but "123
        department records".
        """
        noun = self.beginning(event)
        keeping = _events_with(self.names, _KEEPING)
        return noun if noun != event or not keeping or event in keeping else f"{event}_record"

    def since_last(self, event: str) -> float | None:
        """Return the days since the last event, NaN where there was none, None where the row does not say."""
        since = Feature(event, "days_since_last")
        return self.number(since) if str(since) in self.values else None

    def money(self, amount: float) -> str:
        """Return an amount with its currency."""
        text = f"{amount:,.0f}" if abs(amount) >= 10 else f"{amount:.2f}"
        return f"{text} {self.currency}".strip()


def none_of(feature: Feature, row: Row) -> str:
    """Return that there is no such event: in the feature's window or, where it has none, on record."""
    if feature.window is None:
        return f"no {spaced(feature.event)} on record"
    return f"no {spaced(row.beginning(feature.event))} in {days(feature.window)}"


def times(number: float) -> str:
    """Return how often: "once", "3 times"."""
    return "once" if number == 1 else f"{number:,.0f} times"
