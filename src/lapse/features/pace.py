"""At which pace lately: active days weighted by their age, and the chance of silence at that pace.

In: one kind's events, snapshots, half-lives, grace, horizon. Out: the stats of :data:`WINDOWED` by half-life.
Two baskets on one day are one active day.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lapse.features.grammar import Stat
from lapse.features.visibility import active_ages
from lapse.schema import Events, Float32, Float64, Int32, Int64, Snapshots

WINDOWED: tuple[str, ...] = ("rate", "silence_chance")
"""The stats by half-life."""

PRIOR_DAYS = 0.5
"""Active days that the prior of ``silence_chance`` is worth, at a pace of one a grace."""

_FORGOTTEN = 64
"""After so many half-lives a day weighs less than rounding and is left out."""


@njit(cache=True, nogil=True)
def _walk(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    customer: Int64,
    as_of: Int32,
    weights: Float64,
    out: Float64,
) -> None:
    ages = np.empty(np.max(np.diff(offsets)) if len(offsets) > 1 else 0, np.int64)
    for row in range(len(as_of)):
        first, stop = offsets[customer[row]], offsets[customer[row] + 1]
        n = active_ages(day, known_day, first, stop, as_of[row], weights.shape[1], ages)
        for k in range(n):
            for w in range(len(weights)):
                out[w, row] += weights[w, ages[k]]


def compute(
    events: Events,
    snapshots: Snapshots,
    half_lives: tuple[int, ...],
    observed: Int32,
    grace: int,
    horizon: int,
) -> dict[Stat, Float32]:
    r"""Return the recent pace of one kind.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    half_lives : tuple of int
        Days.
    observed : int32, shape (n_snapshots,)
        For how many days the customer has been seen (:func:`lapse.features.visibility.observed_days`).
    grace, horizon : int
        Days.

    Returns
    -------
    dict of (stat, half-life) to float32, shape (n_snapshots,)
        With the weighted active days :math:`A = \sum_{active\ days} 2^{-age/h}` and the weighted days
        observed :math:`B = \sum_{a=0}^{o-1} 2^{-a/h}`, ``rate`` is :math:`A / B`, between 0 and 1, 0 where
        the customer was never active, and not biased towards old or new customers, since B ends where the
        customer's history begins. ``silence_chance`` is the chance of no active day in the horizon H if
        active days come as a Poisson process whose rate has a gamma posterior: the prior is worth
        :math:`a = 1/2` active day at a pace of one a grace,

        .. math:: \left(\frac{B + a\,grace}{B + a\,grace + H}\right)^{A + a}
    """
    ages = np.arange(_FORGOTTEN * max(half_lives))
    weights = np.exp2(-ages / np.array(half_lives, np.float64)[:, None])
    active = np.zeros((len(half_lives), len(snapshots)))
    _walk(events.offsets, events.day, events.known_day, snapshots.customer, snapshots.day, weights, active)
    exposure = np.concatenate([np.zeros((len(half_lives), 1)), np.cumsum(weights, axis=1)], axis=1)
    days = exposure[:, np.minimum(observed, len(ages))]
    rate = np.divide(active, days, out=np.zeros_like(active), where=days > 0)
    prior = days + PRIOR_DAYS * max(grace, 1)
    chance = (prior / (prior + horizon)) ** (active + PRIOR_DAYS)
    found: dict[Stat, Float32] = {}
    for row, half_life in enumerate(half_lives):
        found["rate", half_life] = rate[row].astype(np.float32)
        found["silence_chance", half_life] = chance[row].astype(np.float32)
    return found
