"""The training job: from a history to a registered model, with everything that explains it beside it.

In: a history. Out: the model and where it went. What the run keeps: parameters, the data's fingerprint, the
config, what the guards warned of, metrics, tables, pictures, the printed evaluation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lapse.dataset import Labelled, snapshots
from lapse.explain.pictures import summary_picture
from lapse.history import History
from lapse.jobs import tracking
from lapse.jobs.model import Model
from lapse.jobs.progress import Advance, silent
from lapse.jobs.record import Record, Registered
from lapse.jobs.train import STAGES as TRAIN_STAGES
from lapse.jobs.train import Trained, train_with_pictures

STAGES: tuple[float, ...] = (1, 1, *TRAIN_STAGES, 1, 3)
"""Reading, the dataset, the parts of training, pictures, logging: what each takes of the time."""

_PICTURED = 2_000


def train_and_register(history: History, advance: Advance = silent) -> tuple[Model, Registered]:
    """Train on a history and put everything into MLflow.

    Parameters
    ----------
    history : History
    advance : callable, optional
        Told what begins.

    Returns
    -------
    Model
        With its registered name and version.
    Registered
        The run, the version, the aliases that it got.

    Raises
    ------
    ConfigError
        If the tracking store does not answer; before anything is learned.
    """
    tracking.require_keeping(history.business)
    advance("snapshots and features")
    data = snapshots(history)
    trained = train_with_pictures(data, advance)
    advance("pictures")
    record = _record(history, data, trained)
    advance("logging to MLflow")
    registered = tracking.log(history.business, trained.model, record, data.features.head())
    return trained.model, registered


def _record(history: History, data: Labelled, trained: Trained) -> Record:
    business, model, evaluation = history.business, trained.model, trained.model.evaluation
    return Record(
        parameters={**_parameters(history, model), "leak_warnings": len(trained.warnings)},
        metrics=evaluation.metrics(),
        tables={
            "probabilities": evaluation.probabilities,
            "lifetime": evaluation.lifetime,
            "lifetime_deciles": evaluation.lifetime_deciles,
            "lifetime_periods": evaluation.lifetime_periods,
            "spend": evaluation.spend,
            "clv": evaluation.clv,
        },
        figures={**trained.figures, "reasons": _reasons_picture(data, model)},
        texts={
            f"config/{business.source.name}": business.source.read_text(encoding="utf-8"),
            "evaluation.txt": str(evaluation),
            "leak_warnings.txt": "\n".join(map(str, trained.warnings)) or "none",
        },
    )


def _parameters(history: History, model: Model) -> dict[str, Any]:
    estimators = model.estimators
    chosen = {
        f"{name}.{key}": value
        for name in ("defection", "lifetime", "spend")
        for key, value in getattr(estimators, name).get_params().items()
    }
    return {
        **model.facts,
        **chosen,
        "data_fingerprint": history.fingerprint,
        "config_hash": history.business.config_hash,
    }


def _reasons_picture(data: Labelled, model: Model) -> Any:
    """Draw what moves the scores of the customers of the last labelled date."""
    rows = np.flatnonzero(data.day == data.day.max())[:_PICTURED]
    features = data.features.iloc[rows]
    defection = model.estimators.defection
    return summary_picture(features, defection.contributions(features), defection.raw_score(features))
