"""How good the churn probabilities are on real data, beside what a user would otherwise pick.

Complete Journey: 2,469 households of a grocer in 2017, as the demo writes them. As-of every 14 days from
2017-02-28 to 2017-11-21, at risk: a basket in the last 28 days. The last three dates test; everything is
learned from dates whose labels were final before the first of them. Two questions are asked of the same rows:

- ``quiet``: no basket in the next 28 days. The published comparisons ask this; it is computed here from the
  baskets alone.
- ``lapse``: lapse's own rule, the first silence of 28 days that completes within the next 28.

Run ``python -m benchmarks.quality``. It prints one table a question and writes both to ``quality.json``
(:mod:`benchmarks.judged`), with 95 % intervals from resampled households.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm as lgb
import numpy as np
import pandas as pd
from benchmarks.judged import NUMBERS, publish

import lapse
from lapse.demo import write_demo
from lapse.evaluation.tables import evaluate_probabilities
from lapse.evaluation.yardsticks import Histories, compare, rfm_columns
from lapse.models.defection import Defection
from lapse.schema import Float64

DATA = "Complete Journey"
SHOWN = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "calibration_in_the_large",
    "lift_top_decile",
)
TUNED = {
    "n_estimators": 300,
    "learning_rate": 0.03,
    "num_leaves": 5,
    "min_child_samples": 200,
    "reg_lambda": 10.0,
    "colsample_bytree": 0.5,
}
"""What an afternoon of tuning finds, on dates before the test dates."""


def main() -> None:
    """Make the tables, print them and write them."""
    with TemporaryDirectory() as folder:
        config = write_demo("groceries", Path(folder) / "groceries")
        baskets = pd.read_parquet(config.parent / "data" / "baskets.parquet")
        with lapse.read(lapse.load(config)) as history:
            data = lapse.snapshots(history)
    tables = quality(data, baskets)
    for protocol, table in tables.items():
        print(f"\n{DATA}, {protocol}\n{shown(table)}")
    rows = [row for protocol, table in tables.items() for row in as_rows(protocol, table)]
    publish("quality", rows)


def quality(data: lapse.Dataset, baskets: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table of each question."""
    fit, test = data.fit_part(), data.test_part()
    horizon = data.business.snapshots.horizon
    outcomes = {
        "quiet": tuple(quiet(part.keys, baskets, horizon) for part in (fit, test)),
        "lapse": (fit.labels.lapsed, test.labels.lapsed),
    }
    tables = {}
    for protocol, (learned, happened) in outcomes.items():
        said = predictions(fit, test, np.asarray(learned, np.float64))
        keys = test.keys
        tables[protocol] = evaluate_probabilities(happened, said, keys["customer_id"], keys["as_of"])
    return tables


def quiet(keys: pd.DataFrame, baskets: pd.DataFrame, horizon: int) -> Float64:
    """Return 1 where a household has no basket in the days (as_of, as_of + horizon]."""
    asked = keys.assign(as_of=keys["as_of"].astype("datetime64[us]"), row=np.arange(len(keys)))
    bought = pd.DataFrame(
        {
            "customer_id": baskets["household_id"],
            "day": baskets["bought_at"].dt.normalize().astype("datetime64[us]"),
        }
    )
    following = pd.merge_asof(
        asked.sort_values("as_of"),
        bought.sort_values("day"),
        left_on="as_of",
        right_on="day",
        by="customer_id",
        direction="forward",
        allow_exact_matches=False,
    ).sort_values("row")
    days = (following["day"] - following["as_of"]).dt.days.to_numpy(np.float64)
    return np.where(days <= horizon, 0.0, 1.0)


def predictions(fit: lapse.Dataset, test: lapse.Dataset, y: Float64) -> dict[str, Float64]:
    """Return the probabilities of every method for the test rows, lapse's first."""
    business = fit.business
    event, horizon = business.churn.event, business.snapshots.horizon
    begun = time.process_time()
    model = Defection(horizon, num_threads=1).fit(fit.features, y, as_of=fit.day)
    print(f"lapse: {fit.features.shape} learned in {time.process_time() - begun:.1f} s of one core")
    print(f"       {model.blend_.kind}, {model.calibration_}: {model.calibration_slice_.note}")
    said = {"lapse": model.predict_proba(test.features)[:, 1]}
    said["tuned LightGBM"] = tuned_lightgbm(fit.features, y, test.features, event)
    assert fit.everybody is not None
    assert fit.purchases is not None
    assert test.purchases is not None
    histories = Histories(fit.everybody, fit.purchases, test.purchases, horizon)
    return {**said, **compare(fit.features, y, test.features, event, histories).predictions}


def tuned_lightgbm(train: pd.DataFrame, y: Float64, test: pd.DataFrame, event: str) -> Float64:
    """Return a regularised LightGBM on the churn event's windows of recency, frequency and money."""
    names = rfm_columns(list(train.columns), event)
    model = lgb.LGBMClassifier(**TUNED, n_jobs=1, random_state=0, verbose=-1)
    model.fit(train[names].to_numpy(np.float64), y)
    return np.asarray(model.predict_proba(test[names].to_numpy(np.float64)), np.float64)[:, 1]


def shown(table: pd.DataFrame) -> str:
    """Return the metrics, the paired differences to lapse and the calibration by date, as text."""
    overall = table[(table["as_of"] == "") & table["metric"].isin(SHOWN)]
    alone = overall[overall["against"] == ""]
    text = alone.assign(
        cell=[f"{v:.4f} [{a:.4f}, {b:.4f}]" for v, a, b in _numbers(alone)],
    )
    paired = overall[overall["against"] != ""]
    less = paired.assign(cell=[f"{v:+.4f} [{a:+.4f}, {b:+.4f}]" for v, a, b in _numbers(paired)])
    less["metric"] = less["metric"] + " less lapse's"
    dated = table[(table["as_of"] != "")]
    dates = dated.assign(
        metric=dated["as_of"], cell=[f"{v:+.3f} [{a:+.3f}, {b:+.3f}]" for v, a, b in _numbers(dated)]
    )
    order = list(dict.fromkeys(table["method"]))
    wide = pd.concat([text, less, dates]).set_index(["method", "metric"])["cell"]
    names = [*SHOWN, *dict.fromkeys(less["metric"]), *dict.fromkeys(dates["metric"])]
    cells = {method: {metric: wide.get((method, metric), "") for metric in names} for method in order}
    return pd.DataFrame(cells).loc[names].to_string()


def _numbers(table: pd.DataFrame) -> zip[tuple[float, float, float]]:
    return zip(table["value"], table["lower"], table["upper"], strict=True)


def as_rows(protocol: str, table: pd.DataFrame) -> list[dict[str, str | float | None]]:
    """Return the table as rows for JSON; what has no interval has null bounds."""
    rows: list[dict[str, str | float | None]] = []
    for row in table.to_dict("records"):
        metric = str(row["metric"])
        metric += f" less {row['against']}'s" if row["against"] else ""
        metric += f" at {row['as_of']}" if row["as_of"] else ""
        numbers = {name: float(row[name]) for name in NUMBERS}
        rows.append(
            {"data": DATA, "protocol": protocol, "method": str(row["method"]), "metric": metric, **numbers}
        )
    return rows


if __name__ == "__main__":
    main()
