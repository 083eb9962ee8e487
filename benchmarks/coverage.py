"""How often intervals hold what happens, where the truth is known: the synthetic gym and shop.

For each business and seed a model is fitted on every labelled date; the customers at risk on the last day of
the tables are valued and held against what really happens to them, years beyond the tables:

- ``<lifetime, clv> within its bounds``: the share of customers between the published lower and upper bound
  of their 80 % interval, ends counted as inside, and the same of each tenth of customers by prediction, all
  seeds together. Many lie on an end at once, such as a value of nothing, so that this counts some too many.
- ``<lifetime, clv> within its interval``: the same with ties randomised: what lies where many do counts as
  inside with the chance that its place among them gives it (Czado, Gneiting and Held 2009, Biometrics 65(4)).
  The intervals of both shares are Wilson's.
- ``total within its interval``: the share of seeds whose total CLV lies in its 95 % interval; ``half width of
  the total's interval`` is relative to the total, the mean of the seeds.
- ``total over what happened``: of CLVs, all seeds together, with bounds from resampled seeds.

Run ``python -m benchmarks.coverage [--seeds 1 2 3] [--customers 6000]``, a world on each core. It prints a
line a world and a table a business, and writes rows to ``quality.json`` (:mod:`benchmarks.judged`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from benchmarks.judged import NUMBERS, publish
from benchmarks.truth import MAKERS, make_world
from scipy.stats import binomtest
from sklearn.utils.parallel import Parallel, delayed

from lapse.evaluation.bootstrap import bounds
from lapse.jobs.estimators import LEVEL, fit
from lapse.jobs.totals import total_in
from lapse.models.curve import Curve
from lapse.schema import Float64, to_date
from lapse.value import spread_of

Bounds = tuple[float, float, float]
"""A measure, its lower and its upper bound."""


@dataclass(frozen=True)
class World:
    """What one world shows.

    Attributes
    ----------
    inside, size : mapping of str to float64, shape (10,)
        By ``lifetime`` and ``clv``: customers within their interval and customers, by tenth.
    between : mapping of str to float64, shape (10,)
        Customers between their published bounds, the same way.
    total, half, happened : float
        The total CLV, half the width of its interval, and what came.
    held : bool
        Whether the total's interval holds what came.
    """

    inside: Mapping[str, Float64]
    size: Mapping[str, Float64]
    between: Mapping[str, Float64]
    total: float
    half: float
    happened: float
    held: bool


def measure(name: str, seed: int, n_customers: int) -> World:
    """Return what one world shows."""
    world = make_world(name, seed, n_customers)
    estimators, rows = fit(world.data), world.last_day
    value, day = estimators.business.value, to_date(rows.day[0])
    future = world.truth.future(
        day,
        horizon=estimators.business.snapshots.horizon,
        limit=value.limit,
        margin_rate=value.margin_rate,
        discount_rate=value.discount_rate,
    )
    known = rows.keys.merge(future, on=["customer_id", "as_of"], how="left", validate="one_to_one")
    left = (known["lapse_on"] - known["as_of"]).dt.days.fillna(np.inf)
    life, worth = np.minimum(left.to_numpy(np.float64), value.limit), known["clv"].to_numpy()
    valued, curve = estimators.valued(rows.features), estimators.curve(rows.features)
    told, total = valued.predicted, total_in(valued.sums, estimators.spreads.shocks)
    scenarios = spread_of(curve, value, estimators.spreads.money).scenarios(slice(None))
    clv_ranks = (scenarios < worth[:, None] - 1e-6).mean(1), (scenarios <= worth[:, None] + 1e-6).mean(1)
    ranks = {
        "lifetime": (*lifetime_ranks(curve, life, value.limit), "remaining_lifetime_days", life),
        "clv": (*clv_ranks, "clv", worth),
    }
    inside, size, between = {}, {}, {}
    for what, (below, upto, column, true) in ranks.items():
        place = below + np.random.default_rng(seed).random(len(rows)) * (upto - below)
        tenth = pd.qcut(told[column].rank(method="first"), 10, labels=False).to_numpy()
        lower, upper = (told[f"{column}_{side}"].to_numpy() for side in ("lower", "upper"))
        inside[what] = np.bincount(tenth, np.abs(place - 0.5) < LEVEL / 2)
        size[what] = np.bincount(tenth).astype(np.float64)
        between[what] = np.bincount(tenth, (lower - 1e-6 <= true) & (true <= upper + 1e-6))
    happened = float(worth.sum())
    held = total.lower <= happened <= total.upper
    return World(inside, size, between, total.clv, (total.upper - total.lower) / 2, happened, held)


def lifetime_ranks(curve: Curve, life: Float64, limit: int) -> tuple[Float64, Float64]:
    """Return the chance of a shorter lifetime, and of one as long at most, by each customer's own curve."""
    row, step = np.arange(len(life)), np.clip(np.ceil(life / curve.step_days).astype(int) - 1, 0, None)
    start, end = curve.at_start[row, step], curve.survival[row, step]
    flat, at_once = curve.flat_share[row, step], curve.first_day_lapses[row, step]
    inside = life / curve.step_days - step
    slowly = np.clip((inside - flat) / np.maximum(1 - flat, 1e-9), 0, 1)
    gone = at_once + (1 - at_once) * slowly
    upto = 1 - start + (start - end) * np.where(inside >= flat - 1e-9, gone, 0.0)
    below = 1 - start + (start - end) * np.where(inside > flat + 1e-9, gone, 0.0)
    return below, np.where(life >= limit, 1.0, upto)


def table(worlds: Sequence[World]) -> dict[str, Bounds]:
    """Return every measure of one business, all seeds together: value, lower and upper."""
    found: dict[str, Bounds] = {}
    for what in ("lifetime", "clv"):
        size = sum(world.size[what] for world in worlds)
        for counted, words in (("inside", "interval"), ("between", "bounds")):
            inside = sum(getattr(world, counted)[what] for world in worlds)
            found[f"{what} within its {words}"] = _share(inside.sum(), size.sum())
            for tenth in range(10):
                found[f"{what} within its {words}, tenth {tenth + 1}"] = _share(inside[tenth], size[tenth])
    found["total within its interval"] = _share(sum(world.held for world in worlds), len(worlds))
    total, half, happened = (
        np.array([getattr(world, part) for world in worlds]) for part in ("total", "half", "happened")
    )
    found["half width of the total's interval"] = (float((half / total).mean()), np.nan, np.nan)
    drawn = np.random.default_rng(0).integers(0, len(worlds), (2_000, len(worlds)))
    lower, upper = bounds(total[drawn].sum(axis=1) / happened[drawn].sum(axis=1))
    found["total over what happened"] = (float(total.sum() / happened.sum()), float(lower), float(upper))
    return found


def _share(count: float, size: float) -> Bounds:
    interval = binomtest(round(count), round(size)).proportion_ci(method="wilson")
    return float(count / size), float(interval.low), float(interval.high)


def main() -> None:
    """Measure, print each world and each business, and write the rows."""
    parser = argparse.ArgumentParser(description="How often intervals hold what happens.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--customers", type=int, default=6_000)
    asked = parser.parse_args()
    rows: list[dict[str, object]] = []
    for name in MAKERS:
        worlds = []
        each = (delayed(measure)(name, seed, asked.customers) for seed in asked.seeds)
        for seed, world in zip(asked.seeds, Parallel(n_jobs=-1, return_as="generator")(each), strict=True):
            worlds.append(world)
            short = {key: round(of[0], 3) for key, of in table([world]).items() if "tenth" not in key}
            print(name, seed, short, flush=True)
        found = table(worlds)
        print(pd.DataFrame(found, index=["value", "lower", "upper"]).T.round(4).to_string(), flush=True)
        data = f"synthetic {name}: {asked.customers:,} customers, {len(worlds)} seeds"
        key = {"data": data, "protocol": "simulated truth, last day", "method": "lapse"}
        for metric, numbers in found.items():
            rows.append(key | {"metric": metric} | dict(zip(NUMBERS, numbers, strict=True)))
    publish("coverage", rows)


if __name__ == "__main__":
    main()
