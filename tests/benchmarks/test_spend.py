from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.spend import LOSSES, REFERENCE, Rows, log_normal, measure

N = 6_000


def rows(seed: int) -> Rows:
    """Return customers of two kinds: half of one kind and a tenth of the other spend, log-normally."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, N)
    pays = rng.random(N) < np.where(kind == 1, 0.5, 0.1)
    amount = np.exp(rng.normal(np.where(kind == 1, 3.0, 2.0), 0.5))
    matrix = np.column_stack([kind, rng.normal(size=N)]).astype(np.float32)
    expected = np.where(kind == 1, 5.0, 1.0)
    return Rows(matrix, [], np.where(pays, amount, 0.0), expected, np.arange(N).astype(str))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_finds_the_mean_of_each_kind(loss: str) -> None:
    fit, test = rows(0), rows(1)
    said = LOSSES[loss](fit, test)
    kind = test.matrix[:, 0]
    spread = np.exp(0.5**2 / 2)
    assert said[kind == 1].mean() == pytest.approx(0.5 * np.exp(3.0) * spread, rel=0.1)
    assert said[kind == 0].mean() == pytest.approx(0.1 * np.exp(2.0) * spread, rel=0.1)


def test_the_mean_of_a_log_normal_distribution_is_above_its_median() -> None:
    payers = rows(0)
    payers = payers.take(payers.spend > 0)
    median = np.exp(np.log(payers.spend).mean())
    assert log_normal(payers, payers).mean() / median > 1.05


def test_some_rows_keep_what_belongs_to_them() -> None:
    every = rows(0)
    some = every.take(np.array([5, 2]))
    np.testing.assert_array_equal(some.spend, every.spend[[5, 2]])
    np.testing.assert_array_equal(some.expected, every.expected[[5, 2]])
    assert some.customer.tolist() == ["5", "2"]
    np.testing.assert_array_equal(some.with_expected().matrix[:, -1], some.expected)


def test_a_loss_is_compared_with_poissons_on_the_rows_of_all_questions() -> None:
    table = measure([(rows(0), rows(1)), (rows(2), rows(3))])
    assert set(table["n"]) == {2 * N}
    less = table[table["metric"] == f"normalised_gini less {REFERENCE}'s"]
    assert set(less["method"]) == set(LOSSES) - {REFERENCE}
    gini = table[table["metric"] == "normalised_gini"].set_index("method")["value"]
    pd.testing.assert_series_equal(
        less.set_index("method")["value"], gini.drop(REFERENCE) - gini[REFERENCE], check_names=False
    )
