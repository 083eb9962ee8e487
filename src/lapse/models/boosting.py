"""Gradient boosting as every model here uses it: regularised, deterministic, averaged, kept as text.

In: features as an Arrow table or as batches of rows, a target, the positions of the categorical columns.
Out: LightGBM boosters, and the mean of their raw scores and attributions. Small data gets smaller trees by
itself: a leaf must hold at least ``min_child_samples`` rows, but never more than a twentieth of all.

LightGBM learns from bins, one byte a value, and makes them from columns where they lie or from one batch of
rows after another. So no matrix of all rows is ever made, and all boosters of the same rows share the bins.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from lapse.errors import DataError, GateError, Problem
from lapse.models import parameters
from lapse.models.attributions import attribute
from lapse.models.tree_paths import Uncovered
from lapse.models.tree_tables import Trees, tabulate
from lapse.schema import Float32, Float64

_FORMAT = 1
_FEWEST_ROWS_A_LEAF = 5
_BINS_SEED = 38
"""Of the 200,000 rows from which LightGBM finds the bins where there are more: what it makes of ``seed=0``.
One for all bags, or they could not share the bins."""


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
        """Return the settings of an estimator that has these parameters.

        Raises
        ------
        DataError
            With all parameters that are wrong (:mod:`lapse.models.parameters`).
        """
        given = parameters.checked(estimator)
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
            "data_random_seed": _BINS_SEED,
            "num_threads": self.num_threads,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


def binned(
    settings: Settings,
    features: pa.Table | lgb.Sequence,
    target: Float64,
    weight: Float64 | None,
    categorical: Sequence[int],
) -> lgb.Dataset:
    """Return features as LightGBM's bins, with the target beside them.

    Parameters
    ----------
    settings : Settings
    features : Arrow table of float32 columns without nulls, or sequence of rows; n rows
        NaN is missing.
    target : float64, shape (n,)
    weight : float64, shape (n,), optional
    categorical : positions of categorical columns

    Returns
    -------
    lightgbm.Dataset
        It keeps nothing of the features but their bins.
    """
    return lgb.Dataset(
        features,
        target,
        weight=weight,
        categorical_feature=list(categorical),
        params=settings.parameters(len(target), 0),
        free_raw_data=True,
    ).construct()


def boost(settings: Settings, data: lgb.Dataset) -> list[lgb.Booster]:
    """Fit ``n_bags`` boosters that differ in their seed; settings may differ from those of the bins in the
    seed and in how trees grow.
    """
    n_rows = data.num_data()
    return [
        lgb.train(settings.parameters(n_rows, bag), data, num_boost_round=settings.n_estimators)
        for bag in range(settings.n_bags)
    ]


def raw_score(boosters: Sequence[lgb.Booster], matrix: Float32, num_threads: int) -> Float64:
    """Return the mean raw score (log-odds or log rate), float64 of shape (n,)."""
    total = np.zeros(len(matrix))
    if len(matrix):
        for booster in boosters:
            total += booster.predict(matrix, raw_score=True, num_threads=num_threads)
    return total / len(boosters)


class SlowAttributions(UserWarning):
    """LightGBM's own ``pred_contrib`` serves where lapse cannot read the trees."""


def tables(boosters: Sequence[lgb.Booster]) -> list[Trees | None]:
    """Return the boosters tabulated.

    Returns
    -------
    list of Trees or None
        None for a booster whose trees cannot be read here; a :class:`SlowAttributions` warning says why.
    """
    found: list[Trees | None] = []
    for booster in boosters:
        try:
            found.append(tabulate(booster))
        except Uncovered as error:
            text = f"attributions by LightGBM's pred_contrib, tens of times slower; lapse needs {error}"
            warnings.warn(text, SlowAttributions, stacklevel=2)
            found.append(None)
    return found


def explained(
    boosters: Sequence[lgb.Booster], trees: Sequence[Trees | None], matrix: Float32, num_threads: int
) -> tuple[Float64, Float64]:
    """Return the mean exact tree attributions of the raw score, and the raw score.

    Parameters
    ----------
    boosters : sequence of lightgbm.Booster
    trees : sequence of Trees or None
        What :func:`tables` says of them.
    matrix : float32, shape (n, n_features)
    num_threads : int

    Returns
    -------
    float64, shape (n, n_features + 1)
        The last column is the base value; a row's sum is its raw score (checked to 1e-6).
    float64, shape (n,)
        As :func:`raw_score` returns it.
    """
    total = np.zeros((len(matrix), matrix.shape[1] + 1))
    for booster, table in zip(boosters, trees, strict=True):
        if table is not None:
            total += attribute(table, matrix, num_threads)
        elif len(matrix):
            total += booster.predict(matrix, pred_contrib=True, num_threads=num_threads)
    total /= len(trees)
    raw = raw_score(boosters, matrix, num_threads)
    if not np.allclose(total.sum(axis=1), raw, rtol=1e-6, atol=1e-6):
        worst = float(np.abs(total.sum(axis=1) - raw).max())
        raise RuntimeError(f"attributions miss the raw score by up to {worst:.3g}")
    return total, raw


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
