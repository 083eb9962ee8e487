"""Why a score is what it is: :mod:`~lapse.explain.reasons` in words for everybody,
:mod:`~lapse.explain.customer` for one customer on a terminal, :mod:`~lapse.explain.pictures` for a model
at a glance.
"""

from lapse.explain.customer import as_text, describe
from lapse.explain.pictures import summary_picture
from lapse.explain.reasons import GroupEffects, group_effects, reasons, size_in_words

__all__ = [
    "GroupEffects",
    "as_text",
    "describe",
    "group_effects",
    "reasons",
    "size_in_words",
    "summary_picture",
]
