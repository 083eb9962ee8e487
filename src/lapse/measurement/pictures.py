"""Pictures of retention: rates over time, groups side by side, tenures, cohorts.

In: the tables of this package. Out: a Matplotlib figure that belongs to nobody else (no pyplot). A period
that is still open is not drawn. Colours are from Okabe and Ito's palette; lines differ in their marks too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from lapse.measurement.asked import Unit
from lapse.measurement.groups import ALL
from lapse.schema import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"
_MOST_TICKS = 8
_MOST_BARS = 30
_MOST_COHORTS = 36
_LEAST_HEIGHT = 2.8
"""Inches in which the words beside a field of colours have room."""


class Lasting(Protocol):
    """Tenures whose survival can be drawn."""

    @property
    def survival(self) -> Float64:
        """The share that is left after 0, 1, ... periods."""


def draw_rates(frame: pd.DataFrame, unit: Unit) -> Figure:
    """Return the three rates of all customers over time, with their intervals.

    Parameters
    ----------
    frame : DataFrame
        A table of rates by one unit.
    unit : str
    """
    shown = frame[(frame["split"] == ALL) & (frame["status"] == "closed")].iloc[::-1]
    figure, axes = one_panel()
    lines = (
        ("rate", "customers", _BLUE, "o"), ("gross_rate", "money, gross", _ORANGE, "s"),
        ("net_rate", "money, net", _GREEN, "^"),
    )  # fmt: skip
    place = np.arange(len(shown))
    for name, label, colour, mark in lines:
        if shown[name].notna().any():
            axes.plot(place, shown[name], color=colour, marker=mark, markersize=4, linewidth=1.5, label=label)
            lower, upper = (shown[f"{name}_{bound}"].to_numpy(np.float64) for bound in ("lower", "upper"))
            axes.fill_between(place, lower, upper, color=colour, alpha=0.15, linewidth=0)
    ticks(axes, shown["period"].tolist())
    _as_percent(axes)
    axes.set_ylabel(f"kept over the {unit}")
    above(figure)
    return figure


def draw_pooled(frame: pd.DataFrame) -> Figure:
    """Return the rate of every group over all closed periods, a panel for each unit, with intervals."""
    units = [
        unit for unit in frame["unit"].unique() if frame.loc[frame["unit"] == unit, "rate"].notna().any()
    ]
    tallest = min(int(frame["unit"].value_counts().max()), _MOST_BARS)
    figure = _blank(1.2 + 0.28 * tallest)
    panels = figure.subplots(1, len(units), squeeze=False)[0]
    told: list[str] = []
    for axes, unit in zip(panels, units, strict=True):
        shown = frame[frame["unit"] == unit].head(_MOST_BARS).iloc[::-1]
        place = np.arange(len(shown))
        labels = [_label(*pair) for pair in zip(shown["split"], shown["level"], strict=True)]
        reach = [shown["rate"] - shown["rate_lower"], shown["rate_upper"] - shown["rate"]]
        axes.errorbar(
            shown["rate"], place, xerr=np.array(reach), fmt="o", color=_BLUE, markersize=4, capsize=2
        )
        axes.set_yticks(place, [""] * len(labels) if labels == told else labels)
        told = labels
        axes.set_title(f"by {unit}", fontsize=10)
        _tidy(axes)
        axes.xaxis.set_major_formatter(_percent())
        axes.locator_params(axis="x", nbins=3)
        axes.tick_params(labelsize=8)
        axes.margins(y=0.1)
    return figure


def draw_tenures(
    found: Mapping[Unit, Lasting], rates: Mapping[Unit, float], grace: Mapping[Unit, float]
) -> Figure:
    """Return who is left by tenure beside what a constant rate says, a panel for each unit.

    Parameters
    ----------
    found : mapping of unit to tenures
        At least one.
    rates : mapping of unit to float
        The pooled rate.
    grace : mapping of unit to float
        How many periods the grace is: a tenure is over that much later, as it is in the rate.
    """
    figure = _blank(3.6)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (unit, tenures) in zip(panels, found.items(), strict=True):
        survival = np.concatenate([[1.0], tenures.survival])
        periods = np.concatenate([[0.0], np.arange(len(tenures.survival)) + grace[unit]])
        axes.step(periods, survival, where="post", color=_BLUE, linewidth=1.8, label="as seen")
        constant = rates[unit] ** periods
        axes.plot(periods, constant, color=_ORANGE, linestyle="--", linewidth=1.5, label="constant rate")
        _tidy(axes)
        _as_percent(axes)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel(f"{unit}s")
    panels[0].set_ylabel("still customers")
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def draw_cohorts(frame: pd.DataFrame, unit: Unit) -> Figure:
    """Return the share of each cohort that is left by age, as a field of colours; open is white."""
    cohorts = frame["cohort"].drop_duplicates().head(_MOST_COHORTS)
    wide = frame[frame["cohort"].isin(cohorts)].pivot_table(
        index="cohort", columns="age", values="share_left"
    )
    figure = _blank(min(max(1.6 + 0.2 * len(wide), _LEAST_HEIGHT), 7.0))
    axes = figure.subplots()
    field = np.ma.masked_invalid(wide.to_numpy(np.float64))
    image = axes.imshow(field, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    step = -(-len(wide) // 16)
    axes.set_yticks(range(0, len(wide), step), list(wide.index[::step]), fontsize=8)
    axes.set_xlabel(f"{unit}s since the first one")
    axes.set_xticks(*_places(list(map(str, wide.columns))), fontsize=8)
    figure.colorbar(image, ax=axes, format=_percent(), label="still customers, or again")
    return figure


def _label(split: str, level: str) -> str:
    text = level if split == ALL else f"{split}: {level}"
    return text if len(text) <= 24 else f"{text[:23]}…"


def _blank(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.8, height), dpi=120, layout="constrained")


def one_panel(height: float = 3.8) -> tuple[Figure, Axes]:
    """Return a figure of a height in inches with one panel, dressed as all pictures here are."""
    figure = _blank(height)
    axes = figure.subplots()
    _tidy(axes)
    return figure, axes


def above(figure: Figure) -> None:
    """Put what the colours mean above the panels, where it hides nothing; nothing where nothing is named."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False, fontsize=9)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _percent() -> PercentFormatter:
    from matplotlib.ticker import PercentFormatter as Formatter

    return Formatter(1.0, decimals=None)


def _as_percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(_percent())


def _places(labels: list[str]) -> tuple[list[int], list[str]]:
    step = -(-len(labels) // _MOST_TICKS)
    return list(range(0, len(labels), step)), labels[::step]


def ticks(axes: Axes, labels: list[str]) -> None:
    """Name places 0, 1, ... along the axis, as many as have room."""
    axes.set_xticks(*_places(labels), fontsize=8)
