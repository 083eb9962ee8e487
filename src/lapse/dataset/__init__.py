"""Snapshots and features joined, and for training the outcomes: :func:`snapshots` is the one call for both.

:mod:`~lapse.dataset.rows` says what a dataset is, :mod:`~lapse.dataset.labelled` makes the one to learn from,
:mod:`~lapse.dataset.scoring` the one to score.
"""

from lapse.dataset.asking import snapshots
from lapse.dataset.rows import Dataset, Labelled, Unlabelled, require_dataset
from lapse.dataset.scoring import bucket_parts, choice_day, date_of, scoring_day, scoring_parts

__all__ = [
    "Dataset",
    "Labelled",
    "Unlabelled",
    "bucket_parts",
    "choice_day",
    "date_of",
    "require_dataset",
    "scoring_day",
    "scoring_parts",
    "snapshots",
]
