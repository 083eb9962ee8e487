"""Pooled rates and tests from sums against the same from rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from lapse.jobs.measure import add_up
from lapse.leaks.perturbation import other_future
from lapse.measurement import comparison, retention
from lapse.measurement.asked import Asked
from lapse.measurement.rates import adjusted, clustered_share, difference, equal_rates, trend
from tests.measurement import worlds
from tests.measurement.test_rates import together
from tests.measurement.test_retention import WORLD, world


def told_of(asked: Asked, bucket: object) -> dict[str, pd.DataFrame]:
    sums = add_up([retention.collect(asked, bucket)])  # type: ignore[arg-type]
    return {one.name: one.frame for one in comparison.conclude(asked, sums)}


@settings(deadline=None, max_examples=12)
@given(WORLD)
def test_pooled_rates_trends_and_tests_are_those_of_rows(drawn: tuple[int, bool, int]) -> None:
    asked, bucket, cover, _, channel = world(
        *drawn, customers=15, segments=("channel",), products=("product",)
    )
    found = told_of(asked, bucket)
    for unit in ("month", "quarter", "year"):
        fates = worlds.fates(asked, cover, unit)
        fates = fates[fates["closed"].astype(bool)].assign(all="all")
        fates["channel"] = fates["customer_id"].map(dict(enumerate(channel))).fillna("(not known)")
        names = [name for name, *_ in worlds.periods(unit, asked.first_day, asked.as_of)]
        fates["t"] = fates["period"].map({name: place for place, name in enumerate(names)})
        pooled = found["retention_pooled"].query("unit == @unit")
        assert len(pooled) == sum(fates[split].nunique() for split in ("all", "channel", "product"))
        for row in pooled.to_dict("records"):
            check_pooled(row, fates[fates[row["split"]] == row["level"]], unit)
        tests = found["retention_comparison"].query("unit == @unit")
        for split in ("channel", "product"):
            check_tests(tests[tests["split"] == split], fates, split)
    p = found["retention_comparison"]["p_value"].to_numpy(np.float64)
    assert found["retention_comparison"]["p_adjusted"].to_numpy(np.float64) == pytest.approx(
        adjusted(p), nan_ok=True
    )


def check_pooled(row: dict[str, object], own: pd.DataFrame, unit: str) -> None:
    each = own.groupby("customer_id").agg(y=("kept", "sum"), n=("kept", "size")).astype(float)
    assert (row["customers"], row["customer_periods"]) == (len(each), len(own))
    assert row["rate"] == pytest.approx(own["kept"].mean())
    y, n = each["y"], each["n"]
    parts = (y, n, y * y, y * n, n * n, n > 0)
    lower, upper = clustered_share(*(np.array([float(part.sum())]) for part in parts))
    assert [row["rate_lower"], row["rate_upper"]] == pytest.approx(
        [lower[0], upper[0]], nan_ok=True, abs=1e-9
    )
    if own["period"].nunique() < 3:
        assert np.isnan(row["trend_a_year"])  # type: ignore[call-overload]
        return
    t, kept = own["t"].to_numpy(float), own["kept"].to_numpy(float)
    who = own["customer_id"].to_numpy()
    v = np.stack([np.bincount(who, w, 15) for w in (kept, t * kept, np.ones(len(t)), t, t**2)], axis=1)
    line = trend(v.sum(axis=0), v.T @ v, len(each))
    a_year = {"month": 12, "quarter": 4, "year": 1}[unit]
    theirs = [line.slope * a_year, line.slope_lower * a_year, line.slope_upper * a_year]
    ours = [row[f"trend_a_year{bound}"] for bound in ("", "_lower", "_upper")]
    assert ours == pytest.approx(theirs, nan_ok=True, abs=1e-8)
    if not np.isnan(line.slope):
        assert line.slope == pytest.approx(np.polyfit(t, kept, 1)[0], abs=1e-8)


def check_tests(tests: pd.DataFrame, fates: pd.DataFrame, split: str) -> None:
    levels = sorted(fates[split].unique())
    if not levels:
        assert not len(tests)
        return
    shape = {"index": "customer_id", "columns": split, "values": "kept", "fill_value": 0}
    y, n = (fates.pivot_table(aggfunc=how, **shape)[levels].to_numpy(float) for how in ("sum", "count"))
    between = tests[tests["level"] == "(between all)"].iloc[0]
    statistic, degrees, p_value = equal_rates(together(y, n))
    assert [between["statistic"], between["degrees_of_freedom"], between["p_value"]] == pytest.approx(
        [statistic, degrees, p_value], nan_ok=True, rel=1e-6, abs=1e-9
    )
    for place, level in enumerate(levels if len(levels) > 1 else []):
        row = tests[tests["level"] == level].iloc[0]
        rest = np.delete(np.arange(len(levels)), place)
        two = together(
            np.stack([y[:, place], y[:, rest].sum(1)], 1), np.stack([n[:, place], n[:, rest].sum(1)], 1)
        )
        ours = [row["difference"], row["difference_lower"], row["difference_upper"], row["p_value"]]
        assert ours == pytest.approx([*difference(two), equal_rates(two)[2]], nan_ok=True, rel=1e-6, abs=1e-9)


def test_what_is_known_later_changes_nothing() -> None:
    asked, bucket, *_ = world(5, True, 14, customers=80, segments=("channel",), products=("product",))
    asked = Asked(asked.business, asked.first_day, worlds.FIRST + 300)
    other = other_future(bucket, asked.as_of, np.random.default_rng(1))
    for name, frame in told_of(asked, bucket).items():
        pd.testing.assert_frame_equal(told_of(asked, other)[name], frame)


def test_what_is_surest_to_differ_stands_first() -> None:
    asked, bucket, *_ = world(11, True, 14, customers=90, segments=("channel",), products=("product",))
    tests = told_of(asked, bucket)["retention_comparison"]
    p = tests["p_adjusted"].dropna()
    assert len(p) > 6
    assert p.is_monotonic_increasing
    assert p.index.tolist() == list(range(len(p))), "what cannot be tested stands last"
    assert tests["unit"].head(4).tolist() != ["month"] * 4, "the order is not that of the periods"


def test_nothing_to_compare_is_said() -> None:
    asked, bucket, *_ = world(3, True, 14, days=40, segments=("channel",))
    sums = add_up([retention.collect(asked, bucket)])
    told = {one.name: one for one in comparison.conclude(asked, sums)}
    assert told["retention_comparison"].warnings
    assert told["retention_pooled"].picture is None


def test_without_segments_nothing_is_compared() -> None:
    asked, bucket, *_ = world(3, True, 14)
    assert list(told_of(asked, bucket)) == ["retention_pooled"]
