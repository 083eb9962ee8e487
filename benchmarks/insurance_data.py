"""Real whole-life insurance policies: when each was issued, how long it lasted, and why it ended.

In: ``uslapseagent.parquet`` beside the project (R package CASdatasets; not redistributed). Out: features,
events and days, shuffled, since the file is sorted by duration and any tie broken by row order would leak.

Durations are quarters of a year, a date is brought to the same unit: days here are ninety-first parts of a
quarter of 365.25 / 4 days. The data end on 2010-05-15, where policies in force are censored: what ended later
counts as in force. So the potential follow-up of a policy is known from its date of issue alone. The column
``DJIA`` is the market at the end of a policy, which nobody knows before: it is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).parents[2] / "shared" / "data" / "uslapseagent" / "uslapseagent.parquet"
STEP = 91
QUARTER = 365.25 / 4
END = "2010-05-15"
CATEGORIES = [
    "acc.death.rider",
    "gender",
    "premium.frequency",
    "risk.state",
    "underwriting.age",
    "living.place",
]
SURRENDER, REST = 1, 2


@dataclass(frozen=True)
class Policies:
    """Policies, one row each.

    Attributes
    ----------
    features : DataFrame, shape (n, 7)
        Known when a policy is issued.
    issued : datetime64, shape (n,)
    event : int, shape (n,)
        0 in force, :data:`SURRENDER`, or :data:`REST` (death and other ends).
    days : int, shape (n,)
        To the end of the policy, or of the data.
    follow_up : int, shape (n,)
        To the end of the data.
    """

    features: pd.DataFrame
    issued: pd.Series
    event: np.ndarray
    days: np.ndarray
    follow_up: np.ndarray

    def age(self, day: str) -> np.ndarray:
        """Return how many days before a date each was issued."""
        return _since(self.issued, day)


def policies() -> Policies:
    """Read them."""
    columns = ["issue.date", "duration", "termination.cause", "annual.premium", *CATEGORIES]
    table = pd.read_parquet(FILE, columns=columns).sample(frac=1.0, random_state=0).reset_index(drop=True)
    features = table[CATEGORIES].astype("category").assign(premium=table["annual.premium"])
    follow_up = _since(table["issue.date"], END)
    days = np.maximum(np.round(table["duration"].to_numpy() * STEP).astype(int), 1)
    cause = table["termination.cause"].map(
        {"in-force": 0, "surrender": SURRENDER, "death": REST, "other": REST}
    )
    event = np.where(days > follow_up, 0, cause.to_numpy())
    return Policies(features, table["issue.date"], event, np.minimum(days, follow_up), follow_up)


def _since(issued: pd.Series, day: str) -> np.ndarray:
    return np.round((pd.Timestamp(day) - issued).dt.days.to_numpy() / QUARTER * STEP).astype(int)
