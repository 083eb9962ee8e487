"""Measures of lifetimes some of which are censored: Kaplan-Meier, IPCW Brier, D-calibration.

In: ``lapsed`` (n,) whether the lapse was seen, ``duration`` (n,) the time of the lapse or of the last sight,
and predictions. Times are in any unit, the same for all. Out: numbers and arrays. Refused (ValueError): other
lengths, missing values, durations of 0 or less, probabilities outside [0, 1].

Which Brier score
-----------------
:func:`ipcw_brier` weights by one Kaplan-Meier curve of censoring, which is right only where censoring has
nothing to do with anything that also tells how long a customer stays. Where the data end on one day for all
and the base hazard drifts, it is a function of the date of entry, and these weights can prefer a wrong model.
:mod:`lapse.evaluation.survival` scores at each time only those whose potential follow-up reaches it, which is
right then; use it where the potential follow-up is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from lapse.evaluation.survival import mean_over_steps
from lapse.schema import Bool, Float64

N_BINS = 10
"""Bins of the D-calibration, of equal length on the scale of survival."""


@dataclass(frozen=True)
class StepFunction:
    """A survival curve that falls at some times and is level between.

    Attributes
    ----------
    times : float64, shape (m,)
        Ascending, where it may fall.
    survival : float64, shape (m,)
        At and after each of them.
    """

    times: Float64
    survival: Float64

    def at(self, time: npt.ArrayLike) -> Float64:
        """Return P(T > time), in the shape of ``time``."""
        return self._value(np.searchsorted(self.times, np.asarray(time, np.float64), side="right"))

    def before(self, time: npt.ArrayLike) -> Float64:
        """Return P(T >= time), in the shape of ``time``."""
        return self._value(np.searchsorted(self.times, np.asarray(time, np.float64), side="left"))

    def area(self, limit: float) -> float:
        """Return the restricted mean ``E[min(T, limit)]``: the area below the curve up to the limit."""
        edges = np.concatenate([[0.0], self.times[self.times < limit], [limit]])
        return float(np.sum(np.diff(edges) * self.at(edges[:-1])))

    def _value(self, position: npt.NDArray[np.int64]) -> Float64:
        value: Float64 = np.concatenate([[1.0], self.survival])[position]
        return value


def kaplan_meier(
    lapsed: npt.ArrayLike, duration: npt.ArrayLike, entry: npt.ArrayLike | None = None
) -> StepFunction:
    """Return the Kaplan-Meier estimate of survival, with late entries counted from when they came.

    Parameters
    ----------
    lapsed, duration
        As above.
    entry : array, shape (n,), optional
        From when each was watched (left truncation), below its duration; by default from 0.

    Examples
    --------
    >>> kaplan_meier([True, False, True], [2, 3, 4]).at([1, 2, 4]).round(3).tolist()
    [1.0, 0.667, 0.0]
    """
    seen, time = checked(lapsed, duration)
    times, events = np.unique(time[seen], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    if entry is not None:
        begins = np.asarray(entry, np.float64)
        if begins.shape != time.shape or not (begins < time).all():
            raise ValueError("entry: expected one number a row, below the duration")
        at_risk = at_risk - (len(time) - np.searchsorted(np.sort(begins), times, side="left"))
    return StepFunction(times, np.cumprod(1.0 - events / at_risk, dtype=np.float64))


def ipcw_brier(
    lapsed: npt.ArrayLike, duration: npt.ArrayLike, survival: npt.ArrayLike, times: npt.ArrayLike
) -> Float64:
    """Return the Brier score at some times, weighted by the inverse probability of not being censored.

    Parameters
    ----------
    survival : array, shape (n, n_times)
        Predicted P(T > time).
    times : array, shape (n_times,)
        Each where some are still watched.

    Returns
    -------
    float64, shape (n_times,)
        ``mean of (S^2 lapsed / G(T-) where T <= t, (1 - S)^2 / G(t) where T > t)``, with G the Kaplan-Meier
        estimate of not being censored. Graf, Schmoor, Sauerbrei and Schumacher (1999), Statistics in Medicine
        18(17).

    Examples
    --------
    >>> ipcw_brier([True, True], [1, 3], [[0.5], [0.5]], [2]).tolist()
    [0.25]
    """
    seen, time = checked(lapsed, duration)
    grid, predicted = np.asarray(times, np.float64), _probabilities(survival, (len(time), np.size(times)))
    uncensored = _of_censoring(seen, time)
    at_grid = uncensored.at(grid)
    if not (at_grid > 0).all():
        raise ValueError("times: expected times after which some are still watched")
    gone = seen[:, None] & (time[:, None] <= grid)
    there = time[:, None] > grid
    at_lapse = np.where(seen, uncensored.before(time), 1.0)
    score = np.where(gone, predicted**2 / at_lapse[:, None], 0.0)
    score += np.where(there, (1.0 - predicted) ** 2 / at_grid, 0.0)
    mean: Float64 = score.mean(axis=0)
    return mean


def integrated_ipcw_brier(
    lapsed: npt.ArrayLike, duration: npt.ArrayLike, survival: npt.ArrayLike, times: npt.ArrayLike
) -> float:
    """Return :func:`ipcw_brier` averaged over equally distant times, by the trapezoid rule.

    Parameters
    ----------
    survival : array, shape (n, n_times)
    times : array, shape (n_times,)
        Equally distant, each where some are still watched.

    Examples
    --------
    >>> integrated_ipcw_brier([True, True], [1, 3], [[0.5, 0.5], [0.5, 0.0]], [1.5, 2.5])
    0.4375
    """
    return mean_over_steps(ipcw_brier(lapsed, duration, survival, times))


def _of_censoring(seen: Bool, time: Float64) -> StepFunction:
    """Return the Kaplan-Meier estimate of not being censored; of equal times lapses come first."""
    times, censored = np.unique(time[~seen], return_counts=True)
    ordered, lapses = np.sort(time), np.sort(time[seen])
    at_risk = len(time) - np.searchsorted(ordered, times, side="left")
    at_risk -= np.searchsorted(lapses, times, side="right") - np.searchsorted(lapses, times, side="left")
    return StepFunction(times, np.cumprod(1.0 - censored / at_risk, dtype=np.float64))


@dataclass(frozen=True)
class DCalibration:
    """Whether lapses are spread evenly over the predicted survival at which they fall.

    Attributes
    ----------
    share : float64, shape (N_BINS,)
        Of the rows, by survival from 0 to 1; each a tenth where the curves are calibrated.
    statistic, p : float
        Chi-squared with one degree of freedom less than bins.
    """

    share: Float64
    statistic: float
    p: float


def d_calibration(
    lapsed: npt.ArrayLike, survival_at_duration: npt.ArrayLike, survival_before: npt.ArrayLike | None = None
) -> DCalibration:
    """Test whether predicted survival at the lapse is uniform; the censored are spread over what is left.

    Parameters
    ----------
    survival_at_duration : array, shape (n,)
        Predicted P(T > duration) of each row at its own duration.
    survival_before : array, shape (n,), optional
        Where time is known by step only: predicted survival at the start of the step of the lapse, the other
        being that at its end. The lapse counts evenly between both. Not looked at in rows without a lapse.

    Notes
    -----
    Haider, Hoehn, Davis and Greiner (2020), "Effective ways to build and evaluate individual survival
    distributions", Journal of Machine Learning Research 21(85). Who is censored at survival s would have
    lapsed at one that is uniform in [0, s]. That counts as seen what is not, so the test is conservative the
    more are censored, and the longer the steps are. Rows must be independent.

    Examples
    --------
    >>> d_calibration([True] * 10, np.arange(0.05, 1, 0.1)).p
    1.0
    """
    seen = booleans(lapsed)
    at = _probabilities(survival_at_duration, seen.shape)
    before = at if survival_before is None else _probabilities(survival_before, seen.shape)
    if (before < at)[seen].any():
        raise ValueError("survival_before: expected at least the survival at the duration")
    count = _spread(np.where(seen, at, 0.0), np.where(seen, before, at))
    expected = len(at) / N_BINS
    statistic = float(np.sum((count - expected) ** 2) / expected)
    return DCalibration(count / len(at), statistic, float(chi2.sf(statistic, N_BINS - 1)))


def _spread(low: Float64, high: Float64) -> Float64:
    """Return how much of the rows is in each bin, (N_BINS,), a row being even between its two ends."""
    point = high <= low
    place = np.minimum((low[point] * N_BINS).astype(np.int64), N_BINS - 1)
    edges, begin, end = np.linspace(0.0, 1.0, N_BINS + 1), low[~point, None], high[~point, None]
    overlap = np.clip(np.minimum(end, edges[1:]) - np.maximum(begin, edges[:-1]), 0.0, None)
    count: Float64 = np.bincount(place, minlength=N_BINS) + (overlap / (end - begin)).sum(axis=0)
    return count


def booleans(lapsed: npt.ArrayLike) -> Bool:
    """Return booleans, or zeros and ones, as bool; a missing one would pass for True."""
    seen = np.asarray(lapsed)
    if not np.isin(seen, (0, 1)).all():
        raise ValueError("lapsed: expected booleans, none missing")
    return seen.astype(bool)


def checked(lapsed: npt.ArrayLike, duration: npt.ArrayLike) -> tuple[Bool, Float64]:
    """Return booleans and finite durations above 0, of one length; anything else is refused (ValueError)."""
    seen, time = booleans(lapsed), np.asarray(duration, np.float64)
    if time.ndim != 1 or not len(time) or seen.shape != time.shape:
        raise ValueError("lapsed, duration: expected one length, at least 1")
    if not (np.isfinite(time) & (time > 0)).all():
        raise ValueError("duration: expected finite numbers above 0")
    return seen, time


def _probabilities(values: npt.ArrayLike, shape: tuple[int, ...]) -> Float64:
    found = np.asarray(values, np.float64)
    if found.shape != shape or not found.size:
        raise ValueError(f"survival: expected shape {shape}, got {found.shape}")
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("survival: expected probabilities in [0, 1], none missing")
    return found
