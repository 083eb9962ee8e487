"""Keeping customers: who will leave, how long each will stay, why, and what each is worth.

The way of the data, from a company's tables to a score table::

    gym = lapse.load("configs/gym.yaml")
    history = lapse.read(gym)
    data = lapse.snapshots(history)  # labelled, over many as-of dates
    model = lapse.train(data)  # defection, lifetime, spend
    today = lapse.snapshots(history, as_of="2025-06-30", recipe=model.recipe)
    scores = model.score(today)

Names are imported when they are first used, so that ``import lapse`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapse.config import load
    from lapse.dataset import Dataset, Labelled, Unlabelled, snapshots
    from lapse.errors import ConfigError, DataError, GateError, LapseError
    from lapse.history import History, read
    from lapse.jobs.features import write_features
    from lapse.jobs.measure import measure
    from lapse.jobs.model import Model
    from lapse.jobs.newcomers import newcomer
    from lapse.jobs.referrals import referral_value
    from lapse.jobs.train import train
    from lapse.jobs.worth import cash_flows, total_value, value_at_risk, what_if
    from lapse.models.defection import Defection
    from lapse.models.lifetime import Lifetime
    from lapse.models.spend import Spend

__version__ = "0.1.0"

_WHERE = {
    "load": "lapse.config",
    "read": "lapse.history",
    "History": "lapse.history",
    "snapshots": "lapse.dataset",
    "Dataset": "lapse.dataset",
    "Labelled": "lapse.dataset",
    "Unlabelled": "lapse.dataset",
    "train": "lapse.jobs.train",
    "cash_flows": "lapse.jobs.worth",
    "newcomer": "lapse.jobs.newcomers",
    "referral_value": "lapse.jobs.referrals",
    "total_value": "lapse.jobs.worth",
    "value_at_risk": "lapse.jobs.worth",
    "what_if": "lapse.jobs.worth",
    "write_features": "lapse.jobs.features",
    "measure": "lapse.jobs.measure",
    "Model": "lapse.jobs.model",
    "Defection": "lapse.models.defection",
    "Lifetime": "lapse.models.lifetime",
    "Spend": "lapse.models.spend",
    "LapseError": "lapse.errors",
    "ConfigError": "lapse.errors",
    "DataError": "lapse.errors",
    "GateError": "lapse.errors",
}

__all__ = [
    "ConfigError",
    "DataError",
    "Dataset",
    "Defection",
    "GateError",
    "History",
    "Labelled",
    "LapseError",
    "Lifetime",
    "Model",
    "Spend",
    "Unlabelled",
    "cash_flows",
    "load",
    "measure",
    "newcomer",
    "read",
    "referral_value",
    "snapshots",
    "total_value",
    "train",
    "value_at_risk",
    "what_if",
    "write_features",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'lapse' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
