"""Training at size: lapse beside LightGBM alone on matrices that lie ready.

3,000,000 snapshots of 100 features (:mod:`benchmarks.training_rows`), each way in a process of its own, with
all cores. Two questions are asked:

- **defection**: a :class:`~lapse.models.defection.Defection` as it comes, from a frame of columns to
  calibrated probabilities, beside *one* ``lgb.train`` of as many trees with the same parameters on the same
  rows, which lie ready as one float32 matrix. That one chooses nothing, calibrates nothing and fits no
  regression.
- **all of lapse.train**: guards against leaks, a fit before the test dates, the evaluation with its
  yardsticks, and a fit on every date. Nothing stands beside it: its memory is what is asked for.

Making LightGBM's bins counts on both sides, reading files on neither. Both models of the first question say
what they think of 300,000 rows of other customers; the note has their log loss.

    python -m benchmarks.training [--small] [--out FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.measuring import Task, compare, in_turn, options, publish
from benchmarks.page import Chapter
from benchmarks.training_rows import (
    HORIZON,
    N_FEATURES,
    categorical,
    dataset,
    features,
    lapsed,
    matrix,
    write,
)

from lapse.schema import Float32, Float64

ROWS, SMALL = 3_000_000, 50_000
UNSEEN = 300_000
TREES = 1_050
"""Of all bags of a :class:`~lapse.models.defection.Defection`."""

GOAL = 1 / 1.3
"""LightGBM's seconds over those of lapse, at least."""

PACKAGES = ("lightgbm", "numpy", "pandas", "pyarrow", "scikit-learn")

CHAPTER = Chapter(
    title="Training",
    text="""
Snapshots of 100 features, with outcomes, from memory. *One lgb.train* grows the trees of a defection model,
as many and with the same parameters, from one float32 matrix that lies ready; lapse starts from a frame of
columns, and also chooses the kind of trees, calibrates them and fits a regression beside them. All of
`lapse.train` fits three such models twice, the first time to be evaluated, and has no peer.
""",
    benchmarks=("training: defection", "training: all of lapse.train"),
    loses="""
- Training: lapse grows the same trees and does more besides, so it is never faster than LightGBM alone. The
  difference is mostly the trees that choose and calibrate, grown on at most 200,000 rows: a fixed time, which
  weighs the more the fewer rows there are.
- Training: the trees of one `lgb.train` mend each other in one row, those of lapse are three rows of 350
  whose means are taken, which suits tens of thousands of rows. On millions the long row fits a little better,
  as the log loss in the note shows.
""",
)


def defection_way(folder: str) -> Callable[[], Any]:
    """Fit a Defection from a frame, and keep it."""
    from lapse.models.defection import Defection

    place = Path(folder)
    frame, label, day = features(place), lapsed(place), np.load(place / "day.npy")

    def work() -> dict[str, Any]:
        model = Defection(HORIZON).fit(frame, label, as_of=day)
        model.to_folder(place / "defection")
        return {"kind": str(model.blend_.kind), "note": model.calibration_slice_.note}

    return work


def booster_way(folder: str) -> Callable[[], Any]:
    """Fit the trees of a Defection alone, from a matrix, and keep them."""
    place = Path(folder)
    ready, label = matrix(place), lapsed(place).astype(np.float64)

    def work() -> None:
        _defection_trees(ready, label).save_model(place / "booster.txt")

    return work


def train_way(folder: str) -> Callable[[], Any]:
    """Do the whole training."""
    from lapse.jobs.train import train

    data = dataset(Path(folder))

    def work() -> dict[str, float]:
        return train(data).evaluation.metrics()

    return work


def _defection_trees(ready: Float32, label: Float64) -> Any:
    import lightgbm as lgb

    from lapse.models.boosting import Settings
    from lapse.models.defection import Defection

    parameters = Settings.of(Defection(HORIZON, extra_trees=True), "binary").parameters(len(ready), 0)
    data = lgb.Dataset(ready, label, categorical_feature=categorical(), params=parameters)
    return lgb.train(parameters, data, num_boost_round=TREES)


def _unseen(folder: Path, other: Path) -> str:
    """Return the log loss of both models on other customers, in words."""
    import lightgbm as lgb

    from lapse.evaluation.metrics import log_loss
    from lapse.models.defection import Defection

    label = lapsed(other)
    ours = Defection.from_folder(folder / "defection").predict_proba(features(other))[:, 1]
    theirs = lgb.Booster(model_file=folder / "booster.txt").predict(matrix(other))
    return (
        f"log loss on {len(label):,} rows of other customers: lapse {log_loss(label, ours):.5f}, "
        f"LightGBM {log_loss(label, theirs):.5f}"
    )


def main() -> None:
    """Measure and publish."""
    asked = options(__doc__)
    size, runs = (SMALL, 1) if asked.small else (ROWS, 3)
    note, (one, whole) = f"{size:,} snapshots x {N_FEATURES} features", CHAPTER.benchmarks
    with TemporaryDirectory() as name:
        folder, other = Path(name) / "fit", Path(name) / "other"
        write(folder, size, seed=0)
        write(other, min(size, UNSEEN), seed=1)
        beside = {"lapse": _task("defection_way", folder), "one lgb.train": _task("booster_way", folder)}
        found = in_turn(beside, runs)
        told = f"{note}, {TREES:,} trees; {_unseen(folder, other)}"
        all_of_it = in_turn({"lapse": _task("train_way", folder)}, 1)
    rows = [
        *compare(one, found, goals={"one lgb.train": GOAL}, note=told),
        *compare(whole, all_of_it, note=note),
    ]
    publish(rows, asked.out)
    for row in rows:
        print(f"{row.benchmark}: {row.ratio}, {row.lapse_peak_mb:,} MB; {row.note}", file=sys.stderr)


def _task(way: str, folder: Path) -> Task:
    return Task(f"benchmarks.training:{way}", {"folder": str(folder)}, PACKAGES)


if __name__ == "__main__":
    main()
