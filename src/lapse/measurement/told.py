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


class Misleading(str):
    """A warning that a figure, taken at its word, leads astray."""


class Unknown(str):
    """A warning that something cannot be known."""


def gravity(warning: str) -> int:
    """Return the place of a warning among others, 0 for the gravest.

    Examples
    --------
    >>> [gravity(one) for one in (Misleading("1/(1-r) misleads"), Unknown("no rate"), "3 rows are left out")]
    [0, 1, 2]
    """
    if isinstance(warning, Misleading):
        return 0
    return 1 if isinstance(warning, Unknown) else 2


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
        What must be known before anything is believed; see :func:`gravity`.
    picture : callable, optional
        Draws it.
    """

    name: str
    title: str
    text: str
    frame: pd.DataFrame
    warnings: tuple[str, ...] = ()
    picture: Callable[[], Figure] | None = None
