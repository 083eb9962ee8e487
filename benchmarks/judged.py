"""``quality.json``: how good the answers are, ours and those of the yardsticks, all scripts in one file.

In: the rows that a script measured. Out: the file, in which they stand in place of that script's earlier
rows; those of other scripts stay. A row has ``script``, ``data``, ``protocol``, ``method``, ``metric``,
``value``, ``lower`` and ``upper``; bounds are 95 % unless the script says otherwise, null where there is no
interval.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

QUALITY = Path(__file__).with_name("quality.json")
NUMBERS = ("value", "lower", "upper")
COLUMNS = ("data", "protocol", "method", "metric", *NUMBERS)


def publish(script: str, rows: Iterable[Mapping[str, object]], file: Path = QUALITY) -> None:
    """Write the rows of a script in place of its earlier ones.

    Parameters
    ----------
    script : str
        Its name in this folder, without the ending.
    rows : iterable of mappings
        With the columns above; numbers are rounded to six digits behind the point, NaN becomes null.
    file : Path, optional

    Raises
    ------
    ValueError
        If there are no rows, or one has other columns.
    """
    measured = [{"script": script, **_rounded(row)} for row in rows]
    if not measured:
        raise ValueError(f"{script}: expected rows, got none")
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    every = [row for row in kept if row["script"] != script] + measured
    every.sort(key=lambda row: row["script"])
    file.write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")


def _rounded(row: Mapping[str, object]) -> dict[str, object]:
    if set(row) != set(COLUMNS):
        raise ValueError(f"row: expected {', '.join(COLUMNS)}, got {', '.join(row)}")
    return {name: _number(row[name]) if name in NUMBERS else row[name] for name in COLUMNS}


def _number(value: object) -> float | None:
    number = math.nan if value is None else float(str(value))
    return None if math.isnan(number) else round(number, 6)
