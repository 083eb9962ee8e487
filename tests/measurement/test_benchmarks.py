"""Published rates: strictly read, and beside ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.jobs.measure import add_up
from lapse.measurement import benchmarks, retention
from lapse.measurement.asked import Given
from tests.measurement.test_retention import world

HEAD = "name,measure,unit,period,rate\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "others.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_published_rate_stands_beside_ours(tmp_path: Path) -> None:
    lines = [
        "Rival,logo,month,2022-05,0.85",
        "Industry,net,quarter,2022-Q3,1.04",
        "Industry,gross,year,1999,0.7",
    ]
    file = written(tmp_path, HEAD + "\n".join(lines) + "\n")
    asked, bucket, *_ = world(3, True, 14, customers=60)
    asked = replace(asked, given=Given(benchmarks=benchmarks.read_benchmarks(file)))
    sums = add_up([retention.collect(asked, bucket)])
    told = benchmarks.conclude(asked, sums)[0]
    frame = told.frame
    ours = {one.name: one.frame for one in retention.conclude(asked, sums)}
    month = ours["retention_by_month"].query("split == 'all' and period == '2022-05'").iloc[0]
    quarter = ours["retention_by_quarter"].query("split == 'all' and period == '2022-Q3'").iloc[0]
    assert frame["name"].tolist() == ["Rival", "Industry", "Industry"]
    assert frame["ours"].tolist()[:2] == [month["rate"], quarter["net_rate"]]
    assert frame["difference"].iloc[0] == pytest.approx(month["rate"] - 0.85)
    assert bool(frame["within"].iloc[0]) == (month["rate_lower"] <= 0.85 <= month["rate_upper"])
    assert pd.isna(frame["ours"].iloc[2])
    assert pd.isna(frame["within"].iloc[2])
    assert told.warnings == ("1 of 3 published rates are of a period of which we have none",)


def test_an_open_period_of_ours_stays_missing(tmp_path: Path) -> None:
    asked, bucket, *_ = world(3, True, 14, customers=60)
    sums = add_up([retention.collect(asked, bucket)])
    frame = retention.conclude(asked, sums)[0].frame
    period = frame.loc[frame["status"] == "open", "period"].iloc[0]
    file = written(tmp_path, f"{HEAD}Rival,logo,month,{period},0.85\n")
    asked = replace(asked, given=Given(benchmarks=benchmarks.read_benchmarks(file)))
    assert pd.isna(benchmarks.conclude(asked, sums)[0].frame["ours"].iloc[0])


def test_without_a_file_there_is_no_table() -> None:
    asked, *_ = world(3, True, 14)
    assert benchmarks.conclude(asked, {}) == []


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    lines = (
        ",logo,month,2022-05,0.85",
        "Rival,churn,month,2022-05,0.85",
        "Rival,logo,week,2022-05,0.85",
        "Rival,logo,quarter,2022-05,0.85",
        "Rival,logo,month,2022-13,0.85",
        "Rival,logo,year,2022,85",
        "Rival,gross,year,2022,85 %",
        "Rival,net,year,2022,-0.1",
        "Rival,net,year,2021,nan",
        "Rival,net,year,2020",
        "Rival,logo,year,2019,0.8",
        "Rival,logo,year,2019,0.9",
    )
    with pytest.raises(DataError) as refused:
        benchmarks.read_benchmarks(written(tmp_path, HEAD + "\n".join(lines)))
    problems = refused.value.problems
    assert [problem.what for problem in problems] == [
        "row 2, name", "row 3, measure", "row 4, unit", "row 5, period", "row 6, period", "row 7, rate",
        "row 8, rate", "row 9, rate", "row 10, rate", "row 11", "rows",
    ]  # fmt: skip
    assert problems[5].hint == problems[6].hint == "write 85 % as 0.85"
    assert "2 times" in problems[-1].got


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", HEAD, "name;measure;unit;period;rate\nx;logo;year;2020;0.5\n"]
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError):
        benchmarks.read_benchmarks(written(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        benchmarks.read_benchmarks(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="UTF-8"):
        benchmarks.read_benchmarks(tmp_path / "binary.csv")


def test_a_mark_of_the_encoding_is_no_part_of_the_name(tmp_path: Path) -> None:
    file = tmp_path / "bom.csv"
    file.write_text(f"{HEAD}Rival,net,year,2020,1.10\n", encoding="utf-8-sig")
    assert benchmarks.read_benchmarks(file)["rate"].tolist() == [1.10]
