from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.evaluation import bootstrap, calibration, metrics, money, tables
from tests.evaluation.intervals import interval


def sample(n: int = 600) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 5, n)
    y = (rng.random(n) < p).astype(float)
    customer = np.arange(n) % (n // 3)
    as_of = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[s]")[np.arange(n) * 3 // n]
    return y, {"lapse": p, "base rate": np.full(n, y.mean())}, customer, as_of


def pick(table: pd.DataFrame, **wanted: object) -> pd.Series:
    rows = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


def test_each_method_has_each_metric_with_its_interval() -> None:
    y, said, customer, as_of = sample()
    table = tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=200, seed=7)
    assert tuple(table.columns) == tables.COLUMNS
    for method, p in said.items():
        for name, metric in tables.PROBABILITY_METRICS.items():
            row = pick(table, method=method, metric=name, as_of="", against="")
            assert row["value"] == metric(y, p)
            if name in tables.ABSOLUTE:
                assert np.isnan([row["lower"], row["upper"]]).all()
                assert "noise can only raise it" in row["note"]
                continue
            expected = interval(metric, y, p, customer, n_replicates=200, seed=7)
            assert (row["lower"], row["upper"]) == pytest.approx(expected[1:])
    difference = pick(table, method="base rate", metric="log_loss", against="lapse")
    found = bootstrap.replicate({"": metrics.log_loss}, y, said, customer, n_replicates=200, seed=7)
    value = metrics.log_loss(y, said["base rate"]) - metrics.log_loss(y, said["lapse"])
    lower, upper = bootstrap.bounds(found["base rate", ""] - found["lapse", ""])
    assert tuple(difference[["value", "lower", "upper"]]) == pytest.approx(
        (value, float(lower), float(upper))
    )
    assert difference["lower"] > 0


def test_no_interval_lies_beside_its_value_where_predictions_are_true() -> None:
    rng = np.random.default_rng(3)
    expected = np.exp(rng.normal(1, 0.5, 900))
    actual, customer = rng.gamma(0.1, expected / 0.1), np.arange(900)
    table = tables.evaluate_money(actual, {"lapse": expected}, customer, n_replicates=300)
    bound = table.dropna(subset="lower")
    assert set(table["metric"]) - set(bound["metric"]) == {"decile_error"}
    assert bound["value"].between(bound["lower"], bound["upper"]).all()
    error = interval(money.decile_error, actual, expected, customer, n_replicates=300)
    assert error.lower > 0.1  # the true error is 0, which is why there is none


def test_the_parts_of_the_brier_score_are_in_the_table_and_add_up() -> None:
    y, said, customer, as_of = sample()
    table = tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=5)
    value = table[(table["method"] == "lapse") & (table["as_of"] == "")].drop_duplicates("metric")
    value = value.set_index("metric")["value"]
    parts = value["brier_reliability"] - value["brier_resolution"] + value["brier_uncertainty"]
    assert parts + value["brier_remainder"] == pytest.approx(value["brier"], abs=1e-12)
    assert value["calibration_noise"] == calibration.calibration_noise(said["lapse"])


def test_calibration_is_given_for_each_date() -> None:
    y, said, customer, as_of = sample()
    table = tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=50)
    here = as_of == np.datetime64("2024-02-29")
    row = pick(table, method="lapse", as_of="2024-02-29")
    assert row["n"] == here.sum()
    assert row["value"] == calibration.calibration_in_the_large(y[here], said["lapse"][here])
    assert row["lower"] < row["value"] < row["upper"]


def test_a_slice_of_one_class_or_one_customer_does_not_end_the_table() -> None:
    y, said, customer, as_of = sample()
    y[as_of == np.datetime64("2024-03-31")] = 0
    as_of[0] = np.datetime64("2024-04-30")
    table = tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=20)
    empty = pick(table, method="lapse", as_of="2024-03-31")
    assert np.isnan(empty["value"])
    assert empty["note"] == "nobody lapsed: no rate to compare with"
    assert pick(table, method="lapse", as_of="2024-04-30")["note"]
    nobody = tables.evaluate_probabilities(np.zeros(600), said, customer, as_of, n_replicates=20)
    auc = pick(nobody, method="lapse", metric="auc", against="")
    assert np.isnan(auc["value"])
    assert auc["note"] == "nobody lapsed: nothing to rank"
    assert np.isfinite(pick(nobody, method="lapse", metric="log_loss", against="")["value"])


def test_predictions_that_are_missing_or_too_few_are_all_named() -> None:
    y, said, customer, as_of = sample()
    said["base rate"][3] = np.nan
    with pytest.raises(DataError, match=r"(?s)base rate: expected finite.*short: expected shape \(600,\)"):
        tables.evaluate_probabilities(y, said | {"short": np.ones(2)}, customer, as_of)


def test_lifetimes_take_survival_and_give_steps() -> None:
    observed = np.array([[0.0, 1.0], [0.0, np.nan], [1.0, 1.0], [0.0, 0.0]])
    survival = np.array([[0.9, 0.5], [0.9, 0.8], [0.2, 0.1], [1.0, 0.9]])
    said = {"lapse": survival, "Kaplan-Meier": np.tile([0.75, 0.4], (4, 1))}
    table = tables.evaluate_lifetime(observed, said, np.arange(4), step_days=30, n_replicates=50)
    assert pick(table, method="lapse", days=60, metric="observed_lapsed")["value"] == pytest.approx(2 / 3)
    predicted = pick(table, method="lapse", days=60, metric="predicted_lapsed")
    assert (predicted["value"], predicted["n"]) == (pytest.approx(0.5), 3)
    assert pick(table, method="Kaplan-Meier", against="lapse")["value"] > 0
    unreached = tables.evaluate_lifetime(
        np.full((4, 2), np.nan), said, np.arange(4), step_days=30, n_replicates=5
    )
    assert set(unreached["note"]) == {"no follow-up reaches the first step", "no follow-up reaches this step"}


def test_money_leaves_out_what_the_horizon_does_not_show() -> None:
    actual = np.array([1.0, np.nan, 3.0, 0.0, 4.0])
    said = {"lapse": np.array([1.0, 99, 3, 1, 5])}
    table = tables.evaluate_money(actual, said, np.arange(5), n_replicates=20)
    row = pick(table, metric="total_bias")
    assert (row["value"], row["n"]) == (pytest.approx(10 / 8 - 1), 4)
    with pytest.raises(DataError, match="wholly observed"):
        tables.evaluate_money(np.full(2, np.nan), {"lapse": np.ones(2)}, np.arange(2))
