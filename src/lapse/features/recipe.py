"""Which features a business gets.

In: the config and, for what only the data can say, the buckets of a history up to a day. Out: a
:class:`Recipe`, the names in column order with all that is needed to compute the same columns again, to JSON
and back.

:data:`FAMILIES` is the one table that says which stats which events get. To drop a family or to add one,
change a row there (and, for a new one, the kernel that computes it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lapse.config import Business
from lapse.errors import ConfigError, DataError, Problem
from lapse.features.cadence import POINTS, SILENCES, silences_of
from lapse.features.categories import count_values
from lapse.features.grammar import CALENDAR, CUSTOMER, RESERVED, Feature, Stat, parse, slug
from lapse.features.latest import is_text
from lapse.schema import Bucket, to_day

SEASON_DAYS = 400
"""Training dates must span so many days before a season can be told from a trend."""


Over = Literal["none", "all", "few", "smaller", "largest", "silences"]


@dataclass(frozen=True)
class Family:
    """Stats that come and go together.

    Attributes
    ----------
    stats : mapping of stat to "none", "all", "few", "smaller", "largest" or "silences"
        Over which windows of its kind (:func:`windows_of`) it is taken; "few" is :func:`every_second`,
        "smaller" the same of all but the largest. "silences" are no windows but lengths
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
            "rate": "few",
            "trend": "smaller",
        },
        _every,
    ),
    Family({"sum": "all", "mean": "largest"}, _with_money),
    Family({"max": "largest", "last_amount": "none"}, _churn_with_money),
    Family({"days": "few", "silence_chance": "few"}, _orders),
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
"""Every built-in stat of an event, and which events get it."""


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


@dataclass(frozen=True)
class Recipe:
    """All that is needed to compute the same columns again.

    Attributes
    ----------
    business : Business
    names : tuple of str
        In column order.
    shares : tuple of Share
        The categories chosen on training dates.
    text : tuple of str
        The names whose columns hold text.
    first_days : mapping of kind to int
        The day on which the data of each kind begin; a kind without events by then is missing.
    """

    business: Business
    names: tuple[str, ...]
    shares: tuple[Share, ...] = ()
    text: tuple[str, ...] = ()
    first_days: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe, without the business, as what JSON can say."""
        return {
            "names": list(self.names),
            "shares": [asdict(share) for share in self.shares],
            "text": list(self.text),
            "first_days": dict(self.first_days),
        }

    @classmethod
    def from_json(cls, business: Business, raw: Mapping[str, Any]) -> Recipe:
        """Return the recipe that :meth:`to_json` wrote.

        Raises
        ------
        ConfigError
            If it has features that the business's config no longer gives, all of them named.
        """
        shares = tuple(Share(**share) for share in raw["shares"])
        known = _columns_of(business)
        lost = [share for share in shares if (share.event, share.column) not in known]
        given = set(_all_names(business, [s for s in shares if s not in lost], season=True))
        if missing := [name for name in raw["names"] if name not in given]:
            raise ConfigError(
                Problem(
                    str(business.source),
                    f"feature {name}",
                    "a config that still gives it",
                    "one that does not",
                    "train again, or score with the config that the model was trained with",
                )
                for name in missing
            )
        return cls(business, tuple(raw["names"]), shares, tuple(raw["text"]), dict(raw["first_days"]))

    def stats_of(self, event: str) -> frozenset[Stat]:
        """Return the stats of one event that the recipe asks for."""
        parts = map(parse, self.names)
        return frozenset((part.stat, part.window) for part in parts if part.event == event)


def fit_recipe(business: Business, buckets: Iterable[Bucket], until: int) -> Recipe:
    """Choose the features of a business.

    Parameters
    ----------
    business : Business
    buckets : iterable of Bucket
        All buckets of the history; read once.
    until : int
        Last training day. The top categories are chosen, by count and then by name, among events that
        happened and were known by then. Season features are given only where the training dates, from
        ``snapshots.start`` to this day, span at least :data:`SEASON_DAYS`: from less, a model learns the one
        trend that it saw as if it were the season.

    Raises
    ------
    ConfigError
        If an event, a category or a custom feature makes a name that cannot be or is taken.
    DataError
        If there is no bucket, or an attribute is neither text nor number nor boolean.
    """
    counts: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in _columns_of(business)}
    text: dict[str, bool] = {}
    first_days: dict[str, int] = {}
    empty = True
    for bucket in buckets:
        empty = False
        for (kind, column), counter in counts.items():
            events = bucket.events[kind]
            counter.update(count_values(events, events.attributes[column], until))
        text |= {name: found for name, found in _types(business, bucket) if found is not None}
        for kind, events in bucket.events.items():
            seen = events.day[(events.day <= until) & (events.known_day <= until)]
            if len(seen):
                first_days[kind] = min(int(seen.min()), first_days.get(kind, until))
    if empty:
        raise DataError(Problem(str(business.source), "history", "at least one bucket of customers", "none"))
    shares = tuple(_choose(business, counts))
    season = until - to_day(business.snapshots.start) >= SEASON_DAYS
    names = tuple(_all_names(business, shares, season))
    _refuse_clashes(business, names)
    return Recipe(business, names, shares, tuple(name for name in names if text.get(name)), first_days)


def _columns_of(business: Business) -> list[tuple[str, str]]:
    return [(kind, column) for kind, event in business.events.items() for column in event.categories]


def _types(business: Business, bucket: Bucket) -> Iterator[tuple[str, bool | None]]:
    for kind, event in business.events.items():
        for column in event.features:
            name = str(Feature(kind, f"latest_{column}"))
            yield name, is_text(bucket.events[kind].attributes[column], f"event '{kind}', column '{column}'")
    for column in business.customers.features if business.customers else ():
        yield (
            str(Feature(CUSTOMER, column)),
            is_text(bucket.profile.column(column), f"customers, column '{column}'"),
        )


def _choose(business: Business, counts: Mapping[tuple[str, str], Counter[str]]) -> Iterator[Share]:
    taken: dict[str, set[str]] = {kind: set() for kind in business.events}
    for (kind, column), counter in counts.items():
        ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        for value, _ in ordered[: business.features.top_categories]:
            word = slug(f"{column}_{value}", taken[kind])
            taken[kind].add(word)
            yield Share(kind, column, word, value)


def _all_names(business: Business, shares: Iterable[Share], season: bool) -> Iterator[str]:
    """Yield every name that a business can have, in column order."""
    chosen = list(shares)
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


def _names_of_kind(business: Business, kind: str, shares: list[Share]) -> Iterator[str]:
    windows, event = windows_of(business, kind), business.events[kind]
    over: Mapping[Over, tuple[int | None, ...]] = {
        "none": (None,),
        "all": windows,
        "few": every_second(windows),
        "smaller": every_second(windows[:-1]),
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


def _refuse_clashes(business: Business, names: tuple[str, ...]) -> None:
    where = str(business.source)
    problems = [
        Problem(where, f"events.{kind}", f"a name other than {' and '.join(RESERVED)}", f"'{kind}'")
        for kind in business.events
        if kind in RESERVED
    ]
    problems += [
        Problem(where, name, "one feature of this name", str(count), "rename a column or a custom feature")
        for name, count in Counter(names).items()
        if count > 1
    ]
    for name in names:
        try:
            parse(name)
        except ValueError as error:
            problems.append(Problem(where, f"features.custom.{name}", "a name of the grammar", str(error)))
    if problems:
        raise ConfigError(problems)
