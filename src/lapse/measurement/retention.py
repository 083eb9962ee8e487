"""The retention rate, by customers and by money: what one bucket adds to it, and what all of them say.

In: a bucket; then the sums of all buckets. Out: a table of rates for each of month, quarter and year. Three
rates stand in it, for all customers and by segment and product:

- ``rate``: customers at the start of the period who are kept until its end, of those at its start (logo
  retention). What is at risk, kept and returned is said in :mod:`lapse.measurement.periods`. Who lapsed is
  gone, as everywhere in lapse; ``rate_with_returned`` counts those too who came back by the period's end.
- ``gross_rate``: money kept. Of each customer at the start, what it brings in the period, at most what it
  brought in the period before; over all that they brought in the period before (gross revenue retention).
- ``net_rate``: the same without the cap, so that growth offsets loss (net revenue retention). It may exceed
  1.

A customer counts once in a cell, so the interval of ``rate`` is Wilson's; those of money take customers as
clusters. A period that is still open has its customers, and no rate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.features.wording import counted
from lapse.measurement.asked import Asked, Unit
from lapse.measurement.groups import ALL, Split, require_few, split_names, splits_of
from lapse.measurement.moments import cross_sums, customer_sums
from lapse.measurement.periods import UNITS, Rows, money_by_period, money_of, name_of, newly_won, rows_of
from lapse.measurement.pictures import draw_rates
from lapse.measurement.rates import clustered_ratio, clustered_share, wilson
from lapse.measurement.told import Measured, Misleading, Unknown
from lapse.schema import Bool, Bucket, Float64, to_date

CELLS, CUSTOMERS, PAIRS, LATE = (
    "retention_cells", "retention_customers", "retention_pairs", "retention_late",
)  # fmt: skip
"""Names of the sums."""

_LATE_SHARE = 0.01
MOST_NEW = 0.2
"""Where more of the customers at the start have come in the period before, rates of money are warned of."""
_MONEY = (
    "paying", "before", "gross", "during",
    "before_before", "gross_gross", "during_during", "gross_before", "during_before",
)  # fmt: skip
_TEXT = (
    "Customers kept: of those at the start of the {unit}, the share that had not lapsed by its end; kept or "
    "back: and those who had, and were customers again. Money kept (gross): of the money that they brought "
    "in the {unit} before, the share that they brought again, growth not counted; with growth (net) it "
    "passes 100 % where they grew by more than was lost. Customers who first came in the {unit} before "
    "brought only part of a {unit} then: rates of money are too high for them. A {unit} that is still open "
    "has no rate."
)


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return what one bucket adds to the rates.

    Returns
    -------
    dict of DataFrame
        ``retention_cells`` by (unit, split, level, period), the period as the day before it;
        ``retention_customers`` by (unit, split, level) and ``retention_pairs`` by (unit, split, level,
        other): see :mod:`lapse.measurement.moments`; ``retention_late`` by unit.

    Raises
    ------
    DataError
        If a split has too many groups.
    """
    cells, customers, pairs, apart = [], [], [], []
    for unit in UNITS:
        rows = rows_of(asked, bucket, unit)
        by_period, late = money_by_period(asked, bucket, unit)
        money, new = money_of(rows, by_period), newly_won(asked, bucket, unit, rows)
        apart.append(late)
        for split in splits_of(asked, bucket, rows.snapshots):
            cells.append(_keyed(_cells(rows, money, new, split), unit, split))
            customers.append(_keyed(customer_sums(rows, money, split, len(asked.edges(unit))), unit, split))
            if split.name != ALL:
                pairs.append(_keyed(cross_sums(rows, split), unit, split))
    told = pd.DataFrame(apart, pd.Index(UNITS, name="unit"), ["amount", "late", "below_zero"])
    found = {CELLS: pd.concat(cells), CUSTOMERS: pd.concat(customers), LATE: told}
    return found | ({PAIRS: pd.concat(pairs)} if pairs else {})


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the rates of all buckets: a table for each of month, quarter and year.

    Raises
    ------
    DataError
        If a split has too many groups in all buckets together.
    """
    groups = sums[CELLS].index.to_frame(index=False)
    found = {split: groups.loc[groups["split"] == split, "level"].nunique() for split in split_names(asked)}
    require_few(asked, found)
    return [_by_unit(asked, sums, unit) for unit in UNITS]


def _by_unit(asked: Asked, sums: dict[str, pd.DataFrame], unit: Unit) -> Measured:
    frame = rate_table(asked, sums[CELLS], unit)
    late = {str(name): float(sums[LATE][name].loc[[unit]].iloc[0]) for name in sums[LATE]}
    is_closed = frame["status"].eq("closed").any()
    return Measured(
        f"retention_by_{unit}",
        f"Retention by {unit}",
        _TEXT.format(unit=unit) + _too_early(asked, unit),
        frame,
        _warnings(frame, late, unit),
        (lambda: draw_rates(frame, unit)) if is_closed else None,
    )


def rate_table(asked: Asked, cells: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """Return the rates of one unit: a row for every split, level and period, the newest period first.

    Every group has every period since the first one with customers; one without customers has no rate.
    """
    edges = asked.edges(unit).tolist()
    found = cells[cells.index.get_level_values("unit") == unit].droplevel("unit")
    table = on_grid(found, asked, edges)
    day = table.index.get_level_values("period").to_numpy(np.int64)
    closed = np.isin(day, edges[:-1])
    return pd.DataFrame(
        {
            "split": table.index.get_level_values("split"),
            "level": table.index.get_level_values("level"),
            "period": [name_of(unit, one) for one in day.tolist()],
            "status": np.where(closed, "closed", "open"),
            "customers": table["customers"].to_numpy(np.int64),
            "newly_won": table["newly_won"].to_numpy(np.int64),
            **_shares("rate", table["kept"], table["customers"], closed),
            **_shares("rate_with_returned", table["kept"] + table["returned"], table["customers"], closed),
            **money_rates(table, closed),
            "kept": _where(closed, table["kept"]).astype("Int64"),
            "returned": _where(closed, table["returned"]).astype("Int64"),
            "starts_on": pd.to_datetime([to_date(one + 1) for one in day.tolist()]),
        }
    )


def on_grid(found: pd.DataFrame, asked: Asked, edges: list[int]) -> pd.DataFrame:
    """Return sums with a row for every group and period from the first one with customers, 0 where none.

    Splits come in the order of the config, groups in that of their names, the newest period first.
    """
    first = found.index.get_level_values("period").min() if len(found) else None
    periods = [edge for edge in reversed(edges) if first is not None and edge >= first]
    groups = found.index.to_frame(index=False)[["split", "level"]].drop_duplicates()
    order = {name: place for place, name in enumerate(split_names(asked))}
    pairs = zip(groups["split"], groups["level"], strict=True)
    ordered = sorted(pairs, key=lambda pair: (order[pair[0]], pair[1]))
    keys = [(*pair, period) for pair in ordered for period in periods]
    index = pd.MultiIndex.from_tuples(keys, names=["split", "level", "period"])
    return found.reindex(index, fill_value=0.0)


def money_rates(table: pd.DataFrame, known: npt.NDArray[np.bool_]) -> dict[str, Float64]:
    """Return gross and net rate with their bounds from sums over customers; missing where not known."""
    column = {name: table[name].to_numpy(np.float64) for name in _MONEY}
    m, base = column["paying"], np.where(column["before"] > 0, column["before"], np.nan)
    shared = {"nn": column["before_before"], "customers": m}
    gross = clustered_share(column["gross"], base, column["gross_gross"], column["gross_before"], **shared)
    net = clustered_ratio(column["during"], base, column["during_during"], column["during_before"], **shared)
    told = {
        "money_before": column["before"],
        "gross_rate": column["gross"] / base,
        "gross_rate_lower": gross[0],
        "gross_rate_upper": gross[1],
        "net_rate": column["during"] / base,
        "net_rate_lower": net[0],
        "net_rate_upper": net[1],
    }
    known = known & (m > 0)
    return {name: np.where(known, value, np.nan) for name, value in told.items()}


def _shares(
    name: str, part: pd.Series, whole: pd.Series, closed: npt.NDArray[np.bool_]
) -> dict[str, Float64]:
    """Return the share of customers with its bounds under a name; missing where the period is open."""
    y, n = part.to_numpy(np.float64), whole.to_numpy(np.float64)
    lower, upper = wilson(y, n)
    told = {name: y / np.where(n > 0, n, np.nan), f"{name}_lower": lower, f"{name}_upper": upper}
    return {key: np.where(closed, value, np.nan) for key, value in told.items()}


def _where(known: npt.NDArray[np.bool_], column: pd.Series) -> pd.Series:
    return column.where(known).reset_index(drop=True)


def _too_early(asked: Asked, unit: Unit) -> str:
    """Return a sentence on the periods that are left out, where there are any."""
    edges = asked.edges(unit)[:-1]
    if not (early := int(np.count_nonzero(edges < asked.settled_from - 1))):
        return ""
    first = to_date(asked.settled_from)
    return f" Left out: {counted(early, unit)} that began before {first}, as nobody could lapse until then."


def _warnings(frame: pd.DataFrame, late: dict[str, float], unit: Unit) -> tuple[str, ...]:
    closed = frame[(frame["split"] == ALL) & (frame["status"] == "closed")]
    told: list[str] = []
    if not len(closed):
        told.append(
            Unknown(f"no whole {unit} with customers at its start has closed: there is no rate by {unit}")
        )
    elif not late["amount"]:
        told.append(Unknown(f"no rate of money by {unit}: value.revenue has no amount in any {unit}"))
    elif closed["gross_rate"].isna().all():
        told.append(
            Unknown(f"no rate of money by {unit}: the tables hold no whole {unit} before a closed one")
        )
    if (empty := int((closed["customers"] == 0).sum())) > 0:
        told.append(f"{counted(empty, unit)} without a customer at the start: no rate there")
    if late["late"] > _LATE_SHARE * late["amount"]:
        share = late["late"] / late["amount"]
        told.append(
            Misleading(
                f"{share:.1%} of the money became known after its {unit} had closed, and counts nowhere: "
                "rates are as they were known when the period closed"
            )
        )
    told += _too_new(closed, unit)
    if late["below_zero"] > 0:
        told.append(
            f"{late['below_zero']:,.0f} times a customer's money in a {unit} was below 0 and counts as 0"
        )
    return tuple(told)


def _too_new(closed: pd.DataFrame, unit: Unit) -> list[str]:
    """Return a warning where many of the last closed period's customers are new, and its money is known."""
    last = closed[closed["gross_rate"].notna()].head(1)
    return [
        Misleading(
            f"{new / customers:.0%} of the customers at the start of {period} first show in the {unit} "
            f"before: they brought only part of a {unit} then, so rates of money are too high for them"
        )
        for new, customers, period in zip(last["newly_won"], last["customers"], last["period"], strict=True)
        if new > MOST_NEW * customers
    ]


def _cells(rows: Rows, money: tuple[Float64, Float64], new: Bool, split: Split) -> pd.DataFrame:
    """Return sums of one split by (level, period); the period is the day before it."""
    edges, period = np.unique(rows.day, return_inverse=True)
    code = split.code * len(edges) + period
    size = len(split.names) * len(edges)
    paid = ~np.isnan(money[0])
    before, during = (np.nan_to_num(one) for one in money)
    gross = np.minimum(before, during)
    weights = {
        "customers": np.ones(len(code)),
        "kept": rows.kept,
        "returned": rows.returned,
        "newly_won": new,
        "paying": paid,
        "before": before,
        "gross": gross,
        "during": during,
        "before_before": before**2,
        "gross_gross": gross**2,
        "during_during": during**2,
        "gross_before": gross * before,
        "during_before": during * before,
    }
    sums = {name: np.bincount(code, np.asarray(w, np.float64), size) for name, w in weights.items()}
    index = pd.MultiIndex.from_product([range(len(split.names)), edges], names=["level", "period"])
    frame = pd.DataFrame(sums, index=index)
    return frame[frame["customers"] > 0]


def _keyed(frame: pd.DataFrame, unit: Unit, split: Split) -> pd.DataFrame:
    """Return a frame whose codes of groups are their names, by unit and split."""
    names = list(frame.index.names)
    keyed = frame.reset_index()
    for name in ("level", "other"):
        if name in keyed:
            keyed[name] = pd.Series(
                [split.names[code] for code in keyed[name]], dtype="str", index=keyed.index
            )
    keyed.insert(0, "split", split.name)
    keyed.insert(0, "unit", unit)
    return keyed.set_index(["unit", "split", *names])
