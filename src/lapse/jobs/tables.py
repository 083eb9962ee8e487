"""Frames as text for people: aligned, rounded, with thousands separated."""

from __future__ import annotations

from io import StringIO

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 118


def lines(frame: pd.DataFrame) -> str:
    """Return a frame as an aligned text table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
        table.add_column(str(name), justify="right" if number else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    console = Console(file=StringIO(), force_jupyter=False, width=WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def titled(title: str, body: str) -> str:
    """Return a text under its title."""
    return f"{title.upper()}\n{body}"


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
