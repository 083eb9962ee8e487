"""What a customer is worth: discounted cash flows read off its curve.

In: a :class:`~lapse.models.curve.Curve` and the ``value`` section of the config. Out: a table of cash
flows, one column a step, the CLV as its sum, an interval, and the revenue expected in the horizon.

The flow of step k is ``(S(k-1) * spend_k * margin_rate - cost_k) * (1 + discount_rate) ** (-t_k / 365)``:

- spend_k is given a customer at the step's start, so it is weighted with the survival there, S(k-1);
- ``cost_k = cost_to_serve * step_days / 365 * alive_k``, alive_k the share of the step that the customer is
  expected to be there: ``(S(k-1) + S(k)) / 2`` where the straight line falls from the step's start;
- t_k is the middle of the step, in days from the snapshot.

Where the limit cuts the last step, its spend and cost count in proportion to the part before the limit, and
t_k is the middle of that part. Only future money counts; nothing is added for referrals.

Refused (ValueError): a limit beyond the curve.
"""

from __future__ import annotations

import numpy as np

from lapse.config import Value
from lapse.models.curve import Curve, alive_share, lifetime_interval_days, parts
from lapse.schema import Float64

DAYS_A_YEAR = 365


def cash_flows(curve: Curve, value: Value) -> Float64:
    """Return the discounted flow of every customer and step up to the limit.

    Parameters
    ----------
    curve : Curve
    value : Value
        Margin, discount, cost to serve and limit.

    Returns
    -------
    float64, shape (n, steps of the limit)
        In the business's currency, as of the snapshot; may be negative.

    Examples
    --------
    >>> value = Value(margin_rate=0.5, discount_rate=0.0, limit="60d")
    >>> cash_flows(Curve(30, np.array([[0.8, 0.4]]), np.array([[100.0, 100.0]])), value).tolist()
    [[50.0, 40.0]]
    """
    part = parts(curve, value.limit)
    start = curve.at_start[:, : len(part)]
    margin = start * curve.spend[:, : len(part)] * value.margin_rate * part
    cost = alive_share(curve, value.limit) * _cost_a_step(curve, value)
    flows: Float64 = (margin - cost) * _discount(curve, part, value)
    return flows


def clv(curve: Curve, value: Value) -> Float64:
    """Return the customer lifetime value: the sum of :func:`cash_flows`, float64 of shape (n,)."""
    total: Float64 = cash_flows(curve, value).sum(axis=1)
    return total


def clv_interval(curve: Curve, value: Value, level: float = 0.8) -> tuple[Float64, Float64]:
    """Return the discounted money of a customer that stays as long as the lower or upper quantile of its
    lifetime.

    Such a customer brings the expected spend of each step for as long as it stays (a step in part, in
    proportion). How much spend varies around its expectation is not in it, so the true spread is wider.

    Parameters
    ----------
    curve : Curve
    value : Value
    level : float, default 0.8
        Share of lifetimes between the two quantiles.

    Returns
    -------
    lower, upper : float64, shape (n,)
        Where costs exceed margins a longer life is worth less; lower is the smaller of the two all the same.
        They hold the :func:`clv` between them, as the lifetime's bounds hold its mean.
    """
    shortest, longest, _ = lifetime_interval_days(curve, value.limit, level)
    part = parts(curve, value.limit)
    margin = curve.spend[:, : len(part)] * value.margin_rate
    flows = (margin - _cost_a_step(curve, value)) * part * _discount(curve, part, value)
    edges = np.concatenate([[0.0], np.cumsum(part)]) * curve.step_days
    total = np.hstack([np.zeros((len(flows), 1)), np.cumsum(flows, axis=1)])
    short, long = (_interpolated(edges, total, days) for days in (shortest, longest))
    mean = clv(curve, value)
    return np.minimum(np.minimum(short, long), mean), np.maximum(np.maximum(short, long), mean)


def expected_spend(curve: Curve, horizon_steps: int) -> Float64:
    """Return the revenue expected within the horizon, float64 of shape (n,): neither discounted nor margin.

    ``sum over k <= horizon_steps of S(k-1) * spend_k``.
    """
    if not 1 <= horizon_steps <= curve.n_steps:
        raise ValueError(f"a horizon of {horizon_steps} steps on a curve of {curve.n_steps}")
    spend: Float64 = (curve.at_start * curve.spend)[:, :horizon_steps].sum(axis=1)
    return spend


def _cost_a_step(curve: Curve, value: Value) -> float:
    return value.cost_to_serve * curve.step_days / DAYS_A_YEAR


def _discount(curve: Curve, part: Float64, value: Value) -> Float64:
    """Return the discount factor at the middle of each step, or of its part before the limit."""
    middle = (np.arange(len(part)) + part / 2) * curve.step_days
    factor: Float64 = (1.0 + value.discount_rate) ** (-middle / DAYS_A_YEAR)
    return factor


def _interpolated(edges: Float64, total: Float64, days: Float64) -> Float64:
    """Return each row's running total at its own day, on straight lines between the edges."""
    step = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    row = np.arange(len(days))
    inside = (days - edges[step]) / (edges[step + 1] - edges[step])
    return total[row, step] + inside * (total[row, step + 1] - total[row, step])
