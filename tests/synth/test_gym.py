"""The gym: its tables, its one rule day by day, and an oracle that is calibrated and sees no future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from lapse.schema import to_day
from lapse.synth import GymWorld, Synthetic, make_gym
from lapse.synth.gym_world import LONGEST_DELAY, leave_probability
from tests.synth.oracles import assert_calibrated, lapse_by_walking

DATES = [when.date() for when in pd.date_range("2023-01-01", "2024-11-01", freq="3MS")]


@pytest.fixture(scope="module")
def gym() -> Synthetic:
    return make_gym(6_000, seed=7)


def test_the_same_seed_gives_the_same_tables_and_another_seed_does_not() -> None:
    one, two, other = make_gym(80, 3), make_gym(80, 3), make_gym(80, 4)
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, two.tables[name])
    assert not one.tables["terms"].equals(other.tables["terms"])


def test_tables_hold_only_what_was_known(gym: Synthetic) -> None:
    end = pd.Timestamp("2025-01-01")
    for name, column in [
        ("members", "joined_on"),
        ("terms", "booked_at"),
        ("visits", "uploaded_at"),
        ("tickets", "opened_at"),
        ("tickets", "closed_at"),
        ("price_letters", "sent_at"),
    ]:
        assert gym.tables[name][column].max() < end, (name, column)
    assert not any(frame.duplicated().any() for frame in gym.tables.values())


def test_some_rows_are_known_early_and_some_late(gym: Synthetic) -> None:
    terms, visits = make_gym(300, 1, world=GymWorld(booking_lead=2)).tables["terms"], gym.tables["visits"]
    assert (terms["booked_at"].dt.normalize() < terms["starts_on"]).any()
    assert (terms["booked_at"].dt.normalize() <= terms["starts_on"]).all()
    late = (visits["uploaded_at"].dt.normalize() - visits["checked_in_at"].dt.normalize()).dt.days
    assert set(late.unique()) == {0, 1, 2}


def test_lapses_are_those_of_a_walk_day_by_day(gym: Synthetic) -> None:
    terms = gym.tables["terms"]
    early = date(2024, 6, 30)
    truth = gym.truth.outcomes(early, 60).set_index("customer_id")["lapsed"]
    covers = pd.DataFrame(
        {
            "customer_id": terms["member_id"],
            "day": terms["starts_on"].to_numpy("datetime64[D]").astype(int),
            "end": terms["ends_on"].to_numpy("datetime64[D]").astype(int),
        }
    )
    walked = lapse_by_walking(covers[covers["customer_id"] < "M001500"], 14, to_day(early), 60)
    assert walked.any()
    assert not walked.all()
    pd.testing.assert_series_equal(
        walked, truth[truth.index < "M001500"], check_names=False, check_index_type=False
    )


def test_an_ended_term_says_why_only_once_it_has_lapsed(gym: Synthetic) -> None:
    terms = gym.tables["terms"]
    ended = terms[terms["ended_by"].notna()]
    assert set(ended["ended_by"]) == {"cancelled", "payment_failed", "moved"}
    assert (ended["ends_on"] + pd.Timedelta("14D") <= pd.Timestamp("2024-12-31")).all()
    assert (terms.groupby("member_id")["starts_on"].transform("max")[ended.index] == ended["starts_on"]).all()


@pytest.mark.parametrize(("seed", "horizon", "lead"), [(7, 60, 0), (8, 60, 2), (8, 120, 3)])
def test_the_oracle_is_calibrated(seed: int, horizon: int, lead: int) -> None:
    world = GymWorld(booking_lead=lead, carry=(0.5, 0.5, 0.3) if lead else (0.0, 0.0, 0.0))
    truth = make_gym(6_000, seed, world=world).truth
    assert_calibrated(truth.probability(DATES, horizon), truth.outcomes(DATES, horizon))


def test_the_oracle_is_calibrated_where_the_end_has_passed(gym: Synthetic) -> None:
    dates = [when.date() for when in pd.date_range("2022-06-01", "2024-11-01", freq="7D")]
    causes = gym.truth.causes(dates)
    waiting = (causes["decides_on"] <= causes["as_of"]).to_numpy()
    assert_calibrated(
        gym.truth.probability(dates, 60)[waiting], gym.truth.outcomes(dates, 60)[waiting], bins=4
    )


def test_the_oracle_uses_nothing_that_is_known_later(gym: Synthetic) -> None:
    """Cutting and garbling everything after as_of changes neither the probabilities nor the causes."""
    as_of = date(2023, 9, 15)
    day, truth = to_day(as_of), gym.truth
    known = truth.booked <= day
    visits = truth.visits[truth.visits[:, 1] + truth.visits[:, 2] <= day]
    tickets = truth.tickets[truth.tickets[:, 1] <= day].copy()
    tickets[tickets[:, 2] > day, 2] = day + 1
    started = truth.terms[known]
    notice = np.asarray(truth.world.notices)[truth.members.plan[started[:, 0]]]
    announced = np.where(started[:, 2] - notice <= day, truth.announced[known], 1)
    garbled = replace(
        truth, terms=started, booked=truth.booked[known], announced=announced, visits=visits, tickets=tickets
    )
    pd.testing.assert_frame_equal(truth.probability(as_of, 60), garbled.probability(as_of, 60))
    pd.testing.assert_frame_equal(truth.causes(as_of), garbled.causes(as_of))


def test_each_planted_cause_raises_the_hazard_of_those_it_drives(gym: Synthetic) -> None:
    dates = [when.date() for when in pd.date_range("2023-01-01", "2024-10-01", freq="MS")]
    causes = gym.truth.causes(dates)
    lapsed = gym.truth.outcomes(dates, 60)["lapsed"]
    soon = (causes["decides_on"] - causes["as_of"]).dt.days.between(1, 40)
    rest = lapsed[soon & causes[["price", "complaint", "visits"]].lt(0.3).all(axis=1)].mean()
    for cause in ("price", "complaint", "visits"):
        assert lapsed[soon & causes[cause].gt(1.0)].mean() > 1.7 * rest, cause


def test_a_rise_of_the_price_shows_in_the_next_term(gym: Synthetic) -> None:
    terms, letters = gym.tables["terms"], gym.tables["price_letters"]
    steps = terms.assign(before=terms.groupby("member_id")["price"].shift())
    risen = steps[steps["price"] > steps["before"]]
    told = pd.merge_asof(
        risen.sort_values("starts_on"),
        letters.sort_values("sent_at"),
        left_on="starts_on",
        right_on="sent_at",
        by="member_id",
    )
    assert np.allclose(told["price"] - told["before"], told["rise"], atol=0.02)
    assert ((told["starts_on"] - told["sent_at"]).dt.days <= 45 + LONGEST_DELAY).all()


def test_the_future_counts_money_until_the_lapse(gym: Synthetic) -> None:
    truth, as_of = gym.truth, date(2024, 1, 1)
    future = truth.future(as_of, horizon=60, limit=365, margin_rate=0.35, discount_rate=0.1)
    terms = gym.tables["terms"]
    terms = terms[(terms["starts_on"] > "2024-01-01") & (terms["starts_on"] <= "2024-12-31")]
    paid = terms.groupby("member_id")["price"].sum().reindex(future["customer_id"], fill_value=0.0)
    assert np.allclose(paid, future["revenue"])
    assert (future["clv"] <= 0.35 * future["revenue"] + 1e-9).all()
    assert (future["clv"] >= 0.35 / 1.1 * future["revenue"] - 1e-9).all()
    assert future["revenue_horizon"].sum() < future["revenue"].sum()


def test_a_question_beyond_the_simulation_is_refused(gym: Synthetic) -> None:
    with pytest.raises(ValueError, match="simulated until 2029"):
        gym.truth.future(date(2024, 12, 31), horizon=60, limit=3650, margin_rate=0.3, discount_rate=0.1)


def test_the_hazard_is_the_formula_that_the_module_states() -> None:
    world = GymWorld()
    log_odds = (
        world.plan_effect[1] + world.channel_effect[3] + world.class_effect[2]
        + world.rise_effect * world.rises[2] + world.complaint_effect + world.tenure_effect
    )  # fmt: skip
    found = leave_probability(world.numbers(), 1, 3, 2, 2, 0, 1, 0, 360)
    assert found == pytest.approx(1 / (1 + np.exp(-log_odds)))
