"""Figures on a page: no negative zero, and no share that is shown as all or nothing but is not."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapse.pages.figures import MISSING, Kind, number


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (True, "", "yes"), (pd.NA, "", MISSING), (pd.NaT, "", MISSING), (None, "share", MISSING),
        (0.0312, "", "0.031"), (12, "", "12"), (-1234.5, "", "-1,234"), (1.5, "", "1.50"),
        (-0.051, "share", "-5.1%"), (pd.Timestamp("2024-02-01"), "", "2024-02-01"), ("web", "share", "web"),
        (0.9996, "share", "99.96%"), (0.99996, "share", "99.996%"), (1 - 1e-8, "share", "<100.0%"),
        (1e-8, "share", ">0.0%"), (1.0004, "share", "100.04%"), (-1.0, "share", "-100.0%"),
        (0.00049, "share", "0.05%"), (1, "share", "100.0%"), (-1e-13, "share", "0.0%"),
        (-0.0, "", "0"), (-1e-12, "", "0"), (-0.0, "points", "0.0"), (-0.0004, "points", "-0.04"),
        (0.051, "points", "+5.1"), (0.0004, "probability", "<0.001"), (0.0454, "probability", "0.045"),
    ],
)  # fmt: skip
def test_numbers_are_as_people_read_them(value: object, kind: Kind, text: str) -> None:
    assert number(value, kind) == text


@given(st.floats(-3, 3), st.sampled_from(["", "share", "points", "probability"]))
def test_no_zero_is_negative(value: float, kind: Kind) -> None:
    text = number(value, kind)
    if text.lstrip("-+").strip("0.%,") == "":
        assert text in ("0", "0.0", "0.0%")


@given(st.floats(0, 1))
def test_only_all_is_shown_as_all(value: float) -> None:
    text = number(value, "share")
    assert (text == "100.0%") == (1 - value < 1e-9)
    assert (text == "0.0%") == (value < 1e-9)
