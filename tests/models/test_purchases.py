from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from lapse.errors import DataError, GateError
from lapse.models.purchases import Purchases


def buyers(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return features of which one matters, expectations, true factors and purchases."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"speed": rng.normal(size=n), "noise": rng.normal(size=n), "kind": rng.choice(["a", "b"], n)}
    )
    expected, factor = rng.gamma(2.0, 0.6, n) + 0.01, np.exp(0.7 * np.sign(frame["speed"].to_numpy()))
    return frame, expected, factor, rng.poisson(expected * factor).astype(float)


@pytest.fixture(scope="module")
def fitted() -> Purchases:
    frame, expected, _, bought = buyers(8000, 0)
    return Purchases(n_estimators=200, num_threads=1).fit(frame, expected, bought, np.arange(8000))


def test_half_is_the_expectation_and_half_the_factor_that_was_learned(fitted: Purchases) -> None:
    frame, expected, factor, _ = buyers(4000, 1)
    level = buyers(8000, 0)[3].sum() / buyers(8000, 0)[1].sum()
    got = fitted.predict(frame, expected) / expected
    np.testing.assert_allclose(got, (1 + factor / level) / 2, rtol=0.12)
    assert fitted.n_rounds_ % 20 == 0
    assert 0 < fitted.n_rounds_ <= 200


def test_the_level_of_the_expectation_stays() -> None:
    """Rows that say everybody buys twice as much as expected change nobody: nothing tells customers apart."""
    rng = np.random.default_rng(0)
    frame, expected = pd.DataFrame({"noise": rng.normal(size=3000)}), rng.gamma(2.0, 1.0, 3000) + 0.01
    bought = rng.poisson(2 * expected)
    model = Purchases(n_estimators=100, num_threads=1).fit(frame, expected, bought, np.arange(3000))
    assert model.predict(frame, expected).sum() == pytest.approx(expected.sum(), rel=0.02)
    np.testing.assert_allclose(
        model.predict(frame, 3 * expected), 3 * model.predict(frame, expected), rtol=1e-12
    )


def test_without_anything_to_learn_no_tree_is_grown() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"noise": rng.normal(size=2000)})
    expected = rng.gamma(2.0, 1.0, 2000) + 0.01
    model = Purchases(n_estimators=100, num_threads=1).fit(
        frame, expected, rng.poisson(expected), np.arange(2000)
    )
    assert model.n_rounds_ == 0
    np.testing.assert_array_equal(model.predict(frame, expected), expected)


def test_rows_of_one_customer_do_not_vouch_for_each_other() -> None:
    """Ten rows a customer of one luck, which a feature names: on other customers it is worth nothing."""
    rng = np.random.default_rng(2)
    luck = np.repeat(rng.gamma(0.5, 2.0, 300), 10)
    whose = np.repeat(np.arange(300), 10)
    frame = pd.DataFrame({"mark": np.repeat(rng.normal(size=300), 10)})
    settings = {"min_child_samples": 10, "num_leaves": 31, "n_estimators": 200, "num_threads": 1}
    bought = rng.poisson(luck)
    alone = Purchases(**settings).fit(frame, np.ones(3000), bought, np.arange(3000))
    together = Purchases(**settings).fit(frame, np.ones(3000), bought, whose)
    assert alone.n_rounds_ >= 100
    assert together.n_rounds_ <= 40


def test_folder_predicts_the_same(fitted: Purchases, tmp_path: Path) -> None:
    frame, expected, _, _ = buyers(100, 2)
    fitted.to_folder(tmp_path)
    read = Purchases.from_folder(tmp_path)
    assert read.n_rounds_ == fitted.n_rounds_
    np.testing.assert_array_equal(read.predict(frame, expected), fitted.predict(frame, expected))


def test_scikit_learn_conventions(fitted: Purchases) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    assert list(fitted.feature_names_in_) == ["speed", "noise", "kind"]
    assert fitted.n_features_in_ == 3
    frame, expected, _, _ = buyers(5, 0)
    with pytest.raises(NotFittedError):
        Purchases().predict(frame, expected)
    with pytest.raises(GateError, match="noise"):
        fitted.predict(frame.drop(columns="noise"), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expected": np.zeros(50)}, "expected.*above 0"),
        ({"expected": np.ones(49)}, "one value a row"),
        ({"purchases": np.full(50, -1.0)}, "at least 0"),
        ({"purchases": np.full(50, np.nan)}, "finite"),
        ({"purchases": np.zeros(50)}, "somebody who buys"),
        ({"customer": np.zeros(50)}, "at least 5 customers"),
        ({"customer": np.arange(49)}, "one a row"),
        ({"customer": [None] * 50}, "none missing"),
    ],
)
def test_wrong_rows_are_refused(change: dict[str, object], message: str) -> None:
    rows: dict[str, object] = {
        "expected": np.ones(50), "purchases": np.ones(50), "customer": np.arange(50)
    }  # fmt: skip
    with pytest.raises(DataError, match=f"(?s){message}"):
        Purchases().fit(pd.DataFrame({"a": np.arange(50.0)}), **(rows | change))
