"""Pictures of the loyalty ladder: who stands where over time, and what a rung is worth.

In: the ladder's tables. Out: a Matplotlib figure that belongs to nobody else (no pyplot). Rungs that nobody
ever stood on are not drawn; colours are one hue from light to dark, as rungs are in an order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lapse.measurement.pictures import above, one_panel, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DARKEST, _LIGHTEST = np.array([0.0, 0.20, 0.35]), np.array([0.80, 0.89, 0.96])


def draw_ladder(frame: pd.DataFrame, rungs: tuple[str, ...]) -> Figure:
    """Return the customers on each rung at the end of each month, one above the other.

    Parameters
    ----------
    frame : DataFrame
        as_of, rung, customers.
    rungs : tuple of str
        From the lowest to the highest.
    """
    count = frame[frame["rung"].isin(rungs)].pivot_table(index="as_of", columns="rung", values="customers")
    there = [rung for rung in rungs if rung in count and count[rung].max() > 0]
    figure, axes = one_panel(4.2)
    shade = list(np.linspace(_LIGHTEST, _DARKEST, len(there)))
    axes.stackplot(np.arange(len(count)), *(count[rung] for rung in there), labels=there, colors=shade)
    axes.set(ylabel="customers", ylim=(0, None))
    axes.margins(x=0)
    ticks(axes, [f"{day:%Y-%m}" for day in pd.to_datetime(count.index)])
    above(figure)
    _thousands(axes, "y")
    return figure


def draw_values(frame: pd.DataFrame, currency: str) -> Figure:
    """Return what a customer on each rung brings a year, with its interval.

    Parameters
    ----------
    frame : DataFrame
        rung, value_a_year and its bounds.
    currency : str
    """
    shown = frame[frame["value_a_year"].notna()]
    value = shown["value_a_year"].to_numpy(np.float64)
    reach = np.abs(shown[["value_a_year_lower", "value_a_year_upper"]].to_numpy(np.float64).T - value)
    figure, axes = one_panel(1.4 + 0.5 * len(shown))
    place = np.arange(len(shown))
    axes.errorbar(value, place, xerr=np.nan_to_num(reach), fmt="o", color="#0072B2", capsize=3)
    axes.set_yticks(place, list(shown["rung"]))
    axes.set(ylim=(-0.6, len(shown) - 0.4), xlabel=f"margin less cost to serve a year, {currency}")
    axes.axvline(0, color="#7f7f7f", linewidth=1)
    _thousands(axes, "x")
    return figure


def _thousands(axes: Axes, which: str) -> None:
    from matplotlib.ticker import StrMethodFormatter

    getattr(axes, f"{which}axis").set_major_formatter(StrMethodFormatter("{x:,.0f}"))
