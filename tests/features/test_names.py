from __future__ import annotations

import math
import re

import numpy as np
import pytest

from lapse.features import compute, fit_recipe, group_of, words
from lapse.features.families import ASKED_BY_WINDOW, ASKED_FOR, ASKED_WITH_MONEY, FAMILIES
from lapse.features.names import silence_told
from lapse.features.phrases import PHRASES
from lapse.features.wording import days, one, percent, plain, plural, whole
from tests.features.histories import (
    FIRST,
    LAST,
    asking_for_all,
    assemble,
    business,
    some_frames,
    some_profile,
    some_snapshots,
)

NAN = math.nan
BASKET = {
    "basket__days_since_last": 19.0,
    "basket__gap_mean": 6.2,
    "basket__gap_sd": 2.5,
    "basket__gap_max": 40.0,
    "basket__since_vs_gap": 3.06,
    "basket__since_vs_q90": 1.5,
    "basket__gap_recent": 9.0,
    "basket__last_gap": 1.0,
    "basket__longer_gaps": 0.08,
    "basket__quiet__14d": 0.25,
    "basket__quiet_recent__28d": 0.4,
    "basket__silence__28d": 0.3,
    "basket__silence_chance__28d": 0.6,
    "basket__rate__30d": 0.125,
    "basket__count__7d": 0.0,
    "basket__count__30d": 3.0,
    "basket__count__90d": 12.0,
    "basket__days__30d": 1.0,
    "basket__trend__30d": 0.75,
    "basket__sum__30d": 120.0,
    "basket__sum__90d": 520.0,
    "basket__sum__7d": -5.5,
    "basket__mean__30d": 40.0,
    "basket__max__30d": 1234.0,
    "basket__last_amount": 9.5,
    "basket__distinct_department__30d": 5.0,
    "basket__share_department_fresh_meat__90d": 0.34,
    "basket__spend_share_department_fresh_meat__90d": 0.5,
    "basket__latest_store": "north",
}
CONTRACT = {
    "term__days_to_end": 9.0,
    "term__terms": 4.0,
    "term__renewals": 3.0,
    "term__term_days": 30.0,
    "term__price_change": 0.12,
    "term__next_known": 0.0,
    "term__latest_plan": "basic",
    "term__changes_plan": 2.0,
    "complaint__open": 1.0,
    "complaint__open_days": 12.0,
    "customer__tenure_days": 767.0,
    "customer__kinds__30d": 2.0,
    "customer__region": "north",
    "customer__age": 30.0,
    "calendar__year_sin": math.sin(2 * math.pi * 310 / 365),
    "calendar__year_cos": math.cos(2 * math.pi * 310 / 365),
    "visit__weekend_share__90d": 0.35,
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("basket__days_since_last", "no basket for 19 days, usually every 6"),
        ("basket__gap_mean", "usually a basket every 6.2 days"),
        ("basket__gap_sd", "time between baskets varies by 2.5 days"),
        ("basket__gap_max", "longest time between baskets: 40 days"),
        ("basket__since_vs_gap", "no basket for 19 days, usually every 6"),
        ("basket__since_vs_q90", "1.5 times the longest usual gap since the last basket"),
        ("basket__gap_recent", "lately a basket every 9 days"),
        ("basket__last_gap", "1 day between the last two baskets"),
        ("basket__longer_gaps", "8 % of the gaps between baskets were longer than this one"),
        ("basket__quiet__14d", "25 % of days were followed by 14 days without a basket"),
        ("basket__quiet_recent__28d", "40 % of recent days were followed by 28 days without a basket"),
        ("basket__silence__28d", "30 % chance of 28 more days without a basket, going by its own gaps"),
        (
            "basket__silence_chance__28d",
            "60 % chance of no basket in the horizon at the pace of about the last 28 days",
        ),
        ("basket__rate__30d", "at the pace of about the last 30 days a basket every 8 days"),
        ("basket__count__7d", "no basket in 7 days, 3 in the 23 days before"),
        ("basket__count__30d", "3 baskets in 30 days, 9 in the 60 days before"),
        ("basket__count__90d", "12 baskets in 90 days"),
        ("basket__days__30d", "1 day with a basket in 30 days"),
        ("basket__trend__30d", "baskets in 30 days at 75 % of the pace of the last 90 days"),
        ("basket__sum__30d", "spent 120 EUR on baskets in 30 days (down 40 %)"),
        ("basket__sum__90d", "spent 520 EUR on baskets in 90 days"),
        ("basket__sum__7d", "5.50 EUR back for baskets in 7 days"),
        ("basket__mean__30d", "40 EUR on average per basket, last 30 days"),
        ("basket__max__30d", "largest basket in 30 days: 1,234 EUR"),
        ("basket__last_amount", "last basket: 9.50 EUR"),
        ("basket__distinct_department__30d", "5 different departments among baskets in 30 days"),
        ("basket__share_department_fresh_meat__90d", "34 % of baskets in 90 days: department fresh meat"),
        (
            "basket__spend_share_department_fresh_meat__90d",
            "50 % of spend on baskets in 90 days: department fresh meat",
        ),
        ("basket__latest_store", "store is north"),
        ("basket timing", "no basket for 19 days, usually every 6"),
        ("basket volume", "3 baskets in 30 days, 9 in the 60 days before"),
        ("basket spend", "spent 120 EUR on baskets in 30 days (down 40 %)"),
        ("basket mix", "50 % of spend on baskets in 90 days: department fresh meat"),
    ],
)
def test_baskets_in_words(name: str, told: str) -> None:
    assert words(name, BASKET, currency="EUR") == told


@pytest.mark.parametrize(
    ("stat", "gap", "told"),
    [
        ("recent", 3.4, "no basket for 15 days, lately every 3"),
        ("recent", 1.0, "no basket for 15 days, lately every day"),
        ("max", 12.0, "no basket for 15 days, never longer than 12"),
        ("max", 18.0, "no basket for 15 days, once as long as 18"),
        ("median", 1.0, "no basket for 15 days, half of the gaps within 1"),
        ("q90", 9.0, "no basket for 15 days, nine gaps in ten within 9"),
    ],
)
def test_the_days_since_the_last_one_stand_beside_the_gap(stat: str, gap: float, told: str) -> None:
    row = {f"basket__since_vs_{stat}": 15 / gap, f"basket__gap_{stat}": gap, "basket__days_since_last": 15.0}
    assert words(f"basket__since_vs_{stat}", row) == told
    without = {name: value for name, value in row.items() if "gap" not in name}
    assert words(f"basket__since_vs_{stat}", without).endswith("gap since the last basket")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("term__days_to_end", "term ends in 9 days"),
        ("term__terms", "4 terms so far"),
        ("term__renewals", "term renewed 3 times"),
        ("term__term_days", "term of 30 days"),
        ("term__price_change", "price went up 12 %"),
        ("term__next_known", "next term not yet booked"),
        ("term__latest_plan", "plan is basic"),
        ("term__changes_plan", "plan changed 2 times"),
        ("complaint__open", "1 complaint open for 12 days"),
        ("customer__tenure_days", "customer for 2.1 years"),
        ("customer__kinds__30d", "2 kinds of contact in 30 days"),
        ("customer__region", "region is north"),
        ("customer__age", "age is 30"),
        ("calendar__year_sin", "time of the year: November"),
        ("visit__weekend_share__90d", "weekend share of visits in 90 days: 0.35"),
        ("term contract", "term ends in 9 days, term renewed 3 times"),
        ("term price", "price went up 12 %"),
        ("term plan", "plan is basic, plan changed 2 times"),
        ("complaint open", "1 complaint open for 12 days"),
        ("profile", "region is north, age is 30"),
        ("season", "time of the year: November"),
        ("tenure", "customer for 2.1 years"),
        ("breadth", "2 kinds of contact in 30 days"),
        ("visit weekend share", "weekend share of visits in 90 days: 0.35"),
    ],
)
def test_contracts_in_words(name: str, told: str) -> None:
    assert words(name, CONTRACT) == told


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({"basket__days_since_last": 0.0}, "basket timing", "a basket today, usually every 6 days"),
        ({"basket__days_since_last": 1.0, "basket__gap_mean": NAN}, "basket timing", "no basket for 1 day"),
        ({"basket__days_since_last": NAN}, "basket timing", "no basket on record"),
        ({"basket__gap_mean": NAN}, "basket__gap_mean", "too few baskets on record to know a rhythm"),
        ({"basket__gap_mean": 1.0}, "basket timing", "no basket for 19 days, usually every day"),
        ({"basket__gap_mean": 1.0}, "basket__gap_mean", "usually a basket every day"),
        ({"basket__since_vs_gap": 0.0}, "basket__since_vs_gap", "a basket today"),
        (
            {"basket__since_vs_gap": 0.04},
            "basket__since_vs_gap",
            "no basket for 19 days, usually every 6",
        ),
        (
            {"basket__distinct_department__30d": 1.0},
            "basket__distinct_department__30d",
            "1 department among baskets in 30 days",
        ),
        (
            {"basket__rate__30d": 0.0},
            "basket__rate__30d",
            "hardly any basket at the pace of about the last 30 days",
        ),
        ({"basket__trend__30d": NAN}, "basket__trend__30d", "no basket in 90 days"),
        ({"basket__mean__30d": NAN}, "basket__mean__30d", "no basket in 30 days"),
        ({"term__days_to_end": -3.0}, "term__days_to_end", "term ended 3 days ago"),
        ({"term__days_to_end": 0.0}, "term__days_to_end", "term ends today"),
        ({"term__days_to_end": None}, "term__days_to_end", "term has no known end"),
        ({"term__renewals": 0.0}, "term__renewals", "term never renewed"),
        ({"term__price_change": NAN}, "term price", "no earlier price of a term"),
        ({"term__price_change": -0.2}, "term price", "price went down 20 %"),
        ({"term__price_change": 0.0}, "term price", "price unchanged"),
        ({"term__latest_plan": None, "term__changes_plan": 0.0}, "term plan", "plan not known"),
        ({"complaint__open": 0.0, "complaint__open_days": NAN}, "complaint open", "no complaint open"),
        ({"complaint__open": 2.0}, "complaint open", "2 complaints open, the oldest for 12 days"),
        ({"term__terms": 0.0, "term__days_to_end": NAN}, "term contract", "no term on record"),
        ({"basket__sum__90d": 360.0}, "basket spend", "spent 120 EUR on baskets in 30 days (as before)"),
        ({"basket__sum__30d": 0.0}, "basket spend", "nothing spent on baskets in 30 days"),
        (dict.fromkeys([n for n in BASKET if "share_" in n], NAN), "basket mix", "no basket in 90 days"),
        ({"customer__kinds__30d": 0.0}, "breadth", "no contact in 30 days"),
        ({"customer__tenure_days": NAN}, "tenure", "no event on record"),
    ],
)
def test_other_values_and_missing_ones_in_words(changed: dict[str, object], name: str, told: str) -> None:
    assert words(name, {**BASKET, **CONTRACT, **changed}, currency="EUR") == told


YEARLY = {
    "term__days_since_last": 353.0,
    "term__gap_mean": 365.0,
    "term__count__30d": 0.0,
    "term__count__365d": 1.0,
    "term__trend__30d": 0.0,
    "term__rate__30d": 0.004,
    "term__sum__30d": 0.0,
    "term__sum__365d": 290.0,
    "term__mean__365d": 290.0,
    "term__max__365d": 290.0,
    "term__days_to_end": 12.0,
}
"""A member in mid-term: it has a term, and no new one."""


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({}, "term__days_since_last", "the term began 353 days ago, usually a new one every 365"),
        ({"term__gap_mean": NAN}, "term__days_since_last", "the term began 353 days ago"),
        (
            {"term__days_to_end": -3.0},
            "term__days_since_last",
            "the last term began 353 days ago, usually a new one every 365",
        ),
        (
            {"term__days_since_last": 0.0},
            "term__days_since_last",
            "the term began today, usually a new one every 365 days",
        ),
        ({"term__days_since_last": NAN}, "term__days_since_last", "no term on record"),
        ({}, "term__gap_mean", "usually a new term every 365 days"),
        ({}, "term__count__30d", "no new term in 30 days, 1 in the 335 days before"),
        ({}, "term__count__365d", "1 new term in 365 days"),
        ({}, "term__trend__30d", "no new term in 30 days, 1 in the 335 days before"),
        ({}, "term__rate__30d", "at the pace of about the last 30 days a new term every 250 days"),
        ({}, "term__sum__30d", "no new term in 30 days"),
        ({}, "term__sum__365d", "spent 290 EUR on new terms in 365 days"),
        ({}, "term__mean__365d", "290 EUR on average per term, last 365 days"),
        ({"term__mean__365d": NAN}, "term__mean__365d", "no new term in 365 days"),
        ({}, "term__max__365d", "dearest term in 365 days: 290 EUR"),
    ],
)
def test_a_term_that_runs_is_not_called_missing(changed: dict[str, object], name: str, told: str) -> None:
    assert words(name, {**YEARLY, **changed}, currency="EUR") == told


def test_what_lasts_is_new_only_at_its_beginning() -> None:
    row = {"complaint__open": 1.0, "complaint__open_days": 58.0, "complaint__days_since_last": 58.0}
    assert words("complaint__days_since_last", row) == "no new complaint for 58 days"
    assert words("complaint__days_since_last", {"complaint__days_since_last": 58.0}) == (
        "no complaint for 58 days"
    )


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({}, "order__days_since_last", "an order today, usually every 6 days"),
        ({}, "order__gap_mean", "usually an order every 6.2 days"),
        ({}, "order__gap_recent", "lately an order every 8 days"),
        ({}, "order__rate__30d", "at the pace of about the last 30 days an order every 8 days"),
        ({}, "order__days__30d", "2 days with an order in 30 days"),
        ({}, "order__quiet__14d", "25 % of days were followed by 14 days without an order"),
        ({}, "order__silence__28d", "30 % chance of 28 more days without an order, going by its own gaps"),
        ({"order__count__30d": 0.0}, "order__trend__30d", "no order in 30 days, 4 in the 60 days before"),
        (
            {"order__trend__30d": 2.5},
            "order__trend__30d",
            "orders in 30 days at 2.5 times the pace of the last 90 days",
        ),
    ],
)
def test_articles_fit_their_nouns(changed: dict[str, object], name: str, told: str) -> None:
    row = {
        "order__days_since_last": 0.0,
        "order__gap_mean": 6.2,
        "order__gap_recent": 7.98,
        "order__rate__30d": 0.125,
        "order__days__30d": 2.0,
        "order__quiet__14d": 0.25,
        "order__silence__28d": 0.3,
        "order__count__90d": 4.0,
        "order__trend__30d": 0.0,
        "order__count__30d": 2.0,
    }
    assert words(name, {**row, **changed}) == told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"price_rise__sum__365d": 44.0}, "price rises of 44 EUR in 365 days"),
        ({"refund__sum__365d": -12.0}, "refunds in 365 days: 12 EUR back"),
        ({"refund__mean__365d": -12.0}, "12 EUR back on average per refund, last 365 days"),
        ({"refund__sum__365d": 0.0}, "no refund in 365 days"),
        ({"refund__sum__365d": 0.0, "refund__count__365d": 2.0}, "refunds for nothing in 365 days"),
        ({"refund__sum__365d": NAN}, "unknown amount of refunds in 365 days"),
        (
            {"refund__spend_share_store_north__365d": 0.5},
            "50 % of refunds by amount in 365 days: store north",
        ),
    ],
)
def test_amounts_of_what_keeps_no_customer_are_not_called_spent(values: dict[str, object], told: str) -> None:
    assert words(next(iter(values)), values, currency="EUR") == told


def test_counts_scaled_to_a_full_window_are_told_as_whole_numbers() -> None:
    row = {
        "visit__count__30d": 3.0,
        "visit__count__90d": 14.4,
        "visit__days__90d": 1.2,
        "customer__kinds__30d": 2.0,
    }
    assert words("visit__count__30d", row) == "3 visits in 30 days, about 11 in the 60 days before"
    assert words("visit__count__90d", row) == "about 14 visits in 90 days"
    assert words("visit__days__90d", row) == "about 1 day with a visit in 90 days"


def test_features_of_one_silence_are_known_as_such() -> None:
    row = {
        "basket__days_since_last": 26.0,
        "basket__gap_mean": 6.0,
        "basket__count__7d": 0.0,
        "basket__sum__14d": 0.0,
        "basket__count__30d": 1.0,
        "department__days_since_last": 26.0,
        "visit__days_since_last": 25.0,
        "complaint__days_since_last": 26.0,
        "complaint__open": 0.0,
        "refund__days_since_last": NAN,
        "refund__count__90d": 0.0,
        "refund__sum__90d": 0.0,
        "mail__count__7d": 0.0,
    }
    told = {name: silence_told(name, row) for name in row}
    same = {name for name in row if told[name] == told["basket__days_since_last"]}
    assert same == {
        "basket__days_since_last",
        "basket__count__7d",
        "basket__sum__14d",
        "department__days_since_last",
    }
    assert (
        told["refund__count__90d"] == told["refund__sum__90d"] == told["refund__days_since_last"] is not None
    )
    others = ["visit__days_since_last", "complaint__days_since_last", "refund__days_since_last"]
    assert len({told[name] for name in others} - {None}) == 3
    assert all(told[name] is None for name in ("basket__gap_mean", "basket__count__30d", "mail__count__7d"))


def test_every_stat_has_its_phrase() -> None:
    asked = {*ASKED_FOR, *ASKED_BY_WINDOW, *ASKED_WITH_MONEY, "last_amount"}
    assert {stat for family in FAMILIES for stat in family.stats} | asked == set(PHRASES)


@pytest.mark.parametrize("name", ["gym", "shop"])
@pytest.mark.parametrize("missing", [None, NAN, "as it is"])
def test_every_feature_and_group_of_every_row_has_words(name: str, missing: object) -> None:
    rng = np.random.default_rng(1)
    customers: list[object] = list(range(25))
    whole = assemble(name, customers, some_frames(rng, name, customers), some_profile(rng, 25))
    recipe = fit_recipe(asking_for_all(name, whole), [whole], LAST)
    for row in compute(recipe, whole, some_snapshots(rng, 25)).to_pylist()[::3]:
        values = row if missing == "as it is" else dict.fromkeys(row, missing)
        for name_or_group in {*recipe.names, *map(group_of, recipe.names)}:
            told = words(name_or_group, values, currency="EUR")
            assert told
            assert "__" not in told
            assert "nan" not in told.lower().split()
            assert "None" not in told
            assert not re.search(r"\ba [aeio]|\bon the day|\d\.0\b", told)
            assert "_" not in told
            assert len(told) < 100


def test_what_is_asked_for_has_words_of_its_own() -> None:
    row = {
        "basket__days_since_first": 400.0,
        "basket__count_department_deli__30d": 3.0,
        "visit__days_since_first": NAN,
        "visit__count_room_pool__7d": 0.0,
        "basket__silence_chance__30d": 0.1,
    }
    assert words("basket__days_since_first", row) == "first basket 400 days ago"
    assert words("basket__count_department_deli__30d", row) == "3 baskets in 30 days: department deli"
    assert words("visit__days_since_first", row) == "no visit on record"
    assert words("visit__count_room_pool__7d", row) == "no visit record in 7 days: room pool"
    assert group_of("visit__count_room_pool__7d") == "visit mix"


def test_every_feature_of_a_recipe_is_in_few_groups() -> None:
    rng = np.random.default_rng(1)
    customers: list[object] = list(range(25))
    whole = assemble("gym", customers, some_frames(rng, "gym", customers), some_profile(rng, 25))
    groups = {group_of(name) for name in fit_recipe(business("gym"), [whole], FIRST).names}
    assert groups == {
        *(
            "term timing",
            "term volume",
            "term spend",
            "term contract",
            "term price",
            "term plan",
            "term level",
        ),
        *("visit timing", "visit volume", "visit mix", "visit room"),
        *("complaint timing", "complaint volume", "complaint open"),
        *("tenure", "breadth", "profile"),
    }


def test_what_a_row_does_not_have_is_refused() -> None:
    for name in ("basket__count__365d", "visit timing"):
        with pytest.raises(ValueError, match=name):
            words(name, BASKET)


def test_nouns_and_numbers() -> None:
    assert [plural(w) for w in ("support_query", "day", "box", "coach", "purchase")] == [
        "support queries",
        "days",
        "boxes",
        "coaches",
        "purchases",
    ]
    assert [plain(x) for x in (3.0, 3.14, 7.97, 1234.4, 0.0312)] == ["3", "3.1", "8", "1,234", "0.031"]
    assert [one(x) for x in ("hour", "unit", "uninstall", "use", "upgrade", "event", "one_off")] == [
        *("an hour", "a unit", "an uninstall", "a use"),
        *("an upgrade", "an event", "a one off"),
    ]
    assert [whole(x) for x in (2.0, 1234.0, 11.6, 0.2)] == ["2", "1,234", "about 12", "hardly any"]
    assert [percent(x) for x in (0.0, 0.001, 0.5, 0.999, 1.0, 1.5)] == [
        *("0 %", "under 1 %", "50 %", "over 99 %", "100 %", "150 %")
    ]
    assert [days(x) for x in (1, 1.5, 12.4, 400, 1000)] == [
        "1 day",
        "1.5 days",
        "12 days",
        "400 days",
        "2.7 years",
    ]


ROWS = {
    "department__days_since_last": 3.0,
    "department__gap_mean": 4.5,
    "department__count__30d": 40.0,
    "department__count__90d": 123.0,
    "department__trend__30d": 0.75,
    "department__rate__90d": 1 / 8.9,
    "department__sum__90d": 70.0,
    "department__mean__90d": 7.0,
    "department__distinct_department__90d": 5.0,
    "department__share_department_grocery__90d": 0.34,
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("department__count__90d", "123 department records in 90 days"),
        ("department__count__30d", "40 department records in 30 days, 83 in the 60 days before"),
        ("department__gap_mean", "usually a department record every 4.5 days"),
        (
            "department__rate__90d",
            "at the pace of about the last 90 days a department record every 8.9 days",
        ),
        ("department__trend__30d", "department records in 30 days at 75 % of the pace of the last 90 days"),
        ("department__sum__90d", "department records of 70 EUR in 90 days"),
        ("department__mean__90d", "7.00 EUR on average per department record, last 90 days"),
        (
            "department__distinct_department__90d",
            "5 different departments among department records in 90 days",
        ),
        (
            "department__share_department_grocery__90d",
            "34 % of department records in 90 days: department grocery",
        ),
        ("department__days_since_last", "no department for 3 days, usually every 4"),
    ],
)
def test_rows_of_another_table_cannot_be_taken_for_different_things(name: str, said: str) -> None:
    assert words(name, {**BASKET, **ROWS}, currency="EUR") == said
    assert words("basket__count__30d", {**BASKET, **ROWS}).startswith("3 baskets in 30 days")


def test_none_of_them_is_none_of_the_thing() -> None:
    row = {**BASKET, **ROWS, "department__count__30d": 0.0}
    assert words("department__count__30d", row) == "no department in 30 days, 123 in the 60 days before"


def test_two_half_lives_are_two_sentences() -> None:
    row = {**BASKET, "basket__silence_chance__14d": 0.19, "basket__silence_chance__56d": 0.01}
    first, second = (words(f"basket__silence_chance__{window}d", row) for window in (14, 56))
    assert first == "19 % chance of no basket in the horizon at the pace of about the last 14 days"
    assert second == "1 % chance of no basket in the horizon at the pace of about the last 56 days"
