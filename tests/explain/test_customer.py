"""The text for one customer tells its scores, its reasons and what stands behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.errors import GateError
from lapse.explain import as_text, describe, reasons
from tests.explain.model import explained

SCORES = {
    "customer_id": "m-17",
    "as_of": "2025-06-30",
    "status": "scored",
    "churn_probability": 0.314,
    "remaining_lifetime_days": 412.0,
    "remaining_lifetime_days_lower": 300.0,
    "remaining_lifetime_days_upper": 1500.0,
    "clv": 123.4,
    "clv_lower": np.nan,
    "clv_upper": None,
    "currency": "EUR",
    "tier": "gold",
    "rung": "client",
}


def told(scores: dict[str, object], row: int = 5, width: int = 110, **more: str) -> str:
    model = explained().rows([row])
    return as_text(
        describe(scores, model.features, model.contributions, model.raw_score, **more), width=width
    )


def test_the_tier_says_what_it_goes_by():
    (line,) = (line for line in told(SCORES).splitlines() if "gold" in line)
    assert line.split("  ")[0].strip() == "tier, by lifetime value"


def test_scores_are_told_with_their_units_and_intervals():
    text = told(SCORES)
    assert text.startswith("customer m-17 as of 2025-06-30")
    for line in ("31.4%", "412 days (300 to 1,500 days)", "123.40 EUR\n", "gold", "client"):
        assert line in text
    assert "expected spend" not in text


@pytest.mark.parametrize(
    ("whole", "part", "said"),
    [(0.314, 0.157, "50% (15.7%): the part"), (0.314, 0.0, "0% (0.0%)"), (0.314, np.nan, ""), (0.0, 0.0, "")],
)
def test_the_voluntary_share_stands_below_the_probability(whole: float, part: float, said: str):
    scores = {**SCORES, "churn_probability": whole, "churn_probability_voluntary": part}
    lines = told(scores).splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("probability of lapsing"))
    assert lines[place + 1].startswith("of it voluntary") == bool(said)
    assert said in lines[place + 1]


def test_each_reason_is_told_with_its_size_and_the_features_behind_it():
    row = int(np.argmax(explained().raw_score))
    model = explained().rows([row])
    frame = reasons(model.features, model.contributions, model.raw_score, currency="EUR")
    text = told(SCORES, row)
    for place in (1, 2):
        line = next(
            one for one in text.splitlines() if one.startswith(f"{frame[f'reason_{place}_group'].iloc[0]}: ")
        )
        assert frame[f"reason_{place}"].iloc[0] in line
        assert f"{frame[f'reason_{place}_effect'].iloc[0]:+.2f}" in line
        assert frame[f"reason_{place}_size"].iloc[0] in line
    assert "basket__days_since_last" in text


def test_the_last_lines_add_up():
    text = told(SCORES)
    line = next(one for one in text.splitlines() if one.startswith("Base"))
    base, reasoned, other, score = (float(word.strip(",:")) for word in line.split() if word[0] in "+-")
    assert base + reasoned + other == pytest.approx(score, abs=0.021)
    assert score == pytest.approx(explained().raw_score[5], abs=0.0051)
    assert line.endswith(f"{1 / (1 + np.exp(-explained().raw_score[5])):.1%} before calibration.")


def test_a_note_on_what_the_scores_count_is_a_sentence_of_its_own():
    lines = told(SCORES, counted="lifetime is counted up to 365 days").splitlines()
    assert "Lifetime is counted up to 365 days." in lines
    assert "Lifetime" not in told(SCORES)


def test_lines_fit_the_width_and_carry_no_colour_codes():
    text = told(SCORES, width=70)
    assert max(map(len, text.splitlines())) <= 70
    assert "\x1b" not in text


def test_a_customer_who_was_not_scored_is_told_why():
    text = told({"customer_id": 1, "as_of": "2025-06-30", "exclusion_reason": "no open term"})
    assert "not scored" in text
    assert "no open term" in text


def test_more_than_one_row_or_a_wrong_sum_is_refused():
    model = explained().rows([0, 1])
    with pytest.raises(ValueError, match="not 2"):
        describe(SCORES, model.features, model.contributions, model.raw_score)
    one = explained().rows([0])
    with pytest.raises(GateError):
        describe(SCORES, one.features, one.contributions, one.raw_score + 1)


def test_names_with_brackets_are_not_taken_for_markup():
    features = pd.DataFrame({"[bold]x": [1.0]})
    text = as_text(describe(SCORES, features, np.array([[0.5, -1.0]]), np.array([-0.5])))
    assert "[bold]x is 1" in text
