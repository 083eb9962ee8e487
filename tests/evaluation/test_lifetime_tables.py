"""Numbers of whole curves beside slow and obvious ones, on lives with known hazards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from lapse.errors import DataError
from lapse.evaluation.followed import Followed
from lapse.evaluation.lapse_periods import PERIOD_COLUMNS
from lapse.evaluation.lifetime_tables import DECILE_COLUMNS, CurveTables, evaluate_curves
from lapse.evaluation.tables import COLUMNS
from tests.evaluation.test_tables import pick

STEP, N_STEPS = 30, 6


def lives(n: int, seed: int = 0) -> tuple[Followed, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of two dates a customer, true survival by step, restricted means to day 90, customers."""
    rng = np.random.default_rng(seed)
    hazard = rng.uniform(0.02, 0.4, n)
    lapse = ((rng.geometric(hazard) - 1) * STEP + rng.integers(1, STEP + 1, n)).astype(np.int32)
    follow_up = np.where(np.arange(n) % 2, 190, 100).astype(np.int32)
    followed = Followed(lapse <= follow_up, np.minimum(lapse, follow_up), follow_up, STEP)
    survival = (1 - hazard[:, None]) ** np.arange(1, N_STEPS + 1)
    start = np.column_stack([np.ones(n), survival])
    # days 1 to 30 of a step are equally likely: of its lapses the mean day is 15.5
    mean = (STEP * start[:, 1:4] + 15.5 * (start[:, :3] - start[:, 1:4])).sum(axis=1)
    return followed, survival, mean, np.arange(n) // 2


def evaluate(followed: Followed, survival: np.ndarray, mean: np.ndarray, customer: np.ndarray) -> CurveTables:
    return evaluate_curves(followed, {"lapse": survival}, {"lapse": mean}, customer, n_replicates=50)


def value(found: CurveTables, metric: str, days: int = 0) -> float:
    return float(pick(found.overall, metric=metric, days=days)["value"])


def by_decile(p: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"p": p, "y": y, "decile": pd.qcut(p, 10, labels=False) + 1})
    return frame.groupby("decile").mean()


def test_deciles_are_what_pandas_says() -> None:
    followed, survival, mean, customer = lives(1_000)
    found = evaluate(followed, survival, mean, customer)
    assert tuple(found.overall.columns) == COLUMNS
    assert tuple(found.deciles.columns) == DECILE_COLUMNS
    errors = []
    for step, n in ((1, 1_000), (2, 1_000), (3, 1_000), (4, 500), (5, 500), (6, 500)):
        days = step * STEP
        rows = followed.follow_up_days >= days
        lapsed = followed.lapsed[rows] & (followed.duration_days[rows] <= days)
        expected = by_decile(1 - survival[rows, step - 1], lapsed)
        table = found.deciles[(found.deciles["figure"] == "lapsed") & (found.deciles["days"] == days)]
        assert table["n"].sum() == n == rows.sum()
        np.testing.assert_allclose(table["predicted"], expected["p"])
        np.testing.assert_allclose(table["observed"], expected["y"], atol=1e-12)
        errors.append((expected["p"] - expected["y"]).abs().mean())
        assert value(found, "calibration_error_at_step", days) == pytest.approx(errors[-1])
    assert value(found, "calibration_error_over_steps") == pytest.approx(np.mean(errors))

    expected = by_decile(mean, np.minimum(followed.duration_days, 90))
    table = found.deciles[found.deciles["figure"] == "restricted_mean_days"]
    assert set(table["days"]) == {90}
    np.testing.assert_allclose(table["predicted"], expected["p"])
    np.testing.assert_allclose(table["observed"], expected["y"])
    relative = (expected["p"] / expected["y"] - 1).abs()
    assert value(found, "restricted_mean_error") == pytest.approx(relative.mean())
    assert value(found, "restricted_mean_worst") == pytest.approx(relative.max())
    assert "up to day 90" in pick(found.overall, metric="restricted_mean_worst")["note"]


def test_months_are_what_pandas_says_and_resample_customers() -> None:
    followed, survival, mean, customer = lives(1_000)
    found = evaluate(followed, survival, mean, customer)
    assert tuple(found.periods.columns) == PERIOD_COLUMNS
    frame = pd.DataFrame(np.column_stack([np.ones(1_000), survival])).assign(
        lapsed=followed.lapsed, days=followed.duration_days, reach=followed.follow_up_days, customer=customer
    )
    expected, realised = [], []
    for month in range(1, N_STEPS + 1):
        watched = frame[frame["reach"] >= month * STEP]
        row = pick(found.periods, period=month)
        expected.append((watched[month - 1] - watched[month]).sum())
        inside = watched["days"].between((month - 1) * STEP + 1, month * STEP)
        realised.append((watched["lapsed"] & inside).sum())
        assert (row["days"], row["n"]) == (month * STEP, len(watched))
        assert row[["expected", "realised"]].tolist() == pytest.approx([expected[-1], realised[-1]])
        assert row["error"] == pytest.approx(expected[-1] / realised[-1] - 1)
        assert row["lower"] < row["error"] < row["upper"]
    assert value(found, "lapses_error") == pytest.approx(sum(expected) / sum(realised) - 1)
    # rows that repeat their customer are no evidence: each thrice, the interval stays as wide
    thrice = Followed(
        *(np.repeat(a, 3) for a in (followed.lapsed, followed.duration_days, followed.follow_up_days)), STEP
    )
    again = evaluate(thrice, survival.repeat(3, axis=0), mean.repeat(3), customer.repeat(3))
    columns = ["error", "lower", "upper"]
    np.testing.assert_allclose(again.periods[columns].astype(float), found.periods[columns].astype(float))


def test_d_calibration_and_concordance_are_what_loops_say() -> None:
    followed, survival, mean, _ = lives(240)
    found = evaluate(followed, survival, mean, np.arange(240))
    mass = np.zeros(10)
    for i in range(240):
        curve, last = [1.0, *survival[i]], int(followed.follow_up_days[i]) // STEP
        own = int(np.ceil(followed.duration_days[i] / STEP))
        low, high = (curve[own], curve[own - 1]) if followed.lapsed[i] and own <= last else (0.0, curve[last])
        for bin_ in range(10):
            inside = min(high, (bin_ + 1) / 10) - max(low, bin_ / 10)
            mass[bin_] += max(inside, 0.0) / (high - low)
    p = chi2.sf(((mass - 24) ** 2 / 24).sum(), 9)
    assert value(found, "d_calibration_p") == pytest.approx(p)

    right, pairs = 0.0, 0
    lapsed = followed.lapsed & (followed.duration_days <= 180)
    days, risk = np.minimum(followed.duration_days, 180), -survival.sum(axis=1)
    for i in np.flatnonzero(lapsed):
        for j in range(240):
            if days[j] > days[i] or (days[j] == days[i] and not lapsed[j]):
                pairs += 1
                right += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    assert value(found, "concordance") == pytest.approx(right / pairs)


def test_wrong_curves_are_told_from_right_ones() -> None:
    followed, survival, mean, customer = lives(20_000, seed=1)
    right, wrong = (
        evaluate(followed, s, m, customer) for s, m in ((survival, mean), (survival**1.2, mean * 0.9))
    )
    assert value(right, "d_calibration_p") > 0.01 > 1e-6 > value(wrong, "d_calibration_p")
    assert value(right, "restricted_mean_worst") < 0.03 < 0.07 < value(wrong, "restricted_mean_error")
    assert value(right, "calibration_error_over_steps") < 0.015 < value(wrong, "calibration_error_over_steps")
    assert abs(value(right, "lapses_error")) < 0.03 < 0.08 < value(wrong, "lapses_error")
    assert value(right, "integrated_ipcw_brier") < value(wrong, "integrated_ipcw_brier")
    # which is why it comes last
    assert value(right, "concordance") == value(wrong, "concordance")
    error, noise = (value(right, f"calibration_{name}_at_step", 90) for name in ("error", "noise"))
    assert 0.5 < error / noise < 2


def test_one_row_of_each_customer_is_tested() -> None:
    followed, survival, mean, _ = lives(600)
    found = evaluate(followed, survival, mean, np.arange(600) // 6)
    assert pick(found.overall, metric="d_calibration_p")["n"] == 100
    again = evaluate(followed, survival, mean, np.arange(600) // 6)
    assert value(again, "d_calibration_p") == value(found, "d_calibration_p")


def test_too_short_a_follow_up_is_a_note() -> None:
    n = 100
    _, survival, mean, _ = lives(n)
    short = np.full(n, 20, np.int32)
    found = evaluate(Followed(np.zeros(n, bool), short, short, STEP), survival, mean, np.arange(n))
    overall = found.overall[found.overall["days"] == 0]
    assert overall["value"].isna().all()
    assert overall["note"].str.contains("too near to the end of the data").all()
    assert found.periods.empty
    assert found.deciles.empty

    some = np.where(np.arange(n) < 5, 70, 20).astype(np.int32)
    found = evaluate(Followed(np.zeros(n, bool), some, some, STEP), survival[:, :2], mean, np.arange(n))
    note = found.overall[found.overall["days"] == 0].set_index("metric")["note"]
    assert note["d_calibration_p"] == "fewer than 50 customers: no test"
    assert note["calibration_error_over_steps"] == "fewer than 10 rows: no deciles"
    assert note["restricted_mean_error"].endswith("no step is observed of every row")
    assert note["lapses_error"] == "nobody lapsed: no number to compare with"
    assert note["concordance"].startswith("nobody lapsed while another")
    assert found.periods["note"].tolist() == ["nobody lapsed: no number to compare with"] * 2


def test_predictions_that_are_missing_are_refused() -> None:
    followed, survival, mean, customer = lives(100)
    survival[3, 2] = np.nan
    with pytest.raises(DataError, match="lapse: expected finite"):
        evaluate(followed, survival, mean, customer)
