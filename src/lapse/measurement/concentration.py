"""How much of all value a few customers hold.

In: one value a customer. Out: a table of shares, and the picture that cost accountants call a whale curve
(Kaplan and Cooper, Cost and Effect, 1998): cumulated value by customers from the most valuable down.
Customers of equal value stand on one straight piece, so none is told apart from its equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lapse.evaluation.ties import sum_ties
from lapse.measurement.pictures import one_panel
from lapse.schema import Float64

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP_SHARES: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0)


def cumulated(value: Float64) -> tuple[Float64, Float64]:
    """Return the share of the customers taken, from the most valuable down, and their value together.

    Parameters
    ----------
    value : float64, shape (n,), n >= 1

    Examples
    --------
    >>> cumulated(np.array([-1.0, 3.0, 1.0, 1.0]))
    (array([0.  , 0.25, 0.75, 1.  ]), array([0., 3., 5., 4.]))
    """
    _, total, customers = (part[::-1] for part in sum_ties(value, value, np.ones(len(value))))
    return np.concatenate([[0.0], np.cumsum(customers) / len(value)]), np.concatenate(
        [[0.0], np.cumsum(total)]
    )


def concentration_table(value: Float64) -> pd.DataFrame:
    """Return what the most valuable customers hold.

    Parameters
    ----------
    value : float64, shape (n,)

    Returns
    -------
    DataFrame
        customers_share, value, value_share; where a share cuts through equals, they count in proportion.
        Missing where nobody is valued, the share also where all are worth nothing or less together.
    """
    shares = np.array(TOP_SHARES)
    held = np.full(len(shares), np.nan)
    whole = float(value.sum())
    if len(value):
        held = np.interp(shares, *cumulated(value))
    share = held / whole if whole > 0 else np.full(len(shares), np.nan)
    return pd.DataFrame({"customers_share": shares, "value": held, "value_share": share})


def draw_whale(value: Float64, what: str) -> Figure:
    """Return the cumulated value by customers, from the most valuable down.

    Parameters
    ----------
    value : float64, shape (n,), n >= 1
    what : str
        What the value is, in words.
    """
    from matplotlib.ticker import PercentFormatter, StrMethodFormatter

    taken, total = cumulated(value)
    figure, axes = one_panel(4.2)
    axes.plot(taken, total, color="#0072B2", linewidth=1.8)
    axes.axhline(total[-1], color="#7f7f7f", linewidth=1, linestyle="--")
    axes.annotate("all customers", (0.01, total[-1]), textcoords="offset points", xytext=(0, 4), fontsize=8)
    axes.set(xlabel="customers, the most valuable first", ylabel="their value together", xlim=(0, 1))
    axes.set_ylim(min(0.0, float(total.min())), float(total.max()) * 1.12 if total.max() > 0 else 1.0)
    axes.set_title(what[0].upper() + what[1:], loc="left", fontsize=11)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return figure
