"""Cox, a random survival forest and SurvivalBoost on insurance policies.

In: a folder with ``train.parquet`` (features, ``event``, ``days``, ``entry``) and ``test.parquet`` (features,
``age`` in days), the method, the number of steps. Out: in that folder an array file named after the method:
survival of the test rows by step from their age, and of SurvivalBoost the incidence of the first cause too.

Runs in an environment of its own (``insurance-peers.txt``). Beyond the longest duration seen all of these go
flat, as if everybody stayed for ever: each is given a tail, the mean hazard of its last four known steps.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

STEP = 91
NOT_FEATURES = ("event", "days", "entry", "age")


def main(folder: str, method: str, n_steps: str) -> None:
    """Fit one method, and write what it predicts."""
    warnings.simplefilter("ignore")
    train, test = (pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("train", "test"))
    longest = int(train["days"].max()) // STEP
    wanted = -(-int(test["age"].max()) // STEP) + int(n_steps) + 1
    x, y = (
        pd.get_dummies(frame.drop(columns=list(NOT_FEATURES), errors="ignore"), drop_first=True).astype(float)
        for frame in (train, test)
    )
    grid = np.arange(0, longest + 1) * float(STEP)
    found = {"cox": cox, "forest": forest, "boost": boost}[method](x, train, y, grid)
    survival = with_tail(found[0], wanted)
    age = test["age"].to_numpy() / STEP
    now, later = at(survival, age), [at(survival, age + k) for k in range(1, int(n_steps) + 1)]
    kept = {"survival": np.stack(later, axis=1) / now[:, None]}
    if len(found) > 1:
        kept["incidence"] = found[1][:, 1 : int(n_steps) + 1]
    np.savez(Path(folder) / f"{method}.npz", **kept)


def cox(x: pd.DataFrame, train: pd.DataFrame, y: pd.DataFrame, grid: np.ndarray) -> list[np.ndarray]:
    """Return survival on the grid, (n, len(grid)); late entries are known to it."""
    from lifelines import CoxPHFitter

    rows = x.assign(days=train["days"], lapsed=train["event"] > 0, entry=train["entry"])
    model = CoxPHFitter(penalizer=1e-4).fit(rows, "days", "lapsed", entry_col="entry")
    return [model.predict_survival_function(y, times=grid).to_numpy().T]


def forest(x: pd.DataFrame, train: pd.DataFrame, y: pd.DataFrame, grid: np.ndarray) -> list[np.ndarray]:
    """Return survival on the grid; durations are rounded up to steps, or memory would not hold it."""
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    target = Surv.from_arrays(train["event"] > 0, np.ceil(train["days"] / STEP))
    model = RandomSurvivalForest(100, min_samples_leaf=100, max_features=3, random_state=0).fit(x, target)
    steps = np.clip(grid / STEP, model.unique_times_[0], model.unique_times_[-1])
    predicted = model.predict_survival_function(y, return_array=True)
    place = np.searchsorted(model.unique_times_, steps, side="right") - 1
    survival = predicted[:, place]
    survival[:, 0] = 1.0
    return [survival]


def boost(x: pd.DataFrame, train: pd.DataFrame, y: pd.DataFrame, grid: np.ndarray) -> list[np.ndarray]:
    """Return survival and the incidence of the first cause on the grid."""
    from hazardous import SurvivalBoost

    target = pd.DataFrame({"event": train["event"], "duration": train["days"].astype(float)})
    model = SurvivalBoost(n_iter=100, show_progressbar=False, random_state=0).fit(x, target)
    predicted = model.predict_cumulative_incidence(y, times=grid)
    survival = np.minimum.accumulate(predicted[:, 0], axis=1)
    survival[:, 0] = 1.0
    return [survival, predicted[:, 1]]


def with_tail(survival: np.ndarray, n_steps: int) -> np.ndarray:
    """Return survival of at least so many steps, with the mean hazard of the last four known ones behind."""
    more = n_steps + 1 - survival.shape[1]
    if more <= 0:
        return survival
    rate = (survival[:, -1] / np.maximum(survival[:, -5], 1e-12)) ** 0.25
    return np.hstack([survival, survival[:, -1:] * rate[:, None] ** np.arange(1, more + 1)])


def at(survival: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return survival at each row's own time, by straight lines between steps."""
    whole = np.floor(steps).astype(int)
    inside, row = steps - whole, np.arange(len(steps))
    after = np.minimum(whole + 1, survival.shape[1] - 1)
    return np.maximum(survival[row, whole] * (1 - inside) + survival[row, after] * inside, 1e-12)


if __name__ == "__main__":
    main(*sys.argv[1:])
