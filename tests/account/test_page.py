"""The record as text and as a page: all of it is told, every value escaped, nothing from outside."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from lapse.account import Account, account_of
from lapse.account.page import FIRST, MOST, page
from lapse.account.record import Scored
from lapse.account.standing import beside, own_values, tiers_over_time
from lapse.account.text import LATEST, about, survival_at, told
from lapse.explain.customer import Behind, Reason, as_text
from tests.account.small import AS_OF, business, frames, made

SCORES = {
    "customer_id": "a",
    "as_of": "2022-07-02",
    "churn_probability": 0.314,
    "remaining_lifetime_days": 412.0,
    "remaining_lifetime_days_lower": 300.0,
    "remaining_lifetime_days_upper": 700.0,
    "expected_spend": 80.0,
    "clv": 1234.4,
    "clv_lower": np.nan,
    "clv_upper": np.nan,
    "tier": "gold",
    "model_name": "shop",
    "model_version": "3",
}
REASON = Reason(
    "order", "no order for 19 days, usually every 6", 0.8, (Behind("behind it", 0.5, "order__x"),)
)
ADDED_UP = "Base -1.00, these reasons +0.80: score -0.20 (log-odds), 45.0% before calibration."


def account(rows: int = 120, seed: int = 6) -> Account:
    asked, of = business(manager="looked_after_by"), made(frames(seed, rows=rows))
    scored = Scored(SCORES, (REASON,), 30, np.exp(-np.arange(1, 25) / 12), added_up=ADDED_UP)
    own = own_values(asked, of, 0, AS_OF)
    tiers = tiers_over_time(asked, own, [beside(asked, of, AS_OF, own)])
    return account_of(asked, of, 0, AS_OF, tiers, scored)


def html(of: Account) -> str:
    return page(of, horizon_days=60, version="1.2.3", counted="lifetime is counted up to 730 days ahead")


class TestPage:
    def test_it_holds_all_that_is_needed_before_a_call(self) -> None:
        of = account()
        text = re.sub(r"<[^>]+>", " ", html(of))
        assert of.cases
        for words in (
            "Customer a",
            "Ms Lee",
            "31%",
            "1,234 EUR",
            "300 to 700",
            "tier by lifetime value: gold",
            "tier by last year&#39;s margin",
            "Open cases",
            str(of.cases[0].day),
            REASON.text,
            "+0.80",
            "behind it",
            ADDED_UP,
            of.rungs[-1].rung,
            of.tiers[-1].tier,
            f"{of.tiers[-1].value:,.0f}",
            "Lifetime is counted up to 730 days ahead.",
            "Model shop version 3, lapse 1.2.3.",
        ):
            assert words in text, words
        assert all(str(entry.day) in text for entry in of.timeline[:MOST])

    def test_the_voluntary_share_stands_beside_the_chance_where_causes_are_apart(self) -> None:
        of = account()
        assert of.scored is not None
        assert "voluntary" not in html(of)
        scores = {**SCORES, "churn_probability_voluntary": 0.157}
        text = html(replace(of, scored=replace(of.scored, scores=scores)))
        assert "50% of it voluntary: the part that an offer may keep" in text

    def test_nothing_comes_from_outside_and_every_value_is_escaped(self) -> None:
        written = html(replace(account(), customer_id="<script>x</script>", manager='"><b>'))
        assert "<script" not in written
        assert "&lt;script&gt;x&lt;/script&gt;" in written
        assert "&#34;&gt;&lt;b&gt;" in written
        addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"", written)
        assert addresses
        assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
        assert all(b"<svg" in b64decode(address.partition(",")[2]) for address in addresses)

    def test_it_is_the_same_for_the_same_record(self) -> None:
        assert html(account()) == html(account())

    def test_a_phone_is_told_its_width(self) -> None:
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html(account())

    def test_long_timelines_are_folded_and_what_is_left_out_is_said(self) -> None:
        of = account()
        of = replace(of, timeline=of.timeline * (MOST // len(of.timeline) + 1))
        text = html(of)
        assert f"{MOST - FIRST} earlier" in text
        assert f"Not shown: {len(of.timeline) - MOST} entries further back." in text

    @pytest.mark.parametrize("days", [1.0, 1.3, 0.7])
    def test_one_of_a_thing_is_told_in_the_singular(self, days: float) -> None:
        of = account()
        assert of.scored is not None
        of = replace(of, timeline=(of.timeline * MOST)[: MOST + 1])
        of = replace(of, scored=replace(of.scored, scores={**SCORES, "remaining_lifetime_days": days}))
        text = page(of, horizon_days=1, version="1.2.3")
        assert "Not shown: 1 entry further back." in text
        assert "within 1 day<" in text
        assert ">1 day<" in text
        assert not re.search(r"\b1 (days|entries|months|years)\b", text)

    def test_without_a_score_it_says_why(self) -> None:
        text = html(replace(account(), scored=None, excluded="lapsed before as_of"))
        assert "lapsed before as_of" in text
        assert "chance of lapsing" not in text

    def test_cases_that_cannot_be_known_are_no_zero(self) -> None:
        text = html(replace(account(), cases=(), case_kinds=()))
        assert "Open cases cannot be known" in text
        assert "open cases</span>" not in text


class TestText:
    def test_the_latest_entries_and_how_many_there_are(self) -> None:
        of = account()
        text = as_text(told(of))
        assert f"timeline, the latest {LATEST} of {len(of.timeline)}" in text
        shown = text.split("timeline, ")[1].splitlines()[1:]
        assert [line.split()[0] for line in shown] == [str(entry.day) for entry in of.timeline[:LATEST]]
        assert about(of.timeline[0], of.as_of).split(",")[0] in shown[0]

    def test_standing_manager_and_cases(self) -> None:
        of = account()
        lines = as_text(told(of)).splitlines()
        assert f"open cases (ticket): {len(of.cases)}" in lines
        assert any(line.startswith("account manager") and line.endswith("Ms Lee") for line in lines)
        for step in of.rungs:
            assert any(line.split() == [str(step.since), step.rung] for line in lines)
        for one in of.tiers:
            assert any(line.split() == [str(one.as_of), one.tier, f"{one.value:,.0f}"] for line in lines)

    def test_survival_is_told_at_the_ends_of_steps(self) -> None:
        scored = Scored({}, (), 30, np.linspace(0.96, 0.04, 24))
        assert survival_at(scored) == (
            (30, 0.96),
            (90, pytest.approx(0.88)),
            (180, pytest.approx(0.76)),
            (360, pytest.approx(0.52)),
            (720, pytest.approx(0.04)),
        )
