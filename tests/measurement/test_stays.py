"""Time in a state beside Kaplan and Meier by hand, and beside a population whose mean is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.measurement import stays
from lapse.measurement.stays import mean_stay, stay_sums
from lapse.measurement.sums import GROUPS


def stays_by_hand(states: np.ndarray) -> list[tuple[int, int, bool]]:
    """Return (state, months seen, whether it ended) of every stay whose beginning was seen."""
    found = []
    for row in states.tolist():
        month = 0
        while month < len(row):
            end = month
            while end < len(row) and row[end] == row[month]:
                end += 1
            if row[month] >= 0 and month > 0:
                found.append((row[month], end - month, end < len(row)))
            month = end
    return found


class TestMeanStay:
    @given(seed=st.integers(0, 10_000), cut=st.integers(1, 29))
    @settings(deadline=None, max_examples=40)
    def test_agrees_with_kaplan_meier_by_hand(self, seed: int, cut: int) -> None:
        rng = np.random.default_rng(seed)
        states = rng.integers(-1, 2, (30, 9)).astype(np.int8)
        states = np.sort(states, axis=1) if rng.random() < 0.3 else states
        group = rng.integers(0, GROUPS, 30)
        parts = [stay_sums(states[rows], group[rows], 2) for rows in (slice(0, cut), slice(cut, 30))]
        sums = pd.concat(parts).groupby(level=["state", "group", "age"]).sum()
        for code in (0, 1):
            mine = [(length, ended) for of, length, ended in stays_by_hand(states) if of == code]
            found = mean_stay(sums[sums.index.get_level_values("state") == code].droplevel("state"))
            # a stay first seen in the last month has been seen at no age
            at_risk = [sum(length - (not ended) > age for length, ended in mine) for age in range(9)]
            ends = [sum(length - 1 == age and ended for length, ended in mine) for age in range(9)]
            alive, mean, limit = 1.0, 0.0, 0
            while limit < 9 and at_risk[limit] >= stays.LEAST_STAYS:
                mean += alive
                alive *= 1 - ends[limit] / at_risk[limit]
                limit += 1
            assert found["stays"] == at_risk[0]
            if limit == 0:
                assert np.isnan(found["months"])
            else:
                assert found["months"] == pytest.approx(mean)
                assert found["lasting_share"] == pytest.approx(alive)
                assert found["limit_months"] == limit
                assert found["months_lower"] <= found["months"] <= found["months_upper"]

    def test_intervals_cover_a_known_mean(self) -> None:
        """Customers leave at rates of their own, come back, and are cut off by the end of the data."""
        rng = np.random.default_rng(7)
        rates = np.array([0.1, 0.5])
        weight = np.array([0.5, 0.5])
        truth = sum(float(weight @ (1 - rates) ** age) for age in range(6))
        inside = 0
        for _ in range(300):
            of = rng.integers(0, 2, 400)
            # everybody begins a first stay in month 1..6, and is seen for the six months after it
            states = np.full((400, 13), -1, np.int8)
            start = rng.integers(1, 7, 400)
            length = rng.geometric(rates[of])
            month = np.arange(13)
            here = (month >= start[:, None]) & (month < (start + length)[:, None])
            states[month[None, :] >= start[:, None]] = 1
            states[here] = 0
            sums = stay_sums(states, rng.integers(0, GROUPS, 400), 2)
            found = mean_stay(sums[sums.index.get_level_values("state") == 0].droplevel("state"))
            if found["limit_months"] < 6:
                continue
            cut = sums[sums.index.get_level_values("age") < 6]
            found = mean_stay(cut[cut.index.get_level_values("state") == 0].droplevel("state"))
            inside += found["months_lower"] <= truth <= found["months_upper"]
        assert 0.92 <= inside / 300 <= 0.98
