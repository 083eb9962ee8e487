"""Whether predicted lifetimes come true: by decile of the prediction, at horizons, and month by month.

In: predicted survival or restricted means of n customers, and how long each was seen and whether it lapsed.
Times are in any unit, the same for all. Out: tidy tables. Refused (ValueError): other lengths, probabilities
outside [0, 1], fewer rows than groups, times of which the data say nothing.

What happened to a group is estimated by Kaplan-Meier, so those whom the end of the data cuts count as far as
they were seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.evaluation.censoring import StepFunction, booleans, kaplan_meier
from lapse.evaluation.ties import assign_bins, sum_ties
from lapse.schema import Bool, Float64, Int64

N_GROUPS = 10


def calibration_by_horizon(
    survival: npt.ArrayLike,
    steps: Sequence[int],
    lapsed: npt.ArrayLike,
    duration: npt.ArrayLike,
    step_length: float,
) -> pd.DataFrame:
    """Compare predicted and observed shares lapsed by some steps, by decile of the prediction.

    Parameters
    ----------
    survival : array, shape (n, n_steps)
        Predicted, at the end of each step.
    steps : sequence of int
        The horizons, from 1; some of each decile must have been watched so long.
    lapsed, duration : array, shape (n,)
    step_length : float
        In the unit of the durations.

    Returns
    -------
    DataFrame
        ``step``, ``decile`` (1 is the least likely to lapse), ``rows``, ``predicted``, ``observed``.

    Examples
    --------
    >>> survival = np.repeat([[0.9], [0.5]], [10, 10], axis=0)
    >>> lapsed = np.repeat([False, True, False], [10, 6, 4])
    >>> calibration_by_horizon(survival, [1], lapsed, np.full(20, 1.0), 1.0).round(2).to_dict("list")
    ... # doctest: +NORMALIZE_WHITESPACE
    {'step': [1, 1], 'decile': [3, 8], 'rows': [10, 10], 'predicted': [0.1, 0.5], 'observed': [0.0, 0.6]}
    """
    predicted = 1.0 - _two_dimensional(survival)
    seen, time = booleans(lapsed), np.asarray(duration, np.float64)
    _same_length(predicted, seen, time)
    if not all(1 <= step <= predicted.shape[1] for step in steps):
        raise ValueError(f"steps: expected 1 to {predicted.shape[1]}, got {list(steps)}")
    rows = []
    for step in steps:
        at, end = predicted[:, step - 1], step * step_length
        for decile, members in _groups(at):
            observed = 1.0 - _watched_until(end, seen[members], time[members]).at(end)
            rows.append((step, decile, len(members), at[members].mean(), float(observed)))
    return pd.DataFrame(rows, columns=["step", "decile", "rows", "predicted", "observed"])


def restricted_mean_by_decile(
    predicted: npt.ArrayLike, lapsed: npt.ArrayLike, duration: npt.ArrayLike, limit: float
) -> pd.DataFrame:
    """Compare predicted restricted means of the lifetime with those observed, by decile of the prediction.

    Parameters
    ----------
    predicted : array, shape (n,)
        ``E[min(T, limit)]``.
    lapsed, duration : array, shape (n,)
    limit : float
        Above 0; some of each decile must have been watched so long, or all have lapsed.

    Returns
    -------
    DataFrame
        ``decile``, ``rows``, ``predicted``, ``observed`` (area under Kaplan-Meier up to the limit),
        ``error`` (predicted over observed, less 1).

    Examples
    --------
    >>> restricted_mean_by_decile([2.0] * 10, [True] * 10, [1.0, 3.0] * 5, 4.0)["error"].tolist()
    [0.0]
    """
    at, seen = np.asarray(predicted, np.float64), booleans(lapsed)
    time = np.asarray(duration, np.float64)
    _same_length(at, seen, time)
    if not (np.isfinite(at).all() and limit > 0):
        raise ValueError("predicted, limit: expected finite numbers, and a limit above 0")
    rows = []
    for decile, members in _groups(at):
        observed = _watched_until(limit, seen[members], time[members]).area(limit)
        rows.append((decile, len(members), at[members].mean(), observed))
    table = pd.DataFrame(rows, columns=["decile", "rows", "predicted", "observed"])
    return table.assign(error=table["predicted"] / table["observed"] - 1.0)


def ends_by_period(
    survival: npt.ArrayLike,
    lapsed: npt.ArrayLike,
    duration: npt.ArrayLike,
    step_length: float,
    steps_a_period: int = 1,
    follow_up: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Compare expected and realised numbers of lapses, period by period from now: by month, or by year.

    Parameters
    ----------
    survival : array, shape (n, n_steps)
        Of those who are here now.
    lapsed, duration : array, shape (n,)
        From now.
    step_length : float
        In the unit of the durations.
    steps_a_period : int, default 1
        Steps taken together.
    follow_up : array, shape (n,), optional
        How long each could be watched, whether it lapsed or not; by default all for as long as is asked.

    Returns
    -------
    DataFrame
        ``period`` from 1, ``watched`` (rows whose follow-up reaches the period's end), ``expected`` and
        ``realised`` lapses of those, ``error`` (expected over realised, less 1; NaN without realised ones).
        Who lapsed but could not have been watched so long does not count either: of such rows those who
        stay are missing.

    Examples
    --------
    >>> lapsed, duration = [True, True, True, False], [0.5, 1.0, 1.5, 2.0]
    >>> ends_by_period([[0.5, 0.25]] * 4, lapsed, duration, 1.0).to_dict("list")
    ... # doctest: +NORMALIZE_WHITESPACE
    {'period': [1, 2], 'watched': [4, 4], 'expected': [2.0, 1.0], 'realised': [2, 1], 'error': [0.0, 0.0]}
    """
    expected, realised = ends_of_rows(survival, lapsed, duration, step_length, steps_a_period, follow_up)
    watched = ~np.isnan(realised)
    table = pd.DataFrame(
        {
            "period": np.arange(1, expected.shape[1] + 1),
            "watched": watched.sum(axis=0),
            "expected": np.nansum(expected, axis=0),
            "realised": np.nansum(realised, axis=0).astype(np.int64),
        }
    )
    return table.assign(error=table["expected"] / table["realised"].where(table["realised"] > 0) - 1.0)


def ends_of_rows(
    survival: npt.ArrayLike,
    lapsed: npt.ArrayLike,
    duration: npt.ArrayLike,
    step_length: float,
    steps_a_period: int = 1,
    follow_up: npt.ArrayLike | None = None,
) -> tuple[Float64, Float64]:
    """Return of each row what :func:`ends_by_period` sums: its chance to lapse in a period, and if it did.

    Parameters
    ----------
    survival, lapsed, duration, step_length, steps_a_period, follow_up
        As in :func:`ends_by_period`.

    Returns
    -------
    expected, realised : float64, shape (n, n_periods)
        NaN in both where the follow-up does not reach the end of the period.

    Examples
    --------
    >>> ends_of_rows([[0.5, 0.25]], [True], [1.5], 1.0)
    (array([[0.5 , 0.25]]), array([[0., 1.]]))
    """
    stays = _two_dimensional(survival)
    seen, time = booleans(lapsed), np.asarray(duration, np.float64)
    _same_length(stays, seen, time)
    at_ends = stays[:, steps_a_period - 1 :: steps_a_period]
    ends = np.arange(1, at_ends.shape[1] + 1) * steps_a_period * step_length
    reach = _reach(follow_up, seen, time, float(ends[-1]) if len(ends) else 0.0)
    watched = reach[:, None] >= ends
    expected = np.column_stack([np.ones(len(stays)), at_ends[:, :-1]])[:, : len(ends)] - at_ends
    inside = (time[:, None] > ends - steps_a_period * step_length) & (time[:, None] <= ends)
    realised = (seen[:, None] & inside).astype(np.float64)
    return np.where(watched, expected, np.nan), np.where(watched, realised, np.nan)


def _reach(follow_up: npt.ArrayLike | None, lapsed: Bool, duration: Float64, end: float) -> Float64:
    """Return how long each could be watched, as told, or up to the end of all periods."""
    if follow_up is None:
        if (duration[~lapsed] < end).any():
            raise ValueError(f"follow_up: expected where some are censored before {end:g}, got none")
        return np.full(len(duration), end)
    reach = np.asarray(follow_up, np.float64)
    _same_length(reach, duration)
    if not (reach >= duration).all():
        raise ValueError("follow_up: expected at least the duration")
    return reach


def _watched_until(end: float, lapsed: Bool, duration: Float64) -> StepFunction:
    """Return Kaplan-Meier of a group some of whom were watched to the end, or who all lapsed before it."""
    curve = kaplan_meier(lapsed, duration)
    if duration.max() < end and curve.at(end) > 0:
        raise ValueError(
            f"duration: expected some of each decile watched for {end:g}, got {duration.max():g}"
        )
    return curve


def _groups(predicted: Float64) -> list[tuple[int, Int64]]:
    """Return tenths of the rows by prediction, from 1, and the positions in each; ties stay together."""
    if len(predicted) < N_GROUPS:
        raise ValueError(f"expected at least {N_GROUPS} rows, got {len(predicted)}")
    distinct, mass = sum_ties(predicted, np.ones(len(predicted)))
    group = assign_bins(mass, N_GROUPS)[np.searchsorted(distinct, predicted)]
    return [(int(number) + 1, np.flatnonzero(group == number)) for number in np.unique(group)]


def _two_dimensional(survival: npt.ArrayLike) -> Float64:
    found = np.asarray(survival, np.float64)
    if found.ndim != 2 or not found.size or not ((found >= 0) & (found <= 1)).all():
        raise ValueError("survival: expected shape (n, n_steps) and probabilities in [0, 1], none missing")
    return found


def _same_length(*arrays: npt.NDArray[np.generic]) -> None:
    if len({len(array) for array in arrays}) > 1:
        raise ValueError(f"expected one length, got {', '.join(str(len(array)) for array in arrays)}")
