"""The level of predicted money by step, learned from customers that were left out.

In: predictions for person-period rows whose customers the model did not learn from, what came in, the step
and the customer of each row. Out: :class:`Level`, a factor for each step.

Trees that predict a logarithm are too low where few customers taught them: they learn single customers by
heart, and the mean of logarithms is below the logarithm of the mean. The later a step, the fewer customers
were seen in it, so the later steps of everybody else come out too low; where the money of one group grows
faster than that of others, the trees flatten that too. Both are small in a step and add up over a lifetime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from lapse.schema import Float64, Int64

_SPREAD = 0.2
"""Standard deviation that is expected of both coefficients before any data; weak unless customers are few."""

_ROUNDS = 25


@dataclass(frozen=True)
class Level:
    """A factor by step: ``exp(start + slope * (k - 1))`` for step k.

    Attributes
    ----------
    start : float
        Logarithm of the factor in the first step.
    slope : float
        What each further step adds.
    """

    start: float = 0.0
    slope: float = 0.0

    def factor(self, n_steps: int) -> Float64:
        """Return the factors of the first steps, (n_steps,).

        Examples
        --------
        >>> Level(0.0, 0.1).factor(3).round(3).tolist()
        [1.0, 1.105, 1.221]
        """
        factor: Float64 = np.exp(self.start + self.slope * np.arange(n_steps))
        return factor

    @classmethod
    def fit(cls, predicted: Float64, actual: Float64, step: Int64, whose: Int64, steps_a_year: int) -> Self:
        """Fit both coefficients by Poisson's quasi-likelihood, drawn towards 0.

        How much the sums vary is taken from the sums of customers, since rows of one customer go together; so
        a few customers move the level little.

        Parameters
        ----------
        predicted : float64, shape (m,)
            At least 0, somewhere above it.
        actual : float64, shape (m,)
            Signed money; above 0 in total.
        step : int64, shape (m,)
            From 1.
        whose : int64, shape (m,)
            Number of the row's customer, from 0.
        steps_a_year : int
            The slope is drawn towards 0 by as much a year as the start.

        Examples
        --------
        >>> step, whose = np.tile(np.arange(1, 13), 500), np.repeat(np.arange(500), 12)
        >>> level = Level.fit(np.ones(6000), 1.01 ** (step - 1.0), step, whose, 12)
        >>> round(level.slope, 3)
        0.01
        """
        said, came = np.bincount(step - 1, predicted), np.bincount(step - 1, actual)
        rows = np.column_stack([np.ones(len(said)), np.arange(len(said)) / steps_a_year])
        missed = np.bincount(whose, actual - predicted)
        dispersion = max(float(missed @ missed) / float(said.sum()), float(said.sum()) * 1e-12)
        at, prior = np.array([np.log(came.sum() / said.sum()), 0.0]), np.eye(2) * dispersion / _SPREAD**2
        for _ in range(_ROUNDS):
            mean = said * np.exp(rows @ at)
            slope = rows.T @ (came - mean) - prior @ at
            at = at + np.linalg.solve(rows.T @ (rows * mean[:, None]) + prior, slope)
        return cls(float(at[0]), float(at[1]) / steps_a_year)
