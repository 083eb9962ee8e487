"""Bins made from columns and from batches: the boosters are those of one matrix, to the digit."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from lapse.models import boosting, person_period
from lapse.models.ahead import Ahead
from lapse.models.boosting import Settings
from lapse.models.encoding import Columns
from lapse.models.person_period import PersonPeriods, expand, with_step
from lapse.schema import Float32, Float64

SETTINGS = Settings(
    objective="binary",
    n_estimators=4,
    learning_rate=0.1,
    num_leaves=7,
    min_child_samples=20,
    reg_lambda=1.0,
    feature_fraction=0.8,
    extra_trees=True,
    n_bags=2,
    random_state=0,
    num_threads=1,
)
MORE_THAN_BINS_NEED = 210_000


def some_rows(n: int) -> tuple[Float32, Float64, Float64]:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.lognormal(0, 1, n), rng.integers(0, 5, n), rng.poisson(1, n)])
    matrix[rng.random(n) < 0.1, 0] = np.nan
    label = (rng.random(n) < 0.1 + 0.1 * (matrix[:, 1] == 2) + 0.05 * matrix[:, 2].clip(0, 3)).astype(float)
    return matrix.astype(np.float32), label, rng.uniform(0.5, 2.0, n)


def trees(booster: lgb.Booster) -> str:
    """Return the text of the trees, without the parameters behind them."""
    return str(booster.model_to_string()).split("\nparameters:")[0]


def of_a_matrix(settings: Settings, matrix: Float32, label: Float64, weight: Float64 | None) -> list[str]:
    """Return the trees as they grow from one matrix, with bins of their own for each bag."""
    found = []
    for bag in range(settings.n_bags):
        parameters = settings.parameters(len(matrix), bag)
        data = lgb.Dataset(matrix, label, weight=weight, categorical_feature=[1], params=parameters)
        found.append(trees(lgb.train(parameters, data, num_boost_round=settings.n_estimators)))
    return found


@pytest.mark.parametrize("n", [500, 5_000, MORE_THAN_BINS_NEED])
def test_columns_grow_the_trees_of_a_matrix(n: int) -> None:
    matrix, label, weight = some_rows(n)
    columns = Columns(tuple(matrix.T))
    data = boosting.binned(SETTINGS, columns.table(), label, weight, [1])
    found = [trees(booster) for booster in boosting.boost(SETTINGS, data)]
    assert found == of_a_matrix(SETTINGS, matrix, label, weight)
    assert found[0] != found[1]


@pytest.mark.parametrize("n", [500, MORE_THAN_BINS_NEED // 2])
def test_batches_of_person_periods_grow_the_trees_of_a_matrix(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PersonPeriods, "batch_size", 300 if n == 500 else PersonPeriods.batch_size)
    monkeypatch.setattr(person_period, "BLOCK_ROWS", 128 if n == 500 else person_period.BLOCK_ROWS)
    matrix, _, _ = some_rows(n)
    snapshot, step = expand(np.random.default_rng(1).integers(0, 5, n))
    ahead = Ahead(30, (2,), ())
    label = (np.random.default_rng(2).random(len(step)) < 0.1 + 0.02 * step).astype(np.float64)
    data = boosting.binned(SETTINGS, PersonPeriods(matrix, snapshot, step, ahead), label, None, [1])
    found = [trees(booster) for booster in boosting.boost(SETTINGS, data)]
    wide = with_step(matrix, snapshot, step, ahead)
    assert n == 500 or len(wide) > MORE_THAN_BINS_NEED * 0.95
    assert found == of_a_matrix(SETTINGS, wide, label, None)


def test_bins_are_placed_as_lightgbm_does_by_itself_with_seed_0() -> None:
    """So models fitted before bins were shared are fitted the same."""
    matrix, label, _ = some_rows(MORE_THAN_BINS_NEED)
    parameters = SETTINGS.parameters(len(matrix), 0)
    own = {name: value for name, value in parameters.items() if name != "data_random_seed"}
    by_itself, ours = (
        trees(lgb.train(asked, lgb.Dataset(matrix, label, params=asked), num_boost_round=3))
        for asked in (own, parameters)
    )
    assert ours == by_itself


def test_one_set_of_bins_serves_both_kinds_of_trees() -> None:
    matrix, label, weight = some_rows(2_000)
    searched = Settings(**{**vars(SETTINGS), "extra_trees": False})
    data = boosting.binned(SETTINGS, Columns(tuple(matrix.T)).table(), label, weight, [1])
    boosting.boost(SETTINGS, data)
    found = [trees(booster) for booster in boosting.boost(searched, data)]
    assert found == of_a_matrix(searched, matrix, label, weight)
