"""What the score table says of one date: lifetime values by customer.

In: a business and a day. Out: the CLV of every customer scored as of that very day, or nothing where no
partition of it was written. The file is read row group by row group and only in the columns that are
needed, so a number and an id of each customer are all that stays. Refused, all at once: a file that is no
Parquet, one that ``lapse score`` did not write, values in another currency.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lapse.config import Business
from lapse.errors import DataError, Problem
from lapse.jobs.partition import METADATA_KEY, Notes
from lapse.measurement.asked import LifetimeValues
from lapse.schema import to_date

_COLUMNS = ("customer_id", "status", "clv", "currency", "config_hash")
_MEND = "score that date again, or remove the folder: then nothing is said of lifetime values"


def scored_values(business: Business, day: int, folder: Path | None = None) -> LifetimeValues | None:
    """Return the lifetime values as of a day, None where that day was not scored.

    Parameters
    ----------
    business : Business
    day : int
        Day number. Scores of any other date are not looked at.
    folder : Path, optional
        Where the folders ``as_of=YYYY-MM-DD`` lie; default the config's ``scores.path``.

    Raises
    ------
    DataError
        If the file cannot be read, is not a score table, or counts in another currency.
    """
    file = (folder or business.scores.path) / f"as_of={to_date(day)}" / "scores.parquet"
    if not file.exists():
        return None
    try:
        with pq.ParquetFile(file) as table:
            notes = _notes(table, file)
            parts = [
                _scored(table.read_row_group(number, list(_COLUMNS)))
                for number in range(table.num_row_groups)
            ]
    except (pa.ArrowException, OSError) as error:
        got = str(error).partition("\n")[0]
        raise DataError(Problem(str(file), "score table", "a Parquet file", got, _MEND)) from error
    _require_currency(business, {one for _, found, _ in parts for one in found}, file)
    return LifetimeValues(
        clv=pd.concat([clv for clv, _, _ in parts]),
        where=str(file),
        counted=notes.bounds,
        warnings=(*notes.warnings, *_changed(business, {one for *_, found in parts for one in found})),
    )


def _notes(table: pq.ParquetFile, file: Path) -> Notes:
    """Return the notes of a score table, if it is one."""
    problems = [
        Problem(str(file), f"column '{name}'", "a column of a score table", "no such column", _MEND)
        for name in _COLUMNS
        if name not in table.schema_arrow.names
    ]
    told = (table.metadata.metadata or {}).get(METADATA_KEY.encode())
    if told is None:
        expected = "a file that 'lapse score' wrote"
        problems.append(Problem(str(file), "metadata", expected, f"none under '{METADATA_KEY}'", _MEND))
    if problems or told is None:
        raise DataError(problems)
    if not table.num_row_groups:
        raise DataError(Problem(str(file), "score table", "rows", "none", _MEND))
    try:
        return Notes(**json.loads(told))
    except (TypeError, ValueError) as error:
        expected = "the notes that this version of lapse writes"
        raise DataError(Problem(str(file), "metadata", expected, str(error), _MEND)) from error


def _scored(group: pa.Table) -> tuple[pd.Series, set[str], set[str]]:
    """Return lifetime values by customer, currencies and config hashes of a row group's scored rows."""
    rows = group.filter(pc.equal(group["status"], "scored"))
    ids = rows["customer_id"].to_pandas()
    clv = pd.Series(rows["clv"].to_numpy().astype(np.float64), index=pd.Index(ids, name="customer_id"))
    currencies, hashes = (set(pc.unique(rows[name]).to_pylist()) for name in ("currency", "config_hash"))
    return clv, currencies, hashes


def _require_currency(business: Business, found: set[str], file: Path) -> None:
    if others := sorted(map(str, found - {business.currency})):
        expected = f"values in {business.currency}"
        raise DataError(Problem(str(file), "column 'currency'", expected, ", ".join(others), _MEND))


def _changed(business: Business, hashes: set[str]) -> tuple[str, ...]:
    others = sorted(map(str, hashes - {business.config_hash}))
    if not others:
        return ()
    return (
        f"scored with config {', '.join(others)}, and measured with {business.config_hash}: margin, discount "
        "rate and limit of the lifetime values are those of the former",
    )
