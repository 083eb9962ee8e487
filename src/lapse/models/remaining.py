"""What is left of a life: survival of those who have stayed so far, and what is read off it.

In: hazards from the origin and how much of it is over; or survival from now. Out: conditional survival;
remaining lifetimes with intervals, medians, and how much of them nobody has ever seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.models.curve import Curve
from lapse.models.durations import (
    lifetime_interval_days,
    lifetime_quantile_days,
    remaining_lifetime_days,
)
from lapse.schema import Float64


def conditional_survival(hazard: Float64, elapsed_steps: Float64, n_steps: int) -> Float64:
    """Return ``S(elapsed + k) / S(elapsed)`` for k = 1, ..., n_steps.

    Parameters
    ----------
    hazard : float64, shape (n, at least elapsed + n_steps + 1)
        P(lapse in a step | customer at its start), below 1.
    elapsed_steps : float64, shape (n,)
        At least 0, perhaps inside a step, in which survival is a straight line.
    n_steps : int

    Returns
    -------
    float64, shape (n, n_steps)

    Examples
    --------
    >>> conditional_survival(np.array([[0.2, 0.5, 0.5]]), np.array([0.5]), 1).round(4).tolist()
    [[0.6667]]
    """
    whole = np.floor(elapsed_steps).astype(np.int64)
    inside = (elapsed_steps - whole)[:, None]
    ahead = np.take_along_axis(hazard, whole[:, None] + np.arange(n_steps + 1), axis=1)
    stays = np.cumprod(1.0 - ahead[:, :-1], axis=1, dtype=np.float64)
    survival: Float64 = stays * (1.0 - inside * ahead[:, 1:]) / (1.0 - inside * ahead[:, :1])
    return survival


def remaining_lifetimes(
    survival: Float64, step_days: int, limit_days: int, tail_days: Float64, level: float
) -> pd.DataFrame:
    """Return remaining lifetimes up to a limit.

    Parameters
    ----------
    survival : float64, shape (n, n_steps)
        From now.
    step_days, limit_days : int
    tail_days : float64, shape (n,)
        In how many days the steps that anybody was seen in are over; below 0 where they are.
    level : float
        Of the interval, in (0, 1).

    Returns
    -------
    DataFrame, shape (n, 5)
        The columns of :meth:`lapse.Lifetime.predict_remaining_lifetime`.

    Examples
    --------
    >>> remaining_lifetimes(np.array([[0.5, 0.5]]), 30, 60, np.array([30.0]), 0.8).round(2).T[0].to_dict()
    ... # doctest: +NORMALIZE_WHITESPACE
    {'remaining_lifetime_days': 37.5, 'remaining_lifetime_days_lower': 12.0,
     'remaining_lifetime_days_upper': 60.0, 'median_lifetime_days': 30.0, 'tail_share': 0.4}
    """
    curve = Curve(step_days, survival, np.zeros_like(survival))
    mean = remaining_lifetime_days(curve, limit_days)
    lower, upper, _ = lifetime_interval_days(curve, limit_days, level)
    median, beyond = lifetime_quantile_days(curve, 0.5, limit_days)
    return pd.DataFrame(
        {
            "remaining_lifetime_days": mean,
            "remaining_lifetime_days_lower": lower,
            "remaining_lifetime_days_upper": upper,
            "median_lifetime_days": np.where(beyond, np.inf, median),
            "tail_share": _tail_share(survival, limit_days / step_days, tail_days / step_days),
        }
    )


def _tail_share(survival: Float64, limit: float, tail: Float64) -> Float64:
    """Return how much of the area up to the limit lies behind the tail's beginning, both in steps."""
    whole = _area(survival, np.full(len(survival), limit))
    share: Float64 = (whole - _area(survival, np.clip(tail, 0.0, limit))) / whole
    return share


def _area(survival: Float64, until: Float64) -> Float64:
    """Return the area under each row's straight lines, so many steps from now; float64 of shape (n,)."""
    start = np.hstack([np.ones((len(survival), 1)), survival[:, :-1]])
    before = np.hstack([np.zeros((len(survival), 1)), np.cumsum((start + survival) / 2, axis=1)])
    step = np.minimum(np.floor(until).astype(np.int64), survival.shape[1] - 1)
    row, inside = np.arange(len(survival)), until - step
    lost = (start - survival)[row, step] * inside**2 / 2
    area: Float64 = before[row, step] + start[row, step] * inside - lost
    return area
