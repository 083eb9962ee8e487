"""The model as MLflow serves it: a frame of features in, probabilities, lifetimes and values out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lapse.jobs.model import Model


class Served:
    """What ``mlflow.pyfunc`` calls."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return :data:`~lapse.jobs.estimators.PREDICTED` for each row of features."""
        if params:
            raise ValueError(f"the model takes no parameters, got {sorted(params)}")
        return self.model.estimators.predict(model_input)


def _load_pyfunc(path: str) -> Served:
    """Load the model from its folder; the name is MLflow's."""
    return Served(Model.load(Path(path)))
