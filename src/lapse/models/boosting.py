"""Gradient boosting as every model here uses it: regularised, deterministic, averaged, kept as text.

In: a float32 matrix, a target, the positions of the categorical columns. Out: LightGBM boosters, and the
mean of their raw scores and attributions. Small data gets smaller trees by itself: a leaf must hold at least
``min_child_samples`` rows, but never more than a twentieth of all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from lapse.errors import DataError, GateError, Problem
from lapse.models.attributions import attribute
from lapse.models.tree_tables import Trees
from lapse.schema import Float32, Float64

_FORMAT = 1
_FEWEST_ROWS_A_LEAF = 5


@dataclass(frozen=True)
class Settings:
    """How to boost; the names are those of the estimators' parameters."""

    objective: str
    n_estimators: int
    learning_rate: float
    num_leaves: int
    min_child_samples: int
    reg_lambda: float
    feature_fraction: float
    extra_trees: bool
    n_bags: int
    random_state: int
    num_threads: int

    @classmethod
    def of(cls, estimator: Any, objective: str) -> Settings:
        """Return the settings of an estimator that has these parameters."""
        given = estimator.get_params(deep=False)
        names = [name for name in cls.__dataclass_fields__ if name != "objective"]
        return cls(objective, **{name: given[name] for name in names})

    def parameters(self, n_rows: int, bag: int) -> dict[str, Any]:
        """Return LightGBM's parameters for so many rows."""
        leaf = max(1, min(self.min_child_samples, max(_FEWEST_ROWS_A_LEAF, n_rows // 20)))
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": leaf,
            "min_sum_hessian_in_leaf": 1.0,
            "min_data_per_group": leaf,
            "cat_smooth": 20.0,
            "lambda_l2": self.reg_lambda,
            "feature_fraction": self.feature_fraction,
            "extra_trees": self.extra_trees,
            "seed": self.random_state + 1000 * bag,
            "num_threads": self.num_threads,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


def boost(
    settings: Settings, matrix: Float32, target: Float64, weight: Float64 | None, categorical: Sequence[int]
) -> list[lgb.Booster]:
    """Fit ``n_bags`` boosters that differ in their seed.

    Parameters
    ----------
    settings : Settings
    matrix : float32, shape (n, n_features)
    target : float64, shape (n,)
    weight : float64, shape (n,), optional
    categorical : positions of categorical columns

    Returns
    -------
    list of lightgbm.Booster
    """
    boosters = []
    for bag in range(settings.n_bags):
        parameters = settings.parameters(len(matrix), bag)
        data = lgb.Dataset(
            matrix,
            target,
            weight=weight,
            categorical_feature=list(categorical),
            params=parameters,
            free_raw_data=True,
        )
        boosters.append(lgb.train(parameters, data, num_boost_round=settings.n_estimators))
    return boosters


def raw_score(boosters: Sequence[lgb.Booster], matrix: Float32, num_threads: int) -> Float64:
    """Return the mean raw score (log-odds or log rate), float64 of shape (n,)."""
    total = np.zeros(len(matrix))
    if len(matrix):
        for booster in boosters:
            total += booster.predict(matrix, raw_score=True, num_threads=num_threads)
    return total / len(boosters)


def contributions(
    boosters: Sequence[lgb.Booster], trees: Sequence[Trees], matrix: Float32, num_threads: int
) -> Float64:
    """Return the mean exact tree attributions of the raw score.

    Parameters
    ----------
    boosters : sequence of lightgbm.Booster
    trees : sequence of Trees
        The same boosters, tabulated (:func:`lapse.models.tree_tables.tabulate`).
    matrix : float32, shape (n, n_features)
    num_threads : int

    Returns
    -------
    float64, shape (n, n_features + 1)
        The last column is the base value; a row's sum is its raw score (checked to 1e-6).
    """
    total = np.zeros((len(matrix), matrix.shape[1] + 1))
    for one in trees:
        total += attribute(one, matrix, num_threads)
    total /= len(trees)
    raw = raw_score(boosters, matrix, num_threads)
    if not np.allclose(total.sum(axis=1), raw, rtol=1e-6, atol=1e-6):
        worst = float(np.abs(total.sum(axis=1) - raw).max())
        raise RuntimeError(f"attributions miss the raw score by up to {worst:.3g}")
    return total


def write(folder: Path, kind: str, facts: Mapping[str, Any], boosters: Sequence[lgb.Booster]) -> None:
    """Write ``model.json`` and one ``booster_<i>.txt`` each into a folder, which is made where absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, booster in enumerate(boosters):
        (folder / f"booster_{number}.txt").write_text(booster.model_to_string(), encoding="utf-8")
    facts = {"kind": kind, "format": _FORMAT, "n_boosters": len(boosters), **facts}
    text = json.dumps(facts, indent=1, allow_nan=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def read(folder: Path, kind: str) -> tuple[dict[str, Any], list[lgb.Booster]]:
    """Read what :func:`write` wrote.

    Raises
    ------
    DataError
        If a file is missing or not what it should be.
    GateError
        If the folder holds a model of another kind or of another format.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if (facts["kind"], facts["format"]) != (kind, _FORMAT):
            raise GateError(
                Problem(
                    str(folder),
                    "model.json",
                    f"a {kind} model of format {_FORMAT}",
                    f"{facts['kind']}, format {facts['format']}",
                )
            )
        boosters = [
            lgb.Booster(model_str=(folder / f"booster_{number}.txt").read_text(encoding="utf-8"))
            for number in range(facts["n_boosters"])
        ]
    except (OSError, ValueError, KeyError, TypeError, lgb.basic.LightGBMError) as error:
        raise DataError(
            Problem(str(folder), "model", "model.json and its boosters, unchanged", str(error))
        ) from error
    return facts, boosters
