"""Parameters outside their domain are refused before anything is learned, by every estimator, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.models.defection import Defection
from lapse.models.lifetime import Lifetime
from lapse.models.parameters import FEWEST_ROWS, MOST_SEED, checked
from lapse.models.purchases import Purchases
from lapse.models.spend import Spend

X = pd.DataFrame({"a": np.arange(40.0)})
FITS: dict[str, Callable[..., Any]] = {
    "lifetime": lambda **given: Lifetime(30, **given).fit(X, np.arange(40) % 2, np.full(40, 45)),
    "defection": lambda **given: Defection(30, **given).fit(X, np.arange(40) % 2),
    "spend": lambda **given: Spend(30, **given).fit(X, np.ones((40, 2))),
    "purchases": lambda **given: Purchases(**given).fit(X, np.ones(40), np.ones(40), np.arange(40)),
}
WRONG: list[tuple[str, Any, str]] = [
    ("n_estimators", 0, "a whole number from 1 to 100,000"),
    ("n_estimators", 10**400, "a whole number from 1 to 100,000"),
    ("n_bags", True, "a whole number from 1 to 100,000"),
    ("num_leaves", 1, "a whole number from 2 to 100,000"),
    ("num_leaves", 7.5, "a whole number from 2 to 100,000"),
    ("min_child_samples", -1, "a whole number from 0 to 2,147,483,647"),
    ("learning_rate", 0, "a number above 0, at most 1"),
    ("learning_rate", float("nan"), "a number above 0, at most 1"),
    ("learning_rate", "0.1", "a number above 0, at most 1"),
    ("reg_lambda", -1, "a finite number of at least 0"),
    ("reg_lambda", float("inf"), "a finite number of at least 0"),
    ("reg_lambda", 10**400, "a finite number of at least 0"),
    ("feature_fraction", 0, "a number above 0, at most 1"),
    ("feature_fraction", 1.1, "a number above 0, at most 1"),
    ("extra_trees", "no", "True or False"),
    ("random_state", "x", "a whole number from 0 to 2,000,000,000"),
    ("random_state", None, "a whole number from 0 to 2,000,000,000"),
    ("random_state", -1, "a whole number from 0 to 2,000,000,000"),
    ("random_state", 0.0, "an int"),
    ("num_threads", -5, "a whole number from -1 to 100,000"),
    ("num_threads", 1.0, "an int"),
]


@pytest.mark.parametrize("estimator", FITS)
@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_what_is_outside_its_domain_is_refused(estimator: str, name: str, value: Any, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        FITS[estimator](**{name: value})
    [problem] = caught.value.problems
    assert (problem.where, problem.what) == ("parameters", name)
    assert (problem.expected, problem.got) == (expected, repr(value))


@pytest.mark.parametrize("estimator", ["lifetime", "spend"])
@pytest.mark.parametrize("value", [0, 1.5, 10, FEWEST_ROWS - 1, "x", float("inf")])
def test_a_sample_of_a_handful_is_refused(estimator: str, value: Any) -> None:
    with pytest.raises(DataError, match="max_rows: expected a whole number from 1,000 to 2,147,483,647, got"):
        FITS[estimator](max_rows=value)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan"), "x"])
def test_a_share_of_the_regression_is_refused(share: Any) -> None:
    with pytest.raises(DataError, match="linear_share: expected a share from 0 to below 1"):
        FITS["defection"](linear_share=share)


@pytest.mark.parametrize("estimator", FITS)
def test_all_that_are_wrong_are_said_at_once(estimator: str) -> None:
    wrong = {"n_estimators": 0, "num_leaves": 1, "reg_lambda": -1, "random_state": "x"}
    with pytest.raises(DataError) as caught:
        FITS[estimator](**wrong)
    assert {problem.what for problem in caught.value.problems} == set(wrong)


def test_what_lightgbm_takes_stays() -> None:
    for threads in (0, -1, 1):
        assert checked(Lifetime(30, num_threads=threads))["num_threads"] == threads
    assert checked(Defection(30))["extra_trees"] is None
    found = checked(Lifetime(30.0, n_estimators=20.0, max_rows=1e6, random_state=MOST_SEED))  # type: ignore[arg-type]  # as pandas gives them
    assert (found["step_days"], found["n_estimators"], found["max_rows"]) == (30, 20, 1_000_000)
    assert type(found["n_estimators"]) is int
    with pytest.raises(DataError, match="extra_trees: expected True or False, got None"):
        checked(Lifetime(30, extra_trees=None))  # type: ignore[arg-type]  # wrong on purpose


def test_whole_numbers_that_are_floats_grow_trees() -> None:
    small = {
        "n_estimators": 2.0,
        "num_leaves": 3.0,
        "min_child_samples": 5.0,
        "n_bags": 1.0,
        "num_threads": 1,
    }
    said: dict[str, Callable[[Any], Any]] = {
        "lifetime": lambda model: model.predict_hazard(X, 2),
        "defection": lambda model: model.predict_proba(X),
        "spend": lambda model: model.predict(X),
        "purchases": lambda model: model.predict(X, np.ones(40)),
    }
    for name, fit in FITS.items():
        floats, whole = fit(**small), fit(**{key: int(one) for key, one in small.items()})
        np.testing.assert_array_equal(said[name](floats), said[name](whole))
