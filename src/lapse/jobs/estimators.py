"""Three estimators fitted on one dataset, and the one curve that they make.

In: a :class:`~lapse.dataset.Labelled` dataset. Out: :class:`Estimators`; from features, the curve and what is
read off it, so that probability, lifetime and CLV cannot contradict each other.

Where rates of margin differ by event or category, margins are learned as spend is, from the same rows; so is
what events cost. How often a customer causes a cost is then no rule of ours: its own past counts, which are
features, tell it as far as they told it of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import Outcomes
from lapse.config import Business
from lapse.dataset import Labelled
from lapse.jobs.progress import Advance, silent
from lapse.jobs.spread import Spreads, fit_spreads
from lapse.jobs.totals import sums_of
from lapse.models.ahead import earliest_lapse_days
from lapse.models.curve import Curve, anchor, without_impossible
from lapse.models.defection import Defection
from lapse.models.durations import lifetime_interval_days, remaining_lifetime_days
from lapse.models.lifetime import Lifetime
from lapse.models.spend import Spend
from lapse.schema import Float64
from lapse.value import VOLUNTARY, Flows, Spread, churn_by_cause, expected_spend, flows_of, spread_of

LEVEL = 0.8
"""Level of the intervals of lifetime and CLV."""

PREDICTED: tuple[str, ...] = (
    "churn_probability",
    "churn_probability_voluntary",
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
class Valued:
    """Customers as their curves have them.

    Attributes
    ----------
    predicted : DataFrame, shape (n, 9)
        See :meth:`Estimators.predict`.
    flows : Flows
    sums : mapping of name to float
        See :func:`lapse.jobs.totals.sums_of`.
    """

    predicted: pd.DataFrame
    flows: Flows
    sums: Mapping[str, float]


@dataclass(frozen=True)
class Estimators:
    """Defection, lifetime and spend, fitted on the same rows.

    Attributes
    ----------
    business : Business
    defection : Defection
    lifetime : Lifetime
    spend : Spend
    spreads : Spreads
        How far what happens strays from what the curve says.
    margin, event_cost : Spend or None
        Margins by step, where rates differ; costs of events, where there are any.
    """

    business: Business
    defection: Defection
    lifetime: Lifetime
    spend: Spend
    spreads: Spreads = field(default_factory=Spreads)
    margin: Spend | None = None
    event_cost: Spend | None = None

    @property
    def horizon_steps(self) -> int:
        """Steps of the horizon."""
        return self.business.snapshots.horizon // self.business.step_days

    @property
    def observed_steps(self) -> int:
        """Last step of which both lifetimes and spend were seen; later ones are extrapolated."""
        return min(self.lifetime.n_steps_observed_, self.spend.n_steps_observed_)

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
        several = len(self.lifetime.causes_) > 1
        shares = self.lifetime.predict_cause_shares(features, self.n_steps) if several else None
        free = Curve(
            step,
            without_impossible(survival, earliest, step),
            spend,
            earliest,
            margin=self.margin.predict(features, self.n_steps) if self.margin else None,
            event_cost=self.event_cost.predict(features, self.n_steps) if self.event_cost else None,
            first_day_share=self.spreads.first_day_share,
            extending_share=self.spreads.extending_share,
            cause_shares=shares,
            causes=self.lifetime.causes_ if shares is not None else (),
        )
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
        DataFrame, shape (n, 9)
            ``churn_probability``; its part ``churn_probability_voluntary``, NaN where the model learned of no
            voluntary lapses, or of no others to tell them from; ``remaining_lifetime_days`` up to the limit;
            ``expected_spend`` (revenue in the horizon) and ``clv`` in the currency; bounds at the level of
            :data:`LEVEL`.
        """
        return self.valued(features).predicted

    def valued(self, features: pd.DataFrame) -> Valued:
        """Return what the curve of each row says, its cash flows, and what is added up of all rows."""
        value, curve = self.business.value, self.curve(features)
        flows = flows_of(curve, value)
        spread = spread_of(curve, value, self.spreads.money, flows)
        sums = sums_of(value, curve, flows, spread, self.horizon_steps, self.observed_steps)
        return Valued(self._read_off(curve, flows, spread).set_index(features.index), flows, sums)

    def _read_off(self, curve: Curve, flows: Flows, spread: Spread) -> pd.DataFrame:
        value = self.business.value
        shortest, longest, _ = lifetime_interval_days(curve, value.limit, LEVEL)
        worth_lower, worth_upper = spread.interval(LEVEL)
        churn: Float64 = 1.0 - curve.survival[:, self.horizon_steps - 1]
        by_cause = churn_by_cause(curve, self.horizon_steps)
        columns = (
            churn,
            np.minimum(by_cause.get(VOLUNTARY, np.full(len(churn), np.nan)), churn),  # rounding apart
            remaining_lifetime_days(curve, value.limit),
            shortest,
            longest,
            expected_spend(curve, self.horizon_steps),
            flows.clv,
            worth_lower,
            worth_upper,
        )
        return pd.DataFrame(dict(zip(PREDICTED, columns, strict=True)))

    def save(self, folder: Path) -> None:
        """Write the estimators as LightGBM text and JSON."""
        self.defection.to_folder(folder / "defection")
        self.lifetime.to_folder(folder / "lifetime")
        self.spend.to_folder(folder / "spend")
        for name, model in (("margin", self.margin), ("event_cost", self.event_cost)):
            if model is not None:
                model.to_folder(folder / name)
        self.spreads.to_folder(folder / "value")

    @classmethod
    def load(cls, folder: Path, business: Business) -> Estimators:
        """Read what :meth:`save` wrote."""
        return cls(
            business,
            Defection.from_folder(folder / "defection"),
            Lifetime.from_folder(folder / "lifetime"),
            Spend.from_folder(folder / "spend"),
            Spreads.from_folder(folder / "value"),
            Spend.from_folder(folder / "margin") if business.value.has_own_margins else None,
            Spend.from_folder(folder / "event_cost") if business.value.event_costs else None,
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
    step = business.step_days
    found = Estimators(
        business,
        defection,
        lifetime,
        spend=_fit_money(data, happened.spend, step),
        margin=None if happened.margin is None else _fit_money(data, happened.margin, step),
        event_cost=None if happened.event_cost is None else _fit_money(data, happened.event_cost, step),
    )
    return replace(found, spreads=fit_spreads(found.curve, data))


def _fit_money(data: Labelled, money: Float64, step_days: int) -> Spend:
    seen = while_customer(data.labels, money, step_days)
    return Spend(step_days).fit(data.features, seen, data.keys["customer_id"])


def while_customer(happened: Outcomes, money: Float64, step_days: int) -> Float64:
    """Return the money of each step at whose start the customer was still there; NaN elsewhere."""
    starts = step_days * np.arange(money.shape[1])
    gone = starts[None, :] >= happened.duration_days[:, None]
    return np.where(gone, np.nan, money)
