"""The table of costs: as CSV and Parquet, and every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.measurement.costs import read_costs

ROWS = [("2024-01", "web", "a", 10.5), ("2024-01", "web", "b", 0.0), ("2024-02", "fair", "a", 3.0)]
COLUMNS = ["period", "channel", "campaign", "cost"]


def refusal(file: Path, text: str, *, campaigns: bool = True) -> DataError:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_costs(file, campaigns=campaigns)
    assert all(problem.where == str(file) for problem in caught.value.problems)
    return caught.value


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=COLUMNS)
    frame.to_csv(tmp_path / "c.csv", index=False)
    frame.to_parquet(tmp_path / "c.parquet")
    told = [read_costs(tmp_path / name, campaigns=True) for name in ("c.csv", "c.parquet")]
    pd.testing.assert_frame_equal(*told)
    assert told[0].to_numpy().tolist() == [
        [648, "web", "a", 10.5],
        [648, "web", "b", 0.0],
        [649, "fair", "a", 3.0],
    ]


def test_campaigns_that_are_not_told_apart_are_added_up(tmp_path: Path) -> None:
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(tmp_path / "c.csv", index=False)
    told = read_costs(tmp_path / "c.csv", campaigns=False)
    assert told.to_numpy().tolist() == [[648, "web", "", 10.5], [649, "fair", "", 3.0]]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    lines = [
        "period,channel,campaign,cost",
        "2024-01,web,a,-5",  # below 0
        "2024-13,web,a,5",  # no month
        ",web,b,5",  # no period
        "",  # no row, but a line
        "2024-02,,a,5",  # no channel
        '2024-02,fair,a,"1,5"',  # no number
        "2024-03,fair,a,5",
        "2024-03,fair,a,6",  # twice
        "2023,web,a,x",  # two in one row
        "2024-03,fair,a,6,7",  # a value too many
    ]
    told = refusal(tmp_path / "c.csv", "\n".join(lines))
    assert [(problem.what, problem.got) for problem in told.problems] == [
        ("row 11", "5"),
        ("row 2, cost", "'-5'"),
        ("row 3, period", "'2024-13'"),
        ("row 4, period", "''"),
        ("row 6, channel", "nothing"),
        ("row 7, cost", "'1,5'"),
        ("row 10, period", "'2023'"),
        ("row 10, cost", "'x'"),
        ("rows 8, 9", "2024-03, fair, a 2 times"),
    ]
    assert "a month such as 2024-03" in told.problems[2].expected


def test_rows_of_a_parquet_file_are_numbered_from_1(tmp_path: Path) -> None:
    pd.DataFrame(ROWS, columns=COLUMNS).assign(cost=[1.0, -2.0, None]).to_parquet(tmp_path / "c.parquet")
    with pytest.raises(DataError) as caught:
        read_costs(tmp_path / "c.parquet", campaigns=True)
    assert [problem.what for problem in caught.value.problems] == ["row 2, cost", "row 3, cost"]


def test_of_very_many_mistakes_the_rest_is_counted(tmp_path: Path) -> None:
    lines = [f"2024-01,web,c{number},-1" for number in range(250)]
    told = refusal(tmp_path / "c.csv", "\n".join(["period,channel,campaign,cost", *lines]))
    assert len(told.problems) == 101
    assert told.problems[-1].got == "150 more"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("period,channel,cost\n2024-01,web,1\n", "expected period, channel, campaign, cost"),
        (
            "period,channel,campaign,cost,note\n2024-01,web,a,1,x\n",
            "expected period, channel, campaign, cost",
        ),
        ("period,channel,campaign,cost\n", "at least one cost"),
        ("", "a table of costs"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in str(refusal(tmp_path / "c.csv", text))


def test_a_file_that_is_not_there_or_no_parquet(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_costs(tmp_path / "none.csv", campaigns=False)
    refusal(tmp_path / "c.parquet", "no parquet")
