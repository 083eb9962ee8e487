"""Sums over customers, and intervals of what is computed from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lapse.measurement.sums import GROUPS, SUMS, codes_of, groups_of, jackknife, share_sums, shares
from tests.building import bucket


def one(ids: list[object]) -> object:
    return bucket(ids, {"order": pd.DataFrame({"customer_id": ids, "day": 1})})


@pytest.mark.parametrize("ids", [list(range(500)), [f"c{number}" for number in range(500)]])
def test_a_customer_is_in_one_group_however_buckets_are_cut(ids: list[object]) -> None:
    whole = groups_of(one(sorted(ids)))
    of = dict(zip(sorted(ids), whole, strict=True))
    part = sorted(ids[::3])
    assert groups_of(one(part)).tolist() == [of[name] for name in part]
    assert set(whole) == set(range(GROUPS))


def test_no_two_customers_share_a_code() -> None:
    made = one([1, 2, 3])
    codes = np.concatenate([codes_of(replace(made, number=number)) for number in (0, 1, 7)])
    assert len(np.unique(codes)) == 9


def test_groups_take_dictionary_ids() -> None:
    made = replace(one(["a", "b"]), customer_id=pa.array(["a", "b"]).dictionary_encode())
    assert len(groups_of(made)) == 2


def test_a_share_of_customers_who_count_twice_is_as_sure_as_of_half_as_many() -> None:
    y, n = np.tile([1.0, 0.0, 1.0, 1.0], 25), np.ones(100)
    sums = pd.DataFrame([share_sums(y, n), share_sums(2 * y, 2 * n)])
    assert list(sums) == list(SUMS)
    once, twice = (shares(sums.iloc[[row]]).iloc[0] for row in (0, 1))
    assert once.to_dict() == pytest.approx(twice.to_dict())


class TestJackknife:
    def test_bounds_of_a_mean_are_those_of_the_t_distribution(self) -> None:
        rng = np.random.default_rng(0)
        groups = np.stack([rng.normal(3, 1, GROUPS), np.ones(GROUPS)], axis=1)
        mean, lower, upper = jackknife(groups, lambda sums: sums[0] / sums[1])
        half = 2.0226909 * groups[:, 0].std(ddof=1) / np.sqrt(GROUPS)
        assert [float(mean), float(lower), float(upper)] == pytest.approx(
            [groups[:, 0].mean(), groups[:, 0].mean() - half, groups[:, 0].mean() + half]
        )

    def test_intervals_of_a_ratio_cover_it_where_customers_repeat(self) -> None:
        rng = np.random.default_rng(1)
        inside = 0
        for _ in range(500):
            level = rng.gamma(2.0, 1.0, 600)  # what a customer brings in each of its periods
            periods = rng.integers(1, 8, 600)
            money = level * periods + rng.normal(0, 1, 600)
            group = rng.integers(0, GROUPS, 600)
            sums = np.stack([np.bincount(group, money, GROUPS), np.bincount(group, periods, GROUPS)], axis=1)
            _, lower, upper = jackknife(sums, lambda total: total[0] / total[1])
            inside += bool(lower <= 2.0 <= upper)
        assert 0.93 <= inside / 500 <= 0.97

    def test_one_group_says_nothing(self) -> None:
        groups = np.zeros((GROUPS, 2))
        groups[3] = (4.0, 2.0)
        mean, lower, upper = jackknife(groups, lambda sums: sums[0] / sums[1])
        assert mean == 2.0
        assert np.isnan(lower)
        assert np.isnan(upper)
