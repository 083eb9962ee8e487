"""The grammar of feature names: ``<event>__<stat>`` or ``<event>__<stat>__<window>``.

In: a name. Out: its parts. An event is one of the business's, or ``customer``, or ``calendar``; a window is a
number of days such as ``90d``. Every part is words of small letters and digits joined by one underscore, so a
name splits on ``__`` without doubt. Bare ``recency`` and ``frequency`` are refused: RFM and BTYD define them
in opposite ways.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass

Stat = tuple[str, int | None]
"""A stat of one kind and its window in days (None where it has none)."""

CUSTOMER = "customer"
CALENDAR = "calendar"
RESERVED = (CUSTOMER, CALENDAR)
"""What stands in the place of the event for what belongs to no event."""

_WORDS = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_WINDOW = re.compile(r"([1-9]\d*)d")
_BANNED = frozenset({"recency", "frequency"})


@dataclass(frozen=True)
class Feature:
    """The parts of one feature's name.

    Attributes
    ----------
    event : str
        Kind of event, ``customer`` or ``calendar``.
    stat : str
        What is measured, such as ``days_since_last``.
    window : int or None
        Days.

    Examples
    --------
    >>> str(Feature("order", "count", 90))
    'order__count__90d'
    """

    event: str
    stat: str
    window: int | None = None

    def __str__(self) -> str:
        parts = (self.event, self.stat) if self.window is None else (self.event, self.stat, f"{self.window}d")
        return "__".join(parts)


def parse(name: str) -> Feature:
    """Return the parts of a feature's name.

    Raises
    ------
    ValueError
        If the name does not follow the grammar or is a bare ``recency`` or ``frequency``.

    Examples
    --------
    >>> parse("order__days_since_last")
    Feature(event='order', stat='days_since_last', window=None)
    """
    parts = name.split("__")
    if len(parts) not in (2, 3) or not all(_WORDS.fullmatch(part) for part in parts):
        raise ValueError(f"'{name}' is not <event>__<stat> or <event>__<stat>__<window>")
    if parts[1] in _BANNED:
        raise ValueError(
            f"'{name}': bare '{parts[1]}' means opposite things in RFM and BTYD; "
            "say days_since_last or count with a window"
        )
    if len(parts) == 2:
        return Feature(parts[0], parts[1])
    if (window := _WINDOW.fullmatch(parts[2])) is None:
        raise ValueError(f"'{name}': '{parts[2]}' is not a window such as 90d")
    return Feature(parts[0], parts[1], int(window[1]))


def slug(value: str, taken: Container[str] = ()) -> str:
    """Return a value as a word of the grammar, with a number behind it where that word is taken.

    Examples
    --------
    >>> slug("Café & Bar")
    'cafe_bar'
    >>> slug("café  bar", taken={"cafe_bar"})
    'cafe_bar_2'
    """
    ascii_only = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    word = "_".join(re.findall(r"[a-z0-9]+", ascii_only)) or "value"
    number, unique = 1, word
    while unique in taken:
        number += 1
        unique = f"{word}_{number}"
    return unique
