"""The search for the greatest likelihood that all buy-till-you-die models share.

In: the mean negative log likelihood with its gradient, as a function of the logarithms of the parameters,
and where to start; purchase histories. Out: the best parameters; the distinct histories and how many
customers have each. Refused (:class:`~lapse.errors.DataError`): a table in which nobody bought twice (who
leaves cannot be told from who waits), a likelihood that no start finds finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import optimize

from lapse.cohort.purchases import PurchaseHistory
from lapse.errors import DataError, Problem
from lapse.schema import Float64

_BOUND = 12.0  # of the logarithms of parameters: e^-12 to e^12, far beyond any real market

Loss = Callable[[Float64], tuple[float, Float64]]
"""The logarithms of the parameters to the mean negative log likelihood and its gradient."""


def minimise(loss: Loss, starts: Iterable[Sequence[float]], model: str) -> tuple[Float64, float]:
    """Return the parameters of least loss, and that loss, by quasi-Newton from several starts.

    Parameters
    ----------
    loss : callable
    starts : parameters to start from, all above 0
    model : str
        Its name, for the error.

    Raises
    ------
    DataError
        If no start comes to a finite loss.

    Examples
    --------
    >>> best, least = minimise(lambda z: (float((z**2).sum()), 2 * z), [(2.0, 3.0)], "bowl")
    >>> best.round(6).tolist(), round(least, 6)
    ([1.0, 1.0], 0.0)
    """
    results = [
        optimize.minimize(
            loss,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_BOUND, _BOUND)] * len(start),
            options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
        )
        for start in starts
    ]
    best = min(results, key=lambda result: float(result.fun))
    if not np.isfinite(best.fun):
        raise DataError(Problem(model, "fit", expected="a finite likelihood", got=str(best.message)))
    return np.exp(best.x), float(best.fun)


def maximise(
    negative: Callable[[Float64, Float64, Float64], tuple[float, Float64]],
    starts: Iterable[tuple[float, float, float]],
    model: str,
    history: PurchaseHistory,
) -> tuple[list[float], float, float]:
    """Return the four parameters of greatest likelihood, and in what unit of time; and that likelihood.

    Time is scaled to a mean T of one, so that the histories' unit does not matter.

    Parameters
    ----------
    negative : callable
        Of the logarithms of the parameters, the distinct histories and how many customers have each: the mean
        negative log likelihood and its gradient.
    starts : tuples of three parameters, all but the second
        The second, by which the first is divided for the mean rate of purchases, follows from that mean.
    model : str
        Its name, for the error.
    history : PurchaseHistory

    Returns
    -------
    parameters : list of four floats
    unit : float
        The mean T.
    log_likelihood : float
        In the histories' own unit of time.

    Raises
    ------
    DataError
        If nobody bought twice, or no start converges.
    """
    rows, count, unit = distinct_histories(history)
    rate = float(history.repeat_purchases.mean())
    best, loss = minimise(
        lambda at: negative(at, rows, count),
        [(shape, shape / rate, third, fourth) for shape, third, fourth in starts],
        model,
    )
    return [float(value) for value in best], unit, log_likelihood(loss, history, unit)


def distinct_histories(history: PurchaseHistory) -> tuple[Float64, Float64, float]:
    """Return the distinct rows x, t_x, T in units of the mean T, how many customers each has, and that unit.

    Raises
    ------
    DataError
        If nobody bought twice.
    """
    if not (history.repeat_purchases > 0).any():
        raise DataError(
            Problem(
                "purchase history", "repeat_purchases", expected="some customers with repeats", got="none"
            )
        )
    unit = float(history.T.mean())
    rows, count = np.unique(
        np.column_stack([history.repeat_purchases, history.t_x / unit, history.T / unit]),
        axis=0,
        return_counts=True,
    )
    return rows, count.astype(np.float64), unit


def log_likelihood(loss: float, history: PurchaseHistory, unit: float) -> float:
    """Return the log likelihood in the histories' own unit of time, from the loss in units of the mean T."""
    return -loss * len(history) - float(history.repeat_purchases.sum()) * float(np.log(unit))
