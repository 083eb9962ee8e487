"""How well purchases are foretold: CDNOW, beside the buy-till-you-die models of the literature.

The 23,570 customers who first bought CDs in the first quarter of 1997, and the tenth of them (2,357) that the
literature uses. Everything is learned from what happened up to 1997-09-30; asked are the 39 weeks after it.
A purchase is a day on which somebody bought. Methods:

- ``BG/NBD``, ``Pareto/NBD``: fitted to the purchases; expected purchases of each customer.
- ``lapse``: :class:`~lapse.models.purchases.Purchases` on Pareto/NBD's expectation. It learns from the ends
  of the months March to August, each with what was bought from there to 1997-09-30.

Spend is expected purchases times Gamma-Gamma's expected value of one. Metrics: ``rmse`` and ``correlation``
of purchases, ``total_bias`` of purchases, ``auc`` of who buys again, ``normalised_gini`` of spend; intervals
are of resampled customers (95 %).

Run ``python -m benchmarks.cdnow``; it reads ``../shared/data/cdnow`` and says so where that is absent. It
prints one table a data set and writes its rows to ``quality.json`` (:mod:`benchmarks.judged`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.judged import publish
from sklearn.metrics import roc_auc_score

from lapse.cohort.purchases import PurchaseHistory, read_histories
from lapse.evaluation.bootstrap import bounds, draw
from lapse.evaluation.money import normalised_gini, total_bias
from lapse.models.btyd import bg_nbd, gamma_gamma, pareto_nbd
from lapse.models.btyd.pareto_nbd import ParetoNbd
from lapse.models.purchases import Purchases
from lapse.schema import Float64

FOLDER = Path(__file__).parents[2] / "shared/data/cdnow"
CUT = pd.Timestamp("1997-09-30")
DAYS_AHEAD = 39 * 7
LEARN_FROM = pd.date_range("1997-03-31", "1997-08-31", freq="ME")
"""Ends of months at which all customers had come, and from which at least a month is known."""
METRICS = ("rmse", "correlation", "total_bias", "auc", "normalised_gini")


@dataclass(frozen=True)
class Happened:
    """What a customer bought after the cut: purchases and money, one number a customer."""

    customer: npt.NDArray[np.str_]
    purchases: Float64
    money: Float64


def main() -> None:
    """Measure both data sets, print the tables and write the rows."""
    if not FOLDER.exists():
        print(f"nothing to measure: {FOLDER} is absent")
        return
    rows = []
    for name, days in (("CDNOW sample", read_sample()), ("CDNOW full", read_full())):
        happened, said = measure(days)
        table = score(happened, said)
        print(f"\n{name}: {len(happened.purchases):,} customers\n{shown(table)}")
        rows += as_rows(name, table)
    publish("cdnow", rows)


def read_sample() -> pd.DataFrame:
    """Return customer, day, items, dollars of the tenth, one row a customer and day."""
    names = ["all", "customer", "day", "items", "dollars"]
    lines = pd.read_csv(
        FOLDER / "CDNOW_sample.txt", sep=r"\s+", names=names, dtype={"day": str, "customer": str}
    )
    return by_day(lines.assign(day=pd.to_datetime(lines["day"])))


def read_full() -> pd.DataFrame:
    """Return customer, day, items, dollars of everybody, one row a customer and day."""
    lines = pd.read_parquet(FOLDER / "cdnow.parquet")
    return by_day(lines.rename(columns={"cust": "customer", "date": "day", "q": "items", "amt": "dollars"}))


def by_day(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of a customer and day as one purchase, in the order of customers and days."""
    return lines.groupby(["customer", "day"], as_index=False)[["items", "dollars"]].sum()


def measure(days: pd.DataFrame) -> tuple[Happened, dict[str, tuple[Float64, Float64]]]:
    """Return what happened after the cut, and each method's expected purchases and spend, lapse's first."""
    known = days[days["day"] <= CUT]
    customer = known["customer"].unique()
    history = histories(known, CUT, customer)
    bought, money = after(days, CUT, DAYS_AHEAD, customer)
    value = expected_value(known, customer)
    model = pareto_nbd.fit(history)
    plain = model.expected_purchases(history, DAYS_AHEAD)
    expected = {
        "lapse": learn(known, model).predict(features(known, CUT, customer), plain),
        "Pareto/NBD": plain,
        "BG/NBD": bg_nbd.fit(history).expected_purchases(history, DAYS_AHEAD),
    }
    said = {method: (purchases, purchases * value) for method, purchases in expected.items()}
    return Happened(customer.astype(np.str_), bought, money), said


def learn(known: pd.DataFrame, model: ParetoNbd) -> Purchases:
    """Fit the factor on the ends of earlier months, on nothing that was bought after the cut."""
    frames, expected, bought, whose = [], [], [], []
    for as_of in LEARN_FROM:
        customer = known.loc[known["day"] <= as_of, "customer"].unique()
        ahead = (CUT - as_of).days
        frames.append(features(known, as_of, customer))
        expected.append(model.expected_purchases(histories(known, as_of, customer), ahead))
        bought.append(after(known, as_of, ahead, customer)[0])
        whose.append(customer)
    rows = [np.concatenate(parts) for parts in (expected, bought, whose)]
    return Purchases(num_threads=1).fit(pd.concat(frames, ignore_index=True), *rows)


def histories(days: pd.DataFrame, as_of: pd.Timestamp, customer: npt.NDArray[np.object_]) -> PurchaseHistory:
    """Return the history of each customer at the end of a day, in days."""
    day = numbers(days["day"])
    asked = np.full(len(customer), numbers(pd.Series([as_of]))[0])
    return read_histories(days["customer"].to_numpy(), day, day, customer, asked)


def numbers(day: pd.Series[pd.Timestamp]) -> npt.NDArray[np.int64]:
    """Return days as day numbers."""
    return day.to_numpy("datetime64[D]").astype(np.int64)


def after(
    days: pd.DataFrame, as_of: pd.Timestamp, ahead: int, customer: npt.NDArray[np.object_]
) -> tuple[Float64, Float64]:
    """Return the purchases and the dollars of each customer in (as_of, as_of + ahead]."""
    inside = days[(days["day"] > as_of) & (days["day"] <= as_of + pd.Timedelta(days=ahead))]
    totals = inside.groupby("customer")["dollars"].agg(["size", "sum"]).reindex(customer, fill_value=0)
    return totals["size"].to_numpy(np.float64), totals["sum"].to_numpy(np.float64)


def features(days: pd.DataFrame, as_of: pd.Timestamp, customer: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Return what is known of each customer at the end of a day: its pace, its silence, its money."""
    seen = days[days["day"] <= as_of].assign(age=lambda rows: (as_of - rows["day"]).dt.days)
    gap = -seen.groupby("customer")["age"].diff()
    seen = seen.assign(gap=gap)
    of = seen.groupby("customer")
    table = pd.DataFrame(
        {
            "purchases": of.size() - 1.0,
            "days_since_first": of["age"].max(),
            "days_since_last": of["age"].min(),
            "gap_mean": of["gap"].mean(),
            "gap_sd": of["gap"].std(),
            "gap_last": of["gap"].last(),
            "dollars_mean": of["dollars"].mean(),
            "dollars_max": of["dollars"].max(),
            "dollars_first": of["dollars"].first(),
            "dollars_last": of["dollars"].last(),
            "items": of["items"].sum(),
            **{f"purchases_{w}d": (seen["age"] < w).groupby(seen["customer"]).sum() for w in (30, 60, 90)},
        }
    )
    table["since_vs_gap"] = table["days_since_last"] / table["gap_mean"]
    return table.reindex(customer).astype(np.float64).reset_index(drop=True)


def expected_value(known: pd.DataFrame, customer: npt.NDArray[np.object_]) -> Float64:
    """Return Gamma-Gamma's expected dollars of a purchase, everybody's for who has not paid yet."""
    paid = known[known["dollars"] > 0].groupby("customer")["dollars"].agg(["size", "mean"])
    model = gamma_gamma.fit(paid["size"], paid["mean"])
    all_of_them = paid.reindex(customer).fillna({"size": 0.0, "mean": float(paid["mean"].mean())})
    return model.expected_value(all_of_them["size"], all_of_them["mean"])


def score(happened: Happened, said: dict[str, tuple[Float64, Float64]]) -> pd.DataFrame:
    """Return method, metric, value, lower, upper, and the paired differences to lapse's."""
    weights = [np.ones(len(happened.purchases)), *draw(happened.customer, 200, 0)]
    numbers_of = {
        method: np.array([list(metrics(happened, *one, weight)) for weight in weights])
        for method, one in said.items()
    }
    first = next(iter(said))
    lines = []
    for method, found in numbers_of.items():
        lines += [(method, metric, *interval(found[:, i])) for i, metric in enumerate(METRICS)]
        if method != first:
            less = found - numbers_of[first]
            lines += [
                (method, f"{metric} less {first}'s", *interval(less[:, i]))
                for i, metric in enumerate(METRICS)
            ]
    return pd.DataFrame(lines, columns=["method", "metric", "value", "lower", "upper"])


def metrics(happened: Happened, purchases: Float64, spend: Float64, weight: Float64) -> Iterator[float]:
    """Yield :data:`METRICS` of one method, each customer counted ``weight`` times."""
    actual = happened.purchases
    yield float(np.sqrt(np.average((purchases - actual) ** 2, weights=weight)))
    both = np.cov(purchases, actual, aweights=weight)
    yield float(both[0, 1] / np.sqrt(both[0, 0] * both[1, 1]))
    yield total_bias(actual, purchases, weight)
    yield float(roc_auc_score(actual > 0, purchases, sample_weight=weight))
    yield normalised_gini(happened.money, spend, weight)


def shown(table: pd.DataFrame) -> str:
    """Return the table as text, a line a metric and a column a method."""
    cell = [f"{row.value:.4f} [{row.lower:.4f}, {row.upper:.4f}]" for row in table.itertuples()]
    wide = table.assign(cell=cell).set_index(["metric", "method"])["cell"].unstack()  # noqa: PD010  no sums
    return wide.loc[list(dict.fromkeys(table["metric"])), list(dict.fromkeys(table["method"]))].to_string(
        na_rep=""
    )


def interval(found: Float64) -> tuple[float, float, float]:
    """Return the value on the customers as they are, and its bounds on resampled ones."""
    lower, upper = bounds(found[1:])
    return float(found[0]), float(lower), float(upper)


def as_rows(data: str, table: pd.DataFrame) -> list[dict[str, str | float]]:
    """Return the table as rows for JSON."""
    protocol = "cut at 1997-09-30, next 39 weeks"
    return [
        {"data": data, "protocol": protocol, "method": method, "metric": metric}
        | {name: round(float(x), 6) for name, x in zip(("value", "lower", "upper"), found, strict=True)}
        for method, metric, *found in table.itertuples(index=False)
    ]


if __name__ == "__main__":
    main()
