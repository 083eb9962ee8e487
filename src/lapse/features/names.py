"""Names into words: the part of the history that a feature comes from, and what to tell a reader about it.

In: a feature's name or a group's, and a row of values. Out: words. :func:`group_of` joins features that tell
the same story, so that their attributions can be added up; :func:`words` tells it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from lapse.features.cadence import POINTS, SILENCES
from lapse.features.grammar import CALENDAR, CUSTOMER, Feature, Stat, parse, slug
from lapse.features.phrases import (
    PHRASES,
    PREFIXES,
    Row,
    breadth,
    other,
    parsed,
    profile,
    season,
    tenure,
)
from lapse.features.wording import spaced

__all__ = ["Feature", "Stat", "group_of", "parse", "silence_told", "slug", "words"]

_PARTS: Mapping[str, tuple[str, ...]] = {
    "timing": ("days_since_last", *POINTS, *SILENCES, "days_since_first"),
    "volume": ("count", "days", "rate", "silence_chance", "trend"),
    "spend": ("sum", "mean", "max", "last_amount"),
    "open": ("open", "open_days"),
    "contract": ("days_to_end", "renewals", "next_known", "term_days", "terms"),
    "price": ("price_change",),
}
"""Part of an event's history: its stats; the first that a row has speaks for the group."""

_PART_OF = {stat: part for part, stats in _PARTS.items() for stat in stats}
_SHARES = ("share_", "spend_share_")
_MIX = (*_SHARES, "distinct_", "count_")
_ATTRIBUTES = ("latest_", "changes_")
_EMPTY = ("count", "days", "sum", "mean", "max", "trend")
_NEVER = (*_EMPTY, "days_since_last", "days_since_first", "rate", "gap_mean")
_TOLD_TOGETHER = {"contract": 2}
_AT_MOST = 3


def group_of(name: str) -> str:
    """Return the part of the history that a feature comes from.

    Raises
    ------
    ValueError
        If the name does not follow the grammar.

    Examples
    --------
    >>> [group_of(name) for name in ("basket__gap_mean", "basket__sum__90d", "term__latest_plan")]
    ['basket timing', 'basket spend', 'term plan']
    """
    feature = parse(name)
    if feature.event == CALENDAR:
        return "season"
    if feature.event == CUSTOMER:
        return _customer_group(feature)
    event = spaced(feature.event)
    if part := _PART_OF.get(feature.stat):
        return f"{event} {part}"
    if feature.stat.startswith(_MIX):
        return f"{event} mix"
    for prefix in _ATTRIBUTES:
        if feature.stat.startswith(prefix):
            return f"{event} {spaced(feature.stat.removeprefix(prefix))}"
    return f"{event} {spaced(feature.stat)}"


def _customer_group(feature: Feature) -> str:
    if feature.stat == "tenure_days":
        return "tenure"
    if feature.window is None:
        return "profile"
    return "breadth" if feature.stat == "kinds" else f"customer {spaced(feature.stat)}"


def words(name: str, values: Mapping[str, object], *, currency: str = "") -> str:
    """Return a short phrase for one feature, or for one group of features, of one row.

    Parameters
    ----------
    name : str
        A feature's name, or a group as :func:`group_of` returns it.
    values : mapping of feature name to value
        The whole row: numbers, text, NaN or None.
    currency : str, optional
        Three letters, put behind amounts.

    Raises
    ------
    ValueError
        If the row has no such feature, or none of the group.

    Examples
    --------
    >>> row = {"basket__days_since_last": 19.0, "basket__gap_mean": 6.0, "basket__count__30d": 3.0}
    >>> words("basket timing", row)
    'no basket for 19 days, usually every 6'
    >>> words("basket__count__30d", row)
    '3 baskets in 30 days'
    """
    row = Row(values, currency)
    if name in values:
        return _phrase(parse(name), row)
    members = _members(tuple(values), name)
    if not members:
        raise ValueError(f"'{name}' is neither a feature of this row nor a group of its features")
    return ", ".join(dict.fromkeys(_phrase(feature, row) for feature in _spokesmen(members, row)))


def silence_told(name: str, values: Mapping[str, object]) -> str | None:
    """Return which silence a feature of a row tells of, None where it tells of something else.

    "no basket for 26 days", "nothing spent on baskets in 7 days" and, where every basket has a department,
    "no department for 26 days" are one silence in three sentences; a reader needs one of them.

    Returns
    -------
    str or None
        Equal for features that tell of the same silence: of one event, or of several that were last seen on
        the same day. What lasts is a silence of its own: that a term began then is no news of visits.

    Examples
    --------
    >>> row = {"basket__days_since_last": 26.0, "basket__sum__7d": 0.0, "basket__sum__30d": 12.0}
    >>> [silence_told(name, row) for name in row]
    ['nothing for 26 days', 'nothing for 26 days', None]
    """
    feature, row = parse(name), Row(values)
    since = row.since_last(feature.event)
    if since is None:
        return None
    in_window = feature.stat in _EMPTY or feature.stat.startswith(_MIX)
    if math.isnan(since):
        return f"no {feature.event}" if in_window or feature.stat in _NEVER else None
    is_empty = in_window and feature.window is not None and feature.window <= since
    if not is_empty and feature.stat != "days_since_last":
        return None
    return f"no new {feature.event}" if row.is_span(feature.event) else f"nothing for {since:.0f} days"


@lru_cache(maxsize=1024)
def _members(names: tuple[str, ...], group: str) -> tuple[Feature, ...]:
    return tuple(feature for feature in parsed(names) if group_of(str(feature)) == group)


def _phrase(feature: Feature, row: Row) -> str:
    return _phrase_of(feature)(feature, row)


def _phrase_of(feature: Feature) -> Callable[[Feature, Row], str]:
    if feature.event == CALENDAR:
        return season
    if feature.event == CUSTOMER:
        return {"tenure": tenure, "breadth": breadth, "profile": profile}.get(_customer_group(feature), other)
    for prefix, phrase in PREFIXES.items():
        if feature.stat.startswith(prefix):
            return phrase
    return PHRASES.get(feature.stat, other)


def _spokesmen(members: Sequence[Feature], row: Row) -> list[Feature]:
    """Choose the features that speak for their group."""
    if part := _PART_OF.get(members[0].stat):
        ranked = sorted(members, key=lambda feature: _PARTS[part].index(feature.stat))
        return _one_a_stat(ranked)[: _TOLD_TOGETHER.get(part, 1)]
    if members[0].stat.startswith(_MIX):
        numbers = {feature: row.number(feature) for feature in members if feature.stat.startswith(_SHARES)}
        known = {feature: share for feature, share in numbers.items() if not math.isnan(share)}
        return [max(known, key=lambda feature: known[feature])] if known else [members[-1]]
    if members[0].stat.startswith(_ATTRIBUTES):
        told = [one for one in members if one.stat.startswith("latest_") or row.number(one) > 0]
        return told or list(members[:1])
    return _one_a_stat(members)[:_AT_MOST]


def _one_a_stat(features: Sequence[Feature]) -> list[Feature]:
    """Return one feature of each stat, in their order: that of the middle window."""
    stats = dict.fromkeys(feature.stat for feature in features)
    return [_middle([feature for feature in features if feature.stat == stat]) for stat in stats]


def _middle(features: Sequence[Feature]) -> Feature:
    """Return the feature of the middle window, the smaller one of two."""
    ordered = sorted(features, key=lambda feature: feature.window or 0)
    return ordered[(len(ordered) - 1) // 2]
