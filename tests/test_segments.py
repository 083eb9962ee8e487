"""Tiers by value."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.config.sections import TierRule
from lapse.segments import TierLimits, fit_tiers, tier_of, tiers


class TestTiers:
    def test_shares_of_a_plain_ladder(self) -> None:
        clv = np.arange(1.0, 1001.0)
        counts = tiers(fit_tiers(clv), clv).value_counts()
        assert counts.to_dict() == {"lead": 0, "iron": 700, "gold": 250, "platinum": 50}

    def test_lead_costs_more_than_it_brings(self) -> None:
        limits = TierLimits(gold_from=10.0, platinum_from=20.0)
        given_values = np.array([-0.01, 0.0, 9.99, 10.0, 20.0, np.nan])
        assert tiers(limits, given_values).tolist()[:5] == ["lead", "iron", "iron", "gold", "platinum"]
        assert tiers(limits, given_values).isna().tolist() == [False] * 5 + [True]

    def test_a_lead_stays_one_where_all_are(self) -> None:
        clv = -np.arange(1.0, 101.0)
        assert set(tiers(fit_tiers(clv), clv)) == {"lead"}

    @given(values=st.lists(st.integers(-3, 12), min_size=1, max_size=200))
    @settings(deadline=None, max_examples=200)
    def test_equal_values_share_a_tier_and_no_tier_is_larger_than_its_share(self, values: list[int]) -> None:
        clv = np.array(values, float)
        tier = tiers(fit_tiers(clv), clv)
        assert pd.DataFrame({"clv": clv, "tier": tier}).groupby("clv")["tier"].nunique().max() == 1
        assert (tier == "platinum").sum() <= 0.05 * len(clv)
        assert (tier >= "gold").sum() <= 0.30 * len(clv)
        assert tier[np.argsort(clv)].codes.tolist() == sorted(tier.codes.tolist())

    def test_nobody_stands_out_where_all_are_worth_the_same(self) -> None:
        limits = fit_tiers(np.full(100, 5.0))
        assert set(tiers(limits, np.full(100, 5.0))) == {"iron"}
        assert limits == TierLimits(np.inf, np.inf)

    @given(
        values=st.lists(st.integers(-3, 12), min_size=1, max_size=200),
        platinum=st.integers(1, 40),
        gold=st.integers(1, 40),
    )
    @settings(deadline=None, max_examples=100)
    def test_shares_of_the_config_take_the_place_of_the_default_ones(
        self, values: list[int], platinum: int, gold: int
    ) -> None:
        value = np.array(values, float)
        rule = TierRule(platinum_share=platinum / 100, gold_share=gold / 100)
        tier = tiers(fit_tiers(value, rule), value)
        for one, found in zip(value, tier, strict=True):
            reach = 100 * int((value >= one).sum())
            limits = (platinum * len(value), (platinum + gold) * len(value))
            expected = "platinum" if reach <= limits[0] else "gold" if reach <= limits[1] else "iron"
            assert found == ("lead" if one < 0 else expected)

    def test_money_of_the_config_is_taken_as_it_is(self) -> None:
        rule = TierRule(platinum_from=20.0, gold_from=10.0)
        assert fit_tiers(np.array([1.0, 1.0]), rule) == TierLimits(gold_from=10.0, platinum_from=20.0)

    @pytest.mark.parametrize("clv", [np.arange(100.0), np.full(9, 1.0), np.array([np.nan]), np.array([])])
    def test_json_there_and_back(self, clv: np.ndarray) -> None:
        limits = fit_tiers(clv)
        text = json.dumps(limits.to_json(), allow_nan=False)
        assert TierLimits.from_json(json.loads(text)) == limits


@given(
    values=st.lists(st.integers(-3, 12), min_size=1, max_size=60),
    rule=st.sampled_from(
        [
            TierRule(),
            TierRule(platinum_share=0.1, gold_share=0.3),
            TierRule(platinum_from=9.0, gold_from=4.0),
        ]
    ),
)
@settings(deadline=None, max_examples=60)
def test_a_tier_from_how_many_reach_a_value_is_that_of_the_limits(values: list[int], rule: TierRule) -> None:
    value = np.array(values, np.float64)
    told = [tier_of(one, int((value >= one).sum()), len(value), rule) for one in value.tolist()]
    assert told == tiers(fit_tiers(value, rule), value).tolist()
