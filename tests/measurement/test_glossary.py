"""Words of columns: none is left without one, and what belongs to one table alone is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapse.measurement import lifecycle, programmes
from lapse.measurement.glossary import UNSHOWN, WORDS, word_of
from tests.measurement.leads import agency, buckets_of, costs, draw, measured

CALLS = {"calls": {"event": "call", "group": "arm", "treated": "called", "control": "left", "cost": 2.0}}


def test_every_column_of_leads_and_programmes_has_a_word(tmp_path: Path) -> None:
    costs(1).to_csv(tmp_path / "costs.csv", index=False)
    business = agency(tmp_path, programmes=CALLS)
    tables = {
        name: one.frame
        for part in (lifecycle, programmes)
        for name, one in measured(part, buckets_of(draw(1)), business).items()
    }
    assert set(tables) == {"lifecycle_channels", "lifecycle_months", "lifecycle_payback", "programmes"}
    known = set(WORDS.values())
    for table, frame in tables.items():
        for name in frame:
            if name not in UNSHOWN and not name.endswith(("_lower", "_upper")):
                assert word_of(table, name) in known, f"{table}.{name}"


@pytest.mark.parametrize(
    ("table", "column", "heading"),
    [
        ("pyramid_concentration", "customers_share", "the most valuable"),
        ("pyramid", "customers_share", "share of customers"),
        ("programmes", "difference", "difference, {money}"),
        ("retention_comparison", "difference", "difference from the rest, points"),
        ("a_table", "never_heard_of", "never heard of"),
    ],
)
def test_a_table_s_own_word_comes_first(table: str, column: str, heading: str) -> None:
    assert word_of(table, column).heading == heading


def test_headings_hold_no_raw_names() -> None:
    assert [word.heading for word in WORDS.values() if "_" in word.heading] == []
