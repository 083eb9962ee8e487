"""Nouns and numbers as a reader wants them.

In: names of the grammar, counts, days, shares. Out: English.
"""

from __future__ import annotations

import math


def spaced(name: str) -> str:
    """Return a name of the grammar as words."""
    return name.replace("_", " ")


def plural(noun: str) -> str:
    """Return the plural of an event's name, by the simple rules of English.

    Examples
    --------
    >>> plural("support_query"), plural("basket"), plural("purchase")
    ('support queries', 'baskets', 'purchases')
    """
    word = spaced(noun)
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def counted(number: float, noun: str) -> str:
    """Return a number of things: "no basket", "1 basket", "3 baskets", "unknown baskets" (NaN)."""
    if math.isnan(number):
        return f"unknown {plural(noun)}"
    if number == 0:
        return f"no {spaced(noun)}"
    return f"{plain(number)} {spaced(noun) if number == 1 else plural(noun)}"


def plain(number: float) -> str:
    """Return a number with as many digits as a reader needs."""
    if abs(number - round(number)) < 0.005 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 1 else f"{number:.2g}"


def days(number: float) -> str:
    """Return a length in days, months or years."""
    if number >= 730:
        return f"{number / 365.25:.1f} years"
    text = plain(round(number) if number >= 10 else number)
    return f"{text} day" if text == "1" else f"{text} days"


def percent(share: float) -> str:
    """Return a share in per cent."""
    return f"{share * 100:.0f} %"
