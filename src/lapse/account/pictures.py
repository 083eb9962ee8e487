"""Pictures of one customer: what happened when, and how likely it is to stay.

In: an :class:`~lapse.account.record.Account`. Out: a Matplotlib figure that belongs to nobody else (no
pyplot). They are drawn narrow, so that a phone shows their letters. Colours are from Okabe and Ito's palette.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from lapse.account.record import Account, Scored
from lapse.features.wording import several, spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW_DAYS = 730
"""How far back the picture of a timeline looks."""

_BLUE, _ORANGE, _GREEN, _PINK, _GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7f7f7f"
_LANES = (_BLUE, _GREEN, _PINK, "#E69F00", "#56B4E9", "#000000")
_WIDTH = 5.4


def draw_timeline(account: Account) -> Figure:
    """Return revenue by month over a lane for each kind of event, with spans as bars, and the rungs.

    Parameters
    ----------
    account : Account
        Of what lies further back than :data:`WINDOW_DAYS` nothing is drawn.
    """
    from matplotlib.figure import Figure

    kinds = [one.kind for one in account.activity]
    figure = Figure(figsize=(_WIDTH, 2.2 + 0.32 * len(kinds)), dpi=120, layout="constrained")
    money, lanes = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 0.8 + 0.55 * len(kinds)))
    first = _first_day(account)
    last = max([account.as_of, *(entry.day for entry in account.timeline if entry.state == "ahead")])
    _draw_revenue(money, account, first)
    for place, kind in enumerate(kinds):
        _draw_lane(lanes, account, kind, len(kinds) - place, first, _LANES[place % len(_LANES)])
    _draw_rungs(lanes, account, first)
    lanes.set_yticks(range(len(kinds), -1, -1), [*map(spaced, kinds), "rung"])
    lanes.set_ylim(-0.6, len(kinds) + 0.6)
    lanes.tick_params(left=False)
    for axes in (money, lanes):
        axes.axvline(_at(account.as_of), color=_GREY, linewidth=1, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    lanes.spines["left"].set_visible(False)
    lanes.set_xlim(_at(first), _at(last + timedelta(days=14)))
    _dates(lanes)
    return figure


def draw_survival(account: Account, scored: Scored, horizon_days: int) -> Figure:
    """Return the probability of still being a customer, day by day, with the horizon marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(_WIDTH, 2.9), dpi=120, layout="constrained")
    axes = figure.subplots()
    days = np.arange(len(scored.survival) + 1, dtype=np.float64) * scored.step_days
    survival = np.concatenate([[1.0], scored.survival])
    sure = np.searchsorted(days, scored.earliest_days)
    if 0 < sure < len(days):  # within its step survival falls from that day on
        days = np.insert(days, sure, scored.earliest_days)
        survival = np.insert(survival, sure, survival[sure - 1])
    axes.fill_between(days, survival, color=_BLUE, alpha=0.12, linewidth=0)
    axes.plot(days, survival, color=_BLUE, linewidth=2)
    at_horizon = float(np.interp(horizon_days, days, survival))
    axes.plot([horizon_days], [at_horizon], "o", color=_ORANGE, markersize=6)
    note = f"{at_horizon:.0%} after {several(horizon_days, 'day')}"
    axes.annotate(note, (horizon_days, at_horizon), (8, 6), textcoords="offset points", fontsize=9)
    axes.set_ylim(0, 1.12)
    axes.set_xlim(0, days[-1])
    axes.set_yticks(np.linspace(0, 1, 5))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(f"days after {account.as_of}", fontsize=9)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _first_day(account: Account) -> date:
    earliest = min([account.as_of, *(entry.day for entry in account.timeline)])
    return max(earliest - timedelta(days=14), account.as_of - timedelta(days=WINDOW_DAYS))


def _draw_revenue(axes: Axes, account: Account, first: date) -> None:
    shown = {month: amount for month, amount in account.revenue.items() if month >= first.replace(day=1)}
    axes.bar(
        [_at(month) for month in shown],
        list(shown.values()),
        width=24,
        align="edge",
        color=[_BLUE if amount >= 0 else _ORANGE for amount in shown.values()],
    )
    axes.axhline(0, color=_GREY, linewidth=0.8)
    axes.set_title(f"revenue a month, {account.currency}", loc="left", fontsize=9)
    axes.tick_params(bottom=False)


def _draw_lane(axes: Axes, account: Account, kind: str, height: int, first: date, colour: str) -> None:
    """Draw a kind's spans as bars, and its instants as marks."""
    entries = [one for one in account.timeline if one.kind == kind]
    for one in entries:
        end = one.until or (account.as_of if one.state == "open" else None)
        if end is not None and end > first and end > one.day:
            start = _at(max(one.day, first))
            fill = _ORANGE if one.kind in account.case_kinds and one.state == "open" else colour
            axes.barh(
                height, _at(end) - start, left=start, height=0.4, color=fill, edgecolor="white", linewidth=0.8
            )
    marks = [_at(one.day) for one in entries if one.until is None and one.state != "open"]
    axes.plot(marks, [height] * len(marks), "|", color=colour, markersize=10, markeredgewidth=1.2)


def _draw_rungs(axes: Axes, account: Account, first: date) -> None:
    for step, following in zip(account.rungs, [*account.rungs[1:], None], strict=True):
        end = following.since if following else account.as_of
        if end <= first and following:
            continue
        start = max(step.since, first)
        axes.barh(0, _at(end) - _at(start), left=_at(start), height=0.55, color="#e3ebf2", edgecolor="white")
        if (end - start).days > 60:
            axes.annotate(
                step.rung, (_at(start), 0), (3, 0), textcoords="offset points", va="center", fontsize=8
            )


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]  # matplotlib types it not
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _at(day: date) -> float:
    """Return a date as Matplotlib counts them: days since 1970-01-01."""
    return float((day - date(1970, 1, 1)).days)
