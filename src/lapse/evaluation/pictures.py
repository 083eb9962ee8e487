"""Pictures of an evaluation: reliability, gain, calibration by date and by horizon.

In: outcomes and probabilities, or the tables of :mod:`lapse.evaluation.tables`. Out: a Matplotlib figure that
belongs to nobody else (no pyplot, so no global state and no window); ``figure.savefig(path)`` writes it.
Refused: what the metrics refuse. No picture holds a row of data: only bins, shares and totals.

Colours are from Okabe and Ito's palette, which colour-blind readers can tell apart; lines differ in their
marks too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.evaluation import calibration, metrics
from lapse.evaluation.ties import sum_ties
from lapse.features.wording import several
from lapse.schema import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#7f7f7f"
_PALETTE = (_BLUE, _ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = "osD^vPX"
_HISTOGRAM_BINS = 40
_MOST_COUNTS = 10


def _figure(height: float = 4.6) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, height), dpi=120, layout="constrained")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _as_percent(axes: Axes, which: str, decimals: int = 0) -> None:
    from matplotlib.ticker import PercentFormatter

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0, decimals=decimals))


def draw_reliability(y: npt.ArrayLike, p: npt.ArrayLike) -> Figure:
    """Return observed against predicted rate in ten bins of equal mass, over a histogram of the predictions.

    The bars are what chance alone leaves of a true rate (two standard errors of independent rows).

    Parameters
    ----------
    y, p : shape (n,)
        As in :mod:`lapse.evaluation.metrics`.
    """
    p_ = np.asarray(p, np.float64)
    bins = calibration.reliability_bins(y, p_)
    rows = bins.share * len(p_)
    error = 2 * np.sqrt(bins.predicted * (1 - bins.predicted) / rows)
    limit = min(1.0, 1.08 * float(max(bins.predicted.max(), (bins.observed + error).max())))
    figure = _figure(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, limit], [0, limit], color=_GREY, linewidth=1, linestyle="--", label="as predicted")
    upper.errorbar(
        bins.predicted,
        bins.observed,
        yerr=error,
        color=_BLUE,
        marker="o",
        linewidth=1.5,
        elinewidth=1,
        capsize=2,
        label="bins of equal mass, two standard errors",
    )
    upper.set(xlim=(0, limit), ylim=(0, limit), ylabel="lapsed")
    upper.set_title("Of those with this probability, how many lapsed", loc="left", fontsize=11)
    upper.legend(frameon=False, loc="upper left")
    lower.hist(p_, bins=np.linspace(0, limit, _HISTOGRAM_BINS + 1).tolist(), color=_BLUE, alpha=0.6)
    lower.set(xlabel="churn probability", ylabel="rows")
    if beyond := int((p_ > limit).sum()):
        lower.annotate(
            f"{several(beyond, 'row')} beyond", (0.99, 0.85), xycoords="axes fraction", ha="right", fontsize=8
        )
    _as_percent(upper, "xy")
    for axes in (upper, lower):
        _tidy(axes)
    return figure


def gain_curve(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Return the share of rows taken, by falling prediction, and the share of all lapses among them.

    Both from 0 to 1; rows with the same prediction are one straight piece.

    Raises
    ------
    ValueError
        If nobody lapsed.

    Examples
    --------
    >>> gain_curve([0, 1, 0, 0], [0.1, 0.9, 0.1, 0.1])
    (array([0.  , 0.25, 1.  ]), array([0., 1., 1.]))
    """
    y_, p_ = np.asarray(y, np.float64), np.asarray(p, np.float64)
    if not y_.any():
        raise ValueError("y: expected at least one lapse, got none")
    _, lapsed, rows = (part[::-1] for part in sum_ties(p_, y_, np.ones(len(p_))))
    taken = np.concatenate([[0.0], np.cumsum(rows) / rows.sum()])
    return taken, np.concatenate([[0.0], np.cumsum(lapsed) / lapsed.sum()])


def draw_gain(y: npt.ArrayLike, predictions: Mapping[str, npt.ArrayLike]) -> Figure:
    """Return which share of the lapses each method finds among the share of customers that it ranks first.

    The lift in the first tenth stands in the legend.

    Parameters
    ----------
    y : shape (n,)
    predictions : mapping of method to shape (n,)
    """
    figure = _figure()
    axes = figure.subplots()
    for i, (method, p) in enumerate(predictions.items()):
        taken, found = gain_curve(y, p)
        label = f"{method}: {metrics.lift_top_decile(y, p):.1f}"
        width = 2.2 if i == 0 else 1.2
        axes.plot(
            taken,
            found,
            color=_PALETTE[i % len(_PALETTE)],
            marker=_MARKS[i % len(_MARKS)],
            markevery=(0.04 * i / len(predictions), 0.2),
            markersize=4.5,
            linewidth=width,
            zorder=10 - i,
            label=label,
        )
    axes.axvline(metrics.TOP_SHARE, color=_GREY, linewidth=1, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="customers, most endangered first", ylabel="lapses found")
    axes.set_title("Lapses found by contacting the most endangered", loc="left", fontsize=11)
    axes.legend(frameon=False, loc="lower right", title="lift in the first tenth")
    _as_percent(axes, "xy")
    _tidy(axes)
    return figure


def draw_calibration_by_date(table: pd.DataFrame, method: str) -> Figure:
    """Return predicted over observed lapses, less 1, at each test date, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`~lapse.evaluation.tables.evaluate_probabilities`.
    method : str
    """
    rows = table[(table["method"] == method) & (table["as_of"] != "")]
    rows = rows[rows["metric"] == "calibration_in_the_large"].sort_values("as_of")
    value, lower, upper = (rows[name].to_numpy(np.float64) for name in ("value", "lower", "upper"))
    place = np.arange(len(rows))
    figure = _figure(3.8)
    axes = figure.subplots()
    axes.axhline(0, color=_GREY, linewidth=1, linestyle="--")
    axes.errorbar(
        place,
        value,
        yerr=_arms(value, lower, upper),
        color=_BLUE,
        marker="o",
        linestyle="none",
        capsize=4,
    )
    reach = 1.15 * float(np.nanmax(np.abs([value, lower, upper]), initial=0.05))
    axes.set(ylim=(-reach, reach), xlim=(-0.5, len(rows) - 0.5), ylabel="predicted over observed, less 1")
    axes.set_xticks(place, list(rows["as_of"]), rotation=0 if len(rows) <= 5 else 45)
    axes.set_title("Lapses predicted against lapses that came, by as-of date", loc="left", fontsize=11)
    _as_percent(axes, "y")
    _tidy(axes)
    return figure


def draw_calibration_by_horizon(table: pd.DataFrame, method: str) -> Figure:
    """Return the predicted and the observed share lapsed by the end of each step, the latter with intervals.

    Over each step stands the number of rows that it rests on: those that the data follow so far.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`~lapse.evaluation.tables.evaluate_lifetime`.
    method : str
    """
    rows = table[(table["method"] == method) & (table["days"] > 0) & (table["n"] > 0)]
    predicted = rows[rows["metric"] == "predicted_lapsed"].sort_values("days")
    seen = rows[rows["metric"] == "observed_lapsed"].sort_values("days")
    value, lower, upper = (seen[name].to_numpy(np.float64) for name in ("value", "lower", "upper"))
    figure = _figure()
    axes = figure.subplots()
    axes.plot(
        [0, *predicted["days"]], [0.0, *predicted["value"]], color=_BLUE, linewidth=2, label="predicted"
    )
    _mark(axes, seen["days"].to_numpy(), (value, lower, upper), "observed")
    top = float(np.nanmax([value, upper, predicted["value"]], initial=0.01))
    axes.set(xlim=(0, None), ylim=(0, min(1.02, 1.15 * top)), xlabel="days after as_of", ylabel="lapsed")
    _count_rows(axes, seen)
    axes.set_title("Customers lapsed by this day, predicted and observed", loc="left", fontsize=11, pad=24)
    axes.legend(frameon=False, loc="upper left")
    _as_percent(axes, "y")
    _tidy(axes)
    return figure


def draw_lapses_by_period(table: pd.DataFrame, method: str) -> Figure:
    """Return how many lapses were expected and how many came, month by month after as_of.

    Over each month stands the number of rows that it rests on: those that the data follow to its end. The
    bars are what resampled customers make of the number that came.

    Parameters
    ----------
    table : pandas.DataFrame
        The periods of :func:`~lapse.evaluation.lifetime_tables.evaluate_curves`, some of which are reached.
    method : str
    """
    rows = table[(table["method"] == method) & (table["n"] > 0)].sort_values("period")
    expected, came, days = (rows[name].to_numpy(np.float64) for name in ("expected", "realised", "days"))
    length = days[0] / float(rows["period"].iloc[0])
    # the error is expected over realised, less 1, so its upper bound is the lower one of what came
    lower, upper = (expected / (1.0 + rows[name].to_numpy(np.float64)) for name in ("upper", "lower"))
    figure = _figure()
    axes = figure.subplots()
    axes.bar(days - length / 2, expected, width=0.8 * length, color=_BLUE, alpha=0.45, label="expected")
    _mark(axes, days - length / 2, (came, lower, upper), "realised")
    top = max(float(np.nanmax([expected, came, upper], initial=1.0)), 1.0)
    axes.set(xlim=(0, days[-1]), ylim=(0, 1.25 * top), xlabel="days after as_of", ylabel="lapses")
    axes.set_xticks(np.append(0, days)[:: -(-len(days) // _MOST_COUNTS)])
    _count_rows(axes, rows.assign(days=days - length / 2))
    axes.set_title("Lapses expected and realised, month by month", loc="left", fontsize=11, pad=24)
    axes.legend(frameon=False, loc="upper right", ncols=2)
    _tidy(axes)
    return figure


def _mark(axes: Axes, at: Float64, seen: tuple[Float64, Float64, Float64], label: str) -> None:
    """Draw what was seen, a square with error bars: value, lower and upper bound."""
    axes.errorbar(
        at,
        seen[0],
        yerr=_arms(*seen),
        color=_ORANGE,
        marker="s",
        linestyle="none",
        capsize=3,
        label=label,
    )


def _arms(value: Float64, lower: Float64, upper: Float64) -> Float64:
    """Return the lengths of error bars; an interval of few resamples may lie beside its value."""
    return np.maximum([value - lower, upper - value], 0.0)


def _count_rows(axes: Axes, steps: pd.DataFrame) -> None:
    """Write the rows of each step above the axes, of many steps only as many as have room."""
    every = -(-len(steps) // _MOST_COUNTS) or 1
    shown = steps.iloc[every // 2 :: every]
    for days, n in zip(shown["days"], shown["n"], strict=True):
        axes.annotate(
            f"{n:,}", (days, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=8, color=_GREY
        )
    axes.annotate("rows", (-0.01, 1.01), xycoords="axes fraction", ha="right", fontsize=8, color=_GREY)
