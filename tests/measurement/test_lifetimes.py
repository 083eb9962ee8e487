"""Lifetimes against closed forms, a slow count of tenures, and the published groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.history.spells import covers_of, spells_of
from lapse.jobs.measure import add_up, pieces_of
from lapse.leaks.perturbation import other_future
from lapse.measurement import comparison, lifetimes, retention
from lapse.measurement.asked import Asked
from lapse.measurement.lifetimes import LEAST_AT_RISK, Tenures, constant_lifetime, tenures_of
from lapse.measurement.told import Measured
from lapse.models.tail import fit_sbg
from lapse.schema import NEVER, Bucket
from tests.measurement import worlds
from tests.measurement.test_retention import WORLD, world

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "retention_sbg.csv"
DAY_2000 = 10_957
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def told_of(asked: Asked, bucket: Bucket) -> Measured:
    parts = (retention, comparison, lifetimes)
    sums = add_up(part.collect(asked, bucket) for part in parts)
    return lifetimes.conclude(asked, sums)[0]


def test_80_per_cent_gives_5_and_90_per_cent_gives_10() -> None:
    assert constant_lifetime(0.8) == pytest.approx(5.0)
    assert constant_lifetime(0.9) == pytest.approx(10.0)
    assert constant_lifetime(0.8, 3) == pytest.approx(1 + 0.8 + 0.64)
    assert constant_lifetime(1.0) == np.inf
    assert constant_lifetime(1.0, 7) == 7.0
    assert constant_lifetime(0.0) == 1.0


def yearly(left: np.ndarray, years: int, **term: int) -> tuple[Asked, Bucket]:
    """Return customers of 2000-01-01 with terms of a year; ``left[k]`` of them took the k-th renewal."""
    length = pd.DateOffset(**(term or {"years": 1}))
    starts = (pd.Timestamp("2000-01-01") + k * length for k in range(years + 2))
    days = [(one - pd.Timestamp(0)).days for one in starts]
    rows = []
    for year, count in enumerate(left[: years + 1].tolist()):
        who = np.arange(int(count))
        rows.append(pd.DataFrame({"customer_id": who, "day": days[year], "end_day": days[year + 1]}))
    cover = pd.concat(rows).assign(amount=1.0, product="a")
    cover["end_known_day"] = cover["day"]
    cover["known_day"] = cover["day"]
    customers = int(left[0])
    asked = Asked(worlds.business(grace=0, has_end=True), DAY_2000, days[years + 1] - 1)
    return asked, worlds.made(cover, cover.iloc[:1].assign(amount=-1.0), customers, ["web"] * customers)


def test_the_high_end_group_is_warned_of() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not here")
    published = pd.read_csv(PUBLISHED)["high_end_pct"].to_numpy() * 10
    check_high_end(published)


def test_a_group_whose_rate_rises_is_warned_of() -> None:
    check_high_end(np.array([1000.0, 869, 743, 653, 593, 551]))  # what is published of it up to year 5


def check_high_end(published: np.ndarray) -> None:
    """Five years of 1,000 customers: 1/(1-r) says 8.6 years; who stayed 5 goes on with 92 %, not 88 %."""
    years = 5
    kept = published[: years + 1]
    asked, bucket = yearly(kept, years)
    told = told_of(asked, bucket)
    row = told.frame[told.frame["unit"] == "year"].iloc[0]
    at_risk, gone = kept[:-1], kept[:-1] - kept[1:]
    rate = 1 - gone.sum() / at_risk.sum()
    assert row["rate"] == pytest.approx(rate)
    assert row["constant"] == pytest.approx(1 / (1 - rate))
    assert row["constant"] == pytest.approx(8.59, abs=0.01)
    assert row["seen"] == years
    assert row["km_to_seen"] == pytest.approx(at_risk.sum() / 1000)
    fitted = fit_sbg(at_risk, gone)
    assert (row["sbg_alpha"], row["sbg_beta"]) == pytest.approx((fitted.alpha, fitted.beta), rel=1e-3)
    assert row["sbg"] == np.inf
    steps = np.arange(years + 1, years + 3)
    later = np.cumprod(
        np.concatenate([[1.0], 1 - row["sbg_alpha"] / (row["sbg_alpha"] + row["sbg_beta"] + steps - 1)])
    )
    assert row["sbg_still_to_limit"] == pytest.approx(later[: int(row["limit"])].sum())
    assert row["sbg_rate_still"] > 0.92


def test_the_page_says_by_how_much_the_constant_rate_misleads() -> None:
    asked, bucket = yearly(np.array([1000.0, 869, 743, 653, 593, 551]), 5)
    asked.business.value.limit = 12 * 365
    told = told_of(asked, bucket)
    warning = next(one for one in told.warnings if "a year" in one)
    assert "1/(1-r) misleads: at 88.4% a year it says 8.6 years" in warning
    assert "has stayed 5 years goes on at 92.1%" in warning
    row = told.frame[told.frame["unit"] == "year"].iloc[0]
    assert row["agree"] is False or not row["agree"]
    by = row["sbg_still_to_limit"] / row["constant_still_to_limit"] - 1
    assert f"({by:+.0%})" in warning
    assert by == pytest.approx(0.29, abs=0.01)


def test_what_misleads_in_several_units_is_said_once() -> None:
    month = np.arange(37)
    told = told_of(*yearly(np.round(500 * 0.7**month + 500 * 0.99**month), 36, months=1))
    frame = told.frame.set_index("unit")
    apart = frame["sbg_still_to_limit"] / frame["constant_still_to_limit"] - 1
    assert (apart > 0.1).sum() > 1
    (warning,) = (one for one in told.warnings if "1/(1-r) misleads" in one)
    assert f" a {apart.idxmax()} it says" in warning
    others = apart.drop(apart.idxmax())
    assert warning.endswith(
        "; likewise " + " and ".join(f"by {unit} {by:+.0%}" for unit, by in others[others > 0.1].items())
    )


def test_alike_customers_are_not_warned_of() -> None:
    left = np.round(10_000 * 0.8 ** np.arange(6))
    asked, bucket = yearly(left, 5)
    told = told_of(asked, bucket)
    row = told.frame[told.frame["unit"] == "year"].iloc[0]
    assert row["agree"]
    assert not [warning for warning in told.warnings if "a year" in warning]
    assert row["constant"] == pytest.approx(5.0, abs=0.01)


@settings(deadline=None, max_examples=25)
@given(WORLD, st.integers(1, 7))
def test_tenures_are_those_of_a_count_month_by_month(drawn: tuple[int, bool, int], size: int) -> None:
    asked, bucket, *_ = world(*drawn, customers=15, segments=("channel",))
    found = add_up(lifetimes.collect(asked, piece) for piece in pieces_of(bucket, size))[lifetimes.SPELLS]
    grace = asked.business.churn.grace
    _, starts, lapses = spells_of(covers_of(asked.business, bucket), asked.as_of)
    for unit, length in MONTHS.items():
        count: dict[int, list[int]] = {}
        for start, lapse in zip(starts.tolist(), lapses.tolist(), strict=True):
            begun = pd.Timestamp(start, unit="D")
            step = 1
            while True:  # step k is closed when begun + k units is not after the last day that counts
                closes = (begun + pd.DateOffset(months=step * length) - pd.Timestamp(0)).days
                if closes > asked.as_of - grace:
                    break
                entry = count.setdefault(step, [0, 0])
                entry[0] += 1
                if lapse != NEVER and max(lapse - grace, start) <= closes:
                    entry[1] += 1
                    break
                step += 1
        all_of = found.loc[(unit, "all", "all")] if (unit, "all", "all") in found.index.droplevel(3) else None
        if all_of is None:
            assert not count
            continue
        steps = range(1, int(all_of.index.max()) + 1)
        at_risk = [int(all_of.loc[all_of.index >= step, "spells"].sum()) for step in steps]
        ended = [int(all_of.loc[all_of.index == step, "ended"].sum()) for step in steps]
        assert {step: [n, d] for step, n, d in zip(steps, at_risk, ended, strict=True)} == count


def test_few_spells_at_risk_are_left_out() -> None:
    index = pd.MultiIndex.from_tuples(
        [("year", "all", "all", 1), ("year", "all", "all", 3)], names=["unit", "split", "level", "periods"]
    )
    spells = pd.DataFrame({"spells": [20.0, LEAST_AT_RISK - 1], "ended": [5.0, 1.0]}, index=index)
    found = tenures_of(spells, "year", "all", "all")
    assert found.at_risk.tolist() == [29.0]
    assert found.ended.tolist() == [5.0]
    assert tenures_of(spells, "month", "all", "all").at_risk.tolist() == []


def test_the_restricted_mean_covers() -> None:
    rng = np.random.default_rng(3)
    steps, hazard, hit = 8, np.array([0.3, 0.25, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05]), 0
    truth = np.concatenate([[1.0], np.cumprod(1 - hazard)])[:steps].sum()
    for _ in range(500):
        at_risk, ended, left = [], [], 300
        for risk in hazard:
            gone = rng.binomial(left, risk)
            at_risk.append(left)
            ended.append(gone)
            left = rng.binomial(left - gone, 0.95)  # some are cut
        _, lower, upper = Tenures(np.array(at_risk, float), np.array(ended, float)).restricted_mean()
        hit += lower <= truth <= upper
    assert 0.93 <= hit / 500 <= 0.97


def test_what_is_known_later_changes_nothing() -> None:
    asked, bucket, *_ = world(5, True, 14, customers=80, segments=("channel",), products=("product",))
    asked = Asked(asked.business, asked.first_day, worlds.FIRST + 300)
    other = other_future(bucket, asked.as_of, np.random.default_rng(1))
    pd.testing.assert_frame_equal(told_of(asked, other).frame, told_of(asked, bucket).frame)


def test_where_nobody_left_there_is_no_sbg() -> None:
    asked, bucket = yearly(np.full(6, 30.0), 5)
    row = told_of(asked, bucket).frame.query("unit == 'year'").iloc[0]
    assert row["rate"] == 1.0
    assert row["constant"] == np.inf
    assert np.isnan(row["sbg_alpha"])
    assert row["km_to_seen"] == 5.0


def test_the_picture_shows_tenures_with_the_grace_behind_them() -> None:
    asked, bucket, *_ = world(5, True, 45, customers=80)
    picture = told_of(asked, bucket).picture
    assert picture is not None
    axes = picture().axes[0]
    seen, constant = (line.get_xydata() for line in axes.lines)
    assert seen[1].tolist() == pytest.approx([45 / (365.25 / 12), 1.0])
    assert constant[0].tolist() == [0.0, 1.0]


def test_a_single_period_says_nothing_of_lifetimes() -> None:
    """All begin their first year: whatever the rate, Kaplan-Meier of it is 1, with bounds of no width."""
    asked, bucket = yearly(np.array([1000.0, 600.0]), 1)
    told = told_of(asked, bucket)
    row = told.frame[told.frame["unit"] == "year"].iloc[0]
    assert row["seen"] == 1
    assert row[["km_to_seen", "km_to_seen_lower", "constant_to_seen", "sbg"]].isna().all()
    assert row["agree"] is None
