"""How hazards go on behind the last observed step, given a customer's own: never constant for good.

In: the hazards that a model gave, and what happened. Out: :class:`Fall`, and hazards continued with it.

A shifted-beta-geometric (:mod:`lapse.models.tail`) has a hazard whose reciprocal is a straight line in time
with slope ``1 / alpha``: h at one step, ``h / (1 + j h / alpha)`` j steps on. In a beta-discrete-Weibull each
customer's own chance of leaving changes with time as well, as if a clock ran with ``t ** power``: the hazard
``h (t / s)^(power - 1) / (1 + U h / alpha)``, where s is the time of h and
``U = (t^power - s^power) / (power s^(power - 1))``, the steps past it on that clock. With a power of 1 it is
the shifted-beta-geometric. With any power hazards fall in the end, as ``alpha power / t``.

Sources: Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1);
Fader, Hardie, Liu, Davin and Steenburgh (2018), "How to project customer retention" revisited: the role of
duration dependence, Journal of Interactive Marketing 43.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from lapse.schema import Float64

_LOG_ALPHA = (-4.0, 5.0)
_LOG_POWER = (-1.0, 1.0)
_HALF_STEP = 0.5
_SLOWEST = 0.05


@dataclass(frozen=True)
class Fall:
    """How hazards go on around a level.

    Attributes
    ----------
    alpha : float
        How alike customers are: the smaller, the faster hazards fall. At most about 148.
    power : float
        Of the clock: below 1 customers grow more loyal with time, above 1 less.

    Examples
    --------
    >>> Fall(2.0).hazard(np.array([0.1]), 10.5, np.array([12.0])).round(4).tolist()
    [[0.093]]
    """

    alpha: float
    power: float = 1.0

    def hazard(self, level: Float64, middle: float, step: Float64) -> Float64:
        """Return the hazards of steps.

        Parameters
        ----------
        level : float64, shape (n,)
            Hazard of each customer at ``middle``, in [0, 1].
        middle : float
            The step, perhaps between two, at which it has this hazard; at least 1.
        step : float64, shape (m,)
            At least 1.

        Returns
        -------
        float64, shape (n, m)
            In [0, 1].
        """
        speed, past = self._clock(middle, step)
        fallen = 1.0 + past[None, :] * level[:, None] / self.alpha
        hazard: Float64 = np.minimum(speed[None, :] * level[:, None] / np.maximum(fallen, _SLOWEST), 1.0)
        return hazard

    def log_likelihood(
        self, level: Float64, middle: float, step: Float64, event: Float64, weight: Float64
    ) -> float:
        """Return the weighted log likelihood of what happened to whom in which step; all of shape (m,)."""
        speed, past = self._clock(middle, step)
        hazard = speed * level / np.maximum(1.0 + past * level / self.alpha, _SLOWEST)
        hazard = np.clip(hazard, 1e-12, 1 - 1e-12)
        return float(np.sum(weight * np.log(np.where(event > 0, hazard, 1.0 - hazard))))

    def _clock(self, middle: float, step: Float64) -> tuple[Float64, Float64]:
        """Return how fast the clock runs at each step against ``middle``, and how far past it it is."""
        if self.power == 1.0:
            return np.ones_like(step), step - middle
        now, then = step - _HALF_STEP, middle - _HALF_STEP
        speed: Float64 = (now / then) ** (self.power - 1.0)
        past: Float64 = (now * speed - then) / self.power
        return speed, past


def fit_fall(level: Float64, middle: float, step: Float64, event: Float64, weight: Float64) -> Fall:
    """Fit how hazards go on around known levels, by maximum likelihood.

    The alpha of pooled counts tells how customers differ. Where features tell them apart, less of that is
    left among customers with the same features, and their hazard falls more slowly: so it is learned given
    each customer's own level.

    Parameters
    ----------
    level : float64, shape (m,)
        Predicted hazard of the row's customer around the middle of the steps that are looked at, in (0, 1).
    middle : float
        That middle.
    step : float64, shape (m,)
        Which step the row is, from 1.
    event : float64, shape (m,)
        1 where the customer left in this step, else 0.
    weight : float64, shape (m,)

    Returns
    -------
    Fall
        Of power 1, the shifted-beta-geometric, unless a beta-discrete-Weibull is likelier by more than its
        further parameter costs (Schwarz 1978: half the logarithm of the number of events).
    """

    def loss(log_alpha: float, log_power: float = 0.0) -> float:
        fall = Fall(float(np.exp(log_alpha)), float(np.exp(log_power)))
        return -fall.log_likelihood(level, middle, step, event, weight)

    one = minimize_scalar(loss, bounds=_LOG_ALPHA, method="bounded")
    two = minimize(
        lambda parameters: loss(*parameters),
        np.array([one.x, 0.0]),
        method="Nelder-Mead",
        bounds=[_LOG_ALPHA, _LOG_POWER],
        options={"initial_simplex": [[one.x, 0.0], [one.x, 0.3], [max(one.x - 1.0, _LOG_ALPHA[0]), 0.0]]},
    )
    cost = np.log(max(float(event.sum()), 1.0)) / 2
    if float(one.fun) - float(two.fun) <= cost:
        return Fall(float(np.exp(one.x)))
    return Fall(float(np.exp(two.x[0])), float(np.exp(two.x[1])))
