"""Lifecycle economics: what leads and customers cost by channel, and when they have paid for themselves.

In: buckets, and a table of costs (:mod:`lapse.measurement.costs`). Out: tables by channel and campaign, and
by channel and month of the lead. Leads are counted by the month in which they came, and costs by the same
month, so a cost meets the customers that it brought. Only closed windows count for what converts; only months
whose costs are known count for what costs: others are missing, never zero.

The **conversion rate** is customers of leads; the **close rate** customers of leads that were qualified; the
**cost of acquisition** is the cost of the months whose windows have closed by the customers of their leads.
Costs are taken as they are: intervals are those of the counts (Wilson's, turned round, for the cost of
acquisition; Garwood's for counts of leads) and of the margins. **Payback** is the first month of age in which
the mean margin cumulated since the first churn event reaches the cost of acquisition.

Sources: Garwood (1936), "Fiducial limits for the Poisson distribution", Biometrika 28; for margins cumulated
with customers of different age, month by month among those who were seen: Bang and Tsiatis (2000),
"Estimating medical costs with censored data", Biometrika 87.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lapse.config.sections import Lifecycle
from lapse.features.wording import several
from lapse.measurement.acquisition import NO_LEAD, last_day_of
from lapse.measurement.asked import Asked
from lapse.measurement.lifecycle_sums import CELLS, COHORTS, KEYS, MARGINS, YEARS, collect
from lapse.measurement.payback import payback_of, payback_table
from lapse.measurement.told import Measured, Unknown
from lapse.measurement.unit_costs import Bounded, acquisition_cost, first, named, per_cost, per_count, rate
from lapse.schema import to_date

__all__ = ["collect", "conclude"]

ALL = "(all)"
"""The row of all channels that have costs or leads."""

_MOST_TOLD = 8
"""Channels that a warning names."""


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return ``lifecycle_channels``, ``lifecycle_months`` and ``lifecycle_payback``."""
    lifecycle = asked.business.measure.lifecycle
    if lifecycle is None or lifecycle.channel is None:
        return []
    cells = with_costs(asked, sums[CELLS].reset_index(), lifecycle)
    channels = channel_table(cells, sums, lifecycle)
    months = month_table(cells, lifecycle)
    return [
        Measured(
            "lifecycle_channels",
            "Leads, customers and what they cost",
            _channel_text(asked, lifecycle),
            without_empty(channels, lifecycle),
            tuple(_warnings(asked, cells, channels, lifecycle)),
        ),
        Measured(
            "lifecycle_months", "Leads and costs by month", _MONTH_TEXT, without_empty(months, lifecycle)
        ),
        payback_table(asked, cells, sums[COHORTS]),
    ]


_MONTH_TEXT = (
    "By month of the lead (where no lead is mapped, of the first purchase or term). A month whose window is "
    "still open has no conversion rate and no cost of acquisition yet; a cost that is missing was not given."
)


def with_costs(asked: Asked, cells: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    """Return the cells of closed months with their costs, missing where the table of costs has none.

    Returns
    -------
    DataFrame
        Keys, counts (0 where only a cost is known), cost, ``closed_month`` (the month is over) and
        ``settled`` (the windows of all its leads are closed).
    """
    costs = asked.given.costs
    if costs is None:
        costs = pd.DataFrame({"month": [], "channel": [], "campaign": [], "cost": []})
    keys = ["month", *KEYS]
    joined = cells.merge(costs.astype({"month": "int64"}), on=keys, how="outer", validate="1:1")
    joined = joined.fillna({str(name): 0.0 for name in cells if name not in keys})
    ends = last_day_of(joined["month"].to_numpy(np.int64))
    wait = lifecycle.window if lifecycle.lead is not None else 0
    return joined.assign(closed_month=ends <= asked.as_of, settled=ends + wait <= asked.as_of)


def channel_table(cells: pd.DataFrame, sums: dict[str, pd.DataFrame], lifecycle: Lifecycle) -> pd.DataFrame:
    """Return a row for each channel and campaign, and one for all together."""
    rows: list[dict[str, object]] = []
    everything = cells[cells["channel"] != NO_LEAD]
    for key, part in everything.groupby(KEYS, sort=True):
        rows.append(dict(zip(KEYS, key, strict=True)) | _economics(part, sums, lifecycle))
    rows.append({"channel": ALL, "campaign": ALL} | _economics(everything, sums, lifecycle))
    return pd.DataFrame(rows)


def month_table(cells: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    """Return a row for each month, channel and campaign of which there are leads, customers or costs."""
    shown = cells[cells["channel"] != NO_LEAD].sort_values(["month", *KEYS], ignore_index=True)
    rates = rate(shown["converted"].where(shown["settled"]), shown["closed"], "conversion_rate")
    n = shown["leads"] if lifecycle.lead is not None else shown["acquired"] * np.nan
    acquired = shown["converted"] if lifecycle.lead is not None else shown["acquired"]
    cost = shown["cost"].where(shown["closed_month"])
    return pd.DataFrame(
        {
            "month": shown["month"].to_numpy().astype("datetime64[M]").astype(str),
            **{name: shown[name] for name in KEYS},
            "status": np.where(shown["settled"], "closed", "open"),
            "leads": n,
            "customers": acquired.where(shown["settled"]),
            **rates,
            "cost": cost,
            "cost_per_lead": cost / n.where(n > 0),
            "acquisition_cost": (cost / acquired.where(acquired > 0)).where(shown["settled"]),
        }
    )


def _of(sums: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of the channels with campaigns of some cells, without these two levels."""
    frame = sums.reset_index()
    mine = pd.MultiIndex.from_frame(frame[KEYS]).isin(pd.MultiIndex.from_frame(cells[KEYS]))
    return frame[mine].drop(columns=KEYS)


def _economics(part: pd.DataFrame, sums: dict[str, pd.DataFrame], lifecycle: Lifecycle) -> dict[str, object]:
    """Return all figures of some cells together; margins stand against costs where these are known."""
    has_leads = lifecycle.lead is not None
    total = part[["leads", "open", "closed", "converted", "qualified", "closed_qualified", "acquired"]].sum()
    paid = part[part["closed_month"] & part["cost"].notna()]
    cost, leads = _sum(paid["cost"]), float(paid["leads"].sum())
    per_lead = per_count(cost, leads) if has_leads else (np.nan,) * 3
    acquisition = paid_for(part, lifecycle)
    cac = acquisition_cost(*acquisition)
    settled = part[part["settled"] & part["cost"].notna()]
    every_year, year = (_of(sums[YEARS], cells)[["n", "total", "squares"]].sum() for cells in (part, settled))
    return {
        "leads": total["leads"] if has_leads else np.nan,
        "leads_open": total["open"] if has_leads else np.nan,
        "customers": total["converted"] if has_leads else total["acquired"],
        **first(rate(total["converted"], total["closed"], "conversion_rate")),
        **first(rate(total["qualified"], total["closed"], "qualified_rate"), lifecycle.qualified is not None),
        **first(
            rate(total["closed_qualified"], total["qualified"], "close_rate"), lifecycle.qualified is not None
        ),
        "cost": cost,
        "customers_of_cost": np.nan if np.isnan(acquisition[0]) else acquisition[2],
        **named("cost_per_lead", per_lead),
        **named("acquisition_cost", cac),
        "margin_year": every_year["total"] / every_year["n"] if every_year["n"] else np.nan,
        **named("margin_year_per_cost", per_cost(acquisition, *(float(x) for x in year))),
        **named("payback_months", payback_of(_of(sums[MARGINS], settled), cac[0])),
    }


def paid_for(part: pd.DataFrame, lifecycle: Lifecycle) -> Bounded:
    """Return cost, leads and customers of settled months whose cost is known; without leads these are NaN."""
    paid = part[part["settled"] & part["cost"].notna()]
    if lifecycle.lead is None:
        return _sum(paid["cost"]), np.nan, float(paid["acquired"].sum())
    return _sum(paid["cost"]), float(paid["closed"].sum()), float(paid["converted"].sum())


def _sum(costs: pd.Series) -> float:
    return float(costs.sum()) if len(costs) else np.nan


def without_empty(frame: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    """Return a table without the campaigns, where none are told apart."""
    return frame if lifecycle.campaign is not None else frame.drop(columns="campaign")


def _channel_text(asked: Asked, lifecycle: Lifecycle) -> str:
    who = (
        f"A lead is the first '{lifecycle.lead}' of somebody who is no customer yet; it converts if the "
        f"first '{asked.business.churn.event}' follows within {several(lifecycle.window, 'day')}, and counts "
        "once these are over."
        if lifecycle.lead is not None
        else f"No lead is mapped: a customer is acquired with the first '{asked.business.churn.event}'."
    )
    return (
        f"{who} Costs meet the leads of their own month; intervals are those of counts (Wilson, Garwood) "
        "and, of margin by cost, of the delta method; costs are taken as they are. Payback is in months of "
        "age, its bounds those of the margin. Who would have come anyway is in every figure: what a channel "
        "causes cannot be known from this data."
    )


def _warnings(
    asked: Asked, cells: pd.DataFrame, channels: pd.DataFrame, lifecycle: Lifecycle
) -> Iterator[str]:
    """Yield what was left out, each with its count."""
    if asked.given.costs is None:
        yield Unknown(
            "no table of costs (measure.lifecycle.costs): what leads and customers cost cannot be known"
        )
        return
    later = cells[~cells["closed_month"] & cells["cost"].notna()]
    if len(later):
        yield (
            f"{several(len(later), 'cost')} of months that end after {to_date(asked.as_of)}, "
            f"{later['cost'].sum():,.2f} {asked.business.currency}: not counted yet"
        )
    here = cells[cells["closed_month"] & (cells["channel"] != NO_LEAD)]
    counted = "leads" if lifecycle.lead is not None else "acquired"
    what = "leads" if lifecycle.lead is not None else "customers"
    by_channel = here.assign(known=here["cost"].notna()).groupby("channel")
    people, known = by_channel[counted].sum(), by_channel["known"].any()
    if len(without := people[(people > 0) & ~known]):
        yield Unknown(
            f"{_listed(without.index)}: {without.sum():,.0f} {what} and no costs, so theirs cannot be known"
        )
    if len(unknown := by_channel["cost"].sum()[(people == 0) & known]):
        yield (
            f"{_listed(unknown.index)}: costs of {unknown.sum():,.2f} {asked.business.currency} and no "
            f"{what}; are the names the same in both tables?"
        )
    gaps = here[here["channel"].isin(known[known].index) & here["cost"].isna() & (here[counted] > 0)]
    if len(gaps):
        yield (
            f"{several(len(gaps), 'month')} of channels with {what} ({gaps[counted].sum():,.0f}) and without "
            "cost: left out of what these cost; write 0 where nothing was spent"
        )
    if lifecycle.lead is not None:
        yield from _lead_warnings(cells, lifecycle)
    if channels["payback_months"].isna().all():
        yield "no channel has paid back what its customers cost within what was seen"


def _lead_warnings(cells: pd.DataFrame, lifecycle: Lifecycle) -> Iterator[str]:
    total = cells.sum(numeric_only=True)
    if not total["closed"]:
        yield Unknown(
            f"no lead's window of {several(lifecycle.window, 'day')} has closed: conversion cannot be known "
            "yet"
        )
    if total["without_lead"]:
        yield f"{several(total['without_lead'], 'customer')} came without a lead, in no rate and no cost"


def _listed(names: pd.Index) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_MOST_TOLD])
    more = len(names) - _MOST_TOLD
    return f"channels {shown}" + (f" and {more} more" if more > 0 else "")
