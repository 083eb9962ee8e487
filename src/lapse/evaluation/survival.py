"""How good a lifetime curve is: Brier score and calibration at each step of the horizon grid.

In: ``observed`` (n, n_steps) from :func:`observe_steps` (1 lapsed by the end of the step, 0 still there,
NaN where follow-up does not reach it), ``incidence`` (n, n_steps) the predicted chance of having lapsed by
then (one minus the survival, or the cumulative incidence of one cause), and ``weight`` (n,). Out: arrays
over the steps, NaN at a step that nobody's follow-up reaches. Refused: other shapes, chances outside [0, 1]
or missing.

No censoring weights
--------------------
A snapshot is censored in one way only: the data end at the cut. Its potential follow-up, ``cut - as_of``,
is known in advance and has nothing to do with what the customer does. So at a step every snapshot whose
follow-up reaches it is known to have lapsed or to be there, none is in doubt, and the plain mean over them
is unbiased for them. The textbook weights (inverse probability of censoring from one Kaplan-Meier curve)
assume that censoring is independent of the predictors. Here it is a function of the date, and so is
whatever drifts: those weights can prefer a wrong model to the true one. A snapshot that lapsed early but
whose follow-up does not reach the step is left out as well; counting it would keep the lapsed of the late
dates and drop their stayers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lapse.schema import Bool, Float64, Int32


def observe_steps(
    lapsed: Bool, duration_days: Int32, follow_up_days: Int32, *, step_days: int, n_steps: int
) -> Float64:
    """Return what is known at the end of each step: 1 lapsed, 0 still there, NaN not followed so far.

    Parameters
    ----------
    lapsed : bool, shape (n,)
        Whether the lapse was seen; for one of competing causes, whether it was seen and of this cause.
    duration_days : int32, shape (n,)
        Days from as_of to the lapse or the cut, whichever is first.
    follow_up_days : int32, shape (n,)
        Days from as_of to the cut.
    step_days, n_steps : int
        The grid: ends of steps are ``step_days * (1..n_steps)``.

    Raises
    ------
    ValueError
        If a duration is longer than the follow-up.

    Examples
    --------
    >>> lapsed, duration, follow_up = np.array([True, False]), np.array([40, 65]), np.array([95, 65])
    >>> observe_steps(lapsed, duration, follow_up, step_days=30, n_steps=3)
    array([[ 0.,  1.,  1.],
           [ 0.,  0., nan]])
    """
    if (late := np.asarray(duration_days) > np.asarray(follow_up_days)).any():
        raise ValueError(f"duration_days: expected at most follow_up_days, got more in {late.sum()} rows")
    ends = step_days * np.arange(1, n_steps + 1)
    happened = (np.asarray(lapsed)[:, None] & (np.asarray(duration_days)[:, None] <= ends)).astype(np.float64)
    return np.where(np.asarray(follow_up_days)[:, None] >= ends, happened, np.nan)


def _checked(
    observed: npt.ArrayLike, incidence: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
    seen, predicted = np.asarray(observed, np.float64), np.asarray(incidence, np.float64)
    weight_ = np.ones(len(seen)) if weight is None else np.asarray(weight, np.float64)
    if seen.ndim != 2 or 0 in seen.shape or predicted.shape != seen.shape or weight_.shape != seen.shape[:1]:
        raise ValueError(
            "observed, incidence, weight: expected (n, n_steps) twice and (n,), "
            f"got {seen.shape}, {predicted.shape} and {weight_.shape}"
        )
    if not (predicted.min() >= 0 and predicted.max() <= 1):
        raise ValueError("incidence: expected chances in [0, 1], none missing")
    return seen, predicted, weight_


def _mean_known(values: Float64, seen: Float64, weight: Float64) -> Float64:
    """Return the weighted mean of each column over the rows that are known in it; NaN where none is."""
    known = ~np.isnan(seen)
    mass = weight @ known
    mean: Float64 = np.full(seen.shape[1], np.nan)
    np.divide(weight @ np.where(known, values, 0.0), mass, out=mean, where=mass > 0)
    return mean


def brier_by_step(
    observed: npt.ArrayLike, incidence: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> Float64:
    """Return the mean squared difference at the end of each step, (n_steps,), over those followed so far.

    Examples
    --------
    >>> brier_by_step([[0, 1], [0, np.nan]], [[0.5, 0.5], [0.0, 1.0]])
    array([0.125, 0.25 ])
    """
    seen, predicted, weight_ = _checked(observed, incidence, weight)
    return _mean_known((predicted - seen) ** 2, seen, weight_)


def integrated_brier(
    observed: npt.ArrayLike, incidence: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return the Brier score averaged over time, by the trapezoid rule over the steps that are reached.

    The steps are equally long, so the unit of time does not matter. NaN where no step is reached.

    Examples
    --------
    >>> integrated_brier([[0, 1], [0, np.nan]], [[0.5, 0.5], [0.0, 1.0]])
    0.1875
    """
    return mean_over_steps(brier_by_step(observed, incidence, weight))


def mean_over_steps(by_step: npt.ArrayLike) -> float:
    """Return a measure of equal steps averaged over time by the trapezoid rule; steps not reached are NaN.

    Examples
    --------
    >>> mean_over_steps([0.1, 0.3, np.nan]), mean_over_steps([0.1]), mean_over_steps([])
    (0.2, 0.1, nan)
    """
    values = np.asarray(by_step, np.float64)
    reached = values[~np.isnan(values)]
    if len(reached) == 0:
        return float("nan")
    if len(reached) == 1:
        return float(reached[0])
    return float((reached[1:] + reached[:-1]).mean() / 2)


def predicted_by_step(
    observed: npt.ArrayLike, incidence: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> Float64:
    """Return the mean predicted share lapsed by the end of each step, over those followed so far."""
    seen, predicted, weight_ = _checked(observed, incidence, weight)
    return _mean_known(predicted, seen, weight_)


def observed_by_step(
    observed: npt.ArrayLike, incidence: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> Float64:
    """Return the share that lapsed by the end of each step, over those followed so far."""
    seen, _, weight_ = _checked(observed, incidence, weight)
    return _mean_known(seen, seen, weight_)
