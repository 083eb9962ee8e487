"""The account section: which events are cases, and what cannot be."""

from __future__ import annotations

from pathlib import Path

from lapse.config.account import cases_of
from tests.account.small import business
from tests.config.test_loading import changed, refusal


def test_cases_are_complaints_and_tickets_that_end_unless_told_otherwise() -> None:
    assert cases_of(business()) == ("ticket",)
    assert cases_of(business(cases=("card", "ticket"))) == ("card", "ticket")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    refused = refusal(tmp_path, changed(("account", {"manager": "boss", "cases": ["visit", "ticket"]})))
    told = {(problem.what, problem.got) for problem in refused.problems}
    assert told == {
        ("account.manager", "'boss'"),
        ("account.cases", "'visit'"),
        ("account.cases", "'ticket', which is not mapped"),
    }
    assert "customers.features: region" in str(refused)
