"""Rates against a slow count in pandas; nothing open is a number, nothing later is used."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from lapse.errors import DataError
from lapse.jobs.measure import add_up, pieces_of
from lapse.leaks.perturbation import CHANGES
from lapse.measurement import comparison, retention
from lapse.measurement.asked import Asked
from lapse.measurement.rates import clustered_ratio, clustered_share
from tests.measurement import worlds

WORLD = st.tuples(st.integers(0, 10**6), st.booleans(), st.sampled_from([1, 14, 45]))


def world(seed: int, has_end: bool, grace: int, customers: int = 12, days: int = 470, **measure: Any) -> Any:
    """Return what is asked, the bucket, and the frames that it was made of."""
    rng = np.random.default_rng(seed)
    cover = worlds.covers(rng, customers, days, 8.0, has_end=has_end)
    refund = worlds.refunds(rng, customers, days)
    channel = rng.choice(np.array(["web", "shop", None], object), customers).tolist()
    asked = Asked(
        worlds.business(grace=grace, has_end=has_end, **measure), worlds.FIRST, worlds.FIRST + days - 10
    )
    return asked, worlds.made(cover, refund, customers, channel), cover, refund, channel


def tables(asked: Asked, bucket: Any) -> dict[str, pd.DataFrame]:
    sums = add_up([retention.collect(asked, bucket)])
    return {one.name: one.frame for one in retention.conclude(asked, sums)}


@settings(deadline=None, max_examples=20)
@given(WORLD)
def test_rates_are_those_of_a_count_day_by_day(drawn: tuple[int, bool, int]) -> None:
    asked, bucket, cover, refund, channel = world(*drawn, segments=("channel",), products=("product",))
    found = tables(asked, bucket)
    all_money = list(pd.concat([cover, refund]).itertuples())
    for unit in ("month", "quarter", "year"):
        fates = worlds.fates(asked, cover, unit)
        fates["channel"] = fates["customer_id"].map(dict(enumerate(channel))).fillna("(not known)")
        fates["all"] = "all"
        table = found[f"retention_by_{unit}"]
        length = {"month": 1, "quarter": 3, "year": 12}[unit]
        seen = 0
        for row in table.to_dict("records"):
            own = fates[(fates[row["split"]] == row["level"]) & (fates["period"] == row["period"])]
            assert row["customers"] == len(own)
            seen += len(own)
            if row["status"] == "open" or not len(own):
                assert pd.isna(row["rate"])
                assert pd.isna(row["gross_rate"])
                continue
            assert own["closed"].all()
            assert row["kept"] == own["kept"].sum()
            assert row["returned"] == own["returned"].sum()
            assert row["rate"] == pytest.approx(own["kept"].mean())
            present = own["kept"].sum() + own["returned"].sum()
            assert row["rate_with_returned"] == pytest.approx(present / len(own))
            interval = binomtest(int(own["kept"].sum()), len(own)).proportion_ci(method="wilson")
            assert (row["rate_lower"], row["rate_upper"]) == pytest.approx((interval.low, interval.high))
            assert row["newly_won"] == sum(is_new(cover, one, length) for one in own.itertuples())
            check_money(row, own, all_money, length, asked)
        assert seen == 3 * len(fates)


def is_new(cover: pd.DataFrame, row: Any, length: int) -> bool:
    """Return whether nothing of a customer that was known at a period's start lies before the one before."""
    opening = pd.Timestamp(0) + pd.Timedelta(days=int(row.start) + 1) - pd.DateOffset(months=length)
    before = pd.Timestamp(0) + pd.to_timedelta(cover["day"], unit="D") < opening
    return not (before & (cover["known_day"] <= row.start) & (cover["customer_id"] == row.customer_id)).any()


def test_money_of_mostly_new_customers_is_warned_of() -> None:
    asked, bucket, *_ = world(3, True, 14, customers=60)
    sums = add_up([retention.collect(asked, bucket)])
    for one in retention.conclude(asked, sums):
        frame = one.frame[(one.frame["status"] == "closed") & one.frame["gross_rate"].notna()]
        shares = frame["newly_won"] / frame["customers"]
        told = [warning for warning in one.warnings if "rates of money are too high" in warning]
        assert len(told) == int(len(shares) > 0 and shares.iloc[0] > 0.2)
        assert all(warning.startswith(f"{shares.iloc[0]:.0%} of the customers") for warning in told)


def check_money(row: dict[Any, Any], own: pd.DataFrame, money: list[Any], length: int, asked: Asked) -> None:
    start, end = own["start"].iloc[0], own["end"].iloc[0]
    opening = pd.Timestamp(0) + pd.Timedelta(days=int(start) + 1) - pd.DateOffset(months=length)
    after = (opening - pd.Timestamp(0)).days - 1
    before = np.array([worlds.money_in(money, one, after, start) for one in own["customer_id"]])
    during = np.array([worlds.money_in(money, one, start, end) for one in own["customer_id"]])
    if after < asked.first_day - 1 or before.sum() == 0:
        assert pd.isna(row["gross_rate"])
        return
    gross = np.minimum(before, during)
    assert row["money_before"] == pytest.approx(before.sum())
    assert row["gross_rate"] == pytest.approx(gross.sum() / before.sum())
    assert row["net_rate"] == pytest.approx(during.sum() / before.sum())
    assert row["gross_rate"] <= min(row["net_rate"], 1) + 1e-12
    parts = (gross, before, gross**2, gross * before, before**2, np.ones(len(own)))
    low, high = clustered_share(*(np.array([part.sum()]) for part in parts))
    assert [row["gross_rate_lower"], row["gross_rate_upper"]] == pytest.approx([low[0], high[0]], nan_ok=True)
    parts = (during, before, during**2, during * before, before**2, np.ones(len(own)))
    low, high = clustered_ratio(*(np.array([part.sum()]) for part in parts))
    assert [row["net_rate_lower"], row["net_rate_upper"]] == pytest.approx([low[0], high[0]], nan_ok=True)


@settings(deadline=None, max_examples=6)
@given(WORLD, st.integers(1, 5))
def test_buckets_add_up(drawn: tuple[int, bool, int], size: int) -> None:
    asked, bucket, *_ = world(*drawn, segments=("channel",), products=("product",))
    cut = add_up(retention.collect(asked, piece) for piece in pieces_of(bucket, size))
    whole = add_up([retention.collect(asked, bucket)])
    for part in (retention, comparison):
        for one, other in zip(part.conclude(asked, cut), part.conclude(asked, whole), strict=True):
            pd.testing.assert_frame_equal(one.frame, other.frame)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("has_end", [False, True])
def test_what_is_known_later_changes_nothing(change: str, has_end: bool) -> None:
    asked, bucket, *_ = world(5, has_end, 14, customers=40, segments=("channel",), products=("product",))
    asked = dataclasses.replace(asked, as_of=worlds.FIRST + 300)
    other = CHANGES[change](bucket, asked.as_of, np.random.default_rng(1))
    for name, frame in tables(asked, bucket).items():
        pd.testing.assert_frame_equal(tables(asked, other)[name], frame)


def test_a_closed_rate_never_changes_afterwards() -> None:
    asked, bucket, *_ = world(8, True, 14, customers=40)
    earlier = dataclasses.replace(asked, as_of=worlds.FIRST + 300)
    now, then = tables(asked, bucket)["retention_by_month"], tables(earlier, bucket)["retention_by_month"]
    closed = then[then["status"] == "closed"].reset_index(drop=True)
    same = now[now["period"].isin(closed["period"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, closed)
    assert len(closed) == 7


def test_an_open_period_has_customers_and_no_rate() -> None:
    asked, bucket, *_ = world(3, True, 14, customers=60)
    for name, frame in tables(asked, bucket).items():
        is_open = frame["status"] == "open"
        assert is_open.sum() == 1, name
        assert frame.loc[is_open, "customers"].iloc[0] > 0
        numbers = [
            "kept",
            "returned",
            "rate",
            "rate_lower",
            "rate_upper",
            "gross_rate",
            "net_rate",
            "money_before",
        ]
        assert frame.loc[is_open, numbers].isna().all(axis=None)


def test_a_period_without_customers_has_no_rate_and_is_counted() -> None:
    day = worlds.FIRST + np.array([0, 5, 200])
    cover = pd.DataFrame({"customer_id": [0, 1, 0], "day": day, "amount": 1.0, "product": "a"})
    refund = pd.DataFrame({"customer_id": [1], "day": day[:1], "amount": -1.0})
    asked = Asked(worlds.business(grace=40, has_end=False), worlds.FIRST, worlds.FIRST + 300)
    sums = add_up([retention.collect(asked, worlds.made(cover, refund, 2, ["web", "web"]))])
    told = retention.conclude(asked, sums)[0]
    empty = told.frame[(told.frame["customers"] == 0) & (told.frame["status"] == "closed")]
    assert len(empty) == 6
    assert empty["rate"].isna().all()
    assert any(
        "6 months without a customer at the start: no rate there" in warning for warning in told.warnings
    )


def test_without_a_closed_period_it_says_so() -> None:
    asked, bucket, *_ = world(3, False, 14, days=150)
    told = {one.name: one for one in retention.conclude(asked, add_up([retention.collect(asked, bucket)]))}
    assert any("no whole year" in warning for warning in told["retention_by_year"].warnings)
    assert told["retention_by_year"].frame["rate"].isna().all()
    assert told["retention_by_year"].picture is None


def test_money_that_is_known_late_or_negative_is_counted() -> None:
    asked, bucket, *_ = world(3, False, 14, customers=50)
    told = retention.conclude(asked, add_up([retention.collect(asked, bucket)]))[0]
    assert any("became known after its month had closed" in warning for warning in told.warnings)
    assert any("below 0" in warning for warning in told.warnings)


def test_a_segment_with_ten_thousand_values_is_refused() -> None:
    n = 10_000
    cover = pd.DataFrame({"customer_id": range(n), "day": worlds.FIRST, "amount": 1.0})
    cover["product"] = [f"p{i % 60}" for i in range(n)]
    refund = cover.iloc[:1].assign(amount=-1.0)
    asked = Asked(
        worlds.business(grace=90, has_end=False, segments=("channel",), products=("product",)),
        worlds.FIRST,
        worlds.FIRST + 60,
    )
    bucket = worlds.made(cover, refund, n, [f"c{i}" for i in range(n)])
    with pytest.raises(DataError) as refused:
        retention.collect(asked, bucket)
    assert [problem.what for problem in refused.value.problems] == ["measure.segments", "measure.products"]
    assert all("at most 50 values" in problem.expected for problem in refused.value.problems)
    assert all(problem.hint for problem in refused.value.problems)


def test_too_many_values_spread_over_buckets_are_refused_at_the_end() -> None:
    n = 120
    cover = pd.DataFrame({"customer_id": range(n), "day": worlds.FIRST, "amount": 1.0, "product": "a"})
    asked = Asked(
        worlds.business(grace=90, has_end=False, segments=("channel",)), worlds.FIRST, worlds.FIRST + 60
    )
    bucket = worlds.made(cover, cover.iloc[:1].assign(amount=-1.0), n, [f"c{i}" for i in range(n)])
    sums = add_up(retention.collect(asked, piece) for piece in pieces_of(bucket, 30))
    with pytest.raises(DataError, match="120 or more"):
        retention.conclude(asked, sums)


def test_a_segment_that_was_not_known_yet_is_no_segment() -> None:
    asked, bucket, *_ = world(5, True, 14, customers=60, segments=("channel",))
    known = np.full(60, worlds.FIRST + 200, np.int32)
    late = tables(asked, dataclasses.replace(bucket, profile_known_day=known))["retention_by_month"]
    of_segment = late[(late["split"] == "channel") & (late["customers"] > 0)]
    before = of_segment["starts_on"] <= pd.Timestamp("1970-01-01") + pd.Timedelta(days=worlds.FIRST + 200)
    assert set(of_segment.loc[before, "level"]) == {"(not known)"}
    assert {"web", "shop"} < set(of_segment.loc[~before, "level"])
