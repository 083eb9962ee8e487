"""Training: fit before the test dates, evaluate on them, fit again on everything, keep what is worth keeping.

In: a :class:`~lapse.dataset.Labelled` dataset. Out: a :class:`~lapse.jobs.model.Model` with its evaluation;
on standard error, before anything is learned, a warning for each column that predicts suspiciously well, or
that columns could not be judged. Refused, before anything is fitted: label windows that reach into the test
dates, a column that predicts too well on its own (:class:`~lapse.errors.GateError`).

What is evaluated is the recipe of fitting: models fitted on the fit dates alone, with outcomes as they were
known on the first test date. What is kept is the same recipe fitted on every labelled date, since tomorrow's
customers resemble those of the last months most.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lapse.dataset import Labelled
from lapse.errors import LapseError, Problem
from lapse.jobs.estimators import Estimators, fit
from lapse.jobs.judge import judge
from lapse.jobs.model import Model
from lapse.jobs.progress import Advance, silent
from lapse.leaks import (
    Verdict,
    check_folds,
    check_unique_keys,
    halves,
    lasting_columns,
    refuse,
    too_good_columns,
)
from lapse.schema import to_date
from lapse.segments import fit_tiers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STAGES: tuple[float, ...] = (1, 43, 8, 26, 5, 54, 13, 41, 1)
"""What each part that :func:`train` reports takes of its time: seconds, as measured on the demo groceries."""


@dataclass(frozen=True)
class Trained:
    """A model, the pictures of its evaluation by name, and what the guards warned of."""

    model: Model
    figures: dict[str, Figure]
    warnings: tuple[Problem, ...]


def train(data: Labelled) -> Model:
    """Fit, evaluate out of time, and fit again on everything.

    Parameters
    ----------
    data : Labelled
        Labelled: ``lapse.snapshots(history)``.

    Returns
    -------
    Model

    Raises
    ------
    GateError
        If a label window reaches into the test dates, or a column predicts too well to be honest.
    """
    return train_with_pictures(data).model


def train_with_pictures(data: Labelled, advance: Advance = silent) -> Trained:
    """Do what :func:`train` does, say what begins, and keep the pictures.

    Parameters
    ----------
    data : Labelled
    advance : callable, optional
        Told what begins, once for each of :data:`STAGES`.
    """
    advance("looking for leaks")
    warnings = look_for_leaks(data)
    earlier = fit(data.fit_part(), advance, "before the test dates")
    advance("evaluating out of time")
    verdict = judge(data, earlier)
    final = fit(data, advance, "on every date")
    advance("finding the tiers")
    latest = data.features[data.day == data.day.max()]
    model = Model(
        recipe=data.recipe,
        estimators=final,
        tier_limits=fit_tiers(final.predict(latest)["clv"].to_numpy(), data.business.measure.tiers.clv),
        evaluation=verdict.evaluation,
        facts=_facts(data, final),
    )
    return Trained(model, verdict.figures, warnings)


def look_for_leaks(data: Labelled) -> tuple[Problem, ...]:
    """Refuse a dataset that leaks; write what is suspicious to standard error, and return it.

    Parameters
    ----------
    data : Labelled
        Labelled.

    Raises
    ------
    GateError
        If a label window reaches into the test dates, or a column predicts too well to be honest.
    """
    verdict = judge_columns(data)
    refuse([*fold_problems(data), *verdict.refused])
    sys.stderr.writelines(f"warning: {problem}\n" for problem in verdict.warnings)
    return tuple(verdict.warnings)


def fold_problems(data: Labelled) -> list[Problem]:
    """Return what is wrong with the dates and keys of a labelled dataset."""
    try:
        check_unique_keys(data.keys["customer_id"], data.keys["as_of"])
        as_of = data.keys["as_of"]
        check_folds(as_of[data.is_fit], as_of[data.is_test], data.business.snapshots.horizon)
    except LapseError as error:
        return list(error.problems)
    return []


def judge_columns(data: Labelled) -> Verdict:
    """Return which columns, the customer id among them, predict too well to be honest."""
    business, labels = data.business, data.labels
    verdict = too_good_columns(
        data.features,
        labels.lapsed,
        data.keys["as_of"],
        data.keys["customer_id"],
        horizon_days=business.snapshots.horizon,
        accepted=business.features.trusted,
    )
    static = [f"customer__{name}" for name in business.customers.features] if business.customers else []
    lasting = lasting_columns(
        data.features[[name for name in static if name not in business.features.trusted]],
        data.features["customer__tenure_days"].to_numpy(np.float64),
        data.day,
        labels.duration_days,
        labels.event > 0,
        halves(data.keys["customer_id"]),
    )
    return replace(verdict, lasting=tuple(lasting))


def _facts(data: Labelled, final: Estimators) -> dict[str, Any]:
    days = np.unique(data.day)
    return {
        "rows": len(data),
        "customers": int(data.keys["customer_id"].nunique()),
        "features": data.features.shape[1],
        "first_as_of": str(to_date(days[0])),
        "last_as_of": str(to_date(days[-1])),
        "as_of_dates": len(days),
        "base_rate": float(data.labels.lapsed.mean()),
        "calibration": final.defection.calibration_slice_.note,
        "lifetime_snapshots": final.lifetime.n_snapshots_,
        "spend_snapshots": final.spend.n_snapshots_,
        "steps_observed": final.lifetime.n_steps_observed_,
        "fingerprint": data.fingerprint,
    }
