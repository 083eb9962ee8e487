"""Which stats which events get, and so every name of a feature that a business can have.

In: the config, and the values of categories whose shares are features. Out: names in column order.

:data:`FAMILIES` is the one table that says which stats which events get unasked. To drop a family or to add
one, change a row there (and, for a new one, the kernel that computes it). What else the kernels can compute,
the config may ask for by name (:func:`names_on_request`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lapse.config import Business
from lapse.features.cadence import POINTS, SILENCES, silences_of
from lapse.features.grammar import CALENDAR, CUSTOMER, Feature

Over = Literal["none", "all", "few", "smaller", "few smaller", "largest", "silences"]


@dataclass(frozen=True)
class Family:
    """Stats that come and go together.

    Attributes
    ----------
    stats : mapping of stat to "none", "all", "few", "smaller", "few smaller", "largest" or "silences"
        Over which windows of its kind (:func:`windows_of`) it is taken; "few" is :func:`every_second`,
        "smaller" is all but the largest. "silences" are no windows but lengths
        (:func:`lapse.features.cadence.silences_of`).
    given_to : callable (business, kind) -> bool
    """

    stats: Mapping[str, Over]
    given_to: Callable[[Business, str], bool]


def _every(business: Business, kind: str) -> bool:  # noqa: ARG001 (all rules have these parameters)
    return True


def _with_money(business: Business, kind: str) -> bool:
    return business.events[kind].has_amount


def _churn_with_money(business: Business, kind: str) -> bool:
    return kind == business.churn.event and business.events[kind].has_amount


def _orders(business: Business, kind: str) -> bool:
    return kind == business.churn.event and not business.events[kind].has_end


def _beside(business: Business, kind: str) -> bool:
    return not _orders(business, kind)


def _contract(business: Business, kind: str) -> bool:
    return kind == business.churn.event and business.events[kind].has_end


def _side_span(business: Business, kind: str) -> bool:
    return kind != business.churn.event and business.events[kind].has_end


FAMILIES: tuple[Family, ...] = (
    Family(
        {
            "days_since_last": "none",
            "gap_mean": "none",
            "count": "all",
        },
        _every,
    ),
    Family({"rate": "few", "trend": "few smaller"}, _beside),
    Family({"sum": "all", "mean": "largest"}, _with_money),
    Family({"max": "largest", "last_amount": "none"}, _churn_with_money),
    Family({"rate": "all", "trend": "smaller", "days": "all", "silence_chance": "few"}, _orders),
    Family({stat: "none" for stat in POINTS if stat != "gap_mean"}, _orders),
    Family(dict.fromkeys(SILENCES, "silences"), _orders),
    Family({"open": "none", "open_days": "none"}, _side_span),
    Family(
        {
            "days_to_end": "none",
            "terms": "none",
            "renewals": "none",
            "term_days": "none",
            "next_known": "none",
        },
        _contract,
    ),
    Family(
        {"price_change": "none"},
        lambda business, kind: _contract(business, kind) and _with_money(business, kind),
    ),
)
"""Every stat that an event gets unasked, and which events get it."""


ASKED_FOR: tuple[str, ...] = (
    "days_since_first",
    "days_since_last",
    "gap_mean",
    "gap_sd",
    "gap_max",
    "gap_median",
    "last_gap",
)
"""Stats without a window that ``features.also`` may name, of any event."""

ASKED_BY_WINDOW: tuple[str, ...] = ("count", "days")
"""Stats that it may name over any window, of any event; beside them the number of each of the top values of a
category."""

ASKED_WITH_MONEY: tuple[str, ...] = ("sum", "mean", "max")
"""Stats that it may name over any window, of events with amounts; beside them ``last_amount``."""


def windows_of(business: Business, kind: str) -> tuple[int, ...]:
    """Return the windows of one kind, ascending: all where it is the order that keeps a customer, otherwise
    every second one from the largest down.
    """
    windows = business.features.windows
    return windows if _orders(business, kind) else every_second(windows)


def every_second(windows: tuple[int, ...]) -> tuple[int, ...]:
    """Return every second window from the largest down, ascending.

    Examples
    --------
    >>> every_second((7, 14, 28, 56))
    (14, 56)
    """
    return windows[::-2][::-1]


@dataclass(frozen=True)
class Share:
    """One of the most frequent values of a category, whose share is a feature.

    Attributes
    ----------
    event, column, value : str
    slug : str
        ``<column>_<value as words of the grammar>``, unique within the event.
    """

    event: str
    column: str
    slug: str
    value: str

    @property
    def count(self) -> str:
        """The stat that counts its events."""
        return f"count_{self.slug}"


def all_names(business: Business, shares: Iterable[Share], season: bool) -> Iterator[str]:
    """Yield every name that a business gets, in column order; what it asks for and gets anyway once."""
    unasked = list(_unasked(business, list(shares), season))
    yield from unasked
    yield from (name for name in business.features.also if name not in unasked)


def _unasked(business: Business, chosen: list[Share], season: bool) -> Iterator[str]:
    for kind in business.events:
        yield from _names_of_kind(business, kind, [share for share in chosen if share.event == kind])
    yield str(Feature(CUSTOMER, "tenure_days"))
    for window in every_second(business.features.windows):
        yield str(Feature(CUSTOMER, "kinds", window))
    for column in business.customers.features if business.customers else ():
        yield str(Feature(CUSTOMER, column))
    if season:
        yield from (str(Feature(CALENDAR, "year_sin")), str(Feature(CALENDAR, "year_cos")))
    yield from business.features.custom


def names_on_request(business: Business, shares: Iterable[Share]) -> Iterator[str]:
    """Yield every name that ``features.also`` can ask for; some of them a business has anyway."""
    chosen = list(shares)
    for kind, event in business.events.items():
        points = (*ASKED_FOR, *(("last_amount",) if event.has_amount else ()))
        yield from (str(Feature(kind, stat)) for stat in points)
        stats = (*ASKED_BY_WINDOW, *(ASKED_WITH_MONEY if event.has_amount else ()))
        counts = (share.count for share in chosen if share.event == kind)
        for stat in (*stats, *counts):
            yield from (str(Feature(kind, stat, window)) for window in business.features.windows)


def _names_of_kind(business: Business, kind: str, shares: list[Share]) -> Iterator[str]:
    windows, event = windows_of(business, kind), business.events[kind]
    over: Mapping[Over, tuple[int | None, ...]] = {
        "none": (None,),
        "all": windows,
        "few": every_second(windows),
        "smaller": windows[:-1],
        "few smaller": every_second(windows[:-1]),
        "largest": windows[-1:],
        "silences": silences_of(business.churn.grace),
    }
    for family in FAMILIES:
        if family.given_to(business, kind):
            for stat, rule in family.stats.items():
                yield from (str(Feature(kind, stat, window)) for window in over[rule])
    for column in event.categories:
        yield from (str(Feature(kind, f"distinct_{column}", window)) for window in over["few"])
    prefix = "spend_share" if event.has_amount else "share"
    yield from (str(Feature(kind, f"{prefix}_{share.slug}", windows[-1])) for share in shares)
    for column in event.features:
        yield str(Feature(kind, f"latest_{column}"))
        if _contract(business, kind):
            yield str(Feature(kind, f"changes_{column}"))
