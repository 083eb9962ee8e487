"""One metric of one method with its bootstrap interval, as tests compare it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lapse.evaluation import bootstrap


class Interval(NamedTuple):
    value: float
    lower: float
    upper: float


def interval(
    metric: bootstrap.Metric,
    y: np.ndarray,
    p: np.ndarray,
    customer: np.ndarray,
    n_replicates: int = 1000,
    seed: int = 0,
) -> Interval:
    found = bootstrap.replicate({"": metric}, y, {"": p}, customer, n_replicates=n_replicates, seed=seed)
    lower, upper = bootstrap.bounds(found["", ""])
    return Interval(metric(y, p, np.ones(len(y))), float(lower), float(upper))
