"""Draw the rule in one picture: ``python docs/rule.py`` writes ``docs/rule.svg`` beside this file.

In: nothing. Out: three lanes on one time line, counted in days from as_of: a paid term with grace, orders
with grace, an open contract with notice. The colours are after Okabe and Ito; hatching and shape tell them
apart as well.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

FIRST, LAST = -150, 98
WINDOW, HORIZON = 90, 60
COVER, GRACE, LAPSE, INK, FAINT = "#0072B2", "#F0C468", "#C14A00", "#222222", "#666666"
HALF = 0.13
"""Half the height of a bar; lanes are one apart."""


def main() -> None:
    """Write the picture, with the same bytes every time."""
    draw().savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


def draw() -> Figure:
    """Return the picture."""
    mpl.rcParams.update({"svg.hashsalt": "lapse", "font.family": "DejaVu Sans", "font.size": 10})
    figure, axes = plt.subplots(figsize=(10, 5.6), facecolor="white")
    _draw_time(axes)
    _draw_terms(axes, 2.0)
    _draw_orders(axes, 0.9)
    _draw_contract(axes, -0.2)
    _draw_legend(axes, -1.28)
    axes.set_xlim(FIRST - 2, LAST + 2)
    axes.set_ylim(-1.5, 3.55)
    axes.axis("off")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.99)
    return figure


def _draw_time(axes: Axes) -> None:
    """Draw the window, the horizon and as_of behind the lanes."""
    low, high = -0.85, 2.72
    for start, length, colour in ((-WINDOW, WINDOW, "#E9F1F7"), (0, HORIZON, "#F7EFE3")):
        axes.add_patch(Rectangle((start, low), length, high - low, color=colour, zorder=0, linewidth=0))
    axes.plot([0, 0], [low, 3.1], color=INK, linewidth=1.6, zorder=1)
    axes.text(0, 3.16, "as_of", ha="center", va="bottom", weight="bold", size=12)
    for start, stop in ((-WINDOW, 0), (0, HORIZON)):
        axes.annotate("", (stop, 2.84), (start, 2.84), arrowprops={"arrowstyle": "<->", "color": FAINT})
    axes.text(-2, 2.93, "a window of 90 days: what was known by then", ha="right", va="bottom", color=INK)
    axes.text(2, 2.93, "horizon of 60 days: what is asked", ha="left", va="bottom", color=INK)


def _title(axes: Axes, height: float, name: str, rule: str) -> None:
    bold = axes.text(FIRST, height + 0.32, name, weight="bold", ha="left", va="bottom", size=10.5)
    axes.annotate(f"  {rule}", (1, 0), xycoords=bold, ha="left", va="bottom", color=FAINT)


def _cover(axes: Axes, height: float, start: float, stop: float) -> None:
    size = (stop - start - 0.8, 2 * HALF)
    axes.add_patch(Rectangle((start + 0.4, height - HALF), *size, facecolor=COVER, linewidth=0, zorder=3))


def _grace(axes: Axes, height: float, start: float, stop: float) -> None:
    axes.add_patch(
        Rectangle(
            (start, height - HALF), stop - start, 2 * HALF,
            facecolor=GRACE, edgecolor="white", hatch="////", linewidth=0, zorder=2,
        )
    )  # fmt: skip


def _spell(axes: Axes, height: float, start: float, stop: float, text: str) -> None:
    """Draw a bracket under a lane, and its text to the left of as_of."""
    level = height - HALF - 0.11
    axes.plot([start, stop], [level, level], color=INK, linewidth=1.4, zorder=3)
    for end in (start, stop):
        axes.plot([end, end], [level - 0.05, level + 0.05], color=INK, linewidth=1.4, zorder=3)
    axes.text((start + min(stop, 0)) / 2, level - 0.06, text, ha="center", va="top", size=9.5)


def _lapse(axes: Axes, height: float, day: float) -> None:
    axes.plot(
        [day], [height], marker="X", markersize=12, color=LAPSE, markeredgecolor="white", linestyle="none",
        zorder=5,
    )  # fmt: skip


def _answer(axes: Axes, height: float, text: str) -> None:
    axes.text(HORIZON + 3, height, text, ha="left", va="center", size=9.5, linespacing=1.35)


def _draw_terms(axes: Axes, height: float) -> None:
    _title(axes, height, "Gym", "a paid term, grace 14 days")
    for start in (-105, -75, -45, -15):
        _cover(axes, height, start, start + 30)
    _grace(axes, height, 15, 29)
    _spell(axes, height, -105, 29, "one spell: no gap longer than the grace")
    _lapse(axes, height, 29)
    _answer(axes, height, "lapses on day 29:\nlabel 1")


def _draw_orders(axes: Axes, height: float) -> None:
    _title(axes, height, "Shop", "an order is an instant, grace 60 days")
    for days in ((-148, -135), (-48, -30, -8, 22)):
        for day, following in zip(days, (*days[1:], days[-1] + 60), strict=True):
            _grace(axes, height, day, following)
        axes.plot(
            days, [height] * len(days), "o", color=COVER, markersize=9, markeredgecolor="white", zorder=4
        )
    _spell(axes, height, -148, -75, "a spell, and its lapse")
    _lapse(axes, height, -75)
    _spell(axes, height, -48, 82, "the next spell")
    _lapse(axes, height, 82)
    axes.text(HORIZON + 3, height + 0.2, "lapses later: label 0", ha="left", va="bottom", size=9.5)


def _draw_contract(axes: Axes, height: float) -> None:
    _title(axes, height, "Insurance", "an open contract until notice, no grace")
    _cover(axes, height, -120, 40)
    notice = -12
    axes.plot([notice], [height], "D", color="white", markersize=7, markeredgecolor=INK, zorder=5)
    axes.annotate(
        "notice: from this day on the end is known",
        (notice, height - 0.06), (notice - 4, height - 0.33),
        ha="right", va="center", size=9.5, arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8},
    )  # fmt: skip
    _lapse(axes, height, 40)
    _answer(axes, height, "lapses on day 40:\nlabel 1")


def _draw_legend(axes: Axes, height: float) -> None:
    _cover(axes, height, FIRST, FIRST + 11)
    axes.text(FIRST + 13, height, "cover: a span", va="center")
    axes.plot([FIRST + 56], [height], "o", color=COVER, markersize=9, markeredgecolor="white")
    axes.text(FIRST + 60, height, "or an instant", va="center")
    _grace(axes, height, FIRST + 101, FIRST + 112)
    axes.text(FIRST + 114, height, "grace", va="center")
    _lapse(axes, height, FIRST + 142)
    axes.text(FIRST + 147, height, "lapse: end of the last cover plus grace", va="center")


if __name__ == "__main__":
    main()
