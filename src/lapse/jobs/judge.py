"""How true the models were on dates that they had not seen, beside what a user would otherwise pick.

In: estimators fitted on the fit dates, and the labelled dataset. Out: an
:class:`~lapse.evaluation.report.Evaluation` over the test dates, and its pictures. Where the test dates hold
more than :data:`MOST_ROWS` rows, about so many are judged: those of some customers, all their dates together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.dataset import Labelled
from lapse.evaluation import pictures
from lapse.evaluation.followed import Followed
from lapse.evaluation.lifetime_tables import CurveTables, evaluate_curves
from lapse.evaluation.money import over_horizon
from lapse.evaluation.report import Evaluation, Protocol
from lapse.evaluation.survival import observe_steps
from lapse.evaluation.tables import evaluate_lifetime, evaluate_money, evaluate_probabilities
from lapse.evaluation.yardsticks import Histories, compare, kaplan_meier
from lapse.jobs.estimators import Estimators
from lapse.jobs.spread import realised_margin, some_customers
from lapse.models.curve import Curve
from lapse.models.durations import remaining_lifetime_days
from lapse.schema import Bool, Float64, to_date
from lapse.value import DAYS_A_YEAR, cash_flows, expected_spend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPLICATES, SEED = 500, 0

MOST_ROWS = 100_000
"""Of about how many test rows a model is judged; an AUC is sure to two or three thousandths then."""


@dataclass(frozen=True)
class Verdict:
    """An evaluation and its pictures by name."""

    evaluation: Evaluation
    figures: dict[str, Figure]


def judge(data: Labelled, estimators: Estimators) -> Verdict:
    """Evaluate estimators on the test dates.

    Parameters
    ----------
    data : Labelled
    estimators : Estimators
        Fitted on ``data.fit_part()`` alone.
    """
    fit, test = data.fit_part(), some_customers(data.test_part(), MOST_ROWS)
    business, curve = data.business, estimators.curve(test.features)
    customer, happened = test.keys["customer_id"].to_numpy(), test.labels
    horizon_steps = estimators.horizon_steps
    sticks = compare(
        fit.features, fit.labels.lapsed, test.features, business.churn.event, _histories(fit, test)
    )
    said = {"lapse": 1.0 - curve.survival[:, horizon_steps - 1], **sticks.predictions}
    as_of = [str(to_date(day)) for day in test.day]
    probabilities = evaluate_probabilities(
        happened.lapsed, said, customer, as_of, n_replicates=REPLICATES, seed=SEED
    )
    observed = observed_steps(test, estimators.n_steps)
    survival = {
        "lapse": curve.survival[:, : observed.shape[1]],
        "Kaplan-Meier": _kaplan_meier(fit, observed.shape),
    }
    lifetime = evaluate_lifetime(
        observed, survival, customer, step_days=business.step_days, n_replicates=REPLICATES, seed=SEED
    )
    curves = _evaluate_curves(test, curve, survival, customer)
    spend = evaluate_money(
        over_horizon(happened.spend, horizon_steps),
        {"lapse": expected_spend(curve, horizon_steps), **_past_spend(test)},
        customer,
        n_replicates=REPLICATES,
        seed=SEED,
    )
    worth = evaluate_money(
        realised_flows(test, horizon_steps).sum(axis=1),
        {"lapse": cash_flows(curve, business.value)[:, :horizon_steps].sum(axis=1)},
        customer,
        n_replicates=REPLICATES,
        seed=SEED,
    )
    protocol = Protocol(
        fit_as_of=_dates(fit),
        test_as_of=_dates(test),
        horizon_days=business.snapshots.horizon,
        n=len(test),
        n_customers=len(set(customer.tolist())),
        base_rate=float(happened.lapsed.mean()),
        n_replicates=REPLICATES,
        seed=SEED,
        n_all=int(data.is_test.sum()),
        n_fit=len(fit),
        n_yardstick=sticks.n_rows,
    )
    evaluation = Evaluation(
        protocol,
        probabilities,
        pd.concat([lifetime, curves.overall], ignore_index=True),
        spend,
        worth,
        curves.deciles,
        curves.periods,
        sticks.absent,
    )
    return Verdict(evaluation, _draw(evaluation, happened.lapsed, said))


def _evaluate_curves(
    test: Labelled, curve: Curve, survival: dict[str, Float64], customer: npt.NDArray[Any]
) -> CurveTables:
    """Return how true the curves were as a whole, with restricted means up to what all rows show."""
    happened, step = test.labels, test.business.step_days
    follow_up = (test.cut - test.day).astype(np.int32)
    followed = Followed(happened.event > 0, happened.duration_days, follow_up, step)
    one = survival["Kaplan-Meier"][:1]
    means = {}
    if limit := followed.limit_days(one.shape[1]):
        for_all = float(remaining_lifetime_days(Curve(step, one, np.zeros_like(one)), limit)[0])
        means = {
            "lapse": remaining_lifetime_days(curve, limit),
            "Kaplan-Meier": np.full(len(test), for_all),
        }
    return evaluate_curves(followed, survival, means, customer, n_replicates=REPLICATES, seed=SEED)


def observed_steps(test: Labelled, most: int) -> Float64:
    """Return what the data shows of each test row at the end of at most so many steps; NaN beyond it."""
    happened, step = test.labels, test.business.step_days
    follow_up = (test.cut - test.day).astype(np.int32)
    return observe_steps(
        happened.event > 0,
        happened.duration_days,
        follow_up,
        step_days=step,
        n_steps=min(int(follow_up.max()) // step, most),
    )


def realised_flows(test: Labelled, horizon_steps: int) -> Float64:
    """Return the discounted margin less cost to serve that each step of the horizon brought in truth.

    It is the cash flow of a curve that knew: survival is 1 until the lapse and 0 after it.
    """
    step, happened = test.business.step_days, test.labels
    starts = step * np.arange(horizon_steps)
    stayed = np.clip((happened.duration_days[:, None] - starts) / step, 0.0, 1.0)
    value = test.business.value
    middle = (starts + step / 2) / DAYS_A_YEAR
    served = stayed * value.cost_to_serve * step / DAYS_A_YEAR
    margin = realised_margin(test)[:, :horizon_steps]
    if happened.event_cost is not None:
        margin = margin - happened.event_cost[:, :horizon_steps]
    flows: Float64 = (margin - served) * (1.0 + value.discount_rate) ** -middle
    return flows


def _draw(evaluation: Evaluation, lapsed: Bool, said: dict[str, Float64]) -> dict[str, Figure]:
    reference, periods = evaluation.reference, evaluation.lifetime_periods
    by_period = (
        {"lapses_by_month": pictures.draw_lapses_by_period(periods, reference)} if len(periods) else {}
    )
    return {
        "calibration": pictures.draw_reliability(lapsed, said[reference]),
        "gain": pictures.draw_gain(lapsed, said),
        "calibration_by_date": pictures.draw_calibration_by_date(evaluation.probabilities, reference),
        "calibration_by_horizon": pictures.draw_calibration_by_horizon(evaluation.lifetime, reference),
        **by_period,
    }


def _histories(fit: Labelled, test: Labelled) -> Histories | None:
    if fit.purchases is None or test.purchases is None or fit.everybody is None:
        return None
    return Histories(fit.everybody, fit.purchases, test.purchases, fit.business.snapshots.horizon)


def _kaplan_meier(fit: Labelled, shape: tuple[int, ...]) -> Float64:
    days = fit.business.step_days * np.arange(1, shape[1] + 1)
    return np.tile(kaplan_meier(fit.labels.event > 0, fit.labels.duration_days, days), (shape[0], 1))


def _past_spend(test: Labelled) -> dict[str, Float64]:
    """Return the yardstick of money: what a day of the longest window brought, times the days of the horizon.

    Where the data is younger than the window its sums are scaled to it already (see ``docs/features.md``).
    """
    business = test.business
    window = max(business.features.windows)
    names = [f"{event}__sum__{window}d" for event in business.revenue_events]
    past = test.features[names].sum(axis=1).to_numpy(np.float64)
    return {"past spend": past / window * business.snapshots.horizon}


def _dates(data: Labelled) -> tuple[str, ...]:
    return tuple(str(to_date(day)) for day in np.unique(data.day))
