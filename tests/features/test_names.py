from __future__ import annotations

import math

import numpy as np
import pytest

from lapse.features import compute, fit_recipe, group_of, words
from lapse.features.phrases import PHRASES
from lapse.features.recipe import FAMILIES
from lapse.features.wording import days, plain, plural
from tests.features.histories import (
    FIRST,
    LAST,
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
        ("basket__since_vs_gap", "3.1 times the usual gap since the last basket"),
        ("basket__since_vs_q90", "1.5 times the longest usual gap since the last basket"),
        ("basket__gap_recent", "lately a basket every 9 days"),
        ("basket__last_gap", "1 day between the last two baskets"),
        ("basket__longer_gaps", "8 % of the gaps between baskets were longer than this one"),
        ("basket__quiet__14d", "25 % of days were followed by 14 days without a basket"),
        ("basket__quiet_recent__28d", "40 % of recent days were followed by 28 days without a basket"),
        ("basket__silence__28d", "30 % chance of 28 more days without a basket, going by its own gaps"),
        (
            "basket__silence_chance__28d",
            "60 % chance of no basket in the horizon, going by the pace of 28 days",
        ),
        ("basket__rate__30d", "at the recent pace a basket every 8 days"),
        ("basket__count__7d", "no basket in 7 days, 3 in the 23 days before"),
        ("basket__count__30d", "3 baskets in 30 days, 9 in the 60 days before"),
        ("basket__count__90d", "12 baskets in 90 days"),
        ("basket__days__30d", "1 day with a basket in 30 days"),
        ("basket__trend__30d", "baskets in 30 days at 75 % of the pace of the last 90 days"),
        ("basket__sum__30d", "spent 120 EUR on baskets in 30 days (down 40 %)"),
        ("basket__sum__90d", "spent 520 EUR on baskets in 90 days"),
        ("basket__sum__7d", "5.50 EUR back for baskets in 7 days"),
        ("basket__mean__30d", "40 EUR a basket in 30 days"),
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
        ({"basket__days_since_last": 0.0}, "basket timing", "a basket on the day, usually every 6 days"),
        ({"basket__days_since_last": 1.0, "basket__gap_mean": NAN}, "basket timing", "no basket for 1 day"),
        ({"basket__days_since_last": NAN}, "basket timing", "no basket on record"),
        ({"basket__gap_mean": NAN}, "basket__gap_mean", "too few baskets on record to know a rhythm"),
        ({"basket__rate__30d": 0.0}, "basket__rate__30d", "hardly any basket at the recent pace"),
        ({"basket__trend__30d": NAN}, "basket__trend__30d", "no basket in the last 90 days"),
        ({"basket__mean__30d": NAN}, "basket__mean__30d", "no basket in 30 days"),
        ({"term__days_to_end": -3.0}, "term__days_to_end", "term ended 3 days ago"),
        ({"term__days_to_end": 0.0}, "term__days_to_end", "term ends on the day"),
        ({"term__days_to_end": None}, "term__days_to_end", "term has no known end"),
        ({"term__renewals": 0.0}, "term__renewals", "term never renewed"),
        ({"term__price_change": NAN}, "term price", "no earlier price of a term"),
        ({"term__price_change": -0.2}, "term price", "price went down 20 %"),
        ({"term__price_change": 0.0}, "term price", "price unchanged"),
        ({"term__latest_plan": None, "term__changes_plan": 0.0}, "term plan", "plan not known"),
        ({"complaint__open": 0.0, "complaint__open_days": NAN}, "complaint open", "no complaint open"),
        ({"complaint__open": 2.0}, "complaint open", "2 complaints open, the oldest for 12 days"),
        ({"term__terms": 0.0, "term__days_to_end": NAN}, "term contract", "no term on record"),
        ({"basket__sum__30d": 0.0}, "basket spend", "nothing spent on baskets in 30 days"),
        (dict.fromkeys([n for n in BASKET if "share_" in n], NAN), "basket mix", "no basket in 90 days"),
        ({"customer__kinds__30d": 0.0}, "breadth", "no contact in 30 days"),
        ({"customer__tenure_days": NAN}, "tenure", "no event on record"),
    ],
)
def test_other_values_and_missing_ones_in_words(changed: dict[str, object], name: str, told: str) -> None:
    assert words(name, {**BASKET, **CONTRACT, **changed}, currency="EUR") == told


def test_every_stat_has_its_phrase() -> None:
    assert {stat for family in FAMILIES for stat in family.stats} == set(PHRASES)


@pytest.mark.parametrize("name", ["gym", "shop"])
@pytest.mark.parametrize("missing", [None, NAN, "as it is"])
def test_every_feature_and_group_of_every_row_has_words(name: str, missing: object) -> None:
    rng = np.random.default_rng(1)
    customers: list[object] = list(range(25))
    whole = assemble(name, customers, some_frames(rng, name, customers), some_profile(rng, 25))
    recipe = fit_recipe(business(name), [whole], LAST)
    for row in compute(recipe, whole, some_snapshots(rng, 25)).to_pylist()[::3]:
        values = row if missing == "as it is" else dict.fromkeys(row, missing)
        for one in {*recipe.names, *map(group_of, recipe.names)}:
            told = words(one, values, currency="EUR")
            assert told
            assert "__" not in told
            assert "nan" not in told.lower().split()
            assert "None" not in told
            assert "_" not in told
            assert len(told) < 100


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
    assert [plain(x) for x in (3.0, 3.14, 12.0, 1234.4, 0.0312)] == ["3", "3.1", "12", "1,234", "0.031"]
    assert [days(x) for x in (1, 1.5, 12.4, 400, 1000)] == [
        "1 day",
        "1.5 days",
        "12 days",
        "400 days",
        "2.7 years",
    ]
