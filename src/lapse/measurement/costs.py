"""What was spent to win customers: a small table of costs by month, channel and campaign.

In: a CSV or Parquet file with the columns ``period``, ``channel``, ``cost`` and, where campaigns are told
apart, ``campaign``. Out: costs by calendar month. Refused, all mistakes at once: other columns, a period that
is no month such as ``2024-03``, no channel, a cost that is no number or negative, a month of a campaign given
twice, a file without rows. Nothing spent is written as 0: a month that is not there is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lapse.errors import DataError, Problem

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_COST = re.compile(r"-?\d*\.?\d+")
_MOST_TOLD = 20


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
        With everything that is wrong.
    """
    where, key = str(file), "measure.lifecycle.costs"
    needed = ["period", "channel", *(["campaign"] if campaigns else []), "cost"]
    try:
        if file.suffix.lower() == ".csv":
            raw = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        else:
            raw = pd.read_parquet(file)
    except (OSError, ValueError) as error:  # also what is no CSV, no Parquet, no UTF-8
        got = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(Problem(where, key, "a table of costs", got)) from error
    rows = raw.astype(object).where(raw.notna(), "").astype(str).apply(lambda column: column.str.strip())
    allowed = {*needed, "campaign"}
    if not set(needed) <= set(rows.columns) <= allowed or not rows.columns.is_unique:
        got = ", ".join(map(str, rows.columns)) or "nothing"
        raise DataError(Problem(where, "columns", ", ".join(needed), got))
    problems = list(_problems(where, rows))
    if problems:
        raise DataError(problems)
    month = pd.to_datetime(rows["period"], format="%Y-%m").to_numpy().astype("datetime64[M]").astype(np.int64)
    found = pd.DataFrame(
        {
            "month": month,
            "channel": rows["channel"],
            "campaign": rows["campaign"] if campaigns else "",
            "cost": rows["cost"].astype(np.float64),
        }
    )
    return found.groupby(["month", "channel", "campaign"])[["cost"]].sum().reset_index()


def _problems(where: str, rows: pd.DataFrame) -> Iterator[Problem]:
    if not len(rows):
        yield Problem(where, "rows", "at least one cost", "none")
        return
    checks = (
        ("period", ~rows["period"].str.fullmatch(_MONTH), "a month such as 2024-03", ""),
        ("channel", rows["channel"] == "", "a channel", ""),
        ("cost", ~rows["cost"].str.fullmatch(_COST), "an amount such as 1200.50", "with a decimal point"),
        ("cost", rows["cost"].str.startswith("-"), "an amount of 0 or more", "a refund belongs to its month"),
    )
    for column, wrong, expected, hint in checks:
        for place in np.flatnonzero(wrong)[:1]:
            count = int(wrong.sum())
            got = f"'{rows[column].iloc[place]}'"
            yield Problem(where, f"column '{column}'", expected, got, hint, count, f"row {place + 2}")
    keys = [name for name in ("period", "channel", "campaign") if name in rows]
    twice = rows[rows.duplicated(keys, keep=False)]
    for key, same in list(twice.groupby(keys))[:_MOST_TOLD]:
        told = ", ".join(map(str, key))
        yield Problem(where, "rows", "each month of a channel and campaign once", f"{told} {len(same)} times")
