"""How good lifetimes are on real insurance policies, beside Kaplan-Meier, Cox and others.

29,317 whole-life policies (:mod:`benchmarks.insurance_data`), surrender against the rest. Two questions:

- ``five folds``: survival and incidence of surrender from the day of issue over 1 to 56 quarters, of
  policies that were left out. All methods know the date of issue: the test policies are of the same years.
  ``concordance`` is of any end, ``concordance_surrender`` of surrender, both ordered by the mean survival;
  ``concordance_surrender_by_incidence`` is ordered by the incidence of surrender of methods that tell it.
- ``cut 2003-01-01``: of the policies in force then, survival over the next 20 quarters, from what was known
  that day. lapse chooses by itself how much recent person-time it learns from. Cox is shown with windows of
  1, 2, 3, 5 years and all; the best of these by the test is a peer that nobody could have chosen.

At each quarter only policies whose potential follow-up reaches it are scored: censoring is administrative, so
nothing needs weights. ``ibs`` is the mean of the Brier score over the quarters. Behind the longest duration
that a peer has seen it gets its own mean hazard of the last four quarters; lapse has the tail that it fits.

Run ``python -m benchmarks.insurance`` for lapse, Kaplan-Meier and Cox, with ``forest boost`` behind it for
these as well. It writes rows to ``quality.json`` (:mod:`benchmarks.judged`), with 95 % intervals from
resampled policies.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from benchmarks.insurance_data import FILE, STEP, SURRENDER, Policies, policies
from benchmarks.insurance_peers import at, with_tail
from benchmarks.judged import publish
from sklearn.model_selection import KFold

from lapse.evaluation.bootstrap import bounds, draw
from lapse.evaluation.censoring import d_calibration, kaplan_meier
from lapse.evaluation.concordance import concordance
from lapse.evaluation.lifetimes import calibration_by_horizon, ends_by_period, restricted_mean_by_decile
from lapse.evaluation.survival import observe_steps
from lapse.models.lifetime import Lifetime

DATA = "uslapseagent"
PEERS = Path(__file__).with_name("insurance-peers.txt")
PROGRAM = Path(__file__).with_name("insurance_peers.py")
QUARTERS, ALL_QUARTERS, AHEAD = 56, 62, 20
CUT = "2003-01-01"
WINDOWS = {"Cox, 1 year": 365, "Cox, 2 years": 730, "Cox, 3 years": 1096, "Cox, 5 years": 1826, "Cox": 10**6}
REPLICATES = 500
THREADS = 1
LEVEL = 0.8

Row = tuple[str, str, str, float, float | None, float | None]


def main() -> None:
    """Make the tables, print them and write them."""
    if not FILE.exists():
        sys.exit(f"{FILE} is not here")
    data = policies()
    with TemporaryDirectory() as folder:
        python = environment(Path(folder))
        rows = [*folds(data, Path(folder), python, sys.argv[1:]), *temporal(data, Path(folder), python)]
    names = ["protocol", "method", "metric", "value", "lower", "upper"]
    table = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[3:], float)).round(6)
    for protocol, part in table.groupby("protocol"):
        print(f"\n{protocol}\n{part.pivot_table('value', 'metric', 'method', sort=False).to_string()}")
    publish("insurance", table.assign(data=DATA)[["data", *names]].to_dict("records"))


def environment(folder: Path) -> str:
    """Return the interpreter of the peers' environment, made in a folder."""
    uv, python = [sys.executable, "-m", "uv"], str(folder / "venv" / "bin" / "python")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, "-r", str(PEERS)], check=True)
    return python


def peer(
    folder: Path, python: str, method: str, train: pd.DataFrame, test: pd.DataFrame, n_steps: int
) -> dict[str, np.ndarray]:
    """Return what a peer predicts."""
    train.to_parquet(folder / "train.parquet")
    test.to_parquet(folder / "test.parquet")
    subprocess.run([python, str(PROGRAM), str(folder), method, str(n_steps)], check=True)
    with np.load(folder / f"{method}.npz") as found:
        return dict(found)


def folds(data: Policies, folder: Path, python: str, more: list[str]) -> Iterator[Row]:
    """Yield the rows of the first question."""
    X = data.features.assign(issued=(data.issued - pd.Timestamp("1995-01-01")).dt.days)
    table = X.assign(event=data.event, days=data.days, entry=0, age=0)
    n = len(X)
    survival = {name: np.empty((n, ALL_QUARTERS)) for name in ("lapse", "Kaplan-Meier", "cox", *more)}
    incidence = {name: np.empty((n, QUARTERS)) for name in ("lapse", *(["boost"] if "boost" in more else []))}
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        model = Lifetime(STEP, num_threads=THREADS).fit(X.iloc[train], data.event[train], data.days[train])
        survival["lapse"][test] = model.predict_survival_function(X.iloc[test], ALL_QUARTERS)
        incidence["lapse"][test] = model.predict_cumulative_incidence(X.iloc[test], QUARTERS, SURRENDER)
        one = kaplan_meier(data.event[train] > 0, data.days[train])
        survival["Kaplan-Meier"][test] = one.at(STEP * np.arange(1, ALL_QUARTERS + 1))
        for name in ("cox", *more):
            found = peer(folder, python, name, table.iloc[train], table.iloc[test], ALL_QUARTERS)
            survival[name][test] = found["survival"]
            if name in incidence:
                incidence[name][test] = found["incidence"][:, :QUARTERS]
    yield from _scored_folds(data, survival, incidence)


def _scored_folds(
    data: Policies, survival: dict[str, np.ndarray], incidence: dict[str, np.ndarray]
) -> Iterator[Row]:
    ended = data.event > 0
    any_end = _observed(ended, data.days, data.follow_up, QUARTERS)
    surrender = _observed(data.event == SURRENDER, data.days, data.follow_up, QUARTERS)
    said = "five folds"
    lost = {name: (1 - s[:, :QUARTERS] - any_end) ** 2 for name, s in survival.items()}
    yield from _brier(said, "ibs", lost)
    lost = {name: (f - surrender) ** 2 for name, f in incidence.items()}
    yield from _brier(said, "ibs_surrender", lost)
    for name, s in survival.items():
        whole = np.column_stack([np.ones(len(s)), s])
        own = at(np.column_stack([whole, whole[:, -1]]), data.days / STEP)
        checked = d_calibration(ended, np.minimum(own, 1.0))
        yield said, name, "d_calibration_p", checked.p, None, None
        risk = -s[:, :QUARTERS].sum(axis=1)
        yield said, name, "concordance", concordance(ended, data.days, risk), None, None
        surrendered = data.event == SURRENDER
        yield said, name, "concordance_surrender", concordance(surrendered, data.days, risk), None, None
        if name in incidence:
            found = concordance(surrendered, data.days, incidence[name].sum(axis=1))
            yield said, name, "concordance_surrender_by_incidence", found, None, None


def temporal(data: Policies, folder: Path, python: str) -> Iterator[Row]:
    """Yield the rows of the second question."""
    age = data.age(CUT)
    known, force = age > 0, (age > 0) & (data.days > age)
    event, days = np.where(data.days <= age, data.event, 0)[known], np.minimum(data.days, age)[known]
    X, test, ages = data.features[known], data.features[force], age[force]
    model = Lifetime(STEP, num_threads=THREADS).fit(X, event, days, entered_on=data.issued[known])
    survival = {"lapse": model.conditional_after(test, ages, AHEAD)}
    print(f"window {model.recent_.window_days:g} days, {model.recent_.n_estimators} trees, {model.fall_}")
    one = kaplan_meier(event > 0, days)
    curve = with_tail(one.at(STEP * np.arange(0, days.max() // STEP + 1))[None, :], 60)
    curve = np.repeat(curve, len(ages), axis=0)
    later = [at(curve, ages / STEP + k) for k in range(1, AHEAD + 1)]
    survival["Kaplan-Meier"] = np.stack(later, axis=1) / at(curve, ages / STEP)[:, None]
    for name, window in WINDOWS.items():
        entry = np.maximum(age[known] - window, 0)
        some = entry < days
        rows = X.assign(event=event, days=days, entry=entry)[some]
        survival[name] = peer(folder, python, "cox", rows, test.assign(age=ages), AHEAD)["survival"]
    left, ended = data.days[force] - ages, data.event[force] > 0
    yield "cut 2003-01-01", "lapse", "window_days", model.recent_.window_days, None, None
    yield from _scored_temporal(survival, ended, left, data.follow_up[force] - ages)
    yield from _intervals(model, test, ages, left)


def _scored_temporal(
    survival: dict[str, np.ndarray], ended: np.ndarray, left: np.ndarray, follow_up: np.ndarray
) -> Iterator[Row]:
    said = "cut 2003-01-01"
    seen = _observed(ended, left, follow_up, AHEAD)
    lost = {name: (1 - s - seen) ** 2 for name, s in survival.items()}
    yield from _brier(said, "ibs", lost)
    best = min((name for name in lost if name.startswith("Cox")), key=lambda name: np.nanmean(lost[name]))
    for other in ("Kaplan-Meier", best):
        yield from _difference(said, f"ibs_less_{other}", lost["lapse"], lost[other])
    within, limit = ended & (left <= AHEAD * STEP), AHEAD * STEP
    watched = np.minimum(left, limit)
    for name, s in survival.items():
        mean = (np.column_stack([np.ones(len(s)), s[:, :-1]]) + s).sum(axis=1) / 2 * STEP
        yield said, name, "concordance", concordance(within, watched, -mean), None, None
        table = calibration_by_horizon(s, [4, 8, 20], ended, left, STEP)
        for step, part in table.groupby("step"):
            error = float(np.abs(part["predicted"] - part["observed"]).mean())
            yield said, name, f"calibration_error_{step}", error, None, None
        error = np.abs(restricted_mean_by_decile(mean, ended, left, limit)["error"])
        yield said, name, "restricted_mean_error", float(error.mean()), None, None
        yield said, name, "restricted_mean_worst", float(error.max()), None, None
        for year in ends_by_period(s, ended, left, STEP, 4, follow_up).itertuples():
            yield said, name, f"ends_year_{year.period}", year.error, None, None


def _intervals(model: Lifetime, test: pd.DataFrame, ages: np.ndarray, left: np.ndarray) -> Iterator[Row]:
    """Yield how many restricted lifetimes lie in their intervals, and how much lies in the tail."""
    limit = AHEAD * STEP
    found = model.predict_remaining_lifetime(test, limit, elapsed_days=ages, level=LEVEL)
    lower, upper = (found[f"remaining_lifetime_days_{side}"].to_numpy() for side in ("lower", "upper"))
    true = np.minimum(left, limit)
    said = "cut 2003-01-01"
    yield said, "lapse", "interval_80_coverage", float(((lower <= true) & (true <= upper)).mean()), None, None
    yield said, "lapse", "tail_share", float(found["tail_share"].mean()), None, None


def _observed(ended: np.ndarray, days: np.ndarray, follow_up: np.ndarray, n_steps: int) -> np.ndarray:
    return observe_steps(ended, days, follow_up, step_days=STEP, n_steps=n_steps)


def _brier(said: str, metric: str, lost: dict[str, np.ndarray]) -> Iterator[Row]:
    for name, squares in lost.items():
        lower, upper = bounds(_resampled(squares))
        yield said, name, metric, float(np.nanmean(squares, axis=0).mean()), float(lower), float(upper)


def _difference(said: str, metric: str, ours: np.ndarray, theirs: np.ndarray) -> Iterator[Row]:
    lower, upper = bounds(_resampled(ours - theirs))
    value = float(np.nanmean(ours - theirs, axis=0).mean())
    yield said, "lapse", metric, value, float(lower), float(upper)


def _resampled(values: np.ndarray) -> np.ndarray:
    """Return the mean over the steps of the means of the rows that are known, on each resample."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    weights = draw(np.arange(len(values)), REPLICATES, seed=0)
    return np.array([np.mean((weight @ filled) / (weight @ known)) for weight in weights])


if __name__ == "__main__":
    main()
