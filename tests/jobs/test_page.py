"""The page: escaped, self-contained, formatted; missing is a dash, open says so."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lapse.config import Business
from lapse.jobs.page import STILL_OPEN, Cell, chapters_of, render, shown
from lapse.measurement.told import Measured, Misleading
from lapse.pages.figures import MISSING
from tests.measurement.small_shop import shop

BUSINESS: Business = shop()


def told(frame: pd.DataFrame, **more: object) -> Measured:
    return Measured("a_table", "A <b>title</b>", "Text & more", frame, **more)  # type: ignore[arg-type]


def rates(n: int = 3) -> pd.DataFrame:
    frame = pd.DataFrame({"period": [f"p{i}" for i in range(n)], "status": "closed", "customers": 1234})
    frame["rate"] = 0.8125
    frame["rate_lower"], frame["rate_upper"] = 0.5, 0.9
    frame["value"] = 12.345
    frame.loc[0, ["rate", "rate_lower", "rate_upper", "value"]] = np.nan
    frame.loc[0, "status"] = "open"
    frame.loc[1, "value"] = np.nan
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
    assert walker.links == ["#a_table", "#words"]
    assert {"a_table", "words", "summary"} <= set(walker.ids)
    assert not re.search(r"<script|@import|url\(|https?://", page)
    assert '<meta name="viewport"' in page


def test_the_same_tables_give_the_same_page() -> None:
    one, two = (render(BUSINESS, date(2024, 12, 31), (told(rates(), picture=draw),)) for _ in range(2))
    assert one == two


def test_a_grace_of_one_day_is_told_in_the_singular() -> None:
    soon = BUSINESS.model_copy(update={"churn": BUSINESS.churn.model_copy(update={"grace": 1})})
    assert "lapses 1 day after the last" in render(soon, date(2024, 12, 31), (told(rates()),))


def test_every_value_is_escaped() -> None:
    frame = pd.DataFrame({"<i>": ["<script>alert(1)</script>", "a & b"]})
    page = render(BUSINESS, date(2024, 12, 31), (told(frame, warnings=("<u>",)),))
    assert not re.search(r"<script|<i>|<u>|<b>title", page)
    assert "&lt;script&gt;" in page


def test_what_is_open_says_so_and_what_is_missing_is_a_dash() -> None:
    table = shown(told(rates()), "EUR")
    assert table.head == ("period", "status", "customers", "customers kept", "value, EUR")
    assert texts(table.rows[0]) == ["p0", "open", "1,234", STILL_OPEN, STILL_OPEN]
    assert texts(table.rows[1]) == ["p1", "closed", "1,234", "81.2%", MISSING]
    assert table.rows[1][3] == Cell("81.2%", "50.0% to 90.0%")
    assert table.rows[2][-1].text == "12.35"
    assert table.has_missing
    page = render(BUSINESS, date(2024, 12, 31), (told(rates()),))
    assert "cannot be known" in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower().split()


def test_warnings_stand_on_top_of_their_section() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates(), warnings=tuple(f"w{i};" for i in range(9))),))
    section = page[page.index('<section id="a_table">') :]
    assert section.index("w0;") < section.index("Text &amp; more") < section.index("<table")
    assert "3 more" in section
    assert "9 warned" in page


def test_long_tables_fold_and_longer_ones_name_their_file() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates(400)),))
    assert "290 more rows" in page
    assert "100 further rows are in the file." in page
    assert page.count("<tr>") == 300 + 2


def test_an_empty_table_has_no_rows() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates().head(0)),))
    assert "No rows." in page


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def test_ids_are_no_amounts() -> None:
    frame = pd.DataFrame({"customer_id": [15986], "value": [15986.0]})
    assert texts(shown(told(frame)).rows[0]) == ["15986", "15,986"]


def test_groups_are_one_column_and_none_where_there_is_one() -> None:
    frame = pd.DataFrame(
        {"unit": "year", "split": ["all", "plan"], "level": ["all", "(not known)"], "rate": 0.5}
    )
    table = shown(told(frame))
    assert table.head == ("by", "group", "customers kept")
    assert [row[1].text for row in table.rows] == ["all customers", "plan: not known"]
    assert shown(told(frame.head(1))).head == ("by", "customers kept")


def test_what_is_for_machines_stays_in_the_file() -> None:
    frame = rates().assign(starts_on=pd.Timestamp("2024-01-01"), statistic=1.0)
    assert shown(told(frame)).head == shown(told(rates())).head


def test_columns_of_which_nothing_is_known_are_named_and_left_out() -> None:
    table = shown(told(rates().assign(value=np.nan)), "EUR")
    assert table.unknown == ("value, EUR",)
    assert len(table.head) == len(table.rows[0]) == 4
    nothing = shown(told(pd.DataFrame({"tier": ["gold", "iron"], "value": np.nan})))
    assert nothing.rows == ()
    page = render(BUSINESS, date(2024, 12, 31), (told(rates().assign(value=np.nan)),))
    assert "Nothing can be known of: value, EUR." in page


def test_each_word_is_explained_once() -> None:
    twice = tuple(told(rates()) for _ in range(2))
    page = render(BUSINESS, date(2024, 12, 31), twice)
    assert page.count("retention rate: customers at the start") == 1
    assert page.index('id="words"') < page.index("retention rate: customers at the start")
    assert "strategic worth" not in page, "of columns that are not there nothing is said"


def test_tables_stand_by_chapter() -> None:
    names = (
        "retention_by_year",
        "retention_lifetimes",
        "retention_pooled",
        "pyramid",
        "mine",
        "claims_price",
    )
    frame = pd.DataFrame({"rate": [0.5]})
    found = chapters_of([shown(Measured(name, name, "", frame)) for name in names])
    assert [(title, [one.name for one in tables]) for title, tables in found] == [
        ("Retention rate", ["retention_by_year", "retention_pooled"]),
        ("Lifetimes", ["retention_lifetimes"]),
        ("Customer pyramid", ["pyramid"]),
        ("Other tables", ["mine"]),
        ("Claims about loyalty", ["claims_price"]),
    ]


def test_the_summary_stands_before_all_and_begins_with_the_gravest_warning() -> None:
    pyramid = pd.DataFrame({"tier": ["gold"], "customers": 4.0, "customers_share": 1.0, "value": 8.0})
    pyramid = pyramid.assign(value_share=1.0, value_mean=2.0)
    tables = (
        told(rates(), warnings=("a note", "another")),
        Measured("pyramid", "Pyramid", "", pyramid, (Misleading("it leads astray"),)),
    )
    page = render(BUSINESS, date(2024, 12, 31), tables)
    summary = page[page.index('id="summary"') : page.index("<nav")]
    assert "3 warnings, the gravest first" in summary
    assert summary.index("it leads astray") < summary.index("a note")
    assert "and 1 more there" in summary
    assert summary.index('href="#pyramid"') < summary.index("100.0%")
    assert page.index("<nav") < page.index("<main")
    assert set(walked(page).links) <= {f"#{name}" for name in walked(page).ids}


def test_wide_tables_scroll_in_a_box_of_their_own() -> None:
    page = render(BUSINESS, date(2024, 12, 31), (told(rates()),))
    assert re.search(r'<div class="scroll" tabindex="0"[^>]*><table>', page)
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", page)
