"""One customer on a terminal: its scores, the reasons with their sizes, the features behind each reason.

In: a row of the score table, the row of features behind it, their attributions and the raw score. Out:
something that ``rich`` prints, or text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from scipy.special import expit

from lapse.explain.reasons import VISIBLE, group_effects, reasons, size_in_words
from lapse.explain.speaker import Speaker
from lapse.schema import Float64

_BEHIND = 3
_SCORES: Mapping[str, tuple[str, str]] = {
    "churn_probability": ("probability of lapsing", "{:.1%}"),
    "remaining_lifetime_days": ("remaining lifetime", "{:,.0f} days"),
    "expected_spend": ("expected spend in the horizon", "{:,.2f}"),
    "clv": ("lifetime value", "{:,.2f}"),
}
_STANDING = {"tier": "tier, by lifetime value", "rung": "rung"}


@dataclass(frozen=True)
class Behind:
    """A feature behind a reason: its words, its effect on the log-odds, its name."""

    text: str
    effect: float
    name: str


@dataclass(frozen=True)
class Reason:
    """What moved a score.

    Attributes
    ----------
    group : str
        The part of the history that it comes from.
    text : str
    effect : float
        On the log-odds of lapsing; above 0 raises it.
    behind : tuple of Behind
        Its strongest features.
    """

    group: str
    text: str
    effect: float
    behind: tuple[Behind, ...]

    @property
    def size(self) -> str:
        """The effect in words."""
        return size_in_words(self.effect)


def describe(
    scores: Mapping[str, object],
    features: pd.DataFrame,
    contributions: Float64,
    raw_score: Float64,
    *,
    top: int = 5,
    counted: str = "",
) -> RenderableType:
    """Tell all about one customer's score.

    Parameters
    ----------
    scores : mapping
        A row of the score table (``lapse.schema.SCORE_COLUMNS``); missing values are left out.
        ``customer_id`` and ``as_of`` are needed.
    features : pandas.DataFrame, one row
    contributions : float64, shape (1, n_features + 1)
    raw_score : float64, shape (1,)
    top : int, default 5
        Reasons at most.
    counted : str, optional
        A note on what the scores count, said first.

    Returns
    -------
    rich renderable
        Pass it to ``rich.print``, or to :func:`as_text`.

    Raises
    ------
    ValueError
        If there is not exactly one row.
    GateError
        If the attributions do not add up to the score.

    Examples
    --------
    >>> row = pd.DataFrame({"basket__days_since_last": [19.0], "basket__gap_mean": [6.0]})
    >>> scores = {"customer_id": 7, "as_of": "2017-11-21", "churn_probability": 0.3}
    >>> as_text(describe(scores, row, np.array([[0.5, 0.25, -2.0]]), np.array([-1.25]))).splitlines()[0]
    'customer 7 as of 2017-11-21'
    """
    if len(features) != 1:
        raise ValueError(f"one customer as of one date has one row, not {len(features)}")
    currency = str(scores.get("currency") or "")
    title = Text(f"customer {scores['customer_id']} as of {str(scores['as_of'])[:10]}", style="bold")
    told = told_reasons(features, contributions, raw_score, top=top, currency=currency)
    notes = (
        *((f"{counted[:1].upper()}{counted[1:]}.",) if counted else ()),
        added_up(told, contributions, raw_score),
        "Effects are what the model made of the history. They are no causes.",
    )
    return Group(
        title,
        Text(),
        _score_table(scores, currency),
        Text(),
        _reason_table(told),
        Text(),
        *(Text(note, style="dim") for note in notes),
    )


def voluntary_share(scores: Mapping[str, object]) -> float | None:
    """Return which share of the churn probability is voluntary, None where causes are not kept apart.

    Nor is there a share where nothing can lapse.

    Examples
    --------
    >>> voluntary_share({"churn_probability": 0.5, "churn_probability_voluntary": 0.375})
    0.75
    """
    whole, part = scores.get("churn_probability"), scores.get("churn_probability_voluntary")
    if not isinstance(whole, float) or not isinstance(part, float) or math.isnan(part) or not whole > 0:
        return None
    return part / whole


def added_up(told: Sequence[Reason], contributions: Float64, raw_score: Float64) -> str:
    """Return how reasons and the rest add up to the score, and which chance that was before calibration.

    Parameters
    ----------
    told : sequence of Reason
    contributions : float64, shape (1, n_features + 1)
    raw_score : float64, shape (1,)

    Examples
    --------
    >>> told = [Reason("timing", "no basket", 0.5, ())]
    >>> added_up(told, np.array([[0.5, 0.25, -2.0]]), np.array([-1.25]))
    'Base -2.00, these reasons +0.50, all else +0.25: score -1.25 (log-odds), 22.3% before calibration.'
    """
    score, base, reasoned = float(raw_score[0]), float(contributions[0, -1]), sum(one.effect for one in told)
    return (
        f"Base {base:+.2f}, these reasons {reasoned:+.2f}, all else {score - base - reasoned:+.2f}: "
        f"score {score:+.2f} (log-odds), {expit(score):.1%} before calibration."
    )


def as_text(renderable: RenderableType, *, width: int = 110) -> str:
    """Return what would be printed as plain text, in lines of at most ``width`` characters."""
    console = Console(width=width, no_color=True, highlight=False, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _score_table(scores: Mapping[str, object], currency: str) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    if _is_missing(scores.get("churn_probability")) and not _is_missing(scores.get("exclusion_reason")):
        table.add_row("not scored", str(scores["exclusion_reason"]))
    for name, (label, form) in _SCORES.items():
        if not _is_missing(value := scores.get(name)):
            money = f" {currency}" if name in ("expected_spend", "clv") else ""
            table.add_row(label, form.format(value) + money + _interval(scores, name, form))
        if name == "churn_probability" and (share := voluntary_share(scores)) is not None:
            part = form.format(scores["churn_probability_voluntary"])
            table.add_row("of it voluntary", f"{share:.0%} ({part}): the part that an offer may keep")
    for name, label in _STANDING.items():
        if not _is_missing(scores.get(name)):
            table.add_row(label, str(scores[name]))
    return table


def _interval(scores: Mapping[str, object], name: str, form: str) -> str:
    lower, upper = scores.get(f"{name}_lower"), scores.get(f"{name}_upper")
    if _is_missing(lower) or _is_missing(upper):
        return ""
    return f" ({form.format(lower).removesuffix(' days')} to {form.format(upper)})"


def told_reasons(
    features: pd.DataFrame, contributions: Float64, raw_score: Float64, *, top: int = 5, currency: str = ""
) -> tuple[Reason, ...]:
    """Return the reasons of one row that are large enough to be told, the strongest first.

    Parameters
    ----------
    features : pandas.DataFrame, one row
    contributions : float64, shape (1, n_features + 1)
    raw_score : float64, shape (1,)
    top : int, default 5
        Reasons at most.
    currency : str, optional

    Raises
    ------
    GateError
        If the attributions do not add up to the score.
    """
    told = reasons(features, contributions, raw_score, top=top, currency=currency).iloc[0]
    found = group_effects(list(features.columns), contributions, raw_score)
    names = [str(name) for name in features.columns]
    speaker = Speaker(features, currency)

    def behind(group: str) -> Iterator[Behind]:
        members = np.flatnonzero(found.group == found.groups.index(group))
        strongest = members[np.argsort(-np.abs(contributions[0, members]), kind="stable")][:_BEHIND]
        for feature in strongest[np.abs(contributions[0, strongest]) >= VISIBLE]:
            text = speaker.tell(names[feature], 0).text
            yield Behind(text, float(contributions[0, feature]), names[feature])

    return tuple(
        Reason(
            group=(group := str(told[f"reason_{place}_group"])),
            text=str(told[f"reason_{place}"]),
            effect=float(told[f"reason_{place}_effect"]),
            behind=tuple(behind(group)),
        )
        for place in range(1, top + 1)
        if abs(told[f"reason_{place}_effect"]) >= VISIBLE
    )


def _reason_table(told: tuple[Reason, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading, kind in (("reason", "left"), ("effect", "right"), ("size", "left")):
        table.add_column(heading, justify=kind)  # type: ignore[arg-type]  # rich types its words as literals
    for one in told:
        table.add_row(
            Text(f"{one.group}: {one.text}", style="bold"),
            Text(f"{one.effect:+.2f}", style="red" if one.effect > 0 else "blue"),
            one.size,
        )
        for feature in one.behind:
            table.add_row(
                Text(f"    {feature.text}", style="dim"),
                Text(f"{feature.effect:+.2f}", style="dim"),
                Text(feature.name, style="dim"),
            )
    return table


def _is_missing(value: object) -> bool:
    return (
        value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))
    )
