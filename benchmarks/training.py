"""Training at size: lapse beside LightGBM alone on matrices that lie ready.

3,000,000 snapshots of 100 features (:mod:`benchmarks.training_rows`), each way in a process of its own, with
all cores. Three questions are asked:

- **defection**: a :class:`~lapse.models.defection.Defection` as it comes, from a frame of columns to
  calibrated probabilities, beside *one* ``lgb.train`` of as many trees with the same parameters on the same
  rows, which lie ready as one float32 matrix. That one chooses nothing, calibrates nothing and fits no
  regression.
- **three estimators**: defection, lifetime and spend, beside three times ``lgb.train``: those trees, and as
  many as lapse keeps of lifetime and of spend on the very person-period rows that it draws, ready as
  matrices.
- **all of lapse.train**: guards against leaks, a fit before the test dates, the evaluation with its
  yardsticks, and a fit on every date. Nothing stands beside it: its memory is what is asked for.

Making LightGBM's bins counts on both sides, reading files on neither. Both models of the first question say
what they think of 300,000 rows of other customers; the note has their log loss.

    python -m benchmarks.training [--small] [--out FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.measuring import Row, Task, compare, in_turn, options, publish
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

from lapse.dataset.rows import Labelled
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
columns, and also chooses the kind of trees, calibrates them and fits a regression beside them. *Three times
lgb.train* adds the trees of lifetime and of spend, on the person-period rows that lapse draws, ready as
matrices. All of `lapse.train` fits twice, the first time to be evaluated, and has no peer.
""",
    benchmarks=("training: defection", "training: three estimators", "training: all of lapse.train"),
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


def estimators_way(folder: str) -> Callable[[], Any]:
    """Fit the three estimators."""
    from lapse.jobs.estimators import fit

    data = dataset(Path(folder))

    def work() -> None:
        fit(data)

    return work


def boosters_way(folder: str) -> Callable[[], Any]:
    """Fit the trees of the three estimators alone, each from a matrix."""
    import lightgbm as lgb

    place = Path(folder)
    periods = _drawn(dataset(place))
    ready, label = matrix(place), lapsed(place).astype(np.float64)

    def work() -> None:
        _defection_trees(ready, label)
        for settings, rows, target, weight in periods:
            parameters = settings.parameters(len(rows), 0)
            data = lgb.Dataset(
                rows, target, weight=weight, categorical_feature=categorical(), params=parameters
            )
            lgb.train(parameters, data, num_boost_round=settings.n_estimators)

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


class _Drawn(Exception):  # noqa: N818 (it is no error, but what was looked for)
    """What an estimator was about to boost."""


def _drawn(data: Labelled) -> list[tuple[Any, Float32, Float64, Float64 | None]]:
    """Return settings, rows, target and weight that lifetime and spend would boost."""
    from lapse.jobs.estimators import while_customer
    from lapse.models import boosting
    from lapse.models.lifetime import Lifetime
    from lapse.models.spend import Spend

    def stop(settings: Any, rows: Any, target: Float64, weight: Float64 | None, _: Any) -> None:
        raise _Drawn(settings, rows[: len(rows)], target, weight)

    step, happened = data.business.step_days, data.labels
    follow_up = data.cut - data.day
    binned, boosting.binned = boosting.binned, stop  # type: ignore[assignment]  # it never returns
    drawn = []
    try:
        for fit in (
            lambda: Lifetime(step).fit(data.features, happened.event, happened.duration_days, follow_up),
            lambda: Spend(step).fit(data.features, while_customer(happened, happened.spend, step)),
        ):
            try:
                fit()
            except _Drawn as stopped:
                drawn.append(stopped.args)
    finally:
        boosting.binned = binned
    return drawn


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
    with TemporaryDirectory() as name:
        folder, other = Path(name) / "fit", Path(name) / "other"
        write(folder, size, seed=0)
        write(other, min(size, UNSEEN), seed=1)
        ways = _Ways(folder, f"{size:,} snapshots x {N_FEATURES} features", runs)
        one, three, whole = CHAPTER.benchmarks
        alone = ways.compared(one, "one lgb.train", "defection_way", "booster_way")
        told = _unseen(folder, other)
        rows = [
            *(replace(row, note=f"{row.note}, {TREES:,} trees; {told}") for row in alone),
            *ways.compared(three, "three times lgb.train", "estimators_way", "boosters_way"),
            *ways.alone(whole, "train_way"),
        ]
    publish(rows, asked.out)
    for row in rows:
        print(f"{row.benchmark}: {row.ratio}, {row.lapse_peak_mb:,} MB; {row.note}", file=sys.stderr)


class _Ways:
    """Measures ways by the names of their functions, all on the same rows."""

    def __init__(self, folder: Path, note: str, runs: int) -> None:
        self.folder, self.note, self.runs = folder, note, runs

    def compared(self, benchmark: str, peer: str, ours: str, theirs: str) -> list[Row]:
        found = in_turn({"lapse": self._task(ours), peer: self._task(theirs)}, self.runs)
        return compare(benchmark, found, goals={peer: GOAL}, note=self.note)

    def alone(self, benchmark: str, ours: str) -> list[Row]:
        return compare(benchmark, in_turn({"lapse": self._task(ours)}, 1), note=self.note)

    def _task(self, way: str) -> Task:
        return Task(f"benchmarks.training:{way}", {"folder": str(self.folder)}, PACKAGES)


if __name__ == "__main__":
    main()
