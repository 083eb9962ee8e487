"""What the roles mean: when ends become known, causes, and one kind of customer id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lapse.schema import NEVER, to_date
from tests.history.making import ORDER, TERM, orders, reading, refusal, rows, terms, times, write

TICKET: dict[str, Any] = {
    "path": "tickets.parquet",
    "columns": {"customer_id": "member", "time": "opened", "end": "closed"},
}


def dates(days: Any) -> list[str]:
    return ["never" if day == NEVER else to_date(day).isoformat() for day in days]


def churn(end_known: str, **more: Any) -> dict[str, Any]:
    return {"event": "term", "grace": "14d", "end_known": end_known, **more}


def test_an_instant_has_no_end(tmp_path: Path) -> None:
    orders(tmp_path)
    with reading(tmp_path, {"order": ORDER}) as history:
        found = rows(history, "order")
    assert (found[["end_day", "end_known_day"]] == NEVER).all().all()
    assert (found["known_day"] == found["day"]).all()
    assert (found["cause"] == 0).all()


def test_a_kind_without_money_has_no_amounts(tmp_path: Path) -> None:
    orders(tmp_path)
    visit = {"path": "orders.parquet", "columns": {"customer_id": "customer", "time": "at"}}
    with reading(tmp_path, {"order": ORDER, "visit": visit}) as history:
        assert rows(history, "visit")["amount"].isna().all()


def test_ends_known_at_the_start(tmp_path: Path) -> None:
    terms(tmp_path, ends=times("2024-02-01", "2025-02-01"), booked=times("2023-12-24", "2024-01-05 18:00"))
    event = {**TERM, "columns": {**TERM["columns"], "known_at": "booked"}}
    quality = {"known_before_time": "keep"}
    with reading(tmp_path, {"term": event}, churn=churn("at_start"), quality=quality) as history:
        found = rows(history, "term")
    assert dates(found["known_day"]) == dates(found["end_known_day"]) == ["2023-12-24", "2024-01-05"]
    assert dates(found["end_day"]) == ["2024-02-01", "2025-02-01"]


def test_a_term_known_at_its_start_has_an_end(tmp_path: Path) -> None:
    terms(tmp_path)
    said = refusal(tmp_path, {"term": TERM}, churn=churn("at_start"))
    assert "column 'ends' (events.term.columns.end): expected an end: a term whose end is known" in said
    assert "got null (1 row); first: customer b, time 2024-01-02 00:00:00" in said


def test_ends_known_when_they_happen_or_later(tmp_path: Path) -> None:
    terms(tmp_path, ends=times("2024-02-01", None), seen=times("2024-03-01", "2024-01-02"))
    event = {**TERM, "columns": {**TERM["columns"], "known_at": "seen"}}
    with reading(tmp_path, {"term": event}, churn=churn("at_end")) as history:
        late = rows(history, "term")
    assert dates(late["end_known_day"]) == ["2024-03-01", "never"]
    with reading(tmp_path, {"term": TERM}, churn=churn("at_end")) as history:
        found = rows(history, "term")
    assert dates(found["end_known_day"]) == ["2024-02-01", "never"]
    assert dates(found["end_day"]) == ["2024-02-01", "never"]


def test_ends_known_at_a_mapped_date(tmp_path: Path) -> None:
    terms(
        tmp_path,
        member=["a", "b", "c", "d"],
        starts=times(*["2024-01-10"] * 4),
        ends=times("2024-03-01", "2024-03-01", "2024-03-01", None),
        notice=times("2024-02-01", "2024-01-01", None, None),
        price=[1.0] * 4,
    )
    event = {**TERM, "columns": {**TERM["columns"], "end_known_at": "notice"}}
    with reading(tmp_path, {"term": event}, churn=churn("end_known_at")) as history:
        found = rows(history, "term")
    assert dates(found["end_known_day"]) == ["2024-02-01", "2024-01-10", "2024-03-01", "never"]


def test_an_end_cannot_be_known_where_there_is_none(tmp_path: Path) -> None:
    terms(tmp_path, notice=times("2024-01-15", "2024-01-20"))
    event = {**TERM, "columns": {**TERM["columns"], "end_known_at": "notice"}}
    said = refusal(tmp_path, {"term": event}, churn=churn("end_known_at"))
    assert "(events.term.columns.end_known_at): expected nothing where the end is null" in said
    assert "(1 row); first: customer b" in said


def test_other_spans_are_known_when_they_end(tmp_path: Path) -> None:
    orders(tmp_path)
    write(
        tmp_path,
        "tickets.parquet",
        {
            "member": ["a", "b"],
            "opened": times("2024-01-01", "2024-01-02"),
            "closed": times("2024-01-09", None),
        },
    )
    with reading(tmp_path, {"order": ORDER, "ticket": TICKET}) as history:
        found = rows(history, "ticket")
    assert dates(found["end_known_day"]) == ["2024-01-09", "never"]
    assert found["cause"].tolist() == [3, 0]


def test_causes_become_codes(tmp_path: Path) -> None:
    terms(
        tmp_path,
        member=["a", "b", "c", "d", "e"],
        starts=times(*["2024-01-01"] * 5),
        ends=times(*["2024-02-01"] * 4, None),
        price=[1.0] * 5,
        why=["cancelled", "unpaid", None, "other", None],
    )
    event = {**TERM, "columns": {**TERM["columns"], "cause": "why"}}
    causes = {"cancelled": "voluntary", "unpaid": "involuntary"}
    with reading(tmp_path, {"term": event}, churn=churn("at_end", causes=causes)) as history:
        assert rows(history, "term")["cause"].tolist() == [1, 2, 3, 3, 0]
    said = refusal(tmp_path, {"term": event}, churn=churn("at_end", causes={"cancelled": "voluntary"}))
    assert "column 'why' (events.term.columns.cause): expected a cause listed under churn.causes" in said
    assert "got 'unpaid' (1 row); first: customer b" in said


def test_causes_may_be_numbers(tmp_path: Path) -> None:
    terms(tmp_path, ends=times("2024-02-01", "2024-02-01"), why=[7, 8])
    event = {**TERM, "columns": {**TERM["columns"], "cause": "why"}}
    causes = {"7": "involuntary", "8": "voluntary"}
    with reading(tmp_path, {"term": event}, churn=churn("at_end", causes=causes)) as history:
        assert rows(history, "term")["cause"].tolist() == [2, 1]


def test_tables_that_disagree_about_ids(tmp_path: Path) -> None:
    orders(tmp_path)
    write(tmp_path, "visits.parquet", {"customer": [1, 2], "at": times("2024-01-01", "2024-01-02")})
    visit = {"path": "visits.parquet", "columns": {"customer_id": "customer", "time": "at"}}
    said = refusal(tmp_path, {"order": ORDER, "visit": visit})
    assert "customer_id: expected ids of one type in every table" in said
    assert "integer in event 'visit' (visits.parquet); text in event 'order' (orders.parquet)" in said


@pytest.mark.parametrize("text", ["007", "a", "1.0", "9223372036854775808", "+1"])
def test_csv_ids_are_integers_where_the_other_tables_have_them(tmp_path: Path, text: str) -> None:
    orders(tmp_path, customer=[1, 2, 3])
    (tmp_path / "visits.csv").write_text(f"customer,at\n-5,2024-01-01\n{text},2024-01-01\n")
    visit = {"path": "visits.csv", "columns": {"customer_id": "customer", "time": "at"}}
    said = refusal(tmp_path, {"order": ORDER, "visit": visit})
    assert "expected an integer from -2^63 to 2^63 - 1, since the other tables have integers" in said
    assert f"got '{text}' (1 row)" in said


def test_csv_ids_alone_are_text(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer,at,paid\n007,2024-01-01,1\n7,2024-01-01,1\n")
    with reading(tmp_path, {"order": {**ORDER, "path": "orders.csv"}}) as history:
        assert history.bucket(0).customer_id.to_pylist() == ["007", "7"]
