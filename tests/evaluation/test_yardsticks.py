from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.cohort.purchases import PurchaseHistory
from lapse.errors import DataError
from lapse.evaluation import calibration, metrics, yardsticks
from lapse.models.btyd import bg_nbd

ALL = {"base rate", "recency alone", "RFM logistic", "default LightGBM"}


def shop(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, PurchaseHistory]:
    """Customers who lapse with falling counts and long silence, with what a real frame has of holes."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(4, n).astype(float)
    silent = rng.integers(0, 60, n).astype(float)
    p = 1 / (1 + np.exp(-(-1.0 - 0.4 * count + 0.05 * silent)))
    frame = pd.DataFrame(
        {
            "order__days_since_last": silent,
            "order__count__90d": count,
            "order__sum__90d": np.where(rng.random(n) < 0.1, -5.0, 20 * count),
            "order__sum__365d": np.full(n, np.nan),
            "order__gap_mean": rng.random(n),
            "visit__count__30d": rng.poisson(2, n),
            "customer__region": pd.Categorical(rng.choice(["north", "south"], n)),
        }
    ).astype({"order__days_since_last": "float32", "order__count__90d": "float32"})
    frame.loc[rng.random(n) < 0.05, ["order__days_since_last", "order__count__90d"]] = np.nan
    history = PurchaseHistory(count, np.where(count > 0, 100 - silent, 0.0), np.full(n, 100.0))
    return frame, (rng.random(n) < p).astype(float), history


def test_every_yardstick_beats_the_base_rate_where_there_is_something_to_learn() -> None:
    train, y, old = shop(3000, 0)
    test, happened, new = shop(3000, 1)
    histories = yardsticks.Histories(everybody=old, train=old, test=new, horizon_days=28)
    found = yardsticks.compare(train, y, test, "order", histories)
    assert set(found.predictions) == ALL | {"BG/NBD"}
    assert found.absent == {}
    base = metrics.log_loss(happened, found.predictions["base rate"])
    for method in set(found.predictions) - {"base rate"}:
        p = found.predictions[method]
        assert p.dtype == np.float64
        assert p.shape == (3000,)
        assert metrics.log_loss(happened, p) < base - 0.01, method
        assert abs(calibration.calibration_in_the_large(happened, p)) < 0.1, method


def test_of_more_rows_than_the_most_a_random_part_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    train, y, old = shop(6000, 0)
    test, happened, new = shop(3000, 1)
    histories = yardsticks.Histories(everybody=old, train=old, test=new, horizon_days=28)
    whole = yardsticks.compare(train, y, test, "order", histories)
    monkeypatch.setattr(yardsticks, "MOST_ROWS", 4000)
    part, again = (yardsticks.compare(train, y, test, "order", histories) for _ in range(2))
    assert (whole.n_rows, part.n_rows) == (6000, 4000)
    assert set(part.predictions) == set(whole.predictions)
    for method, p in part.predictions.items():
        np.testing.assert_array_equal(p, again.predictions[method])
        assert metrics.log_loss(happened, p) < metrics.log_loss(happened, whole.predictions[method]) + 0.03


def test_expected_purchases_rank_and_the_calibration_keeps_their_order() -> None:
    _, y, old = shop(500, 2)
    _, _, new = shop(500, 3)
    p = yardsticks.bg_nbd(yardsticks.Histories(old, old, new, 28), y)
    expected = bg_nbd.fit(old).expected_purchases(new, 28.0)
    order = np.argsort(expected)
    assert (np.diff(p[order]) <= 1e-12).all()


def test_rfm_takes_the_churn_events_counts_sums_and_silence_and_nothing_else() -> None:
    train, _, _ = shop(10, 0)
    assert yardsticks.rfm_columns(list(train.columns), "order") == [
        "order__days_since_last",
        "order__count__90d",
        "order__sum__90d",
        "order__sum__365d",
    ]
    assert yardsticks.rfm_columns(["order_item__count__90d", "order__count_a__90d"], "order") == []


def test_recency_takes_any_shape_and_gives_rows_without_it_their_own_rate() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(-10, 100, 20_000).astype(float)
    y = np.where((days > 0) & (days < 20), 0.8, 0.1)
    days[:2000], y[:2000] = np.nan, 0.5
    lapsed = (rng.random(20_000) < y).astype(float)
    train = pd.DataFrame({"term__days_to_end": days, "term__days_since_last": 0.0})
    test = pd.DataFrame({"term__days_to_end": [-5, 10, 90, 500, np.nan], "term__days_since_last": 0.0})
    p = yardsticks.recency_alone(train, lapsed, test, "term")
    np.testing.assert_allclose(p, [0.1, 0.8, 0.1, 0.1, 0.5], atol=0.04)


def test_recency_that_nobody_has_is_the_base_rate() -> None:
    frame = pd.DataFrame({"order__days_since_last": [np.nan] * 4})
    np.testing.assert_allclose(yardsticks.recency_alone(frame, [0, 0, 0, 1], frame, "order"), 0.25)


def test_what_does_not_apply_is_absent_with_its_reason() -> None:
    frame = pd.DataFrame({"a: strange [name]": np.arange(40.0)})
    found = yardsticks.compare(frame, np.arange(40) % 2, frame, "term")
    assert set(found.predictions) == {"base rate", "default LightGBM"}
    assert "covers a span" in found.absent["BG/NBD"]
    assert "expected a column term__days_to_end" in found.absent["recency alone"]
    assert "expected windowed counts of term" in found.absent["RFM logistic"]


def test_one_outcome_in_training_leaves_the_rates() -> None:
    train, _, _ = shop(50, 0)
    found = yardsticks.compare(train, np.zeros(50), train, "order")
    assert set(found.predictions) == {"base rate", "recency alone"}
    assert (found.predictions["recency alone"] == 0).all()
    assert found.absent["RFM logistic"] == "all training rows have the same outcome"


def test_nobody_with_repeats_leaves_bg_nbd_out() -> None:
    train, y, _ = shop(60, 0)
    once = PurchaseHistory(np.zeros(60), np.zeros(60), np.full(60, 9.0))
    found = yardsticks.compare(train, y, train, "order", yardsticks.Histories(once, once, once, 28))
    assert "some customers with repeats" in found.absent["BG/NBD"]


def test_other_columns_are_refused() -> None:
    train, y, _ = shop(20, 0)
    with pytest.raises(DataError, match="order__gap_mean"):
        yardsticks.compare(train, y, train.drop(columns="order__gap_mean"), "order")


def test_a_category_new_in_the_test_rows_is_no_obstacle() -> None:
    train, y, _ = shop(300, 0)
    test = train.assign(customer__region=pd.Categorical(["west"] * 300))
    assert np.isfinite(yardsticks.default_lightgbm(train, y, test)).all()


def test_kaplan_meier_by_hand_and_against_the_truth() -> None:
    survival = yardsticks.kaplan_meier(
        np.array([True, True, False, True, False]), np.array([1, 2, 2, 3, 4]), [0, 1, 2, 3, 4, 9]
    )
    np.testing.assert_allclose(survival, [1, 0.8, 0.6, 0.3, 0.3, 0.3])
    rng = np.random.default_rng(0)
    life, cut = rng.geometric(0.02, 20_000), rng.integers(1, 90, 20_000)
    estimate = yardsticks.kaplan_meier(life <= cut, np.minimum(life, cut), [10, 40, 80])
    np.testing.assert_allclose(estimate, 0.98 ** np.array([10, 40, 80]), atol=0.015)
