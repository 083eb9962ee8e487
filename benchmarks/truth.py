"""How close lapse comes to the truth, where the truth is known: the synthetic gym and shop.

For each business and seed the tables are written, read and learned from as any user's, and the answers are
held against the oracle (what a perfect forecaster would say) and against what really happens, years beyond
the tables. Two places are looked at:

- ``test dates``: models fitted before them, on the customers at risk then; what ``lapse train`` evaluates.
- ``last day``: models fitted on every labelled date, on the customers at risk on the last day of the tables;
  what a user gets.

Every measure is a ratio of two sums over customers, so that seeds are joined by adding up and intervals
(95 %) come from resampled customers:

- ``log loss over the oracle's``, on what happened; ``divergence over entropy`` is its expectation less 1
  given the oracle's probabilities, and has less noise.
- ``lapses over what happened``, ``lapses over the oracle's``, ``clv over what happened`` (of the config's
  limit), ``lifetime over what happened`` (up to the same limit): totals.
- ``recall of <cause>``: of the customers whom a planted cause drives, the share who have a reason that raises
  the risk and comes from the cause's own event. A cause drives a customer if its part of the log hazard is at
  least 1 above the average of the peers; at the gym the decision must also lie ahead, and so early that a
  lapse after it falls into the horizon. ``false recall of <cause>`` is the same share of those in whom that
  part is below the average.

Run ``python -m benchmarks.truth [--seeds 11 12 13] [--customers 20000]``. It prints one table a business and
writes the joined seeds to ``quality.json`` (:mod:`benchmarks.judged`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.judged import publish

import lapse
from lapse.demo import example
from lapse.evaluation.bootstrap import bounds, draw
from lapse.explain.reasons import reasons
from lapse.jobs.estimators import Estimators, fit
from lapse.schema import Bool, Float64, to_date
from lapse.synth import Synthetic, make_gym, make_shop
from lapse.synth.truth import Truth

MAKERS: Mapping[str, Callable[..., Synthetic]] = {"gym": make_gym, "shop": make_shop}
EVENT_OF = {
    "gym": {"price": "price_rise", "complaint": "complaint", "visits": "visit"},
    "shop": {"late_delivery": "late_delivery", "ticket": "ticket", "discount": "discount"},
}
"""The event whose features show each of the three strongest causes."""
DRIVES = 1.0
"""Least part of the log hazard, above the average of the peers, of a cause that drives a customer."""


@dataclass(frozen=True)
class World:
    """A synthetic business as lapse sees it, and the truth about it."""

    data: lapse.Dataset
    last_day: lapse.Dataset
    truth: Truth


@dataclass(frozen=True)
class Ratio:
    """One measure: a sum over a sum, with the parts of every row and whose row it is."""

    above: Float64
    below: Float64
    customer: npt.NDArray[np.str_]

    @property
    def value(self) -> float:
        """The measure."""
        return float(self.above.sum() / self.below.sum())

    def interval(self, n_replicates: int = 500) -> tuple[float, float]:
        """Return its bounds over resampled customers."""
        drawn = [
            weight @ self.above / (weight @ self.below) for weight in draw(self.customer, n_replicates, 0)
        ]
        lower, upper = bounds(np.array(drawn))
        return float(lower), float(upper)

    @classmethod
    def join(cls, by_seed: Mapping[int, Ratio]) -> Ratio:
        """Return the measure over all seeds."""
        return cls(
            np.concatenate([one.above for one in by_seed.values()]),
            np.concatenate([one.below for one in by_seed.values()]),
            np.concatenate([np.char.add(f"{seed}:", one.customer) for seed, one in by_seed.items()]),
        )


def make_world(name: str, seed: int, n_customers: int) -> World:
    """Write a synthetic business, read it with its example config, and compute features and outcomes."""
    synthetic = MAKERS[name](n_customers, seed)
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "data").mkdir()
        for table, frame in synthetic.tables.items():
            frame.to_parquet(folder / "data" / f"{table}.parquet", index=False)
        (folder / f"{name}.yaml").write_text(example(name), encoding="utf-8")
        with lapse.read(lapse.load(folder / f"{name}.yaml")) as history:
            data = lapse.snapshots(history)
            last = to_date(synthetic.truth.observed_until)
            return World(data, lapse.snapshots(history, as_of=last, recipe=data.recipe), synthetic.truth)


def measure(world: World) -> dict[tuple[str, str], Ratio]:
    """Return every measure of one world by place and name."""
    earlier, final = fit(world.data.fit_part()), fit(world.data)
    places = {"test dates": (earlier, world.data.test_part()), "last day": (final, world.last_day)}
    return {
        (place, metric): ratio
        for place, (estimators, rows) in places.items()
        for metric, ratio in compare(estimators, rows, world.truth).items()
    }


def compare(estimators: Estimators, rows: lapse.Dataset, truth: Truth) -> dict[str, Ratio]:
    """Return every measure of fitted estimators on some customers at risk."""
    business = estimators.business
    value, horizon = business.value, business.snapshots.horizon
    days = [to_date(day) for day in np.unique(rows.day)]
    future = pd.concat(
        truth.future(
            day,
            horizon=horizon,
            limit=value.limit,
            margin_rate=value.margin_rate,
            discount_rate=value.discount_rate,
        )
        for day in days
    )
    known = _aligned(rows, truth.probability(days, horizon), future, truth.causes(days))
    said = estimators.predict(rows.features)
    p, oracle = said["churn_probability"].to_numpy(), known["probability"].to_numpy()
    lapsed = known["lapsed"].to_numpy(np.float64)
    left = (known["lapse_on"] - known["as_of"]).dt.days.fillna(np.inf).to_numpy(np.float64)
    parts = {
        "log loss over the oracle's": (_cross_entropy(lapsed, p), _cross_entropy(lapsed, oracle)),
        "divergence over entropy": (
            _cross_entropy(oracle, p) - _cross_entropy(oracle, oracle),
            _cross_entropy(oracle, oracle),
        ),
        "lapses over what happened": (p, lapsed),
        "lapses over the oracle's": (p, oracle),
        "clv over what happened": (said["clv"].to_numpy(), known["clv"].to_numpy()),
        "lifetime over what happened": (
            said["remaining_lifetime_days"].to_numpy(),
            np.minimum(left, value.limit),
        ),
    }
    customer = known["customer_id"].astype(str).to_numpy(np.str_)
    ratios = {metric: Ratio(*both, customer) for metric, both in parts.items()}
    return ratios | dict(recalls(estimators, rows, known, customer))


def recalls(
    estimators: Estimators, rows: lapse.Dataset, known: pd.DataFrame, customer: npt.NDArray[np.str_]
) -> Iterator[tuple[str, Ratio]]:
    """Yield recall and false recall of each planted cause."""
    defection, plan = estimators.defection, estimators.business.snapshots
    told = reasons(rows.features, defection.contributions(rows.features), defection.raw_score(rows.features))
    in_time = np.ones(len(known), np.bool_)
    if "decides_on" in known:
        ahead = (known["decides_on"] - known["as_of"]).dt.days.to_numpy()
        in_time = (ahead > 0) & (ahead <= plan.horizon - estimators.business.churn.grace)
    for cause, event in EVENT_OF[estimators.business.business].items():
        part, there = known[cause].to_numpy(), _tells_of(told, event)
        for metric, asked in (
            (f"recall of {cause}", in_time & (part >= DRIVES)),
            (f"false recall of {cause}", in_time & (part < 0)),
        ):
            ones = np.ones(int(asked.sum()))
            yield metric, Ratio(there[asked].astype(np.float64), ones, customer[asked])


def _tells_of(told: pd.DataFrame, event: str) -> Bool:
    """Return whether one of a row's reasons raises the risk and comes from an event."""
    found = np.zeros(len(told), np.bool_)
    for place in (1, 2, 3):
        group = told[f"reason_{place}_group"].fillna("").astype(str)
        found |= (
            group.str.startswith(event.replace("_", " ")) & (told[f"reason_{place}_effect"] > 0)
        ).to_numpy()
    return found


def _aligned(rows: lapse.Dataset, *tables: pd.DataFrame) -> pd.DataFrame:
    """Return what is true about each row, in the order of the rows."""
    known = rows.keys
    for table in tables:
        known = known.merge(table, on=["customer_id", "as_of"], how="left", validate="one_to_one")
    if known["probability"].isna().any() or len(known) != len(tables[0]):
        raise RuntimeError("lapse and the truth differ on who is at risk")
    return known


def _cross_entropy(truth: Float64, p: Float64) -> Float64:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    loss: Float64 = -(truth * np.log(p) + (1 - truth) * np.log1p(-p))
    return loss


def main() -> None:
    """Measure every business at every seed, print the tables and write the joined seeds."""
    parser = argparse.ArgumentParser(description="How close lapse comes to the truth.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--customers", type=int, default=20_000)
    asked = parser.parse_args()
    rows = []
    for name in MAKERS:
        by_seed = {seed: measure(make_world(name, seed, asked.customers)) for seed in asked.seeds}
        table = as_table(by_seed)
        print(f"\n{name}: {asked.customers:,} customers\n{table.to_string(float_format='{:.4f}'.format)}")
        data = f"synthetic {name}: {asked.customers:,} customers, {len(by_seed)} seeds"
        rows += as_rows(data, table)
    publish("truth", rows)


def as_table(by_seed: Mapping[int, Mapping[tuple[str, str], Ratio]]) -> pd.DataFrame:
    """Return a line a place and measure: a column a seed, then all seeds joined with their interval."""
    lines = {}
    for key in next(iter(by_seed.values())):
        ratios = {seed: found[key] for seed, found in by_seed.items()}
        joined = Ratio.join(ratios)
        lower, upper = joined.interval()
        alone = {str(seed): ratio.value for seed, ratio in ratios.items()}
        lines[key] = {**alone, "value": joined.value, "lower": lower, "upper": upper}
    return pd.DataFrame.from_dict(lines, orient="index")


def as_rows(data: str, table: pd.DataFrame) -> list[dict[str, str | float]]:
    """Return the joined seeds as rows for JSON."""
    rows: list[dict[str, str | float]] = []
    for (place, metric), *numbers in table[["value", "lower", "upper"]].itertuples():
        value, lower, upper = (round(float(number), 6) for number in numbers)
        rows.append(
            {
                "data": data,
                "protocol": f"simulated truth, {place}",
                "method": "lapse",
                "metric": metric,
                "value": value,
                "lower": lower,
                "upper": upper,
            }
        )
    return rows


if __name__ == "__main__":
    main()
