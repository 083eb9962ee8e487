"""Which features a business gets.

In: the config and, for what only the data can say, the buckets of a history up to a day. Out: a
:class:`Recipe`, the names in column order with all that is needed to compute the same columns again, to JSON
and back. Which stats which events get is said in :mod:`lapse.features.families`.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from lapse.config import Business
from lapse.errors import ConfigError, DataError, Problem
from lapse.features.categories import count_values
from lapse.features.families import Share, all_names, names_on_request
from lapse.features.grammar import CUSTOMER, RESERVED, Feature, Stat, parse, slug
from lapse.features.latest import is_text
from lapse.features.visibility import first_day_of_all
from lapse.schema import NEVER, Bucket, to_day

SEASON_DAYS = 400
"""Training dates must span so many days before a season can be told from a trend."""


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
        given = set(all_names(business, [s for s in shares if s not in lost], season=True))
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
    return recipe_of(business, (seen_in(business, bucket, until) for bucket in buckets), until)


@dataclass(frozen=True)
class Seen:
    """What a recipe must know of the customers of one bucket.

    Attributes
    ----------
    counts : mapping of (kind, column) to mapping of value to int
        How many events had each value of each category.
    text : mapping of name to bool
        Whether an attribute is text; one that is null for all of them is missing.
    first_days : mapping of kind to int
        The day on which the first event happened; a kind without is missing.
    """

    counts: Mapping[tuple[str, str], Mapping[str, int]]
    text: Mapping[str, bool]
    first_days: Mapping[str, int]


def seen_in(business: Business, bucket: Bucket, until: int) -> Seen:
    """Return what a recipe must know of a bucket, of what happened and was known by ``until``."""
    events = bucket.events
    first_days = {kind: first_day_of_all(events[kind], until) for kind in events}
    return Seen(
        {
            (kind, column): count_values(events[kind], events[kind].attributes[column], until)
            for kind, column in _columns_of(business)
        },
        {name: found for name, found in _types(business, bucket) if found is not None},
        {kind: day for kind, day in first_days.items() if day != NEVER},
    )


def recipe_of(business: Business, buckets: Iterable[Seen], until: int) -> Recipe:
    """Choose the features of a business from what was seen in each of its buckets; see :func:`fit_recipe`."""
    counts: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in _columns_of(business)}
    text: dict[str, bool] = {}
    first_days: dict[str, int] = {}
    empty = True
    for seen in buckets:
        empty = False
        for key, counter in counts.items():
            counter.update(seen.counts[key])
        text |= seen.text
        first_days |= {kind: min(day, first_days.get(kind, day)) for kind, day in seen.first_days.items()}
    if empty:
        raise DataError(Problem(str(business.source), "history", "at least one bucket of customers", "none"))
    shares = tuple(_choose(business, counts))
    _refuse_unknown(business, shares)
    season = until - to_day(business.snapshots.start) >= SEASON_DAYS
    names = tuple(all_names(business, shares, season))
    _refuse_clashes(business, names)
    return Recipe(business, names, shares, tuple(name for name in names if text.get(name)), first_days)


def _columns_of(business: Business) -> list[tuple[str, str]]:
    return [(kind, column) for kind, event in business.events.items() for column in event.categories]


def _types(business: Business, bucket: Bucket) -> Iterator[tuple[str, bool | None]]:
    for name, where, column in attributes_of(business, bucket):
        yield name, is_text(column, where)


def attributes_of(business: Business, bucket: Bucket) -> Iterator[tuple[str, str, pa.Array | None]]:
    """Yield each attribute's feature, where it lies, and its values; None where the bucket has none."""
    for kind, event in business.events.items():
        there = bucket.events[kind].attributes if kind in bucket.events else {}
        for column in event.features:
            name, where = str(Feature(kind, f"latest_{column}")), f"event '{kind}', column '{column}'"
            yield name, where, there.get(column)
    for column in business.customers.features if business.customers else ():
        values = bucket.profile.column(column) if column in bucket.profile.column_names else None
        yield str(Feature(CUSTOMER, column)), f"customers, column '{column}'", values


def _choose(business: Business, counts: Mapping[tuple[str, str], Counter[str]]) -> Iterator[Share]:
    taken: dict[str, set[str]] = {kind: set() for kind in business.events}
    for (kind, column), counter in counts.items():
        ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        for value, _ in ordered[: business.features.top_categories]:
            word = slug(f"{column}_{value}", taken[kind])
            taken[kind].add(word)
            yield Share(kind, column, word, value)


def _refuse_unknown(business: Business, shares: Sequence[Share]) -> None:
    """Refuse what ``features.also`` names and no kernel computes."""
    there = sorted(names_on_request(business, shares))
    problems = []
    for name in business.features.also:
        if name not in there:
            of_event = [other for other in there if other.startswith(f"{name.split('__')[0]}__")]
            close = difflib.get_close_matches(name, of_event, n=1)
            stats = sorted({parse(other).stat for other in of_event})
            hint = f"did you mean '{close[0]}'? " if close else ""
            hint += f"stats there: {', '.join(stats)}"
            expected = "a feature that can be computed of this event"
            problems.append(Problem(str(business.source), "features.also", expected, f"'{name}'", hint=hint))
    if problems:
        raise ConfigError(problems)


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
