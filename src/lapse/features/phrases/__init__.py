"""Short, human words for one feature of one snapshot.

In: a feature's parts and the row that it stands in. Out: a phrase such as "3 baskets in 30 days, 9 in the 60
days before". A missing value gets honest words ("no visit on record"), never a number.

One module a family: :mod:`~lapse.features.phrases.timing`, :mod:`~lapse.features.phrases.volume`,
:mod:`~lapse.features.phrases.amounts`, :mod:`~lapse.features.phrases.terms`,
:mod:`~lapse.features.phrases.attributes`; :mod:`~lapse.features.phrases.row` is what they read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lapse.features.grammar import Feature
from lapse.features.phrases.amounts import AMOUNTS
from lapse.features.phrases.attributes import PREFIXES, breadth, other, profile, season, tenure
from lapse.features.phrases.row import Row, parsed
from lapse.features.phrases.terms import TERMS
from lapse.features.phrases.timing import TIMING
from lapse.features.phrases.volume import VOLUME

__all__ = ["PHRASES", "PREFIXES", "Row", "breadth", "other", "parsed", "profile", "season", "tenure"]

PHRASES: Mapping[str, Callable[[Feature, Row], str]] = {**TIMING, **VOLUME, **AMOUNTS, **TERMS}
"""The phrase of every stat that any event can have."""
