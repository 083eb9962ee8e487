"""Expected and realised lapses month by month, and of all months together.

In: what the data show of the rows, and what each method had said of them. Out: a table with the columns of
:data:`PERIOD_COLUMNS`, and a row a method for the table over all. Nothing is refused; what the data do not
reach says why in ``note``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.evaluation.bootstrap import bounds, replicate
from lapse.evaluation.followed import NO_STEP, Followed
from lapse.evaluation.lifetimes import ends_by_period, ends_of_rows
from lapse.evaluation.tables import Row, tidy_row
from lapse.schema import Float64

PERIOD_COLUMNS = ("method", "period", "days", "n", "expected", "realised", "error", "lower", "upper", "note")
"""str, int from 1, int (the period's last day), int rows watched so long, floats, str."""

MONTH_DAYS = 365.25 / 12

_NO_PERIOD = "the test dates are too near to the end of the data: no row's follow-up reaches the first month"
_NO_LAPSE = "nobody lapsed: no number to compare with"


def count_periods(
    followed: Followed,
    survival: Mapping[str, Float64],
    customer_id: npt.NDArray[Any],
    n_replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, list[Row]]:
    """Return expected and realised lapses by month of each method, and of all months together."""
    step_days = followed.step_days
    n_steps = int(followed.whole_steps(next(iter(survival.values())).shape[1]).max())
    steps_a_period = max(1, round(MONTH_DAYS / step_days))
    if n_steps < steps_a_period:
        rows = [tidy_row(method, "lapses_error", 0, np.nan, None, note=_NO_PERIOD) for method in survival]
        return pd.DataFrame(columns=list(PERIOD_COLUMNS)), rows
    seen = (followed.lapsed, followed.duration_days, step_days, steps_a_period, followed.follow_up_days)
    tables, rows = [], []
    for method, s in survival.items():
        expected, realised = ends_of_rows(s[:, :n_steps], *seen)
        found = replicate(
            {"": _errors}, realised, {"": expected}, customer_id, n_replicates=n_replicates, seed=seed
        )
        lower, upper = bounds(found["", ""])
        table = ends_by_period(s[:, :n_steps], *seen).rename(columns={"watched": "n"})
        table["days"] = table["period"] * steps_a_period * step_days
        note = np.where(table["n"] == 0, NO_STEP, np.where(table["realised"] == 0, _NO_LAPSE, ""))
        tables.append(table.assign(method=method, lower=lower[1:], upper=upper[1:], note=note))
        value = float(_errors(realised, expected, np.ones(len(s)))[0])
        said = "" if np.isfinite(value) else _NO_LAPSE
        rows.append(tidy_row(method, "lapses_error", len(s), value, (lower[0], upper[0]), note=said))
    return pd.concat(tables, ignore_index=True)[list(PERIOD_COLUMNS)], rows


def _errors(realised: Float64, expected: Float64, weight: Float64) -> Float64:
    """Return expected over realised lapses, less 1: of all periods, then of each; NaN where none came."""
    came, said = weight @ np.nan_to_num(realised), weight @ np.nan_to_num(expected)
    came, said = np.append(came.sum(), came), np.append(said.sum(), said)
    error: Float64 = np.divide(said, came, out=np.full(len(came), np.nan), where=came > 0) - 1.0
    return error
