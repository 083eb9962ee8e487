"""What a measurement says: tables with a title, plain words, warnings and perhaps a picture.

In: what the parts of a measurement found. Out: :class:`Measured`, which jobs write as Parquet and pages show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measured:
    """One table of a measurement.

    Attributes
    ----------
    name : str
        Stem of its file, such as ``retention_by_month``.
    title : str
        A heading.
    text : str
        One to three sentences: what the figures mean, and what they do not.
    frame : DataFrame
        The table; a cell that cannot be known is missing, never zero. Bounds are ``*_lower``, ``*_upper`` at
        95 %.
    warnings : tuple of str
        What must be known before anything is believed.
    picture : callable, optional
        Draws it.
    per_cent : tuple of str
        Columns that hold shares although neither ``rate`` nor ``share`` is in their names; their bounds too.
    """

    name: str
    title: str
    text: str
    frame: pd.DataFrame
    warnings: tuple[str, ...] = ()
    picture: Callable[[], Figure] | None = None
    per_cent: tuple[str, ...] = ()
