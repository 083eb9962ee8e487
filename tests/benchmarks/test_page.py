"""docs/benchmarks.md is what speed.json gives, and says where lapse loses."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from benchmarks.measuring import Measure, compare
from benchmarks.page import PAGE, Chapter, chapters, page, read_rows

CHAPTER = Chapter("Sums", "Numbers added up.", ("sums", "sums of one"), loses="- Of one: **nothing** to add.")


def rows(**ratios: float) -> list[dict[str, object]]:
    def measure(seconds: float) -> Measure:
        return Measure((seconds,), (100.0,), None, {"numpy": "2"})

    found = {name: measure(ratio) for name, ratio in ratios.items()}
    return [asdict(row) for row in compare("sums", {"lapse": measure(1.0), **found}, goals={"abacus": 5.0})]


def test_the_page_is_what_the_figures_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_rows(), chapters()), "run python -m benchmarks.page"


def test_the_same_figures_give_the_same_page() -> None:
    assert page(read_rows(), chapters()) == page(read_rows(), chapters())


def test_every_published_row_is_on_the_page_once() -> None:
    text = page(read_rows(), chapters())
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| peer ")]
    assert len(lines) == len(read_rows())


def test_slower_and_short_of_the_goal_is_said() -> None:
    text = page(rows(abacus=4.0, fingers=0.5, head=2.0), [CHAPTER])
    losses = text.partition("## Where lapse loses, and why")[2]
    assert "- Sums, beside fingers: the peer takes 50% of the time." in losses
    assert "- Sums, beside abacus: 4, short of 5." in losses
    assert "head" not in losses
    assert CHAPTER.loses in losses


def test_a_chapter_without_rows_is_left_out() -> None:
    other = Chapter("Products", "Numbers multiplied.", ("products",))
    assert "Products" not in page(rows(abacus=6.0), [CHAPTER, other])


def test_a_row_that_no_chapter_names_is_refused() -> None:
    with pytest.raises(ValueError, match="no chapter names sums"):
        page(rows(abacus=6.0), [])
