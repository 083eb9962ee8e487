"""Custom features as a user might write them who forgot the leak rule."""

from __future__ import annotations

import numpy as np

from lapse.schema import Bucket, Float64, Snapshots
from tests.leaks.honest import own_rows


def rows_so_far(bucket: Bucket, snapshots: Snapshots, window_days: int | None) -> Float64:
    """Count the first kind's rows by when they happened, where the rule asks when they were known."""
    events = next(iter(bucket.events.values()))
    window = window_days or 10**6
    return np.array(
        [
            np.count_nonzero((events.day[own] <= day) & (events.day[own] > day - window))
            for own, day in (
                (own_rows(events, customer), day)
                for customer, day in zip(snapshots.customer.tolist(), snapshots.day.tolist(), strict=True)
            )
        ],
        dtype=np.float64,
    )
