"""What stands on top: which row is told of, what has no headline, which warning is the gravest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.measurement.headlines import Summary, summary_of
from lapse.measurement.told import Measured, Misleading, Unknown


def rates(**changed: object) -> pd.DataFrame:
    """Return rates of two closed periods and an open one, of all customers and of a group."""
    frame = pd.DataFrame(
        {
            "split": ["all"] * 3 + ["plan"],
            "level": ["all"] * 3 + ["flex"],
            "period": ["2025", "2024", "2023", "2024"],
            "status": ["open", "closed", "closed", "closed"],
            "customers": [9, 1200, 700, 3],
            "newly_won": [0, 12, 700, 0],
            "rate": [np.nan, 0.9996, 0.5, 0.1],
            "rate_with_returned": [np.nan, 0.9996, 0.7, 0.1],
            "gross_rate": [np.nan, 0.8, 0.7, 0.1],
            "net_rate": [np.nan, 1.04, 0.9, 0.1],
            "returned": pd.array([pd.NA, 0, 140, 0], "Int64"),
            "starts_on": pd.to_datetime(["2025-01-01", "2024-01-01", "2023-01-01", "2024-01-01"]),
        }
    ).assign(**changed)
    for name in ("rate", "gross_rate", "net_rate"):
        frame[f"{name}_lower"], frame[f"{name}_upper"] = frame[name] - 0.1, frame[name] + 0.1
    return frame


def summary(**frames: pd.DataFrame) -> Summary:
    return summary_of([Measured(name, name, "", frame) for name, frame in frames.items()], "EUR")


def figures(told: Summary) -> dict[str, tuple[str, str, str]]:
    return {one.title: (one.table, one.figure, one.beside) for one in told.headlines}


def test_the_last_closed_year_is_told_of() -> None:
    told = figures(summary(retention_by_year=rates(), retention_by_month=rates(period="2024-12")))
    assert told["customers kept in 2024"] == (
        "retention_by_year", "99.96%", "90.0% to 110.0%, of 1,200 at its start",
    )  # fmt: skip
    table, figure, beside = told["their money kept in 2024"]
    assert (table, figure) == ("retention_by_year", "80.0%")
    assert beside.endswith("; 104.0% with growth")


def test_without_a_closed_year_it_is_the_quarter() -> None:
    told = figures(summary(retention_by_year=rates(rate=np.nan), retention_by_quarter=rates(period="Q")))
    assert told["customers kept in Q"][0] == "retention_by_quarter"


def test_who_came_back_and_money_of_mostly_new_customers_are_said() -> None:
    told = figures(summary(retention_by_year=rates().drop(index=[0, 1])))
    assert told["customers kept in 2023"][2].endswith("; 70.0% with who came back")
    assert told["their money kept in 2023"][2].endswith("; too high, as 100% of them were new")


@pytest.mark.parametrize(
    ("agree", "words"),
    [
        (True, "; methods agree"),
        (False, "; but the methods disagree"),
        (None, "; too little seen to compare methods"),
    ],
)
def test_the_lifetime_says_whether_methods_agree(agree: bool | None, words: str) -> None:
    lifetimes = pd.DataFrame(
        {"unit": ["month", "year"], "split": "all", "level": "all", "rate": 0.8, "constant": [9.0, 5.0]}
    ).assign(constant_lower=4.5, constant_upper=5.6)
    lifetimes["agree"] = pd.Series([None, agree], dtype=object)
    told = figures(summary(retention_by_year=rates(), retention_lifetimes=lifetimes))
    assert told["lifetime that 80.0% a year implies"] == (
        "retention_lifetimes", "5 years", f"4.50 to 5.60{words}; 80.0% is of all closed years, not the last",
    )  # fmt: skip
    alone = rates(rate=0.8)
    told = figures(summary(retention_by_year=alone, retention_lifetimes=lifetimes.assign(constant=1.0)))
    assert told["lifetime that 80.0% a year implies"][1:] == ("1 year", f"4.50 to 5.60{words}")


def test_groups_that_differ_are_counted_and_the_surest_is_named() -> None:
    tests = pd.DataFrame(
        {
            "unit": "month", "split": "plan", "level": ["(between all)", "flex", "annual", "plus"],
            "difference": [np.nan, -0.064, 0.03, 0.001], "p_adjusted": [1e-9, 0.001, 0.04, 0.6],
        }
    )  # fmt: skip
    told = figures(summary(retention_comparison=tests))["groups unlike the rest"]
    assert told == ("retention_comparison", "2 of 3", "surest: plan flex, -6.4 points by month")
    none = figures(summary(retention_comparison=tests.assign(p_adjusted=0.5)))["groups unlike the rest"]
    assert none[1:] == ("0 of 3", "")


def test_what_is_missing_has_no_headline() -> None:
    pyramid = pd.DataFrame({"tier": ["gold"], "customers": np.nan, "customers_share": np.nan})
    defections = pd.DataFrame({"value": [np.nan], "value_lower": np.nan, "value_upper": np.nan})
    told = summary(pyramid=pyramid, claims_defections=defections, retention_by_year=rates(rate=np.nan))
    assert (told.headlines, told.tiers, told.rungs, told.verdicts) == ((), (), (), ())


def test_rungs_are_those_of_the_last_month_without_who_is_gone() -> None:
    ladder = pd.DataFrame(
        {
            "as_of": ["2024-12-31"] * 2 + ["2024-11-30"], "rung": ["client", "gone", "client"],
            "customers": [30, 5, 9], "share": [1.0, np.nan, 1.0],
        }
    )  # fmt: skip
    assert summary(ladder_over_time=ladder).rungs == (("client", "30", "100.0%"),)


def test_of_each_table_the_gravest_warning_is_told_and_the_gravest_of_all_first() -> None:
    tables = [
        Measured("a", "A", "", pd.DataFrame(), ("a note",)),
        Measured("b", "B", "", pd.DataFrame(), ("another note", Unknown("not known"), "one more")),
        Measured("c", "C", "", pd.DataFrame(), ("note", Misleading("leads astray"))),
        Measured("d", "D", "", pd.DataFrame()),
    ]
    told = summary_of(tables, "EUR")
    assert [(one.table, one.text, one.others) for one in told.warnings] == [
        ("c", "leads astray", 1), ("b", "not known", 2), ("a", "a note", 0),
    ]  # fmt: skip
    assert told.n_warnings == 6
