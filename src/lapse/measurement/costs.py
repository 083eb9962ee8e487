"""What was spent to win customers: a small table of costs by month, channel and campaign.

In: a CSV or Parquet file with the columns ``period``, ``channel``, ``cost`` and, where campaigns are told
apart, ``campaign``. Out: costs by calendar month. Refused, all mistakes at once and row by row: other
columns, a period that is no month such as ``2024-03``, no channel, a cost that is no number or negative, a
month of a campaign given twice, a file without rows. Nothing spent is written as 0: a month that is not there
is not known.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lapse.errors import DataError, Problem

_KEY = "measure.lifecycle.costs"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_COST = re.compile(r"-?\d*\.?\d+")
_MOST_TOLD = 100
"""Mistakes that are listed; of more, how many."""


def read_costs(file: Path, *, campaigns: bool) -> pd.DataFrame:
    """Read a file of costs.

    Parameters
    ----------
    file : Path
        Ends in ``.csv`` (UTF-8, commas, decimal points) or ``.parquet``.
    campaigns : bool
        Whether campaigns are told apart; where not, their costs are added up.

    Returns
    -------
    DataFrame
        month (int64, months since 1970-01), channel, campaign (empty where not told apart), cost (float64);
        each month, channel and campaign once.

    Raises
    ------
    DataError
        With everything that is wrong, a row each: its number as an editor shows it (the head of a CSV file is
        row 1; the first row of a Parquet file is), the column, what was expected and what stands there.
    """
    where = str(file)
    needed = ["period", "channel", *(["campaign"] if campaigns else []), "cost"]
    rows, problems = _csv_rows(file) if file.suffix.lower() == ".csv" else (_parquet_rows(file), [])
    if not set(needed) <= set(rows.columns) <= {*needed, "campaign"} or not rows.columns.is_unique:
        got = ", ".join(map(str, rows.columns)) or "nothing"
        raise DataError(Problem(where, "columns", ", ".join(needed), got))
    if problems := [*problems, *_problems(where, rows)]:
        raise DataError([*problems[:_MOST_TOLD], *_further(where, problems[_MOST_TOLD:])])
    month = pd.to_datetime(rows["period"], format="%Y-%m").to_numpy().astype("datetime64[M]").astype(np.int64)
    found = pd.DataFrame(
        {
            "month": month,
            "channel": rows["channel"].to_numpy(),
            "campaign": rows["campaign"].to_numpy() if campaigns else "",
            "cost": rows["cost"].to_numpy().astype(np.float64),
        }
    )
    return found.groupby(["month", "channel", "campaign"])[["cost"]].sum().reset_index()


def _csv_rows(file: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the rows of a CSV file as texts by the number of their line, and those that are no rows."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            lines = [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise DataError(Problem(str(file), _KEY, "a table of costs, a CSV file in UTF-8", got)) from error
    if not lines:
        raise DataError(Problem(str(file), _KEY, "a table of costs", "an empty file"))
    head = lines[0][1]
    whole = [(number, row) for number, row in lines[1:] if len(row) == len(head)]
    problems = [
        Problem(str(file), f"row {number}", f"{len(head)} values: {', '.join(head)}", f"{len(row)}")
        for number, row in lines[1:]
        if len(row) != len(head)
    ]
    index = pd.Index([number for number, _ in whole], dtype=np.int64)
    return pd.DataFrame(
        [row for _, row in whole], index=index, columns=pd.Index(head), dtype=object
    ), problems


def _parquet_rows(file: Path) -> pd.DataFrame:
    """Return the rows of a Parquet file as texts, the first one's number being 1."""
    try:
        raw = pd.read_parquet(file)
    except (OSError, ValueError) as error:  # also what is no Parquet
        got = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(Problem(str(file), _KEY, "a table of costs", got)) from error
    texts = raw.astype(object).where(raw.notna(), "").astype(str)
    rows = pd.DataFrame({name: texts[name].str.strip() for name in texts})
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    return rows


def _problems(where: str, rows: pd.DataFrame) -> Iterator[Problem]:
    """Yield every mistake in the order of the rows, then what is there twice."""
    if not len(rows):
        yield Problem(where, "rows", "at least one cost", "none")
        return
    for number, row in zip(rows.index, rows.to_dict("records"), strict=True):
        if not _MONTH.fullmatch(row["period"]):
            yield Problem(where, f"row {number}, period", "a month such as 2024-03", f"'{row['period']}'")
        if not row["channel"]:
            yield Problem(where, f"row {number}, channel", "a channel", "nothing")
        if not _COST.fullmatch(row["cost"]):
            expected, hint = "an amount such as 1200.50", "with a decimal point"
            yield Problem(where, f"row {number}, cost", expected, f"'{row['cost']}'", hint)
        elif row["cost"].startswith("-"):
            expected, hint = "an amount of 0 or more", "a refund belongs to its month"
            yield Problem(where, f"row {number}, cost", expected, f"'{row['cost']}'", hint)
    keys = [name for name in ("period", "channel", "campaign") if name in rows]
    twice = rows[rows.duplicated(keys, keep=False)]
    for key, same in twice.groupby(keys):
        numbers = f"rows {', '.join(map(str, same.index))}"
        told = f"{', '.join(map(str, key))} {len(same)} times"
        yield Problem(where, numbers, "each month of a channel and campaign once", told)


def _further(where: str, problems: list[Problem]) -> list[Problem]:
    """Return the mistakes that are not listed as one that counts them."""
    if not problems:
        return []
    return [
        Problem(where, "further rows", "no mistakes", f"{len(problems):,} more", "mend those above first")
    ]
