"""The end of the data: the churn table's own, and what may be said about the silence after it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from lapse.errors import DataError
from lapse.history import read
from lapse.schema import to_day
from tests.history.making import ORDER, TERM, TODAY, business, orders, rows, terms, times, write

VISIT = {"path": "visits.parquet", "columns": {"customer_id": "customer", "time": "at"}}


def test_the_end_of_the_data(tmp_path: Path) -> None:
    orders(tmp_path, seen=times("2024-01-03 10:00", "2024-01-05 09:00", "2024-01-01 23:59"))
    event = {**ORDER, "columns": {**ORDER["columns"], "known_at": "seen"}}
    with read(business(tmp_path, {"order": event}), today=TODAY) as history:
        assert history.data_end == to_day(date(2024, 1, 5))
    with read(business(tmp_path, {"order": event}, observed_until=date(2024, 1, 9))) as history:
        assert history.data_end == to_day(date(2024, 1, 9))


def test_other_tables_do_not_move_the_end_of_the_data(tmp_path: Path) -> None:
    """After the last order nobody can tell who stopped ordering, however many visits are known."""
    orders(tmp_path)
    visits(tmp_path, "2024-01-02", "2024-06-30")
    with read(business(tmp_path, {"order": ORDER, "visit": VISIT}), today=TODAY) as history:
        assert history.data_end == to_day(date(2024, 1, 3))
        assert len(rows(history, "visit")) == 2


def test_the_end_of_an_open_contract_is_news_unless_it_is_planned(tmp_path: Path) -> None:
    terms(tmp_path, ends=times("2024-09-15", "2025-03-01"))
    churn = {"event": "term", "grace": "30d", "end_known": "at_end"}
    with read(business(tmp_path, {"term": TERM}, churn=churn), today=TODAY) as history:
        assert history.data_end == to_day(date(2024, 9, 15))
    until = date(2024, 10, 10)
    with read(business(tmp_path, {"term": TERM}, churn=churn, observed_until=until), today=TODAY) as history:
        assert history.data_end == to_day(until)


def visits(folder: Path, *texts: str) -> None:
    write(folder, "visits.parquet", {"customer": ["a"] * len(texts), "at": times(*texts)})


@pytest.mark.parametrize(
    ("until", "grace", "is_refused"),
    [
        (date(2024, 2, 3), "30d", False),  # 31 days after the last order
        (date(2024, 2, 4), "30d", True),
        (date(2024, 2, 22), "50d", False),
        (date(2024, 2, 23), "50d", True),
    ],
)
def test_a_churn_table_that_stops_before_observed_until(
    tmp_path: Path, until: date, grace: str, is_refused: bool
) -> None:
    orders(tmp_path)
    visits(tmp_path, "2024-01-02", str(until))
    churn = {"event": "order", "grace": grace}
    shop = business(tmp_path, {"order": ORDER, "visit": VISIT}, observed_until=until, churn=churn)
    if not is_refused:
        with read(shop, today=TODAY) as history:
            assert history.data_end == to_day(until)
        return
    with pytest.raises(DataError, match="the last row of 'order', known on 2024-01-03, got 2024-02-"):
        read(shop, today=TODAY)


def test_a_silence_that_was_there_before_is_a_season(tmp_path: Path) -> None:
    orders(tmp_path, at=times("2022-09-01", "2023-09-01", "2023-09-01 12:00"))
    shop = business(tmp_path, {"order": ORDER}, observed_until=date(2024, 8, 31))
    with read(shop, rows_per_bucket=1, today=TODAY) as history:
        assert history.data_end == to_day(date(2024, 8, 31))
    with pytest.raises(DataError, match="observed_until"):
        read(business(tmp_path, {"order": ORDER}, observed_until=date(2024, 9, 1)), today=TODAY)


def test_observed_until_cannot_be_yet_to_come(tmp_path: Path) -> None:
    orders(tmp_path, at=times("2024-12-29", "2024-12-30", "2024-12-30"))
    with read(business(tmp_path, {"order": ORDER}, observed_until=TODAY), today=TODAY) as history:
        assert history.data_end == to_day(TODAY)
    shop = business(tmp_path, {"order": ORDER}, observed_until=TODAY + timedelta(days=1))
    with pytest.raises(DataError, match=r"observed_until: expected a date up to today \(2024-12-31\)"):
        read(shop, today=TODAY)
