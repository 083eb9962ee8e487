"""When customers have paid for their acquisition: margin cumulated by age against what they cost.

In: sums of margins by months of age. Out: months until payback with bounds, missing where it is not reached
within what was seen. A month of age is a twelfth of 365 days and counts for a customer once it is over.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.measurement.asked import Asked
from lapse.measurement.rates import NORMAL
from lapse.measurement.sums import GROUPS, jackknife
from lapse.measurement.told import Measured
from lapse.schema import Float64

MOST_MONTHS = 36
"""How old customers are followed."""

FEWEST = 10
"""With fewer customers seen at an age, nothing is said of it."""

_KEYS = ["channel", "campaign"]


def payback_of(sums: pd.DataFrame, cost: float) -> tuple[float, float, float]:
    """Return after how many months the cumulated mean margin reaches a cost.

    The mean margin of each month of age is that of the customers who were seen for all of it; the bounds of
    their sum leave out a group of customers at a time. Payback's bounds are where the upper and the lower
    bound of the margin reach the cost.

    Parameters
    ----------
    sums : DataFrame
        Columns age (from 1), group, n and margin.
    cost : float
        Of acquiring one customer, taken as it is; NaN where it is not known.

    Returns
    -------
    months, lower, upper : float
        Missing where not reached.
    """
    if np.isnan(cost) or not len(sums):
        return np.nan, np.nan, np.nan
    ages = sums.groupby("age")["n"].sum()
    last = int((ages >= FEWEST).cumprod().sum())
    if not last:
        return np.nan, np.nan, np.nan
    by_group = np.zeros((GROUPS, last, 2))
    seen = sums[sums["age"] <= last]
    place = (seen["group"].to_numpy(np.int64), seen["age"].to_numpy(np.int64) - 1)
    np.add.at(by_group, place, seen[["n", "margin"]].to_numpy(np.float64))
    margin, lower, upper = jackknife(by_group, _cumulated)
    return reached(margin, cost), reached(upper, cost), reached(lower, cost)


def reached(cumulated: Float64, cost: float) -> float:
    """Return the first month, from 1, at whose end a cost is reached; NaN where it is not.

    Examples
    --------
    >>> reached(np.array([10.0, 25.0, 20.0]), 20.0), reached(np.array([10.0]), 20.0)
    (2.0, nan)
    """
    found = np.flatnonzero(cumulated >= cost)
    return float(found[0] + 1) if len(found) else float("nan")


def payback_table(asked: Asked, cells: pd.DataFrame, sums: pd.DataFrame) -> Measured:
    """Return payback by cohort: channel, campaign and month.

    Parameters
    ----------
    asked : Asked
    cells : DataFrame
        Counts and costs by channel, campaign and month, with ``settled``.
    sums : DataFrame
        Index (channel, campaign, age, month); n, total and squares of margins cumulated up to an age.
    """
    lifecycle = asked.business.measure.lifecycle
    assert lifecycle is not None  # nothing is collected without it
    settled = cells[cells["settled"] & (cells["acquired"] > 0) & cells["cost"].notna()]
    counted = "converted" if lifecycle.lead is not None else "acquired"
    by_cell = dict(iter(sums.reset_index().groupby([*_KEYS, "month"])))
    rows = []
    for cell in settled.sort_values(["month", *_KEYS]).to_dict("records"):
        mine = by_cell.get((cell["channel"], cell["campaign"], cell["month"]))
        customers = float(cell[counted])
        cost = float(cell["cost"]) / customers if customers else float("nan")
        rows.append(
            {
                "month": str(np.datetime64(int(cell["month"]), "M")),
                "channel": cell["channel"],
                "campaign": cell["campaign"],
                "customers": customers,
                "acquisition_cost": cost,
                **_cohort(mine, customers, cost),
            }
        )
    columns = ["month", *_KEYS, "customers", "acquisition_cost", "months_seen", "margin_seen"]
    columns += ["margin_seen_lower", "margin_seen_upper"]
    columns += ["payback_months", "payback_months_lower", "payback_months_upper"]
    text = (
        "For each cohort the margin per customer, cumulated since the first purchase or term over the months "
        "that all of its customers were seen, and the first month in which it reaches the cost of "
        "acquisition; missing where it does not. Bounds are normal, of the spread between customers; "
        "the cost is taken as it is."
    )
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    if lifecycle.campaign is None:
        frame = frame.drop(columns="campaign")
    return Measured("lifecycle_payback", "Payback by cohort", text, frame)


def _cohort(sums: pd.DataFrame | None, customers: float, cost: float) -> dict[str, float]:
    missing = float("nan")
    whole = None if sums is None else sums[sums["n"] == customers].sort_values("age")
    if whole is None or not len(whole):
        names = ("margin_seen", "margin_seen_lower", "margin_seen_upper")
        months = ("payback_months", "payback_months_lower", "payback_months_upper")
        return {"months_seen": 0.0, **dict.fromkeys((*names, *months), missing)}
    n, total, squares = (whole[name].to_numpy(np.float64) for name in ("n", "total", "squares"))
    mean = total / n
    reach = np.full(len(n), missing)
    several = n >= 2
    spread = np.maximum(squares - n * mean**2, 0.0)
    reach[several] = NORMAL * np.sqrt((spread / np.maximum(n - 1, 1) / n)[several])
    lower, upper = mean - reach, mean + reach
    return {
        "months_seen": float(len(n)),
        "margin_seen": float(mean[-1]),
        "margin_seen_lower": float(lower[-1]),
        "margin_seen_upper": float(upper[-1]),
        "payback_months": reached(mean, cost),
        "payback_months_lower": reached(upper, cost),
        "payback_months_upper": reached(lower, cost),
    }


def _cumulated(total: Float64) -> Float64:
    with np.errstate(divide="ignore", invalid="ignore"):
        cumulated: Float64 = np.cumsum(total[:, 1] / total[:, 0])
    return cumulated
