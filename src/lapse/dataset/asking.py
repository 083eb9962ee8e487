"""The one call for training and for scoring.

In: a history. Out: without ``as_of`` the labelled dataset of the calendar's dates; with it the customers of
that date alone. Features come from the same function either way.
"""

from __future__ import annotations

from datetime import date
from typing import overload

from lapse.dataset.labelled import labelled
from lapse.dataset.rows import Labelled, Unlabelled
from lapse.dataset.scoring import unlabelled
from lapse.features import Recipe
from lapse.history import History


@overload
def snapshots(history: History, as_of: None = None, *, recipe: Recipe | None = None) -> Labelled: ...


@overload
def snapshots(history: History, as_of: date | str, *, recipe: Recipe | None = None) -> Unlabelled: ...


def snapshots(
    history: History, as_of: date | str | None = None, *, recipe: Recipe | None = None
) -> Labelled | Unlabelled:
    """Return the dataset of a history: labelled, or as of one date without outcomes.

    Parameters
    ----------
    history : History
    as_of : date or ISO date string, optional
        Score this date. Without it, every date of the calendar, with outcomes.
    recipe : Recipe, optional
        Compute exactly these features (a trained model's). Without it the recipe is learned from what was
        known on the first test date, or on ``as_of`` where that is earlier: of one history the labelled
        dataset and today's have the same features.

    Returns
    -------
    Labelled or Unlabelled

    Raises
    ------
    DataError
        If the as-of lies before the data or after its end, no date is labelled, or nobody lapses.
    GateError
        If the recipe was made from tables, columns or roles that the history does not have.
    """
    return labelled(history, recipe) if as_of is None else unlabelled(history, as_of, recipe)
