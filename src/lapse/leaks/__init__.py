"""The leak guards, which run for users in ``lapse check`` and ``train``.

1. :func:`perturbation_guard`: changing anything not yet known at as_of changes no feature; with
   :func:`planted_leak_selftest`, which shows that the guard sees.
2. :func:`too_good_columns`: a column that predicts too well is named; that too few lapsed to judge is said.
   :func:`lasting_columns`: so is an attribute of customers that knows how long they will stay.
3. :func:`check_folds` and :func:`check_unique_keys`: no label of a training row is open when the test begins,
   and no customer stands twice for one as_of.
"""

from lapse.leaks.columns import TooGood, Verdict, halves, too_good_columns
from lapse.leaks.folds import check_folds, check_unique_keys
from lapse.leaks.guard import Compute, perturbation_guard, planted_leak_selftest, refuse
from lapse.leaks.lasting import Lasting, lasting_columns
from lapse.leaks.perturbation import CHANGES, empty_future, other_future
from lapse.leaks.sampling import sample

__all__ = [
    "CHANGES",
    "Compute",
    "Lasting",
    "TooGood",
    "Verdict",
    "check_folds",
    "check_unique_keys",
    "empty_future",
    "halves",
    "lasting_columns",
    "other_future",
    "perturbation_guard",
    "planted_leak_selftest",
    "refuse",
    "sample",
    "too_good_columns",
]
