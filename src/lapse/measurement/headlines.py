"""What a measurement says in short: the figures that stand on top of its page.

In: the tables of a measurement. Out: :class:`Summary`: headlines, tiers, rungs, verdicts and warnings, the
gravest first, each with the name of the table that it comes from. Nothing is computed here but which row is
told of; a figure that is missing in its table has no headline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lapse.features.wording import several, told_of
from lapse.measurement.groups import ALL
from lapse.measurement.periods import UNITS
from lapse.measurement.retention import MOST_NEW
from lapse.measurement.told import Measured, gravity
from lapse.pages.figures import Kind, number

SURE = 0.05
"""Below this adjusted p-value groups are said to differ."""


@dataclass(frozen=True)
class Headline:
    """One figure: the table it comes from, what it is, the figure, and what stands beside it."""

    table: str
    title: str
    figure: str
    beside: str = ""


@dataclass(frozen=True)
class Warned:
    """The gravest warning of a table, with the table's name and title, and how many others it has."""

    table: str
    title: str
    text: str
    others: int = 0


@dataclass(frozen=True)
class Summary:
    """What stands on top of the page.

    Attributes
    ----------
    headlines : tuple of Headline
    tiers : tuple of (tier, share of customers, share of value, value each)
        Empty where they cannot be known.
    rungs : tuple of (rung, customers, share)
        At the end of the last closed month.
    verdicts : tuple of (claim, verdict)
    warnings : tuple of Warned
        One of each table that has any. Those that say a figure misleads come first, then what cannot be
        known, then the others.
    """

    headlines: tuple[Headline, ...]
    tiers: tuple[tuple[str, ...], ...]
    rungs: tuple[tuple[str, ...], ...]
    verdicts: tuple[tuple[str, ...], ...]
    warnings: tuple[Warned, ...]

    @property
    def n_warnings(self) -> int:
        """How many warnings there are, those that are only counted here included."""
        return sum(1 + one.others for one in self.warnings)


def summary_of(measured: Sequence[Measured], currency: str) -> Summary:
    """Return what a measurement says in short.

    Parameters
    ----------
    measured : sequence of Measured
        Any of the tables; of those that are not there nothing is said.
    currency : str
    """
    tables = {one.name: one.frame for one in measured}
    warned = [
        Warned(one.name, one.title, min(one.warnings, key=gravity), len(one.warnings) - 1)
        for one in measured
        if one.warnings
    ]
    return Summary(
        headlines=tuple(_headlines(tables, currency)),
        tiers=tuple(_tiers(tables.get("pyramid"))),
        rungs=tuple(_rungs(tables.get("ladder_over_time"))),
        verdicts=tuple(_verdicts(tables.get("claims"))),
        warnings=tuple(sorted(warned, key=lambda one: gravity(one.text))),
    )


def _headlines(tables: Mapping[str, pd.DataFrame], currency: str) -> Iterator[Headline]:
    if (found := _last_closed(tables)) is not None:
        unit, row = found
        yield from _kept(unit, row)
        yield from _lifetime(tables.get("retention_lifetimes"), unit, row["rate"])
    yield from _differences(tables.get("retention_comparison"))
    yield from _acquisition(tables.get("lifecycle_channels"), currency)
    yield from _defections(tables.get("claims_defections"), currency)


def _last_closed(tables: Mapping[str, pd.DataFrame]) -> tuple[str, dict[str, Any]] | None:
    """Return the last closed year with a rate, else quarter, else month."""
    for unit in reversed(UNITS):
        frame = tables.get(f"retention_by_{unit}")
        if frame is None:
            continue
        closed = frame[(frame["split"] == ALL) & (frame["status"] == "closed") & frame["rate"].notna()]
        if len(closed):
            row = closed.sort_values("starts_on").iloc[-1]
            return unit, {str(name): value for name, value in row.items()}
    return None


def _kept(unit: str, row: Mapping[str, Any]) -> Iterator[Headline]:
    table, period = f"retention_by_{unit}", row["period"]
    beside = f"{_between(row, 'rate', 'share')}, of {number(int(row['customers']))} at its start"
    if row["returned"] > 0:
        beside += f"; {number(row['rate_with_returned'], 'share')} with who came back"
    yield Headline(table, f"customers kept in {period}", number(row["rate"], "share"), beside)
    if pd.notna(row["gross_rate"]):
        new = row["newly_won"] / row["customers"]
        grown = f"{number(row['net_rate'], 'share')} with growth"
        more = f"too high, as {new:.0%} of them were new" if new > MOST_NEW else grown
        beside = f"{_between(row, 'gross_rate', 'share')}; {more}"
        yield Headline(table, f"their money kept in {period}", number(row["gross_rate"], "share"), beside)


def _lifetime(frame: pd.DataFrame | None, unit: str, last: float) -> Iterator[Headline]:
    """Yield the lifetime that the pooled rate implies, and why that rate is not the last period's."""
    if frame is None:
        return
    for row in frame[(frame["unit"] == unit) & (frame["split"] == ALL)].to_dict("records"):
        told = {True: "methods agree", False: "but the methods disagree"}
        agree = "too little seen to compare methods" if row["agree"] is None else told[bool(row["agree"])]
        rate, figure = number(row["rate"], "share"), number(row["constant"])
        pooled = "" if rate == number(last, "share") else f"; {rate} is of all closed {unit}s, not the last"
        yield Headline(
            "retention_lifetimes",
            f"lifetime that {rate} a {unit} implies",
            told_of(figure, unit),
            f"{_between(row, 'constant')}; {agree}{pooled}",
        )


def _differences(frame: pd.DataFrame | None) -> Iterator[Headline]:
    if frame is None or frame["p_adjusted"].isna().all():
        return
    tested = frame[frame["p_adjusted"].notna() & frame["difference"].notna()]
    sure = tested[tested["p_adjusted"] < SURE]
    if not len(tested):
        return
    beside = ""
    if len(sure):
        most = sure.iloc[0]
        apart = number(most["difference"], "points")
        beside = f"surest: {most['split']} {most['level']}, {apart} points by {most['unit']}"
    yield Headline("retention_comparison", "groups unlike the rest", f"{len(sure)} of {len(tested)}", beside)


def _acquisition(frame: pd.DataFrame | None, currency: str) -> Iterator[Headline]:
    if frame is None or pd.isna(frame["acquisition_cost"].iloc[-1]):
        return
    row = {str(name): value for name, value in frame.iloc[-1].items()}  # the row of all
    months = row["payback_months"]
    beside = (
        "not paid back in what was seen"
        if pd.isna(months)
        else f"paid back after {several(round(months), 'month')}"
    )
    figure = f"{number(row['acquisition_cost'])} {currency}"
    yield Headline("lifecycle_channels", "cost of winning a customer", figure, beside)


def _defections(frame: pd.DataFrame | None, currency: str) -> Iterator[Headline]:
    if frame is None or pd.isna(frame["value"].iloc[-1]):
        return
    row = {str(name): value for name, value in frame.iloc[-1].items()}  # the careful figure
    title, beside = "5 % fewer defections bring", f"{_between(row, 'value')}, if like those who lapsed"
    yield Headline("claims_defections", title, f"{number(row['value'])} {currency} a year", beside)


def _tiers(frame: pd.DataFrame | None) -> Iterator[tuple[str, ...]]:
    if frame is None or frame["customers"].isna().all():
        return
    for row in frame.to_dict("records"):
        shares = (number(row[name], "share") for name in ("customers_share", "value_share"))
        yield str(row["tier"]), *shares, number(row["value_mean"])


def _rungs(frame: pd.DataFrame | None) -> Iterator[tuple[str, ...]]:
    if frame is None or not len(frame):
        return
    last = frame[(frame["as_of"] == frame["as_of"].max()) & frame["share"].notna()]
    for row in last.to_dict("records"):
        yield str(row["rung"]), number(row["customers"]), number(row["share"], "share")


def _verdicts(frame: pd.DataFrame | None) -> Iterator[tuple[str, ...]]:
    if frame is not None:
        yield from zip(frame["claim"].astype(str), frame["verdict"].astype(str), strict=True)


def _between(row: Mapping[Any, Any], name: str, kind: Kind = "") -> str:
    lower, upper = (number(row[f"{name}_{bound}"], kind) for bound in ("lower", "upper"))
    return f"{lower} to {upper}"
