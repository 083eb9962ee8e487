"""Beyond the last observed step: the shifted-beta-geometric, whose hazard falls and is never constant.

In: how many were at risk at each step and how many left in it. Out: the parameters of a
shifted-beta-geometric (sBG), and hazards that continue a customer's own.

Each customer leaves with a constant probability a step, and these probabilities are Beta(alpha, beta)
distributed over customers. Those who are likely to leave do so early, so the hazard of those who remain
falls: ``P(T = t | T >= t) = alpha / (alpha + beta + t - 1)``. Its reciprocal is a straight line in t with
slope ``1 / alpha``, so a customer whose hazard at step K is h has ``h / (1 + j h / alpha)`` at step K + j.

Source: Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import betaln, expit, logit, xlog1py, xlogy

from lapse.errors import DataError, Problem
from lapse.schema import Float64

_BOUND = 12.0
_LOG_ALPHA = (-4.0, 5.0)


@dataclass(frozen=True)
class ShiftedBetaGeometric:
    """A fitted sBG.

    Attributes
    ----------
    alpha, beta : float
        Parameters of the Beta distribution of leaving probabilities, above 0.
    log_likelihood : float
        Of the counts that it was fitted to.

    Examples
    --------
    >>> round(float(ShiftedBetaGeometric(0.668, 3.806, 0.0).survival(np.array([1.0]))[0]), 3)
    0.851
    """

    alpha: float
    beta: float
    log_likelihood: float

    def hazard(self, step: Float64) -> Float64:
        """Return P(T = step | T >= step) for steps 1, 2, ..., in the shape of ``step``."""
        hazard: Float64 = self.alpha / (self.alpha + self.beta + np.asarray(step, np.float64) - 1.0)
        return hazard

    def survival(self, step: Float64) -> Float64:
        """Return P(T > step) = B(alpha, beta + step) / B(alpha, beta) for steps 0, 1, ..."""
        step = np.asarray(step, np.float64)
        survival: Float64 = np.exp(betaln(self.alpha, self.beta + step) - betaln(self.alpha, self.beta))
        return survival


def fit_sbg(at_risk: Float64, events: Float64) -> ShiftedBetaGeometric:
    """Fit the sBG to pooled person-period counts by maximum likelihood.

    Parameters
    ----------
    at_risk : float64, shape (n_steps,)
        Customers (or their weight) at risk at the start of step 1, 2, ...; a step with none says nothing.
    events : float64, shape (n_steps,)
        How many of them left in that step.

    Returns
    -------
    ShiftedBetaGeometric
        The likelihood is ``sum(events log h + (at_risk - events) log(1 - h))``: the one of the paper, with
        those who are cut counted as far as they were seen.

    Raises
    ------
    DataError
        If nobody left, or more left than were at risk.
    """
    at_risk, events = np.asarray(at_risk, np.float64), np.asarray(events, np.float64)
    if (events > at_risk).any() or (events < 0).any():
        raise DataError(Problem("retention", "events", "between 0 and those at risk", "others"))
    if not events.any():
        raise DataError(Problem("retention", "events", "some customers who left", "none"))
    step = np.arange(1.0, len(events) + 1.0)

    def shape(parameters: Float64) -> tuple[float, float]:
        mean, spread = expit(parameters)  # of the Beta: alpha / (alpha + beta), 1 / (1 + alpha + beta)
        total = (1.0 - spread) / spread
        return float(mean * total), float((1.0 - mean) * total)

    def loss(parameters: Float64) -> float:
        alpha, beta = shape(parameters)
        hazard = alpha / (alpha + beta + step - 1.0)
        return -float(np.sum(xlogy(events, hazard) + xlog1py(at_risk - events, -hazard)))

    first = float(np.clip(events.sum() / at_risk.sum(), 1e-4, 1 - 1e-4))
    found = min(
        (
            minimize(
                loss,
                np.array([logit(first), start]),
                method="L-BFGS-B",
                bounds=[(-_BOUND, _BOUND)] * 2,
                options={"ftol": 1e-13, "gtol": 1e-9},
            )
            for start in (-3.0, 0.0)
        ),
        key=lambda result: float(result.fun),
    )
    alpha, beta = shape(found.x)
    return ShiftedBetaGeometric(alpha, beta, -float(found.fun))


def fit_alpha(level: Float64, steps_past: Float64, event: Float64, weight: Float64) -> float:
    """Fit how fast hazards fall around known levels, by maximum likelihood of ``h / (1 + j h / alpha)``.

    The alpha of pooled counts tells how customers differ. Where features tell them apart, less of that is
    left among customers with the same features, and their hazard falls more slowly: so alpha is learned
    given each customer's own level.

    Parameters
    ----------
    level : float64, shape (m,)
        Predicted hazard of the row's customer at the middle of the steps that are looked at, in (0, 1).
    steps_past : float64, shape (m,)
        How many steps past that middle the row is (before it: negative).
    event : float64, shape (m,)
        1 where the customer left in this step, else 0.
    weight : float64, shape (m,)

    Returns
    -------
    float
        Between ``exp(-4)`` and ``exp(5)`` (about 148): the hazard is never constant.
    """
    left = event > 0

    def loss(log_alpha: float) -> float:
        fall = np.maximum(1.0 + steps_past * level / np.exp(log_alpha), 0.05)
        hazard = np.clip(level / fall, 1e-12, 1 - 1e-12)
        return -float(np.sum(weight * np.log(np.where(left, hazard, 1.0 - hazard))))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_ALPHA, method="bounded").x))


def continued_hazard(level: Float64, steps_past: Float64, alpha: float) -> Float64:
    """Continue hazards beyond the last observed step: ``h / (1 + j h / alpha)``.

    Parameters
    ----------
    level : float64, shape (n,)
        Hazard of each customer where the observed part ends, in [0, 1].
    steps_past : float64, shape (m,)
        How many steps past that point, j.
    alpha : float
        Of the sBG, above 0; the larger, the slower the fall.

    Returns
    -------
    float64, shape (n, m)
    """
    hazard: Float64 = level[:, None] / (1.0 + steps_past[None, :] * level[:, None] / alpha)
    return hazard
