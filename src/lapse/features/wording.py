"""Nouns and numbers as a reader wants them.

In: names of the grammar, counts, days, shares. Out: English.
"""

from __future__ import annotations

import math
import re

_AN = re.compile(r"(?!uni(?![nm])|us[aeu]|uti|eu|one\b|once\b)[aeiou]|hour|honest|honou?r|heir|sms\b")
"""How words begin that want "an": by their sound, so "an hour" and "a unit"."""


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


def one(noun: str) -> str:
    """Return one of a thing, with its article.

    Examples
    --------
    >>> one("basket"), one("order"), one("user_visit"), one("hourly_check")
    ('a basket', 'an order', 'a user visit', 'an hourly check')
    """
    word = spaced(noun)
    return f"{'an' if _AN.match(word) else 'a'} {word}"


def counted(number: float, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> [counted(number, "basket") for number in (0.0, 1.0, 3.0, 11.8, math.nan)]
    ['no basket', '1 basket', '3 baskets', 'about 12 baskets', 'unknown baskets']
    """
    if math.isnan(number):
        return f"unknown {plural(noun)}"
    if number == 0:
        return f"no {spaced(noun)}"
    return told_of(whole(number), noun)


def several(number: float, noun: str) -> str:
    """Return a number of things, rounded to whole ones, of which there may be none.

    Examples
    --------
    >>> several(0, "day"), several(1, "day"), several(1234.0, "reply"), several(1.3, "day")
    ('0 days', '1 day', '1,234 replies', '1 day')
    """
    return told_of(f"{number:,.0f}", noun)


def told_of(figure: str, noun: str) -> str:
    """Return a figure that is told already, and of what.

    Examples
    --------
    >>> told_of("1", "month"), told_of("about 1", "day"), told_of("2.9", "quarter")
    ('1 month', 'about 1 day', '2.9 quarters')
    """
    return f"{figure} {spaced(noun) if figure in ('1', 'about 1') else plural(noun)}"


def whole(number: float) -> str:
    """Return a count as a whole number; counts that were scaled up to a full window are about that.

    Examples
    --------
    >>> whole(12.0), whole(11.8), whole(0.3)
    ('12', 'about 12', 'hardly any')
    """
    if abs(number - round(number)) < 0.005:
        return f"{number:,.0f}"
    return f"about {number:,.0f}" if round(number) else "hardly any"


def plain(number: float) -> str:
    """Return a number with as many digits as a reader needs."""
    if abs(number - round(number)) < 0.005 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0") if abs(number) >= 1 else f"{number:.2g}"


def days(number: float) -> str:
    """Return a length in days, months or years."""
    if number >= 730:
        return f"{plain(number / 365.25)} years"
    text = plain(round(number) if number >= 10 else number)
    return f"{text} day" if text == "1" else f"{text} days"


def percent(share: float) -> str:
    """Return a share in per cent; what is nearly none or nearly all of it is not called that.

    Examples
    --------
    >>> percent(0.25), percent(0.002), percent(0.998), percent(0.0)
    ('25 %', 'under 1 %', 'over 99 %', '0 %')
    """
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
