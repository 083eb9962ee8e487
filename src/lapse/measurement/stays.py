"""How long customers stay in a state: stays whose beginning was seen, those that still last included.

In: each customer's state at the end of every month, as codes; -1 before it is known. Out: sums by state,
group of customers and age, that add up over buckets; and from them the mean time by Kaplan and Meier
(1958).

A stay begins where a state is seen that was not there a month before; one that is there at the first month
has an unknown age and is left out. It counts in the months whose end it saw, until it ends or the data do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from lapse.measurement.sums import GROUPS, jackknife
from lapse.measurement.transitions import States
from lapse.schema import Float64, Int64

LEAST_STAYS = 20
"""The mean goes up to the last age that so many stays reached."""


def stay_sums(states: States, group: Int64, n_states: int) -> pd.DataFrame:
    """Return of all stays how many were seen at an age, and how many of these ended there.

    Parameters
    ----------
    states : int8, shape (n_customers, n_months)
    group : int64, shape (n_customers,)
        Of each customer, below :data:`~lapse.measurement.sums.GROUPS`.
    n_states : int

    Returns
    -------
    DataFrame
        Index (state, group, age), the age in months from 0; columns stays, ended.
    """
    ages = max(states.shape[1] - 1, 0)
    seen, ended = (np.zeros((n_states, GROUPS, ages), np.int64) for _ in range(2))
    _count(np.ascontiguousarray(states), group, seen, ended)
    state, of, age = np.nonzero(seen)
    index = pd.MultiIndex.from_arrays([state, of, age], names=["state", "group", "age"])
    return pd.DataFrame(
        {"stays": seen[state, of, age], "ended": ended[state, of, age]}, index=index, dtype=np.float64
    )


def mean_stay(sums: pd.DataFrame) -> dict[str, float]:
    """Return the mean time of one state's stays, up to a limit, with bounds.

    Parameters
    ----------
    sums : DataFrame
        Index (group, age), columns stays and ended: one state of :func:`stay_sums`.

    Returns
    -------
    dict
        ``stays`` (seen from their beginning), ``months`` and its bounds, the mean of min(stay, limit) by
        the area under the Kaplan-Meier curve; ``limit_months``, the last age that :data:`LEAST_STAYS` stays
        reached; and ``lasting_share``, the share of stays that last longer. Missing where too few stays
        began.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([range(4), range(2)], names=["group", "age"])
    >>> sums = pd.DataFrame({"stays": [8.0, 6] * 4, "ended": [2.0, 3] * 4}, index=index)
    >>> found = mean_stay(sums)
    >>> [round(found[name], 3) for name in ("stays", "months", "limit_months", "lasting_share")]
    [32.0, 1.75, 2.0, 0.375]
    """
    by_group = _by_group(sums)
    stays = by_group[:, 0].sum(axis=0)
    began = float(stays[0]) if len(stays) else 0.0
    limit = int((stays >= LEAST_STAYS).cumprod().sum())
    if limit == 0:
        missing = dict.fromkeys(
            ("months", "months_lower", "months_upper", "limit_months", "lasting_share"), np.nan
        )
        return {"stays": began, **missing}
    by_group = by_group[:, :, :limit]
    mean, lower, upper = jackknife(by_group, lambda total: _survival(total)[:-1].sum())
    return {
        "stays": began,
        "months": float(mean),
        "months_lower": max(float(lower), 1.0) if np.isfinite(lower) else float(lower),
        "months_upper": min(float(upper), float(limit)) if np.isfinite(upper) else float(upper),
        "limit_months": float(limit),
        "lasting_share": float(_survival(by_group.sum(axis=0))[-1]),
    }


def _by_group(sums: pd.DataFrame) -> Float64:
    """Return stays and ended as float64 of shape (GROUPS, 2, ages)."""
    ages = int(sums.index.get_level_values("age").max()) + 1 if len(sums) else 0
    found = np.zeros((GROUPS, 2, ages))
    group, age = (sums.index.get_level_values(name).to_numpy(np.int64) for name in ("group", "age"))
    found[group, 0, age] = sums["stays"].to_numpy()
    found[group, 1, age] = sums["ended"].to_numpy()
    return found


def _survival(total: Float64) -> Float64:
    """Return the share of stays that last to each age, from 1 at age 0, shape (ages + 1,)."""
    stays, ended = total
    goes = np.divide(ended, stays, out=np.zeros(len(stays)), where=stays > 0)
    return np.concatenate([[1.0], np.cumprod(1 - goes)])


@njit(cache=True, nogil=True)
def _count(states: Any, group: Any, seen: Any, ended: Any) -> None:
    n_months = states.shape[1]
    for row in range(states.shape[0]):
        began = -1  # the month in which the stay was first seen; -1 where that was before the data
        for month in range(1, n_months):
            state = states[row, month - 1]
            if began >= 0 and state >= 0:
                age = month - 1 - began
                seen[state, group[row], age] += 1
                if states[row, month] != state:
                    ended[state, group[row], age] += 1
            if states[row, month] != state:
                began = month
