"""Beyond the last observed step: the shifted-beta-geometric, whose hazard falls and is never constant.

In: how many were at risk at each step and how many left in it. Out: the parameters of a
shifted-beta-geometric (sBG). :mod:`lapse.models.fall` continues a customer's own hazard with it.

Each customer leaves with a constant probability a step, and these probabilities are Beta(alpha, beta)
distributed over customers. Those who are likely to leave do so early, so the hazard of those who remain
falls: ``P(T = t | T >= t) = alpha / (alpha + beta + t - 1)``.

Source: Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, expit, logit, xlog1py, xlogy

from lapse.errors import DataError, Problem
from lapse.schema import Float64

_BOUND = 12.0


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

    def discounted_residual_lifetime(self, renewals: int, discount_rate: float) -> float:
        """Return the expected discounted number of steps that a customer is still to pay for.

        ``sum over j >= 1 of P(T > renewals + j | T > renewals) / (1 + d)^(j - 1)``: the first payment counted
        is the next one, at the moment in which it falls due, if it is made.

        Parameters
        ----------
        renewals : int
            How many times the customer has stayed so far, at least 0.
        discount_rate : float
            For one step, above 0; the sum has no end without it where alpha is at most 1.

        Notes
        -----
        Fader and Hardie (2010), "Customer-base valuation in a contractual setting with heterogeneous
        customers", Marketing Science 29(1). Their closed form overflows where customers are much alike, so
        this is the mean over customers of what a constant chance of leaving gives each.

        Examples
        --------
        >>> round(ShiftedBetaGeometric(0.6681, 3.8061, 0.0).discounted_residual_lifetime(0, 0.1), 3)
        5.414
        """
        if renewals < 0 or discount_rate <= 0:
            raise ValueError(
                f"renewals of at least 0 and a discount above 0, not {renewals}, {discount_rate}"
            )

        def of_one(rank: float) -> float:
            stays = 1.0 - float(betaincinv(self.alpha, self.beta + renewals, rank))
            return stays / (1.0 - stays / (1.0 + discount_rate))

        return float(quad(of_one, 0.0, 1.0, epsabs=0.0, epsrel=1e-10, limit=500)[0])


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
