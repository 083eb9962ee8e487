"""Guard 1 over the product's own features: silent about them, loud about a custom feature that peeks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lapse.features import Recipe, compute, fit_recipe
from lapse.leaks import perturbation_guard, planted_leak_selftest, sample
from lapse.schema import Bucket
from tests.features.histories import (
    LAST,
    assemble,
    business,
    some_frames,
    some_profile,
    some_snapshots,
)

HONEST = "lapse.features.examples:weekend_share"
PEEKING = "tests.leaks.peeking:rows_so_far"


def history(name: str, custom: dict[str, str], seed: int = 0) -> tuple[Recipe, Bucket]:
    rng = np.random.default_rng(seed)
    customers: list[object] = list(range(60))
    whole = assemble(name, customers, some_frames(rng, name, customers), some_profile(rng, 60))
    return fit_recipe(business(name, custom), [whole], LAST), whole


@pytest.mark.parametrize(("name", "kind"), [("gym", "term"), ("shop", "order")])
@pytest.mark.parametrize("seed", range(3))
def test_every_built_in_feature_and_the_example_pass(name: str, kind: str, seed: int):
    recipe, whole = history(name, {f"{kind}__weekend_share__60d": HONEST}, seed)
    asked = some_snapshots(np.random.default_rng(seed), len(whole))
    part, rows = sample(whole, asked, n_customers=40, n_days=10, seed=seed)
    assert len(recipe.names) > 30
    assert perturbation_guard(partial(compute, recipe), part, rows, seed) == []


@pytest.mark.parametrize(("name", "kind"), [("gym", "term"), ("shop", "order")])
def test_a_custom_feature_that_peeks_is_named_and_no_other(name: str, kind: str):
    recipe, whole = history(name, {f"{kind}__so_far__60d": PEEKING, f"{kind}__weekend_share": HONEST})
    part, rows = sample(
        whole, some_snapshots(np.random.default_rng(1), len(whole)), n_customers=40, n_days=12, seed=0
    )
    problems = perturbation_guard(partial(compute, recipe), part, rows)
    assert [problem.what for problem in problems] == [f"{kind}__so_far__60d"]
    assert "rows known only later" in problems[0].got


def test_the_selftest_sees_the_planted_feature_beside_the_built_in_ones():
    recipe, whole = history("gym", {})
    asked = some_snapshots(np.random.default_rng(1), len(whole))
    part, rows = sample(whole, asked, n_customers=20, n_days=3, seed=0)
    assert planted_leak_selftest(partial(compute, recipe), part, rows).count
