"""Trees and a logistic regression averaged: which is chosen where, and that attributions add up."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from lapse.errors import DataError
from lapse.models import boosting
from lapse.models.blend import LINEAR_SHARE, Kind, choose, kinds
from lapse.models.defection import Defection
from lapse.schema import Bool, Int32


def smooth_risk(n: int = 6_000, seed: int = 0) -> tuple[pd.DataFrame, Bool, Int32]:
    """Rows whose log-odds are a sum of small effects: what many shallow trees are slow to say."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 10)), columns=[f"x{i}" for i in range(10)])
    lapsed = rng.random(n) < expit(-1.5 + 0.5 * X.to_numpy().sum(axis=1))
    return X, lapsed, np.repeat(np.arange(0, 600, 30), n // 20).astype(np.int32)


def jumping_risk(n: int = 6_000, seed: int = 0) -> tuple[pd.DataFrame, Bool, Int32]:
    """Rows whose risk jumps inside a box, which no line can say."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.uniform(-1, 1, size=(n, 4)), columns=[f"x{i}" for i in range(4)])
    inside = (X["x0"].abs() < 0.4) & (X["x1"].abs() < 0.4)
    lapsed = rng.random(n) < np.where(inside, 0.8, 0.1)
    return X, lapsed, np.repeat(np.arange(0, 600, 30), n // 20).astype(np.int32)


def test_a_regression_takes_part_where_it_helps() -> None:
    X, lapsed, day = smooth_risk()
    model = Defection(30, n_estimators=80, num_threads=1).fit(X, lapsed, as_of=day)
    assert model.blend_.kind.linear_share == LINEAR_SHARE
    X, lapsed, day = jumping_risk()
    model = Defection(30, n_estimators=80, num_threads=1).fit(X, lapsed, as_of=day)
    assert model.blend_.kind.linear_share == 0.0
    assert model.blend_.linear is None


def test_what_is_given_is_not_chosen() -> None:
    assert kinds(True, 0.5) == [Kind(True, 0.5)]
    assert kinds(None, 0.0) == [Kind(True, 0.0), Kind(False, 0.0)]
    assert kinds(None, None)[0] == Kind(True, LINEAR_SHARE)
    assert len(kinds(None, None)) == 4
    X, lapsed, day = jumping_risk()
    model = Defection(30, n_estimators=20, linear_share=0.5, num_threads=1).fit(X, lapsed, as_of=day)
    assert model.blend_.kind.linear_share == 0.5


def test_trees_are_tabulated_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    X, lapsed, _ = smooth_risk(600)
    blend = Defection(30, n_estimators=5, num_threads=1).fit(X, lapsed).blend_
    real, calls, all_there = boosting.tables, list[int](), Barrier(4)

    def slow(boosters: Any) -> Any:
        calls.append(len(boosters))
        time.sleep(0.05)  # long enough for the others to come
        return real(boosters)

    def ask(_: int) -> Any:
        all_there.wait(30)
        return blend.trees

    monkeypatch.setattr(boosting, "tables", slow)
    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(ask, range(4))
    assert len(calls) == 1
    assert all(one is first for one in others)


def test_without_a_later_slice_the_first_kind_stands() -> None:
    X, lapsed, _ = smooth_risk(600)
    model = Defection(30, n_estimators=20, num_threads=1).fit(X, lapsed)
    assert model.blend_.kind == Kind(True, LINEAR_SHARE)


def test_the_first_kind_is_left_only_for_one_that_is_clearly_better() -> None:
    first, other, third = kinds(None, None)[:3]
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2_000)
    label = (rng.random(2_000) < expit(truth)).astype(np.float64)
    worse = truth + rng.normal(0, 1.0, 2_000)
    few, barely = slice(0, 40), worse + 0.2 * rng.normal(size=2_000)
    assert log_loss(label[few], expit(barely[few])) < log_loss(label[few], expit(worse[few]))
    assert choose({first: worse[few], other: barely[few]}, label[few], None) == first
    assert choose({first: worse, other: truth}, label, None) == other
    assert choose({first: worse, other: (truth + worse) / 2, third: truth}, label, None) == third
    assert choose({first: truth, other: worse}, label, None) == first


def test_the_margin_is_two_standard_errors_of_the_weighted_difference() -> None:
    first, other = kinds(None, 0.0)
    label, weight = np.array([1.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0])
    said = np.array([0.3, -0.2, 0.5])
    for better in np.linspace(0.0, 1.0, 50):
        moved = said + np.array([better, better, 0.4 * better])
        more = np.logaddexp(0, moved) - label * moved - np.logaddexp(0, said) + label * said
        share = weight / 6
        mean = share @ more
        clear = mean < -2 * np.sqrt(share**2 @ (more - mean) ** 2)
        assert choose({first: said, other: moved}, label, weight) == (other if clear else first)


def test_the_score_is_the_mean_and_attributions_add_up_to_it(tmp_path: Path) -> None:
    X, lapsed, _ = smooth_risk(1_000)
    X.loc[::7, "x3"] = np.nan
    model = Defection(30, n_estimators=30, linear_share=0.25, num_threads=1).fit(X, lapsed)
    trees = Defection(30, n_estimators=30, linear_share=0.0, num_threads=1).fit(X, lapsed).raw_score(X)
    assert model.blend_.linear is not None
    line = model.blend_.linear.raw_score(model.encoding_.encode(X))
    raw = model.raw_score(X)
    assert raw == pytest.approx(0.75 * trees + 0.25 * line, abs=1e-12)
    assert model.contributions(X).sum(axis=1) == pytest.approx(raw, abs=1e-6)
    model.to_folder(tmp_path)
    again = Defection.from_folder(tmp_path)
    assert again.blend_.kind == model.blend_.kind
    assert (again.raw_score(X) == raw).all()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_its_domain_is_refused(share: float) -> None:
    X, lapsed, _ = smooth_risk(600)
    with pytest.raises(DataError, match="linear_share: expected a share from 0 to below 1"):
        Defection(30, linear_share=share).fit(X, lapsed)
