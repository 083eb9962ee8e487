"""Exact attributions of boosted trees: lapse beside ``pred_contrib`` and woodelf-explainer.

100,000 rows of 80 features (amounts, counts, normal numbers, every fifth with gaps) and a 0/1 label that
hangs on some of them. Three LightGBM models learn it: 500 regularised trees of 31 leaves, the same number
without any regularisation, whose trees grow deep and thin, and 350 trees of 7 leaves, as ``Defection`` grows
them. Each way explains all rows from a booster in memory, with as many cores as it takes by itself: whatever
it prepares is timed with it. shap's ``TreeExplainer`` is no peer: for such models it calls ``pred_contrib``.

Answers are compared with those of ``pred_contrib`` on 200 rows, and their sums with the raw score on all.

    python -m benchmarks.attributions
    python -m benchmarks.attributions --small
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.measuring import Measure, Row, Task, compare, in_turn, options, publish
from benchmarks.page import Chapter

from lapse.schema import Float32, Float64

ROWS, SMALL = 100_000, 4_000
N_FEATURES = 80
COMPARED = 200
CLOSE, SUMS, MOST_MB = 1e-5, 1e-6, 500.0
"""What lapse is held to: of ``pred_contrib``, of the raw score, and of its tables."""

_REGULARISED = {"learning_rate": 0.03, "min_data_in_leaf": 100, "lambda_l2": 5.0, "feature_fraction": 0.5}
_FREE = {"learning_rate": 0.1, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 1e-3}


@dataclass(frozen=True)
class Model:
    """What is trained, and how much faster than ``pred_contrib`` lapse is to explain it."""

    benchmark: str
    trees: int
    leaves: int
    parameters: Mapping[str, float]
    goal: float | None


MODELS = {
    "regularised": Model("attributions: 500 trees of 31 leaves", 500, 31, _REGULARISED, 20.0),
    "free": Model("attributions: 500 deep trees, not regularised", 500, 31, _FREE, 20.0),
    "small": Model("attributions: 350 trees of 7 leaves", 350, 7, _REGULARISED, 20.0),
}

CHAPTER = Chapter(
    "Reasons",
    "Exact attributions (SHAP values by paths) of every row by every feature, from a LightGBM booster in\n"
    "memory. Tables and all other preparations are timed too. `pred_contrib` is LightGBM's own, which\n"
    "shap's `TreeExplainer` calls as well; woodelf-explainer tabulates in float32. lapse's answers agree\n"
    f"with those of `pred_contrib` to {CLOSE:g} and add up to the raw score to {SUMS:g}; the notes say how\n"
    "far apart all are.",
    tuple(model.benchmark for model in MODELS.values()),
)


def write(folder: Path, rows: int) -> None:
    """Write the rows, and the models trained on them."""
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(rows, N_FEATURES))
    matrix[:, ::4] = np.exp(matrix[:, ::4]).round(2)
    matrix[:, 1::4] = rng.poisson(3, (rows, N_FEATURES // 4))
    matrix[:, ::5] = np.where(rng.random((rows, N_FEATURES // 5)) < 0.3, np.nan, matrix[:, ::5])
    known = np.nan_to_num(matrix)
    risk = 0.5 * known[:, 0] - 0.3 * known[:, 1] + known[:, 2] * known[:, 10] + (known[:, 5] > 3)
    risk += known[:, 20:60] @ rng.normal(0, 0.1, 40)
    label = rng.random(rows) < 1 / (1 + np.exp(risk.mean() - risk))
    np.save(folder / "matrix.npy", matrix.astype(np.float32))
    for name, model in MODELS.items():
        asked = {"objective": "binary", "num_leaves": model.leaves, "verbosity": -1, "seed": 0}
        asked |= model.parameters
        data = lgb.Dataset(matrix, label, params=asked)
        lgb.train(asked, data, model.trees).save_model(folder / f"{name}.txt")


def lapse_way(folder: str, name: str) -> Callable[[], Any]:
    """Tabulate and attribute."""
    from lapse.models.attributions import attribute
    from lapse.models.tree_tables import tabulate

    matrix, booster = _ready(folder, name)
    attribute(tabulate(_tiny()), matrix[:10], 0)

    def work() -> dict[str, Any]:
        trees = tabulate(booster)
        found = attribute(trees, matrix, 0)
        return {**_answer(found), "tables_mb": trees.parts.tables.nbytes / 2**20}

    return work


def pred_contrib_way(folder: str, name: str) -> Callable[[], Any]:
    """Let LightGBM do it."""
    matrix, booster = _ready(folder, name)
    return lambda: _answer(booster.predict(matrix, pred_contrib=True))


def woodelf_way(folder: str, name: str) -> Callable[[], Any]:
    """Let woodelf-explainer do it, by paths as all the others; it gives no base value."""
    import pandas as pd
    from woodelf import WoodelfExplainer

    matrix, booster = _ready(folder, name)
    frame = pd.DataFrame(matrix, columns=booster.feature_name())
    tiny = _tiny()
    WoodelfExplainer(tiny).shap_values(frame[tiny.feature_name()].head(10), verbose=False)
    return lambda: _answer(WoodelfExplainer(booster).shap_values(frame, verbose=False))


def _ready(folder: str, name: str) -> tuple[Float32, Any]:
    import lightgbm as lgb

    return np.load(Path(folder) / "matrix.npy"), lgb.Booster(model_file=Path(folder) / f"{name}.txt")


def _tiny() -> Any:
    """Return a booster that is quickly explained, for what is compiled or loaded at the first call."""
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, N_FEATURES))
    asked = {"objective": "binary", "verbosity": -1}
    return lgb.train(asked, lgb.Dataset(matrix, matrix[:, 0] > 0, params=asked), 2)


def _answer(found: Float64) -> dict[str, Any]:
    """Return the first rows, and for all rows what features and base add up to."""
    values = np.asarray(found)
    return {"first": values[:COMPARED].tolist(), "sums": values.sum(axis=1).tolist()}


def measured(folder: Path, name: str, rows: int, runs: int) -> list[Row]:
    """Measure one model and check the answers."""
    model, arguments = MODELS[name], {"folder": str(folder), "name": name}
    module = "benchmarks.attributions"
    tasks = {
        "lapse": Task(f"{module}:lapse_way", arguments, ("lapse", "lightgbm", "numba")),
        "woodelf-explainer": Task(f"{module}:woodelf_way", arguments, ("woodelf-explainer",)),
        "pred_contrib": Task(f"{module}:pred_contrib_way", arguments, ("lightgbm",), runs=1),
    }
    found = in_turn(tasks, runs)
    told = _check(folder, name, found)
    goals = {"pred_contrib": model.goal, "woodelf-explainer": 1.0}
    return compare(
        model.benchmark,
        found,
        goals={peer: goal for peer, goal in goals.items() if goal is not None},
        note=f"{rows:,} rows x {N_FEATURES} features; {told}",
    )


def _check(folder: Path, name: str, found: Mapping[str, Measure]) -> str:
    """Return in words how far answers are apart.

    Raises
    ------
    RuntimeError
        If lapse is too far from ``pred_contrib`` or the raw score, or its tables are too large.
    """
    matrix, booster = _ready(str(folder), name)
    ours, reference = found["lapse"].answer, np.array(found["pred_contrib"].answer["first"])
    apart = {
        peer: float(np.abs(np.array(one.answer["first"])[:, :N_FEATURES] - reference[:, :N_FEATURES]).max())
        for peer, one in found.items()
        if peer != "pred_contrib"
    }
    raw = booster.predict(matrix, raw_score=True)
    off, size = float(np.abs(np.array(ours["sums"]) - raw).max()), ours["tables_mb"]
    if apart["lapse"] > CLOSE or off > SUMS or size > MOST_MB:
        raise RuntimeError(
            f"{name}: {apart['lapse']:.2g} apart, sums off by {off:.2g}, {size:.0f} MB of tables"
        )
    others = ", ".join(f"{peer} {distance:.1g}" for peer, distance in apart.items())
    return f"tables of {size:.0f} MB; apart from pred_contrib: {others}; sums off by {off:.1g}"


def main() -> None:
    """Measure and publish."""
    asked = options(__doc__)
    size, runs = (SMALL, 1) if asked.small else (ROWS, 3)
    with TemporaryDirectory() as name:
        write(Path(name), size)
        rows = [row for model in MODELS for row in measured(Path(name), model, size, runs)]
    publish(rows, asked.out)


if __name__ == "__main__":
    main()
