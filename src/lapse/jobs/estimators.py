"""Three estimators fitted on one dataset, and the one curve that they make.

In: a :class:`~lapse.dataset.Labelled` dataset. Out: :class:`Estimators`; from features, the curve and what is
read off it, so that probability, lifetime and CLV cannot contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import Outcomes
from lapse.config import Business
from lapse.dataset import Labelled
from lapse.jobs.progress import Advance, silent
from lapse.models.ahead import earliest_lapse_days
from lapse.models.curve import (
    Curve,
    anchor,
    lifetime_interval_days,
    remaining_lifetime_days,
    without_impossible,
)
from lapse.models.defection import Defection
from lapse.models.lifetime import Lifetime
from lapse.models.spend import Spend
from lapse.schema import Float64
from lapse.value import clv, clv_interval, expected_spend

LEVEL = 0.8
"""Level of the intervals of lifetime and CLV."""

PREDICTED: tuple[str, ...] = (
    "churn_probability",
    "remaining_lifetime_days",
    "remaining_lifetime_days_lower",
    "remaining_lifetime_days_upper",
    "expected_spend",
    "clv",
    "clv_lower",
    "clv_upper",
)
"""The columns of :meth:`Estimators.predict`."""


@dataclass(frozen=True)
class Estimators:
    """Defection, lifetime and spend, fitted on the same rows.

    Attributes
    ----------
    business : Business
    defection : Defection
    lifetime : Lifetime
    spend : Spend
    """

    business: Business
    defection: Defection
    lifetime: Lifetime
    spend: Spend

    @property
    def horizon_steps(self) -> int:
        """Steps of the horizon."""
        return self.business.snapshots.horizon // self.business.step_days

    @property
    def n_steps(self) -> int:
        """Steps of the curve: up to the value's limit, the last one perhaps in part."""
        return -(-self.business.value.limit // self.business.step_days)

    def curve(self, features: pd.DataFrame) -> Curve:
        """Return survival and spend by step, with ``1 - S(horizon)`` equal to the churn probability.

        Both know the one rule: before the last known cover has run out nobody lapses, so the probability is
        0 where that is behind the horizon.
        """
        churn, step = self.business.churn, self.business.step_days
        earliest = earliest_lapse_days(features, churn.event, churn.grace)
        survival = self.lifetime.predict_survival_function(features, self.n_steps)
        spend = self.spend.predict(features, self.n_steps)
        free = Curve(step, without_impossible(survival, earliest, step), spend, earliest)
        possible = earliest <= self.business.snapshots.horizon
        probability: Float64 = np.where(possible, self.defection.predict_proba(features)[:, 1], 0.0)
        return anchor(free, probability, self.horizon_steps)

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return what the curve of each row says.

        Parameters
        ----------
        features : DataFrame, shape (n, n_features)

        Returns
        -------
        DataFrame, shape (n, 8)
            ``churn_probability``; ``remaining_lifetime_days`` up to the limit; ``expected_spend`` (revenue in
            the horizon) and ``clv`` in the currency; bounds at the level of :data:`LEVEL`.
        """
        value, curve = self.business.value, self.curve(features)
        shortest, longest, _ = lifetime_interval_days(curve, value.limit, LEVEL)
        worth_lower, worth_upper = clv_interval(curve, value, LEVEL)
        columns = (
            1.0 - curve.survival[:, self.horizon_steps - 1],
            remaining_lifetime_days(curve, value.limit),
            shortest,
            longest,
            expected_spend(curve, self.horizon_steps),
            clv(curve, value),
            worth_lower,
            worth_upper,
        )
        return pd.DataFrame(dict(zip(PREDICTED, columns, strict=True)), index=features.index)

    def save(self, folder: Path) -> None:
        """Write the estimators as LightGBM text and JSON."""
        self.defection.to_folder(folder / "defection")
        self.lifetime.to_folder(folder / "lifetime")
        self.spend.to_folder(folder / "spend")

    @classmethod
    def load(cls, folder: Path, business: Business) -> Estimators:
        """Read what :meth:`save` wrote."""
        return cls(
            business,
            Defection.from_folder(folder / "defection"),
            Lifetime.from_folder(folder / "lifetime"),
            Spend.from_folder(folder / "spend"),
        )


def fit(data: Labelled, advance: Advance = silent, when: str = "") -> Estimators:
    """Fit the three estimators on a labelled dataset.

    Parameters
    ----------
    data : Labelled
    advance : callable, optional
        Told what begins, three times.
    when : str, optional
        Said behind it.
    """
    business, happened = data.business, data.labels
    advance(f"defection {when}".strip())
    defection = Defection(business.snapshots.horizon).fit(data.features, happened.lapsed, as_of=data.day)
    advance(f"lifetime {when}".strip())
    lifetime = Lifetime(business.step_days).fit(
        data.features, happened.event, happened.duration_days, data.cut - data.day
    )
    advance(f"spend {when}".strip())
    spend = Spend(business.step_days).fit(data.features, while_customer(happened, business.step_days))
    return Estimators(business, defection, lifetime, spend)


def while_customer(happened: Outcomes, step_days: int) -> Float64:
    """Return the spend of each step at whose start the customer was still there; NaN elsewhere."""
    starts = step_days * np.arange(happened.spend.shape[1])
    gone = starts[None, :] >= happened.duration_days[:, None]
    return np.where(gone, np.nan, happened.spend)
