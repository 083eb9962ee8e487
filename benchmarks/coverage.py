"""How often intervals hold what happens, where the truth is known: the synthetic gym and shop.

For each business and seed a model is fitted on every labelled date; the customers at risk on the last day of
the tables are valued and held against what really happens to them, years beyond the tables:

- ``lifetime``, ``clv``: the share of customers within their 80 % interval; ``plain`` as it stands, ``ties``
  with randomised ties: an end on which many ends lie, such as a value of nothing, counts as inside with the
  chance that its place among them gives it (Czado, Gneiting and Held 2009, Biometrics 65(4));
- ``worst decile``: the share, ties randomised, in the tenth of customers (by prediction) farthest from 80 %;
- ``total``: the total CLV over what came, half the width of its 95 % interval, and whether that holds it.

Run ``python -m benchmarks.coverage [--seeds 1 2 3] [--customers 6000]``. It prints a line a world and the
mean of each business.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
from benchmarks.truth import MAKERS, make_world

from lapse.jobs.estimators import LEVEL, fit
from lapse.jobs.totals import total_in
from lapse.models.curve import Curve
from lapse.schema import Float64, to_date
from lapse.value import spread_of


def measure(name: str, seed: int, n_customers: int) -> dict[str, float]:
    """Return the measures of one world."""
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
    ranks = {
        "lifetime": (life, *lifetime_ranks(curve, life, value.limit), "remaining_lifetime_days"),
        "clv": (
            worth,
            (scenarios < worth[:, None] - 1e-6).mean(axis=1),
            (scenarios <= worth[:, None] + 1e-6).mean(axis=1),
            "clv",
        ),
    }
    found: dict[str, float] = {
        "customers": len(rows),
        "total": total.clv / worth.sum(),
        "half": (total.upper - total.clv) / total.clv,
        "held": total.lower <= worth.sum() <= total.upper,
    }
    for what, (happened, below, upto, column) in ranks.items():
        lower, upper = told[f"{column}_lower"].to_numpy(), told[f"{column}_upper"].to_numpy()
        inside = (happened >= lower - 1e-6) & (happened <= upper + 1e-6)
        place = below + np.random.default_rng(seed).random(len(rows)) * (upto - below)
        fair = np.abs(place - 0.5) < LEVEL / 2
        tenth = pd.qcut(told[column].rank(method="first"), 10, labels=False).to_numpy()
        shares = np.bincount(tenth, fair) / np.bincount(tenth)
        found |= {
            f"{what} plain": inside.mean(),
            f"{what} ties": fair.mean(),
            f"{what} worst decile": shares[np.abs(shares - LEVEL).argmax()],
        }
    return {key: float(number) for key, number in found.items()}


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


def worlds(seeds: list[int], n_customers: int) -> Iterator[dict[str, float | str]]:
    """Yield the measures of every business and seed."""
    for name in MAKERS:
        for seed in seeds:
            yield {"business": name, "seed": seed, **measure(name, seed, n_customers)}


def main() -> None:
    """Measure, print each world, and the mean of each business."""
    parser = argparse.ArgumentParser(description="How often intervals hold what happens.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--customers", type=int, default=6_000)
    asked = parser.parse_args()
    rows = []
    for row in worlds(asked.seeds, asked.customers):
        print({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
        rows.append(row)
    print(pd.DataFrame(rows).drop(columns="seed").groupby("business").mean().T.round(4).to_string())


if __name__ == "__main__":
    main()
