"""Figures as people read them on a page and in a summary.

In: a value of a table, and what kind of figure it is. Out: its text. No zero is negative, and a share that
is not quite all or nothing never reads as 100.0% or 0.0%.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import pandas as pd

Kind = Literal["", "share", "points", "probability"]
"""Of a figure: a number; a share, as per cent; a difference of shares, in percentage points; a p-value."""

MISSING = "\N{EN DASH}"
"""What stands for a missing value."""

_NOTHING = 1e-9
"""Below this a figure is what rounding leaves of 0."""
_MOST_DECIMALS = 4


def number(value: Any, kind: Kind = "") -> str:
    """Return a value as people read it: thousands separated, as many decimals as it needs.

    Parameters
    ----------
    value : number, bool, date, str or missing
    kind : Kind, optional

    Examples
    --------
    >>> number(1234.5), number(float("inf")), number(-0.0), number(float("nan")) == MISSING
    ('1,234', '∞', '0', True)
    >>> number(0.8125, "share"), number(0.9996, "share"), number(-0.00001, "share")
    ('81.2%', '99.96%', '-0.001%')
    >>> number(-0.031, "points"), number(0.2, "points"), number(1e-7, "probability")
    ('-3.1', '+20.0', '<0.001')
    """
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (datetime, date)):
        return str(value)[:10]
    if not isinstance(value, (int, float)):
        return str(value)
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "-∞"
    exact = 0.0 if abs(value) < _NOTHING else float(value)
    if kind == "share":
        return share(exact)
    if kind == "points":
        return _points(exact)
    return _probability(exact) if kind == "probability" else _plain(exact)


def share(value: float) -> str:
    """Return a share as per cent: one decimal, or as many as tell it from 0% and 100%.

    Examples
    --------
    >>> share(1.0), share(0.9999999), share(0.0004), share(1.25)
    ('100.0%', '<100.0%', '0.04%', '125.0%')
    """
    near = float(round(value))
    if abs(value - near) < _NOTHING:
        return f"{near + 0.0:.1%}"
    for decimals in range(1, _MOST_DECIMALS + 1):
        text = f"{value:.{decimals}%}"
        if abs(float(text[:-1])) not in (0.0, 100.0):
            return text
    return f"{'<' if value < near else '>'}{near + 0.0:.1%}"


def _points(value: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    for decimals in range(1, _MOST_DECIMALS + 1):
        text = f"{100 * value:+.{decimals}f}"
        if float(text):
            return text
    return "0.0"


def _probability(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _plain(value: float) -> str:
    if value.is_integer() or abs(value) >= 1000:
        return f"{value + 0.0:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
