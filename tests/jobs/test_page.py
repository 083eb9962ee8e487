"""The page: escaped, self-contained, formatted; missing is a dash, open says so."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lapse.config import Business
from lapse.jobs.page import MISSING, STILL_OPEN, number, render, shown
from lapse.measurement.told import Measured
from tests.measurement.small_shop import shop

BUSINESS: Business = shop()


def told(frame: pd.DataFrame, **more: object) -> Measured:
    return Measured("a_table", "A <b>title</b>", "Text & more", frame, **more)  # type: ignore[arg-type]


def rates(n: int = 3) -> pd.DataFrame:
    frame = pd.DataFrame({"period": [f"p{i}" for i in range(n)], "status": "closed", "customers": 1234})
    frame["rate"] = 0.8125
    frame["rate_lower"], frame["rate_upper"] = 0.5, 0.9
    frame["net_value"] = 12.345
    frame.loc[0, ["rate", "rate_lower", "rate_upper", "net_value"]] = np.nan
    frame.loc[0, "status"] = "open"
    frame.loc[1, "net_value"] = np.nan
    return frame


class Walker(HTMLParser):
    """Collects ids, links, sources, and whether tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def walked(page: str) -> Walker:
    walker = Walker()
    walker.feed(page)
    assert walker.open == []
    return walker


def draw() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    return figure


def test_the_page_needs_nothing_from_outside() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates(), picture=draw),))
    walker = walked(page)
    assert len(walker.sources) == 1
    assert walker.sources[0].startswith("data:image/svg+xml;base64,")
    assert walker.links == ["#a_table"]
    assert "a_table" in walker.ids
    assert not re.search(r"<script|@import|url\(|https?://", page)
    assert '<meta name="viewport"' in page


def test_the_same_tables_give_the_same_page() -> None:
    one, two = (render(BUSINESS, date(2024, 12, 31), (told(rates(), picture=draw),)) for _ in range(2))
    assert one == two


def test_every_value_is_escaped() -> None:
    frame = pd.DataFrame({"<i>": ["<script>alert(1)</script>", "a & b"]})
    page = render(BUSINESS, date(2024, 12, 31), (told(frame, warnings=("<u>",)),))
    assert not re.search(r"<script|<i>|<u>|<b>title", page)
    assert "&lt;script&gt;" in page


def test_what_is_open_says_so_and_what_is_missing_is_a_dash() -> None:
    table = shown(told(rates()))
    assert table.head == ("period", "status", "customers", "rate", "net value")
    assert table.rows[0] == ("p0", "open", "1,234", STILL_OPEN, STILL_OPEN)
    assert table.rows[1] == ("p1", "closed", "1,234", "81.2% (50.0% to 90.0%)", MISSING)
    assert table.rows[2][-1] == "12.35"
    assert table.has_missing
    page = render(BUSINESS, date(2024, 12, 31), (told(rates()),))
    assert "cannot be known" in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower().split()


def test_warnings_stand_on_top_of_their_section() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates(), warnings=tuple(f"w{i};" for i in range(9))),))
    section = page[page.index('<section id="a_table">') :]
    assert section.index("w0;") < section.index("Text &amp; more") < section.index("<table>")
    assert "3 more" in section
    assert "9 warned" in page


def test_long_tables_fold_and_longer_ones_name_their_file() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates(400)),))
    assert "286 more rows" in page
    assert "100 further rows are in the file." in page
    assert page.count("<tr>") == 300 + 2


def test_an_empty_table_has_no_rows() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates().head(0)),))
    assert "No rows." in page


@pytest.mark.parametrize(
    ("value", "share", "text"),
    [
        (True, False, "yes"), (pd.NA, False, MISSING), (pd.NaT, False, MISSING), (None, True, MISSING),
        (0.0312, False, "0.0312"), (12, False, "12"), (-1234.5, False, "-1,234"), (1.5, False, "1.50"),
        (-0.051, True, "-5.1%"), (pd.Timestamp("2024-02-01"), False, "2024-02-01"), ("web", True, "web"),
    ],
)  # fmt: skip
def test_numbers_are_as_people_read_them(value: object, share: bool, text: str) -> None:
    assert number(value, share) == text


def test_columns_that_hold_shares_by_another_name_are_said_so() -> None:
    frame = pd.DataFrame({"difference": [0.05], "shares": [3.0]})
    assert shown(told(frame, per_cent=("difference",))).rows[0] == ("5.0%", "3")


def test_ids_are_no_amounts() -> None:
    frame = pd.DataFrame({"customer_id": [15986], "value": [15986.0]})
    assert shown(told(frame)).rows == (("15986", "15,986"),)
