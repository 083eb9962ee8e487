"""What was known of a customer as of a day: point-in-time features, as one Arrow table per bucket.

:func:`fit_recipe` says which features a business gets (:func:`seen_in` and :func:`recipe_of` are its two
halves, a bucket at a time and all together), :func:`compute` computes them, after
:func:`refuse_other_history` has said that the tables are those of training, :func:`words` tells them. A
custom feature stands on :func:`visible`.
"""

from lapse.features.families import Share
from lapse.features.frame import compute
from lapse.features.names import group_of, parse, words
from lapse.features.recipe import Recipe, Seen, fit_recipe, recipe_of, seen_in
from lapse.features.same_tables import refuse_other_history
from lapse.features.visibility import visible

__all__ = [
    "Recipe",
    "Seen",
    "Share",
    "compute",
    "fit_recipe",
    "group_of",
    "parse",
    "recipe_of",
    "refuse_other_history",
    "seen_in",
    "visible",
    "words",
]
