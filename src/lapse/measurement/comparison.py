"""Rates over all periods together: pooled, with their trend, compared between segments and between products.

In: the sums of :mod:`lapse.measurement.retention`. Out: two tables. In the first the rate of each group
over all closed periods, its interval and its trend; in the second tests. A customer counts in many periods,
so all intervals and tests take customers as clusters. Tests are many, so their p-values are adjusted
together; a group of a handful of customers can be told from the rest by nothing but luck.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from lapse.measurement.asked import MONTHS, Asked, Unit
from lapse.measurement.groups import ALL, split_names
from lapse.measurement.moments import COUNTS, MONEY
from lapse.measurement.periods import UNITS
from lapse.measurement.pictures import draw_pooled
from lapse.measurement.rates import (
    NO_TREND,
    Together,
    adjusted,
    clustered_ratio,
    clustered_share,
    difference,
    equal_rates,
    trend,
)
from lapse.measurement.retention import CELLS, CUSTOMERS, PAIRS
from lapse.measurement.told import Measured, Unknown
from lapse.schema import Bucket, Float64

LEAST_PERIODS = 3
"""Closed periods from which on a trend is told."""

_POOLED = (
    "All closed periods together: a customer counts once in each period at whose start it was a customer, "
    "and intervals know that. The trend is the change of the rate in a year, from a straight line; what "
    "struck all customers at once in a period (a season, a price) is not in its interval."
)
_TESTS = (
    "Whether groups differ in their rate over all closed periods, what is surest first. A row 'between all' "
    "asks whether all groups of a split have one rate; the row of a group compares it with all others. The "
    "p-values are adjusted together (Benjamini and Hochberg): of what stays below 0.05, about 5 % is chance. "
    "A difference is no effect: groups differ in more than their name."
)


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:  # noqa: ARG001 - a part's signature
    """Return nothing: this part works on what the part of the rates collects."""
    return {}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the pooled rates, and the tests where there are segments or products."""
    pooled = pooled_table(asked, sums)
    told = [
        Measured(
            "retention_pooled",
            "Retention over all periods",
            _POOLED,
            pooled,
            (),
            (lambda: draw_pooled(pooled)) if pooled["rate"].notna().any() else None,
        )
    ]
    if PAIRS in sums:
        tests = test_table(asked, sums)
        title, warnings = "Do groups differ?", _warnings(tests)
        told.append(Measured("retention_comparison", title, _TESTS, tests, warnings))
    return told


def pooled_table(asked: Asked, sums: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rate of every group over all closed periods: a row for every unit, split and level."""
    found = sums[CUSTOMERS]
    order = {name: place for place, name in enumerate(split_names(asked))}
    keys = sorted(found.index, key=lambda key: (UNITS.index(key[0]), order[key[1]], key[2]))
    table = found.loc[keys]
    column = {str(name): table[name].to_numpy(np.float64) for name in table}
    n, m = column["n"], column["customers"]
    lower, upper = clustered_share(column["y"], n, column["y_y"], column["y_n"], column["n_n"], m)
    trends = [
        _trend(asked, sums[CELLS], key, row) for key, row in zip(keys, table.to_dict("records"), strict=True)
    ]
    index = table.index
    return pd.DataFrame(
        {
            "unit": index.get_level_values("unit"),
            "split": index.get_level_values("split"),
            "level": index.get_level_values("level"),
            "customers": m.astype(np.int64),
            "customer_periods": n.astype(np.int64),
            "rate": column["y"] / n,
            "rate_lower": lower,
            "rate_upper": upper,
            "trend_a_year": [one[0] for one in trends],
            "trend_a_year_lower": [one[1] for one in trends],
            "trend_a_year_upper": [one[2] for one in trends],
            **_money(column),
        }
    )


def test_table(asked: Asked, sums: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tests: whether the groups of a split differ, and each group from the rest.

    What is surest stands first: the smallest adjusted p-value, of equal ones the smallest before it was
    adjusted. What cannot be tested stands last.
    """
    rows = []
    for unit in UNITS:
        for split in split_names(asked)[1:]:
            rows += _tests_of(sums, unit, split)
    names = [
        "unit", "split", "level", "difference", "difference_lower", "difference_upper",
        "statistic", "degrees_of_freedom", "p_value",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names)
    tested = frame.assign(p_adjusted=adjusted(frame["p_value"].to_numpy(np.float64)))
    return tested.sort_values(["p_adjusted", "p_value"], kind="stable", ignore_index=True)


def _tests_of(sums: dict[str, pd.DataFrame], unit: Unit, split: str) -> list[tuple[object, ...]]:
    table = sums[CUSTOMERS]
    chosen = (table.index.get_level_values("unit") == unit) & (table.index.get_level_values("split") == split)
    levels = sorted(table.index[chosen].get_level_values("level"))
    if not levels:
        return []
    everybody = float(table["customers"].loc[[(unit, ALL, ALL)]].iloc[0])
    groups = _together(
        table[chosen].droplevel(["unit", "split"]).loc[levels], sums[PAIRS], unit, split, everybody
    )
    rows: list[tuple[object, ...]] = [
        (unit, split, "(between all)", np.nan, np.nan, np.nan, *equal_rates(groups))
    ]
    if len(levels) < 2:
        return rows
    for place, level in enumerate(levels):
        two = groups.against_the_rest(place)
        rows.append((unit, split, level, *difference(two), *equal_rates(two)))
    return rows


def _together(
    of_groups: pd.DataFrame, pairs: pd.DataFrame, unit: Unit, split: str, customers: float
) -> Together:
    levels = list(of_groups.index)
    index = pd.MultiIndex.from_product([[unit], [split], levels, levels])
    cross = pairs.reindex(index, fill_value=0.0)

    def square(name: str) -> Float64:
        return cross[name].to_numpy(np.float64).reshape(len(levels), len(levels))

    y, n = (of_groups[name].to_numpy(np.float64) for name in ("y", "n"))
    return Together(y, n, square("yy"), square("yn"), square("nn"), customers)


def _trend(
    asked: Asked, cells: pd.DataFrame, key: tuple[Unit, str, str], row: dict[Hashable, float]
) -> tuple[float, float, float]:
    """Return the change of a group's rate in a year, with its bounds."""
    unit, split, level = key
    found = cells.index.to_frame(index=False)
    of_group = (found["unit"] == unit) & (found["split"] == split) & (found["level"] == level)
    periods = int((of_group & (found["period"] < asked.edges(unit)[-1])).sum())  # the last one is open
    line = NO_TREND
    if periods >= LEAST_PERIODS:
        totals = np.array([row[name] for name in COUNTS])
        products = np.empty((len(COUNTS), len(COUNTS)))
        for i, one in enumerate(COUNTS):
            for j, other in enumerate(COUNTS):
                products[i, j] = row[f"{one}_{other}" if i <= j else f"{other}_{one}"]
        line = trend(totals, products, row["customers"])
    a_year = 12 / MONTHS[key[0]]
    return line.slope * a_year, line.slope_lower * a_year, line.slope_upper * a_year


def _money(column: dict[str, Float64]) -> dict[str, Float64]:
    gross, during, before = MONEY
    base = np.where(column[before] > 0, column[before], np.nan)
    nn, m = column["before_before"], column["paying"]
    told: dict[str, Float64] = {}
    for name, part, interval in (("gross", gross, clustered_share), ("net", during, clustered_ratio)):
        lower, upper = interval(
            column[part], base, column[f"{part}_{part}"], column[f"{part}_{before}"], nn, m
        )
        told |= {
            f"{name}_rate": column[part] / base,
            f"{name}_rate_lower": lower,
            f"{name}_rate_upper": upper,
        }
    return told


def _warnings(tests: pd.DataFrame) -> tuple[str, ...]:
    if tests["p_value"].isna().all():
        return (
            Unknown("nothing can be compared: no closed period with two groups, or all stayed, or nobody"),
        )
    return ()
