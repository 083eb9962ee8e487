"""A model at a glance.

In: features, attributions of the raw score, and the score. Out: a matplotlib figure that belongs to no
window, ready for ``savefig``: the notebook's or the user's own plotting state is left alone.
"""

from __future__ import annotations

import warnings
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lapse.explain.reasons import group_effects
from lapse.schema import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOWERS, QUIET = "#2c6fbb", "#8a8f98"
_MOST_POINTS = 5_000
_LINE = 60


def summary_picture(
    features: pd.DataFrame, contributions: Float64, raw_score: Float64, *, most: int = 12, seed: int = 0
) -> Figure:
    """Draw what moves the scores of many customers: by part of the history, and feature by feature.

    Parameters
    ----------
    features : pandas.DataFrame, shape (n, n_features)
    contributions : float64, shape (n, n_features + 1)
    raw_score : float64, shape (n,)
    most : int, default 12
        Groups, and features, at most; the strongest.
    seed : int, default 0
        Chooses 5,000 of more rows for the points; the bars rest on all rows.

    Returns
    -------
    matplotlib.figure.Figure
        Left, the mean size of each group's effect on the log-odds; right, ``shap``'s beeswarm: a point a
        customer, its place the effect, its colour the value of the feature (categories and missing values are
        grey).

    Raises
    ------
    GateError
        If the attributions do not add up to the scores.
    """
    import shap
    from matplotlib.figure import Figure

    found = group_effects(list(features.columns), contributions, raw_score)
    rows = min(most, max(len(found.groups), 3))
    figure = Figure(figsize=(15, 1.8 + 0.42 * min(most, max(features.shape[1], rows))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _bars(left, pd.Series(np.abs(found.effects).mean(axis=0), index=found.groups), most)
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.choice(len(features), min(_MOST_POINTS, len(features)), replace=False))
    explanation = shap.Explanation(
        values=contributions[shown, :-1],
        base_values=contributions[shown, -1],
        data=_colours(features.iloc[shown]),
        feature_names=[_label(str(name)) for name in features.columns],
    )
    state = np.random.get_state()  # noqa: NPY002 - shap shuffles points with the global generator
    np.random.seed(seed)  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # columns without an order: grey
        shap.plots.beeswarm(
            explanation,
            max_display=most,
            ax=right,
            show=False,
            plot_size=None,
            color_bar=False,
            group_remaining_features=False,
            s=9,
        )
    np.random.set_state(state)  # noqa: NPY002
    _finish_swarm(figure, right)
    return figure


def _bars(axes: Axes, sizes: pd.Series, most: int) -> None:
    """Draw the mean size of effects, the largest on top."""
    shown = sizes.sort_values(ascending=False, kind="stable").iloc[:most].iloc[::-1]
    axes.barh(list(shown.index), shown.to_numpy(), color=LOWERS, height=0.65)
    for place, size in enumerate(shown):
        axes.annotate(
            f"{size:.2f}", (size, place), (4, 0), textcoords="offset points", va="center", color=QUIET
        )
    axes.margins(x=0.12)
    axes.set_title("What moves scores, by part of the history", loc="left")
    axes.set_xlabel("mean size of the effect on the log-odds of lapsing")
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _finish_swarm(figure: Figure, axes: Axes) -> None:
    """Give the beeswarm the look of the bars beside it, and its colours a legend."""
    import shap
    from matplotlib.cm import ScalarMappable

    axes.set_title("Feature by feature: each point is a customer", loc="left")
    axes.set_xlabel("effect on the log-odds of lapsing (right of 0 raises the risk)", fontsize=10)
    axes.tick_params(labelsize=10)
    colours = ScalarMappable(cmap=shap.plots.colors.red_blue)
    bar = figure.colorbar(colours, ax=axes, aspect=50, pad=0.01, ticks=[0, 1])
    bar.set_ticklabels(["low", "high"])
    bar.set_label("value of the feature (grey: missing, or a category)", labelpad=-12)
    bar.outline.set_visible(False)


def _colours(features: pd.DataFrame) -> Float64:
    """Return the values that colour the points: numbers, and NaN for what has no order."""
    return np.column_stack(
        [
            features[name].to_numpy(np.float64, na_value=np.nan)
            if pd.api.types.is_numeric_dtype(features[name])
            else np.full(len(features), np.nan)
            for name in features.columns
        ]
    )


def _label(name: str) -> str:
    return shorten(name.replace("__", " · ").replace("_", " "), _LINE)
