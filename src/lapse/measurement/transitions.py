"""Moves between states from the start of a period to its end, pooled over periods and by period.

In: for each customer the state at the start and at the end of each period, as codes; -1 where it is not asked
about. Out: sums by (from, to) that add up over buckets, and tables of them with intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.measurement.rates import wilson
from lapse.measurement.sums import SUMS, share_sums, shares

States = npt.NDArray[np.int8]


def move_sums(start: States, end: States, n_states: int) -> pd.DataFrame:
    """Return the sums of the share that moved, by state at the start and at the end.

    Parameters
    ----------
    start, end : int8, shape (n_customers, n_periods)
        Codes below ``n_states``; a period counts where neither is -1.
    n_states : int

    Returns
    -------
    DataFrame
        Index (from, to), for every pair; columns :data:`~lapse.measurement.sums.SUMS`.
    """
    counts = (start >= 0) & (end >= 0)
    rows = {}
    for low in range(n_states):
        here = counts & (start == low)
        n = here.sum(axis=1).astype(np.float64)
        for high in range(n_states):
            rows[low, high] = share_sums((here & (end == high)).sum(axis=1).astype(np.float64), n)
    index = pd.MultiIndex.from_product([range(n_states)] * 2, names=["from", "to"])
    return pd.DataFrame(list(rows.values()), index=index, columns=list(SUMS))


def period_counts(start: States, end: States, days: Sequence[int], n_states: int) -> pd.DataFrame:
    """Return how many customers moved from which state to which, by period.

    Parameters
    ----------
    start, end : int8, shape (n_customers, n_periods)
    days : sequence of int, n_periods of them
        Last days of the periods.
    n_states : int

    Returns
    -------
    DataFrame
        Index (day, from, to), for pairs that were seen; column customers.
    """
    counts = (start >= 0) & (end >= 0)
    period = np.broadcast_to(np.arange(len(days)), start.shape)[counts]
    code = (period * n_states + start[counts]) * n_states + end[counts]
    found = np.bincount(code, minlength=len(days) * n_states * n_states)
    seen = np.flatnonzero(found)
    day = np.asarray(days, np.int64)[seen // n_states**2]
    index = pd.MultiIndex.from_arrays(
        [day, seen // n_states % n_states, seen % n_states], names=["day", "from", "to"]
    )
    return pd.DataFrame({"customers": found[seen].astype(np.float64)}, index=index)


def moves_table(sums: pd.DataFrame, states: Sequence[str]) -> pd.DataFrame:
    """Return the share that moved from each state to each other, pooled over periods, with bounds.

    Parameters
    ----------
    sums : DataFrame
        Of :func:`move_sums`; its index may have further levels before (from, to).
    states : sequence of str
        Name by code.

    Returns
    -------
    DataFrame
        The index's levels with states by name, moves, at_start (customer-periods), customers, share and its
        bounds, clustered by customer. States that nobody started from, or ever moved to, are left out.
    """
    to = sums.index.get_level_values("to")
    kept = sums[(sums["n"] > 0) & sums.groupby(to)["y"].transform("sum").gt(0)]
    table = pd.concat([kept[["y", "n", "customers"]], shares(kept)], axis=1).reset_index()
    table = table.rename(columns={"y": "moves", "n": "at_start"})
    return _named(table, states).astype({"moves": "int64", "at_start": "int64", "customers": "int64"})


def moves_by_period(counts: pd.DataFrame, states: Sequence[str]) -> pd.DataFrame:
    """Return the share that moved from each state to each other in each period, with Wilson bounds.

    Parameters
    ----------
    counts : DataFrame
        Of :func:`period_counts`; its index may have further levels before (day, from, to).
    states : sequence of str
        Name by code.

    Returns
    -------
    DataFrame
        The index's levels with states by name and ``day`` as the date ``period_end``, customers, at_start,
        share and its bounds.
    """
    levels = [name for name in counts.index.names if name != "to"]
    at_start = counts.groupby(level=levels)["customers"].transform("sum")
    share = counts["customers"] / at_start
    lower, upper = wilson(counts["customers"].to_numpy(), at_start.to_numpy())
    table = counts.assign(at_start=at_start, share=share, share_lower=lower, share_upper=upper).reset_index()
    table["day"] = pd.to_datetime(table["day"], unit="D").dt.date
    table = table.rename(columns={"day": "period_end"}).astype({"customers": "int64", "at_start": "int64"})
    named = _named(table, states)
    return named.sort_values("period_end", ascending=False, kind="stable", ignore_index=True)


def _named(table: pd.DataFrame, states: Sequence[str]) -> pd.DataFrame:
    names = pd.Index(states)
    return table.assign(**{side: names[table[side].to_numpy(np.int64)] for side in ("from", "to")})
