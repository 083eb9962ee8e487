"""What an estimator says of customers, all of it read off hazards by step and shares of causes.

In: a frame of features, one row a snapshot, and how far to look. Out: survival, incidences by cause, survival
of those who have stayed so far, remaining lifetimes.

Refused (:class:`~lapse.errors.DataError`): steps, limits and levels that are none, days below 0, a cause that
was not learned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.models import inputs
from lapse.models.encoding import n_rows
from lapse.models.incidence import cumulative_incidence
from lapse.models.remaining import conditional_survival, remaining_lifetimes
from lapse.schema import Float64


class FromHazards(ABC):
    """What follows from hazards and shares.

    Attributes
    ----------
    step_days : int
        Length of a step.
    n_steps_observed_ : int
        Last step that enough were seen in.
    """

    step_days: int
    n_steps_observed_: int

    @property
    @abstractmethod
    def causes_(self) -> tuple[int, ...]:
        """Event codes that were learned, ascending."""

    @abstractmethod
    def predict_hazard(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(lapse in step k | customer at its start), float64 of shape (n, n_steps)."""

    @abstractmethod
    def predict_cause_shares(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(cause | lapse in step k), float64 of shape (n, n_causes, n_steps)."""

    def predict_survival_function(self, X: pd.DataFrame, n_steps: int) -> Float64:
        """Return P(still a customer at the end of step k), float64 of shape (n, n_steps)."""
        survival: Float64 = np.cumprod(1.0 - self.predict_hazard(X, n_steps), axis=1, dtype=np.float64)
        return survival

    def predict_cumulative_incidence(self, X: pd.DataFrame, n_steps: int, cause: int) -> Float64:
        """Return P(lapsed by the end of step k, and for this cause), float64 of shape (n, n_steps).

        The incidences of all causes and the survival add up to 1.

        Raises
        ------
        DataError
            If no lapse that was learned from had this cause.
        """
        survival = self.predict_survival_function(X, n_steps)
        if cause not in self.causes_:
            expected = f"an event code seen at fit: {', '.join(map(str, self.causes_))}"
            hint = "lapses count that were wholly seen, and recent enough to be learned from"
            raise DataError(Problem("lifetime", "cause", expected, f"{cause}", hint))
        incidence = cumulative_incidence(survival, self.predict_cause_shares(X, n_steps))
        return incidence[:, self.causes_.index(cause)]

    def conditional_after(self, X: pd.DataFrame, elapsed_days: npt.ArrayLike, n_steps: int) -> Float64:
        """Return the survival of those who have stayed so far, ``S(elapsed + k) / S(elapsed)``.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        elapsed_days : array, shape (n,), or one number
            Days since the origin from which durations count, from 0 to 100,000; inside a step survival is a
            straight line.
        n_steps : int
            Steps from there, at least 1; fewer than 100,000 together with those that are over.

        Returns
        -------
        float64, shape (n, n_steps)
        """
        steps, days = self._asked(
            X,
            lambda: inputs.whole("n_steps", n_steps),
            lambda: inputs.elapsed(elapsed_days, n_rows(X)),
        )
        elapsed: Float64 = days / self.step_days
        longest = int(elapsed.max(initial=0.0)) + steps + 1
        if longest > inputs.MOST:
            what, most = "elapsed_days and the steps ahead", f"fewer than {inputs.MOST:,} steps together"
            raise DataError(Problem("parameters", what, most, f"{longest - 1:,}", "longer steps, or fewer"))
        return conditional_survival(self.predict_hazard(X, longest), elapsed, steps)

    def predict_remaining_lifetime(
        self, X: pd.DataFrame, limit_days: int, *, elapsed_days: npt.ArrayLike = 0.0, level: float = 0.8
    ) -> pd.DataFrame:
        """Return how long customers are still expected to stay.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        limit_days : int
            The end of the restricted mean, in days from now.
        elapsed_days : array, shape (n,), or one number, default 0
            How long they have stayed so far, as in :meth:`conditional_after`.
        level : float, default 0.8
            Of the interval: so many customers like this one stay for a time inside it.

        Returns
        -------
        DataFrame, index as X
            ``remaining_lifetime_days``, the restricted mean ``E[min(T, limit)]``, with ``_lower`` and
            ``_upper``; ``median_lifetime_days``, infinite where more than half outlive the limit;
            ``tail_share``, how much of the restricted mean lies behind the last observed step.
        """
        limit, between, elapsed = self._asked(
            X,
            lambda: inputs.whole("limit_days", limit_days),
            lambda: inputs.level(level),
            lambda: inputs.elapsed(elapsed_days, n_rows(X)),
        )
        survival = self.conditional_after(X, elapsed, -(-limit // self.step_days))
        tail_days = self.n_steps_observed_ * self.step_days - elapsed
        found = remaining_lifetimes(survival, self.step_days, limit, tail_days, between)
        return found.set_index(X.index)

    def _asked(self, X: pd.DataFrame, *checks: Callable[[], Any]) -> list[Any]:
        """Return what checks return, or refuse all that they refuse and what is wrong with the features."""
        try:
            return inputs.together(*checks)
        except DataError as error:
            _, wrong = inputs.tried(lambda: self.predict_hazard(X, 1), None)
            raise DataError(dict.fromkeys([*error.problems, *wrong])) from None
