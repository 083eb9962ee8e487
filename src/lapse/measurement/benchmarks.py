"""Others' published rates beside ours: a competitor's, an industry's.

In: a CSV file with the columns ``name,measure,unit,period,rate``, in this order, and the sums of all
buckets. Out: a table with each published rate, ours of the same period, and whether it lies within the
interval of ours. Refused, all mistakes at once: other columns, a measure, unit or period that there is not,
a rate outside its range (a per cent for a share), a row given twice.

``measure`` is ``logo``, ``gross`` or ``net``; ``unit`` is ``month``, ``quarter`` or ``year``; ``period`` is
``2024-03``, ``2024-Q1`` or ``2024``; ``rate`` is a share, from 0 to 1, of ``net`` up to 10.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.measurement.asked import Asked
from lapse.measurement.groups import ALL
from lapse.measurement.periods import UNITS
from lapse.measurement.retention import CELLS, rate_table
from lapse.measurement.told import Measured
from lapse.schema import Bucket

COLUMNS = ("name", "measure", "unit", "period", "rate")
"""The file's columns, in their order."""

MEASURES: dict[str, str] = {"logo": "rate", "gross": "gross_rate", "net": "net_rate"}
"""Column of our rates by what a published rate measures."""

_PERIODS = {"month": r"\d{4}-(0[1-9]|1[0-2])", "quarter": r"\d{4}-Q[1-4]", "year": r"\d{4}"}
_EXAMPLES = {"month": "2024-03", "quarter": "2024-Q1", "year": "2024"}
_MOST = {"logo": 1.0, "gross": 1.0, "net": 10.0}
_TEXT = (
    "Rates that others published, beside ours of the same period. They count in their own way: who is a "
    "customer, how long one is waited for, and whose customers are left out can differ more than the "
    "rates do."
)


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:  # noqa: ARG001 - a part's signature
    """Return nothing: the file is small, and our rates are collected by their own part."""
    return {}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the table, if published rates are given."""
    published = asked.given.benchmarks
    if published is None:
        return []
    ours = pd.concat([rate_table(asked, sums[CELLS], unit).assign(unit=unit) for unit in UNITS])
    frame = beside(published, ours[ours["split"] == ALL])
    missing = int(frame["ours"].isna().sum())
    warnings = (f"{missing:,} of {len(frame):,} published rates are of a period of which we have none",)
    told = warnings if missing else ()
    return [Measured("benchmarks", "Beside others", _TEXT, frame, told)]


def beside(published: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Return published rates with ours.

    Parameters
    ----------
    published : DataFrame
        As :func:`read_benchmarks` returns it.
    ours : DataFrame
        Rates of all customers, with their unit.

    Returns
    -------
    DataFrame
        name, measure, unit, period, rate; ours, ours_lower, ours_upper, difference (ours less theirs), all
        missing where we have none; within, whether theirs lies in our interval.
    """
    columns = {"name": "ours", "lower": "ours_lower", "upper": "ours_upper"}
    parts = [
        ours[["unit", "period"]].assign(
            measure=measure,
            **{columns["name"]: ours[column], columns["lower"]: ours[f"{column}_lower"]},
            **{columns["upper"]: ours[f"{column}_upper"]},
        )
        for measure, column in MEASURES.items()
    ]
    frame = published.merge(pd.concat(parts), on=["measure", "unit", "period"], how="left", validate="m:1")
    inside = frame["rate"].between(frame["ours_lower"], frame["ours_upper"]).astype("boolean")
    return frame.assign(
        difference=frame["ours"] - frame["rate"], within=inside.mask(frame["ours_lower"].isna(), pd.NA)
    )


def read_benchmarks(file: Path) -> pd.DataFrame:
    """Read a file of published rates.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`, the rate as float64, in the order of the file.

    Raises
    ------
    DataError
        With everything that is wrong.
    """
    where = str(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = [row for row in csv.reader(opened, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise DataError(Problem(where, "measure.benchmarks", "a CSV file in UTF-8", got)) from error
    head = ",".join(COLUMNS)
    if not lines or [name.strip() for name in lines[0]] != list(COLUMNS):
        got = ",".join(lines[0]) if lines else "nothing"
        raise DataError(Problem(where, "columns", head, got, "delimiter is the comma"))
    rows = [[value.strip() for value in line] for line in lines[1:]]
    problems = [
        problem for number, row in enumerate(rows, start=2) for problem in _problems(where, number, row)
    ]
    twice = Counter(tuple(row[:4]) for row in rows)
    problems += [
        Problem(where, "rows", "each name, measure, unit and period once", f"{', '.join(key)} {count} times")
        for key, count in twice.items()
        if count > 1
    ]
    if not rows:
        problems.append(Problem(where, "rows", "at least one published rate", "none"))
    if problems:
        raise DataError(problems)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(rate=frame["rate"].astype(np.float64))


def _problems(where: str, number: int, row: list[str]) -> Iterator[Problem]:
    if len(row) != len(COLUMNS):
        yield Problem(where, f"row {number}", f"{len(COLUMNS)} values", f"{len(row)}")
        return
    name, measure, unit, period, rate = row
    if not name:
        yield Problem(where, f"row {number}, name", "who published it", "nothing")
    if measure not in MEASURES:
        yield Problem(where, f"row {number}, measure", f"one of {', '.join(MEASURES)}", f"'{measure}'")
    if unit not in UNITS:
        yield Problem(where, f"row {number}, unit", f"one of {', '.join(UNITS)}", f"'{unit}'")
    elif not re.fullmatch(_PERIODS[unit], period):
        yield Problem(where, f"row {number}, period", f"a {unit} such as {_EXAMPLES[unit]}", f"'{period}'")
    most = _MOST.get(measure, 1.0)
    if not re.fullmatch(r"\d*\.?\d+", rate) or float(rate) > most:
        hint = "write 85 % as 0.85" if re.fullmatch(r"\d*\.?\d+\s*%?", rate) else "with a point, such as 0.85"
        yield Problem(where, f"row {number}, rate", f"a share from 0 to {most:g}", f"'{rate}'", hint)
