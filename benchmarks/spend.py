"""Which loss learns spend best: Poisson's, which lapse takes, beside others, on three kinds of shops.

Asked is what a customer spends in the time ahead, most often nothing and now and then a lot. LightGBM learns
it with the settings of :class:`~lapse.models.spend.Spend` and one loss after the other:

- ``Poisson``, ``least squares``, ``Tweedie`` with a power of 1.2 and 1.5.
- ``hurdle, Gamma``: the chance that anything is spent times the mean of what is, learned with Gamma's loss.
- ``hurdle, log-normal``: that chance times the mean of a log-normal distribution (zero-inflated log-normal),
  whose variance is the mean square of what the logarithms of left-out customers are off.
- ``Poisson from Pareto/NBD``, ``Poisson with Pareto/NBD``: the purchases that a buy-till-you-die model
  expects are where the trees start (an offset), or one more feature.

The rows, none of them on the test dates of another benchmark:

- ``Complete Journey``: 2,469 households, the next 28 days. Four times the tables end early, on 2017-08-15,
  09-12, 10-10 and 10-24, and the last three as-of dates of each are asked.
- ``synthetic shop``: 6,000 customers each of seeds 21 to 24, the next 60 days, the last three as-of dates.
- ``CDNOW``: 23,570 customers, the 13 weeks after 1997-06-30, learned from those before that day, on which
  one Pareto/NBD is fitted for both; left out where ``../shared/data/cdnow`` is absent.

Refunds lower what is scored; learned from is nothing where more was refunded than spent.

Run ``python -m benchmarks.spend``. It prints a table a data set and writes rows to ``quality.json``
(:mod:`benchmarks.judged`): total bias, decile error and normalised Gini (:mod:`lapse.evaluation.money`), with
95 % intervals from resampled customers, and the Gini less Poisson's on the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.judged import publish
from benchmarks.truth import make_world
from sklearn.model_selection import GroupKFold

import lapse
from benchmarks import cdnow
from lapse.demo import write_demo
from lapse.evaluation.money import over_horizon
from lapse.evaluation.tables import evaluate_money
from lapse.models.boosting import Settings
from lapse.models.btyd import pareto_nbd
from lapse.models.encoding import Encoding
from lapse.models.spend import Spend
from lapse.schema import Bool, Float32, Float64, Int64

ENDS = ("2017-08-15", "2017-09-12", "2017-10-10", "2017-10-24")
SEEDS, CUSTOMERS = (21, 22, 23, 24), 6_000
AS_OF, WEEKS = pd.Timestamp("1997-06-30"), pd.Timedelta(weeks=13)
REFERENCE = "Poisson"


@dataclass(frozen=True)
class Rows:
    """What is known of customers, what they then spent (signed), what Pareto/NBD expects, and whose it is."""

    matrix: Float32
    categorical: list[int]
    spend: Float64
    expected: Float64
    customer: npt.NDArray[Any]

    @property
    def paid(self) -> Float64:
        """What the losses learn: spend, and nothing where more was refunded."""
        return np.maximum(self.spend, 0.0)

    def take(self, rows: Int64 | Bool) -> Rows:
        """Return some rows."""
        return replace(
            self,
            matrix=self.matrix[rows],
            spend=self.spend[rows],
            expected=self.expected[rows],
            customer=self.customer[rows],
        )

    def with_expected(self) -> Rows:
        """Return the rows with what Pareto/NBD expects as one more feature."""
        return replace(self, matrix=np.column_stack([self.matrix, self.expected]).astype(np.float32))


Question = tuple[Rows, Rows]
"""The rows to learn from, and those to foretell."""


def main() -> None:
    """Measure each data set, print the tables and write the rows."""
    rows: list[dict[str, object]] = []
    for data, questions in (
        ("Complete Journey", groceries()),
        ("synthetic shop", shops()),
        ("CDNOW full", cdnow_customers()),
    ):
        parts = list(questions)
        if not parts:
            print(f"\n{data}: not here")
            continue
        table = measure(parts)
        print(f"\n{data}: {sum(len(test.spend) for _, test in parts):,} rows\n{shown(table)}", flush=True)
        protocol = "spend of the time ahead, by loss"
        kept = table[["method", "metric", "value", "lower", "upper"]]
        rows += [{"data": data, "protocol": protocol} | row for row in kept.to_dict("records")]
    publish("spend", rows)


def measure(questions: list[Question]) -> pd.DataFrame:
    """Return the measures of every loss, the rows of all questions together."""
    said = {
        name: np.concatenate([foretell(*question) for question in questions])
        for name, foretell in LOSSES.items()
    }
    actual = np.concatenate([test.spend for _, test in questions])
    customer = np.concatenate([test.customer for _, test in questions])
    table = evaluate_money(actual, said, customer, reference=REFERENCE)
    less = np.where(table["against"] == "", "", f" less {REFERENCE}'s")
    return table.assign(metric=table["metric"] + less)


def shown(table: pd.DataFrame) -> str:
    """Return a line a loss and a column a measure."""
    wide = table.pivot_table("value", "method", "metric", sort=False)
    return wide.round(4).to_string()


def boost(
    rows: Rows, objective: str, target: Float64, start: Float64 | None = None, **more: float
) -> lgb.Booster:
    """Return LightGBM, as ``Spend`` has it, on a target of these rows."""
    settings = Settings.of(Spend(1, num_threads=1), objective)
    parameters = settings.parameters(len(target), 0) | more
    data = lgb.Dataset(
        rows.matrix,
        target,
        init_score=start,
        categorical_feature=rows.categorical,
        params=parameters,
    )
    return lgb.train(parameters, data, num_boost_round=settings.n_estimators)


def predict(model: lgb.Booster, rows: Rows, *, raw: bool = False) -> Float64:
    """Return the mean that a model expects of each row, or its raw score."""
    return np.asarray(model.predict(rows.matrix, raw_score=raw), np.float64)


def one_loss(objective: str, **more: float) -> Callable[[Rows, Rows], Float64]:
    """Return how one loss foretells spend."""

    def foretell(fit: Rows, test: Rows) -> Float64:
        scale = fit.paid.mean()
        return scale * predict(boost(fit, objective, fit.paid / scale, **more), test)

    return foretell


def hurdle(mean_of_payers: Callable[[Rows, Rows], Float64]) -> Callable[[Rows, Rows], Float64]:
    """Return how the chance of spending anything foretells spend, with the mean of those who do."""

    def foretell(fit: Rows, test: Rows) -> Float64:
        pays = fit.spend > 0
        chance = predict(boost(fit, "binary", pays.astype(np.float64)), test)
        return chance * mean_of_payers(fit.take(pays), test)

    return foretell


def log_normal(fit: Rows, test: Rows) -> Float64:
    """Return the mean of a log-normal distribution about what the logarithm is expected to be."""
    logarithm, missed = np.log(fit.spend), np.empty(len(fit.spend))
    for learn, left_out in GroupKFold(3).split(fit.matrix, groups=fit.customer):
        model = boost(fit.take(learn), "regression", logarithm[learn])
        missed[left_out] = logarithm[left_out] - predict(model, fit.take(left_out))
    return np.exp(predict(boost(fit, "regression", logarithm), test) + np.mean(missed**2) / 2)


def from_expected(fit: Rows, test: Rows) -> Float64:
    """Return Poisson's mean where the trees start at the purchases that Pareto/NBD expects."""
    level, scale = fit.paid.sum() / fit.expected.sum(), fit.paid.mean()
    start = np.log(fit.expected * level / scale)
    model = boost(fit, "poisson", fit.paid / scale, start)
    return level * test.expected * np.exp(predict(model, test, raw=True))


def with_expected(fit: Rows, test: Rows) -> Float64:
    """Return Poisson's mean with Pareto/NBD's expectation as one more feature."""
    return one_loss("poisson")(fit.with_expected(), test.with_expected())


LOSSES: Mapping[str, Callable[[Rows, Rows], Float64]] = {
    REFERENCE: one_loss("poisson"),
    "least squares": one_loss("regression"),
    "Tweedie, 1.2": one_loss("tweedie", tweedie_variance_power=1.2),
    "Tweedie, 1.5": one_loss("tweedie", tweedie_variance_power=1.5),
    "hurdle, Gamma": hurdle(one_loss("gamma")),
    "hurdle, log-normal": hurdle(log_normal),
    "Poisson from Pareto/NBD": from_expected,
    "Poisson with Pareto/NBD": with_expected,
}


def groceries() -> Iterator[Question]:
    """Yield the households' question at each of the earlier ends."""
    with TemporaryDirectory() as place:
        config = write_demo("groceries", Path(place) / "groceries")
        text = config.read_text(encoding="utf-8")
        for end in ENDS:
            early = config.with_name(f"until-{end}.yaml")
            ends = text.replace("observed_until: 2017-12-31", f"observed_until: {end}")
            early.write_text(f"{ends}quality: {{future_dates: drop}}\n", encoding="utf-8")
            with lapse.read(lapse.load(early)) as history:
                yield ask(lapse.snapshots(history), "")


def shops() -> Iterator[Question]:
    """Yield the question of each simulated shop."""
    for seed in SEEDS:
        yield ask(make_world("shop", seed, CUSTOMERS).data, f"{seed}:")


def ask(data: lapse.Dataset, prefix: str) -> Question:
    """Return what is spent in the horizon of the fit dates and of the test dates."""
    fit, test = data.fit_part(), data.test_part()
    horizon = fit.business.snapshots.horizon
    assert fit.everybody is not None
    model = pareto_nbd.fit(fit.everybody)
    encoding = Encoding.fit(fit.features)

    def rows(part: lapse.Dataset) -> Rows:
        spend = over_horizon(part.labels.spend, horizon // fit.business.step_days)
        every = Rows(
            encoding.encode(part.features),
            encoding.categorical,
            spend,
            model.expected_purchases(part.purchases, horizon),
            prefix + part.keys["customer_id"].astype(str).to_numpy(np.str_).astype(object),
        )
        return every.take(~np.isnan(spend))

    return rows(fit), rows(test)


def cdnow_customers() -> Iterator[Question]:
    """Yield the question of CDNOW's customers, nothing where they are not here."""
    if not cdnow.FOLDER.exists():
        return
    days = cdnow.read_full()
    known = days[days["day"] <= AS_OF]
    model = pareto_nbd.fit(cdnow.histories(known, AS_OF, known["customer"].unique()))

    def rows(as_of: pd.Timestamp) -> Rows:
        known = days[days["day"] <= as_of]
        customer = known["customer"].unique()
        history = cdnow.histories(known, as_of, customer)
        features = cdnow.features(known, as_of, customer)
        return Rows(
            features.to_numpy(np.float32),
            [],
            cdnow.after(days, as_of, WEEKS.days, customer)[1],
            model.expected_purchases(history, WEEKS.days),
            customer,
        )

    yield rows(AS_OF - WEEKS), rows(AS_OF)


if __name__ == "__main__":
    main()
