"""Value at risk, split by the cause of the lapse: money that an offer may keep, and money that none can.

In: curves with shares of causes, and the CLV. Out: for each customer its churn probability by cause, and its
CLV times that.

Each cause has the part of it that it has of the probability, so the causes of a customer add up to the whole.
A card that cannot be charged is put right by a payment reminder, a house move by nothing: only the voluntary
part is what an offer is for.

It is a number to rank by, high where much is expected of somebody who may well leave, and can be worked out
from the score table alone. It is not the money that will be lost: the CLV has the chance of a lapse in it
already, so who is nearly sure to lapse has little of it. The loss would be the chance times what a customer
brings behind the horizon if it stays until then, which is more for those who are likely to lapse.

Refused (ValueError): a horizon beyond the curve.
"""

from __future__ import annotations

import numpy as np

from lapse.models.curve import Curve
from lapse.schema import CAUSES, Float64

ANY = "any"
"""The one cause of a business that keeps none apart."""

VOLUNTARY = CAUSES[0]
"""The cause that an offer is for."""


def churn_by_cause(curve: Curve, horizon_steps: int) -> dict[str, Float64]:
    """Return the churn probability by cause.

    Parameters
    ----------
    curve : Curve
    horizon_steps : int

    Returns
    -------
    dict of cause to float64, shape (n,)
        By the words of :data:`lapse.schema.CAUSES`; ``any`` alone where the curve keeps no causes apart. They
        add up to ``1 - S(horizon)``.

    Examples
    --------
    >>> shares = np.array([[[0.75], [0.25]]])
    >>> curve = Curve(60, np.array([[0.5]]), np.ones((1, 1)), cause_shares=shares, causes=(1, 2))
    >>> {cause: part.tolist() for cause, part in churn_by_cause(curve, 1).items()}
    {'voluntary': [0.375], 'involuntary': [0.125]}
    """
    if not 1 <= horizon_steps <= curve.n_steps:
        raise ValueError(f"a horizon of {horizon_steps} steps on a curve of {curve.n_steps}")
    lapsed = curve.incidence_at(horizon_steps)
    words = [CAUSES[code - 1] for code in curve.causes] or [ANY]
    return {word: lapsed[:, place] for place, word in enumerate(words)}


def value_at_risk(curve: Curve, clv: Float64, horizon_steps: int) -> dict[str, Float64]:
    """Return the value at risk within the horizon by cause.

    Parameters
    ----------
    curve : Curve
    clv : float64, shape (n,)
    horizon_steps : int

    Returns
    -------
    dict of cause to float64, shape (n,)
        By the words of :data:`lapse.schema.CAUSES`; ``any`` alone where the curve keeps no causes apart. They
        add up to ``clv * churn probability``.

    Examples
    --------
    >>> shares = np.array([[[0.75], [0.25]]])
    >>> curve = Curve(60, np.array([[0.5]]), np.ones((1, 1)), cause_shares=shares, causes=(1, 2))
    >>> {cause: money.tolist() for cause, money in value_at_risk(curve, np.array([80.0]), 1).items()}
    {'voluntary': [30.0], 'involuntary': [10.0]}
    """
    lapsed = churn_by_cause(curve, horizon_steps)
    return {word: np.asarray(clv * part) for word, part in lapsed.items()}


def value_to_keep(clv: Float64, churn: Float64, voluntary: Float64) -> Float64:
    """Return the value at risk that an offer may keep: what customers are ranked by.

    Parameters
    ----------
    clv, churn : float64, shape (n,)
    voluntary : float64, shape (n,)
        The voluntary part of the churn probability; NaN where causes are not kept apart.

    Returns
    -------
    float64, shape (n,)
        CLV times the voluntary part, or where that is not known times the whole churn probability.

    Examples
    --------
    >>> value_to_keep(np.array([80.0, 80.0]), np.array([0.5, 0.5]), np.array([0.125, np.nan])).tolist()
    [10.0, 40.0]
    """
    kept: Float64 = clv * np.where(np.isnan(voluntary), churn, voluntary)
    return kept
