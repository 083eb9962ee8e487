from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lapse.evaluation import tables
from lapse.evaluation.followed import Followed
from lapse.evaluation.lifetime_tables import evaluate_curves
from lapse.evaluation.report import Evaluation, Protocol
from tests.evaluation.test_tables import sample


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    y, said, customer, as_of = sample()
    protocol = Protocol(
        fit_as_of=("2023-07-31", "2023-08-31", "2023-09-30", "2023-10-31"),
        test_as_of=("2024-01-31", "2024-02-29", "2024-03-31"),
        horizon_days=28,
        n=600,
        n_customers=200,
        base_rate=float(y.mean()),
        n_replicates=50,
        seed=0,
    )
    observed = np.column_stack([y, np.where(np.arange(600) < 300, np.maximum(y, 1.0), np.nan), y * np.nan])
    survival = {name: np.column_stack([1 - p, 0.9 - 0.9 * p, 0.8 - 0.8 * p]) for name, p in said.items()}
    spend = 10 * np.arange(600.0)
    return Evaluation(
        protocol,
        tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=50),
        lifetime=tables.evaluate_lifetime(observed, survival, customer, step_days=14, n_replicates=20),
        spend=tables.evaluate_money(spend, {"lapse": 1.1 * spend}, customer, n_replicates=20),
        clv=tables.evaluate_money(spend, {"lapse": 0.9 * spend}, customer, n_replicates=20),
        absent={"BG/NBD": "the churn event covers a span"},
    )


@pytest.fixture(scope="module")
def with_curves(evaluation: Evaluation) -> Evaluation:
    rng = np.random.default_rng(0)
    duration = rng.integers(1, 90, 600).astype(np.int32)
    followed = Followed(duration <= 62, np.minimum(duration, 62), np.full(600, 62, np.int32), 14)
    own, steps = rng.uniform(0.9, 1, 600), [0.8, 0.7, 0.5, 0.4]
    survival = {"lapse": np.outer(own, steps), "base rate": np.tile(steps, (600, 1))}
    means = {"lapse": 35 * own, "base rate": np.full(600, 35.0)}
    found = evaluate_curves(followed, survival, means, np.arange(600), n_replicates=20)
    lifetime = pd.concat([evaluation.lifetime, found.overall], ignore_index=True)
    return replace(
        evaluation, lifetime=lifetime, lifetime_deciles=found.deciles, lifetime_periods=found.periods
    )


def test_whole_curves_are_printed_and_logged(with_curves: Evaluation) -> None:
    text = str(with_curves)
    head = text.split("remaining lifetime\n")[1].splitlines()[0]
    assert head.split("  ")[-1] == "concordance"
    assert "concordance: last of all, as curves that are wrong by the same factor keep it" in text
    months = text.split("lapses in days")[1].split("\n\n")[0].splitlines()
    assert months[1].split()[:4] == ["1", "to", "28", "600"]
    assert months[2].split()[:3] == ["29", "to", "56"]
    steps = text.split("lapsed by day")[1].splitlines()
    assert steps[0].split() == ["rows", "predicted", "observed", "Brier", "calib.", "error", "by", "chance"]
    logged = {
        "integrated_ipcw_brier",
        "lapses_error",
        "restricted_mean_worst",
        "d_calibration_p",
        "concordance",
    }
    assert logged <= set(with_curves.metrics())
    back = Evaluation.from_json(json.loads(json.dumps(with_curves.to_json(), allow_nan=False)))
    assert str(back) == text
    pd.testing.assert_frame_equal(back.lifetime_deciles, with_curves.lifetime_deciles, check_dtype=False)


def test_an_evaluation_from_before_whole_curves_is_read(evaluation: Evaluation) -> None:
    stored = evaluation.to_json()
    del stored["lifetime_deciles"], stored["lifetime_periods"]
    assert str(Evaluation.from_json(stored)) == str(evaluation)


def test_it_says_what_was_asked_of_whom(evaluation: Evaluation) -> None:
    text = str(evaluation)
    assert "fitted on 4 dates from 2023-07-31 to 2023-10-31" in text
    assert "tested on 2024-01-31, 2024-02-29, 2024-03-31: 600 rows of 200 customers" in text
    assert "lapsed within 28 days" in text
    assert "intervals: 95%, 50 resamples" in text
    assert "no BG/NBD: the churn event covers a span" in text


def test_it_says_what_was_sampled(evaluation: Evaluation) -> None:
    every = replace(evaluation.protocol, n_all=600, n_fit=9000, n_yardstick=9000)
    assert str(replace(evaluation, protocol=every)) == str(evaluation)
    some = replace(evaluation.protocol, n_all=70_000, n_fit=900_000, n_yardstick=200_000)
    text = str(replace(evaluation, protocol=some))
    assert "600 rows of 200 customers (chosen by a hash of their ids, of 70,000 rows)" in text
    assert "yardsticks: fitted on 200,000 of 900,000 rows" in text
    assert Evaluation.from_json(replace(evaluation, protocol=some).to_json()).protocol == some


def test_an_evaluation_from_before_samples_were_said_is_read(evaluation: Evaluation) -> None:
    stored = evaluation.to_json()
    for name in ("n_all", "n_fit", "n_yardstick"):
        del stored["protocol"][name]
    assert str(Evaluation.from_json(stored)) == str(evaluation)


@pytest.mark.parametrize(("lapses", "said"), [(29, True), (30, False), (570, False), (571, True)])
def test_few_lapses_on_the_test_dates_are_a_warning(evaluation: Evaluation, lapses: int, said: bool) -> None:
    few = replace(evaluation, protocol=replace(evaluation.protocol, base_rate=lapses / 600))
    assert len(few.warnings) == said
    assert (f"warning: the test dates show {lapses} lapses in 600 rows" in str(few)) == said


def test_one_of_a_thing_is_told_in_the_singular(evaluation: Evaluation) -> None:
    asked = replace(evaluation.protocol, n=1, n_customers=1, base_rate=1.0, horizon_days=1)
    text = str(replace(evaluation, protocol=asked))
    assert "1 row of 1 customer, 100.0% lapsed within 1 day\n" in text
    assert "the test dates show 1 lapse in 1 row of 1 customer:" in text


def test_columns_are_aligned_and_hold_the_values(evaluation: Evaluation) -> None:
    lines = str(evaluation).split("churn probability\n")[1].split("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1
    head, own, lower, _, other = lines
    assert head.split("  ")[0] == ""
    assert "AUC" in head
    assert own.startswith("lapse ")
    assert lower.startswith("  lower ")
    assert other.startswith("base rate ")
    assert f"{evaluation.metrics()['log_loss']:.4f}" in own


def test_undefined_numbers_are_dashes(evaluation: Evaluation) -> None:
    steps = [line.split() for line in str(evaluation).split("lapsed by day")[1].splitlines()[1:4]]
    assert steps[2] == ["42", "0", "-", "-", "-"]
    assert steps[0][:2] == ["14", "600"]


def test_metrics_of_money_are_told_apart(evaluation: Evaluation) -> None:
    found = evaluation.metrics()
    assert found["spend_total_bias"] == pytest.approx(0.1)
    assert found["clv_total_bias"] == pytest.approx(-0.1)
    assert {"auc", "brier_remainder", "integrated_brier"} <= set(found)
    assert evaluation.metrics("base rate")["auc"] == 0.5
    assert all(np.isfinite(value) for value in found.values())


def test_it_comes_back_from_json_as_it_was(evaluation: Evaluation) -> None:
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    back = Evaluation.from_json(json.loads(text))
    assert str(back) == str(evaluation)
    assert back.protocol == evaluation.protocol
    assert back.metrics() == evaluation.metrics()
    assert json.dumps(back.to_json(), allow_nan=False) == text


def test_what_was_not_evaluated_is_not_printed(evaluation: Evaluation) -> None:
    only = Evaluation(evaluation.protocol, evaluation.probabilities)
    assert "lifetime" not in str(only)
    assert "spend" not in str(only)
    back = Evaluation.from_json(only.to_json())
    assert str(back) == str(only)
    assert "spend_total_bias" not in back.metrics()
