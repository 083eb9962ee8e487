from __future__ import annotations

import numpy as np
import pytest

from lapse.errors import DataError
from lapse.evaluation import bootstrap, calibration, metrics
from tests.evaluation.intervals import interval


def mean(_: np.ndarray, p: np.ndarray, weight: np.ndarray) -> float:
    return float(weight @ p / weight.sum())


def simulate(rng: np.random.Generator, n_customers: int = 150, n_dates: int = 4) -> tuple[np.ndarray, ...]:
    """Rows of one customer resemble each other: most of the spread is between customers."""
    customer = np.repeat(np.arange(n_customers), n_dates)
    p = np.clip(
        0.5 + 0.15 * rng.normal(size=n_customers)[customer] + 0.03 * rng.normal(size=len(customer)), 0, 1
    )
    return customer, p, (rng.random(len(p)) < p).astype(float)


def test_a_row_counts_as_often_as_its_customer_was_drawn() -> None:
    customer = np.array(["b", "a", "b", "c"])
    for weight in bootstrap.draw(customer, 50, seed=1):
        assert weight[0] == weight[2]
        assert weight[[0, 1, 3]].sum() == 3


def test_replicates_agree_with_copying_the_rows() -> None:
    rng = np.random.default_rng(0)
    customer, p, y = simulate(rng, 40)
    shuffled = rng.permutation(len(y))
    customer, p, y = customer[shuffled], p[shuffled], y[shuffled]
    found = bootstrap.replicate({"auc": metrics.auc}, y, {"m": p}, customer, n_replicates=30, seed=4)
    for got, weight in zip(found["m", "auc"], bootstrap.draw(customer, 30, seed=4), strict=True):
        copies = np.repeat(np.arange(len(y)), weight.astype(int))
        assert got == pytest.approx(metrics.auc(y[copies], p[copies]))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for i in range(300):
        customer, p, y = simulate(rng, 60, 3)
        got = interval(mean, y, p, customer, n_replicates=300, seed=i)
        covered.append(got.lower <= 0.5 <= got.upper)
    assert 0.91 <= np.mean(covered) <= 0.98


def test_repeated_rows_of_a_customer_are_not_taken_for_evidence() -> None:
    customer, p, y = simulate(np.random.default_rng(3), 200, 6)
    clustered = interval(mean, y, p, customer)
    naive = interval(mean, y, p, np.arange(len(p)))
    assert clustered.upper - clustered.lower > 1.8 * (naive.upper - naive.lower)
    standard_error = p.reshape(200, 6).mean(axis=1).std(ddof=1) / np.sqrt(200)
    assert clustered.upper - clustered.lower == pytest.approx(2 * 1.96 * standard_error, rel=0.08)


def test_differences_are_paired() -> None:
    customer, p, y = simulate(np.random.default_rng(4))
    better = np.clip(p + 0.02 * (y - 0.5), 0, 1)
    both = {"p": p, "better": better}
    found = bootstrap.replicate({"": metrics.log_loss}, y, both, customer, n_replicates=1000, seed=0)
    lower, upper = bootstrap.bounds(found["p", ""] - found["better", ""])
    assert lower > 0
    alone_lower, alone_upper = bootstrap.bounds(found["p", ""])
    assert upper - lower < 0.3 * (alone_upper - alone_lower)


def test_a_seed_gives_the_same_interval_and_another_gives_another() -> None:
    customer, p, y = simulate(np.random.default_rng(5))
    first, again, other = (
        interval(metrics.brier, y, p, customer, n_replicates=200, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.value == other.value
    assert first.lower != other.lower


def test_the_order_of_rows_moves_nothing_but_the_draw() -> None:
    customer, p, y = simulate(np.random.default_rng(6))
    forward = interval(metrics.auc, y, p, customer)
    backward = interval(metrics.auc, y[::-1], p[::-1], customer[::-1])
    assert forward.value == backward.value
    assert forward.lower == pytest.approx(backward.lower, abs=0.01)


def test_a_metric_may_return_several_numbers() -> None:
    customer, p, y = simulate(np.random.default_rng(7))
    found = bootstrap.replicate(
        {"parts": calibration.brier_parts}, y, {"m": p}, customer, n_replicates=20, seed=0
    )
    assert found["m", "parts"].shape == (20, 4)
    lower, upper = bootstrap.bounds(found["m", "parts"])
    assert lower.shape == upper.shape == (4,)
    assert (lower <= upper).all()


def test_an_interval_needs_the_metric_on_nearly_every_resample() -> None:
    replicates = np.linspace(0, 1, 1000)
    replicates[:50] = np.nan
    lower, upper = bootstrap.bounds(replicates)
    assert np.isfinite([lower, upper]).all()
    replicates[:150] = np.nan
    assert np.isnan(bootstrap.bounds(replicates)).all()


def test_a_rare_lapse_leaves_auc_without_an_interval() -> None:
    y, p = np.zeros(50), np.linspace(0, 1, 50)
    y[7] = 1
    got = interval(metrics.auc, y, p, np.arange(50))
    assert np.isfinite(got.value)
    assert np.isnan(got.lower)
    assert np.isnan(got.upper)


def test_one_customer_and_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="at least 2 customers"):
        interval(metrics.brier, np.ones(3), np.ones(3), np.array(["a"] * 3))
    with pytest.raises(ValueError, match="m: expected 2 rows"):
        bootstrap.replicate({}, np.ones(3), {"m": np.ones(3)}, np.arange(2), n_replicates=1, seed=0)
