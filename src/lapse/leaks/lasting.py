"""Guard 2, second half: an attribute of customers that knows how long they would still stay.

In: static columns, and when each row's customer lapsed. Out: the columns that order customers by how long
they stayed *after* the as_of. A table without ``known_at`` that was written when the data ended gives such a
column away: the date of the last order, the days since it, the length of the whole relationship. None of
these needs to tell who lapses within the horizon (:mod:`lapse.leaks.columns` asks that), least of all where
it has to be taken together with the tenure.

How a column is scored
----------------------
``order`` is the share of pairs of customers of one as_of whom the column puts in the order in which they
lapsed, less the share of those whom it puts the other way round (Somers' D; Harrell's concordance is
(1 + D) / 2), over pairs of which it is known who lapsed first, on the last third of the dates. A number is
tried as it is, and less the tenure at as_of, since a length that was measured at the end is the tenure and
what is left. Text is tried in its sorting order, as dates are written, and by the mean time that its values
had with half of the customers, on the other half. The largest size counts, whatever its sign, if it is more
than 0.05 above that of the tenure itself, which is known.

The rule
--------
0.80 or more: refused. 0.40 or more: a warning. On the simulated shop and gym with 3,000 customers and on a
real grocer, honest attributes (channel, region, a random number, an age, the date of the first order) come
to 0.32 at most, most of which is the tenure's. The date of the last event, the days since it and the length
of the whole relationship come to 0.48 or more (0.91 in the gym; the first rule sees none of the three in the
shop and at the grocer). The same blurred by a month of chance comes to 0.36 to 0.79; rounded to years, or an
age worked out from it, it drowns and is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lapse.errors import Problem
from lapse.leaks.measures import SMALLEST_CLASS
from lapse.schema import Bool, Float64, Int32, Int64

REFUSED_ORDER = 0.80
WARNED_ORDER = 0.40
ABOVE_TENURE = 0.05
N_PAIRS = 200_000
_SHRINKAGE = 20.0


@dataclass(frozen=True)
class Lasting:
    """A static column that knows how long customers would stay.

    Attributes
    ----------
    column : str
    order : float
        From 0 to 1; see the module.
    rows : int
        Rows on which it was judged.
    """

    column: str
    order: float
    rows: int

    @property
    def verdict(self) -> Literal["refused", "warning"]:
        """What the guard makes of it."""
        return "refused" if self.order >= REFUSED_ORDER else "warning"

    @property
    def problem(self) -> Problem:
        """The finding as a problem to print or raise."""
        return Problem(
            "dataset",
            f"column '{self.column}'",
            "an attribute that does not know how long a customer will stay",
            f"one that orders {(1 + self.order) / 2:.0%} of the pairs of customers by when they lapsed",
            "was it written, or overwritten, when the tables were made, from the last event or the whole "
            "history? If it is honest, name it under features.trusted",
            self.rows,
        )


def lasting_columns(
    static: pd.DataFrame, tenure: Float64, day: Int32, duration_days: Int32, is_lapse: Bool, half: Bool
) -> list[Lasting]:
    """Name each static column that knows how long customers stayed after the as_of.

    Parameters
    ----------
    static : pandas.DataFrame, shape (n, n_columns)
        Attributes of customers: numbers, strings or categories.
    tenure : float64, shape (n,)
        Days that each had been a customer at as_of.
    day : int32, shape (n,)
        The as_of of each row.
    duration_days : int32, shape (n,)
        From as_of to the lapse, or to the end of the data.
    is_lapse : bool, shape (n,)
        Whether it was a lapse that ended the duration.
    half : bool, shape (n,)
        Half of the customers, to learn what a text means.

    Returns
    -------
    list of Lasting
        The worst first; none where fewer than 20 lapsed, or stayed, on the last third of the dates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tenure, left = rng.integers(1, 900, 500).astype(float), rng.integers(1, 300, 500).astype(np.int32)
    >>> static = pd.DataFrame({"days_a_customer": tenure + left, "age": rng.integers(18, 80, 500)})
    >>> same, every = np.zeros(500, np.int32), np.arange(500) % 5 > 0
    >>> [one.column for one in lasting_columns(static, tenure, same, left, every, same == 0)]
    ['days_a_customer']
    """
    dates = np.unique(day)
    rows = np.flatnonzero(np.isin(day, dates[len(dates) - max(1, len(dates) // 3) :]))
    if min(int(is_lapse[rows].sum()), int((~is_lapse[rows]).sum())) < SMALLEST_CLASS:
        return []
    first, second = _pairs(day[rows], duration_days[rows], is_lapse[rows])
    known = abs(_order(tenure[rows], first, second))
    found = []
    for name in static.columns:
        readings = _readings(static[name], tenure, duration_days, half, rows)
        order = max(abs(_order(values, first, second)) for values in readings)
        if order >= max(WARNED_ORDER, known + ABOVE_TENURE):
            found.append(Lasting(str(name), order, len(rows)))
    return sorted(found, key=lambda one: -one.order)


def _pairs(day: Int32, duration_days: Int32, is_lapse: Bool) -> tuple[Int64, Int64]:
    """Return pairs of rows of one date, chosen at random: the first lapsed, the second stayed longer."""
    rng = np.random.default_rng(0)
    order = np.argsort(day, kind="stable")
    start, count = np.unique(day[order], return_index=True, return_counts=True)[1:]
    one = rng.integers(0, len(day), N_PAIRS)
    block = np.searchsorted(start, one, side="right") - 1
    other = start[block] + (rng.random(N_PAIRS) * count[block]).astype(np.int64)
    first, second = order[one], order[other]
    known = is_lapse[first] & (duration_days[first] < duration_days[second])
    return first[known], second[known]


def _readings(
    column: pd.Series, tenure: Float64, duration_days: Int32, half: Bool, rows: Int64
) -> Iterator[Float64]:
    """Yield what a column could mean on some rows, as numbers; NaN is missing."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)[rows]
        yield numbers
        yield numbers - tenure[rows]
        return
    code, _ = pd.factorize(column.astype("str"), sort=True)
    yield np.where(code < 0, np.nan, code.astype(np.float64))[rows]
    learning = half[rows]
    code, stay = code[rows] + 1, duration_days[rows].astype(np.float64)
    size = int(code.max()) + 1
    count = np.bincount(code[learning], minlength=size)
    total = np.bincount(code[learning], weights=stay[learning], minlength=size)
    mean = (total + _SHRINKAGE * stay.mean()) / (count + _SHRINKAGE)
    yield np.where(learning, np.nan, mean[code])


def _order(values: Float64, first: Int64, second: Int64) -> float:
    """Return how much more often values rise with the time that customers stay than they fall."""
    step = np.sign(values[second] - values[first])
    known = step[~np.isnan(step)]
    return float(known.mean()) if len(known) >= SMALLEST_CLASS else 0.0
