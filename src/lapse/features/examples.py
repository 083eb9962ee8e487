"""Custom features to start from: each shows how to stay on the right side of the leak rule.

Name one in the config::

    features:
      custom: {basket__weekend_share__90d: "lapse.features.examples:weekend_share"}

In: a bucket, snapshots, the window of the feature's name. Out: one number per snapshot.
"""

from __future__ import annotations

import numpy as np

from lapse.features.visibility import visible
from lapse.schema import Bucket, Float64, Snapshots

_SATURDAY = 5


def weekend_share(bucket: Bucket, snapshots: Snapshots, window_days: int | None) -> Float64:
    """Return the share of a customer's events on Saturdays and Sundays, over the first kind of event.

    Parameters
    ----------
    bucket : Bucket
    snapshots : Snapshots
    window_days : int, optional
        Days; default all up to as_of.

    Returns
    -------
    float64, shape (n_snapshots,)
        Between 0 and 1; NaN where no event is visible.
    """
    events = next(iter(bucket.events.values()))
    rows, positions = visible(events, snapshots, window_days)
    weekday = (events.day[positions] + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    seen = np.bincount(rows, minlength=len(snapshots))
    weekend = np.bincount(rows, weights=weekday >= _SATURDAY, minlength=len(snapshots))
    share = np.full(len(snapshots), np.nan)
    share[seen > 0] = weekend[seen > 0] / seen[seen > 0]
    return share
