"""A programme's return beside the plain arithmetic; without a random control it cannot be known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lapse.config import Business
from lapse.leaks.perturbation import other_future
from lapse.measurement import programmes
from lapse.measurement.programmes import CANNOT, NOT_YET
from tests.measurement.leads import AS_OF, FIRST, PEOPLE, Brought, agency, buckets_of, draw, measured

WITHIN = 200


def business(**programme: object) -> Business:
    """Return a business with one programme, a call."""
    given_ = {"event": "call", "cost": 4.0, "within": f"{WITHIN}d", **programme}
    return agency(programmes={"welcome": given_})


TRIAL = {"group": "arm", "treated": "call", "control": "none"}


def dealt(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each person's first call known at as_of."""
    calls = frames["call"]
    seen = calls[(calls.day <= AS_OF) & (calls.known_day <= AS_OF)]
    return seen.sort_values("day", kind="stable").groupby("customer_id").first().reset_index()


class TestTrial:
    @given(seed=st.integers(0, 10_000), cuts=st.integers(1, 3))
    @settings(max_examples=8, deadline=None)
    def test_it_is_the_plain_arithmetic(self, seed: int, cuts: int) -> None:
        frames = draw(seed)
        row = measured(programmes, buckets_of(frames, cuts), business(**TRIAL))["programmes"].frame.iloc[0]
        people, brought = dealt(frames), Brought(frames)
        over = people[people.day + WITHIN <= AS_OF]
        assert row["open"] == len(people) - len(over)
        arms = {arm: over[over.arm == arm] for arm in ("call", "none", "test")}
        after, before = (
            {
                arm: [
                    round(brought(p.customer_id, p.day + start, p.day + start + WITHIN), 4)
                    for p in rows.itertuples()
                ]
                for arm, rows in arms.items()
            }
            for start in (0, -WITHIN)
        )
        assert (row["treated"], row["control"]) == (len(after["call"]), len(after["none"]))
        assert row["other_groups"] == len(after["test"])
        for name, of in (("difference", after), ("difference_before", before)):
            apart = np.mean(of["call"]) - np.mean(of["none"])
            error = np.sqrt(stats.sem(of["call"]) ** 2 + stats.sem(of["none"]) ** 2)
            assert row[name] == pytest.approx(apart, abs=1e-6)
            assert row[f"{name}_upper"] - row[name] == pytest.approx(1.959964 * error, abs=1e-5)
        assert row["programme_return"] == pytest.approx((row["difference"] - 4.0) / 4.0)
        assert row["programme_return_lower"] == pytest.approx((row["difference_lower"] - 4.0) / 4.0)

    def test_what_becomes_known_later_changes_nothing(self) -> None:
        buckets, day = buckets_of(draw(4), 2), AS_OF - 150
        told = measured(programmes, buckets, business(**TRIAL), day)["programmes"]
        rng = np.random.default_rng(0)
        again = measured(programmes, [other_future(one, day, rng) for one in buckets], business(**TRIAL), day)
        pd.testing.assert_frame_equal(told.frame, again["programmes"].frame)

    def test_groups_that_differed_before_are_warned_of(self) -> None:
        rng = np.random.default_rng(0)
        arm = np.array(["call", "none"])[np.arange(len(PEOPLE)) % 2]
        day = FIRST + 300
        orders = pd.DataFrame(
            {"customer_id": np.repeat(PEOPLE, 4), "day": day - 40 + 20 * np.tile(range(4), len(PEOPLE))}
        )
        amount = np.where(np.repeat(arm, 4) == "call", 80.0, 20.0) * rng.uniform(0.5, 1.5, len(orders))
        frames = draw(0) | {
            "order": orders.assign(amount=amount, channel="web", campaign="spring"),
            "call": pd.DataFrame({"customer_id": PEOPLE, "day": day, "arm": arm}),
        }
        told = measured(programmes, buckets_of(frames), business(**TRIAL))["programmes"]
        assert any("differed before it" in warning for warning in told.warnings)

    def test_an_effect_is_covered_in_most_worlds(self) -> None:
        """Each treated customer brings 6 more on average: 95 % of the intervals hold it."""
        inside = []
        for seed in range(300):
            rng = np.random.default_rng(seed)
            arms = {name: rng.gamma(2.0, 10.0 + 3.0 * (name == "call"), 80) for name in ("call", "none")}
            sums = pd.DataFrame(
                {name: {"n": 80.0, "margin": of.sum(), "squares": (of**2).sum()} for name, of in arms.items()}
            ).T.reindex(columns=programmes._COLUMNS, fill_value=0.0)
            programme = business(**TRIAL).measure.lifecycle.programmes["welcome"]
            row = programmes._return(sums, programme)
            inside.append(row["difference_lower"] <= 6.0 <= row["difference_upper"])
        assert 0.92 <= np.mean(inside) <= 0.98


class TestCannotBeKnown:
    @pytest.mark.parametrize("given_", [{}, {"group": "arm", "treated": "call"}])
    def test_without_a_control_nothing_is_claimed(self, given_: dict[str, str]) -> None:
        told = measured(programmes, buckets_of(draw(1)), business(**given_))["programmes"]
        row = told.frame.iloc[0]
        assert row["status"] == CANNOT
        columns = [name for name in told.frame if "difference" in name or "return" in name]
        assert told.frame[columns].isna().all(axis=None)
        assert row["treated"] > 0
        people = dealt(draw(1))
        over = people[people.day + WITHIN <= AS_OF]
        assert row["treated"] + row["other_groups"] == len(over)
        assert given_ or row["other_groups"] == 0
        assert CANNOT in told.warnings[0]

    def test_before_anybody_was_seen_for_long_enough(self) -> None:
        told = measured(programmes, buckets_of(draw(1)), business(**{**TRIAL, "within": "50y"}))["programmes"]
        assert told.frame["status"].tolist() == [NOT_YET]
        assert np.isnan(told.frame["difference"]).all()

    def test_nobody_was_dealt(self) -> None:
        frames = draw(1)
        told = measured(programmes, buckets_of(frames | {"call": frames["call"].iloc[:0]}), business(**TRIAL))
        assert told["programmes"].frame["status"].tolist() == [NOT_YET]
