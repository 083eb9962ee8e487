"""What a customer is worth: discounted cash flows read off its curve.

In: a :class:`~lapse.models.curve.Curve` and the ``value`` section of the config. Out: cash flows, one column
a step, what they are made of, and the CLV as their sum.

The flow of step k is ``(S(k-1) * margin_k - cost_k) * (1 + discount_rate) ** (-t_k / 365)``:

- margin_k is what the step brings, given a customer at its start, so it is weighted with the survival there,
  S(k-1). It is ``spend_k * margin_rate``, unless rates differ by event or category: then the curve has the
  margins themselves;
- ``cost_k = cost_to_serve * step_days / 365 * alive_k + S(k-1) * event_cost_k``, alive_k the share of the
  step that the customer is expected to be there: ``(S(k-1) + S(k)) / 2`` where the straight line falls from
  the step's start. event_cost_k is what its events are expected to cost (``value.event_costs``);
- t_k is the middle of the step, in days from the snapshot.

Where the limit cuts the last step, its money counts in proportion to the part before the limit, and t_k is
the middle of that part. Only future money counts, signed: a month of refunds is negative.

Refused (ValueError): a limit beyond the curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.config import Value
from lapse.models.curve import Curve
from lapse.models.durations import alive_share, parts
from lapse.schema import Float64

DAYS_A_YEAR = 365


@dataclass(frozen=True)
class Flows:
    """What the cash flows of n customers are made of, by step up to the limit.

    Attributes
    ----------
    survival : float64, shape (n, n_steps)
        P(still a customer at the start of the step).
    spend, margin, cost : float64, shape (n, n_steps)
        Expected money of the step as seen from the snapshot, survival included; not discounted.
    discount_factor : float64, shape (n_steps,)
        What money of the step counts, in (0, 1].
    cash_flow : float64, shape (n, n_steps)
        ``(margin - cost) * discount_factor``.
    """

    survival: Float64
    spend: Float64
    margin: Float64
    cost: Float64
    discount_factor: Float64
    cash_flow: Float64

    @property
    def clv(self) -> Float64:
        """The customer lifetime value: the sum of the cash flows, float64 of shape (n,)."""
        total: Float64 = self.cash_flow.sum(axis=1)
        return total


def flows_of(curve: Curve, value: Value) -> Flows:
    """Return the cash flows of every customer and step up to the limit, and what they are made of.

    Parameters
    ----------
    curve : Curve
    value : Value
        Margin, discount, cost to serve and limit.

    Returns
    -------
    Flows
        In the business's currency, as of the snapshot; may be negative.
    """
    part = parts(curve, value.limit)
    steps = len(part)
    start = curve.at_start[:, :steps]
    weight = start * part
    margin = margin_given(curve, value)[:, :steps] * weight
    cost = alive_share(curve, value.limit) * cost_a_step(curve, value)
    if curve.event_cost is not None:
        cost = cost + weight * curve.event_cost[:, :steps]
    factor = discount_factor(curve, value)
    return Flows(start, weight * curve.spend[:, :steps], margin, cost, factor, (margin - cost) * factor)


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
    return flows_of(curve, value).cash_flow


def clv(curve: Curve, value: Value) -> Float64:
    """Return the customer lifetime value: the sum of :func:`cash_flows`, float64 of shape (n,)."""
    return flows_of(curve, value).clv


def margin_given(curve: Curve, value: Value) -> Float64:
    """Return the expected margin of each step given a customer at its start, float64 as ``curve.spend``."""
    return curve.spend * value.margin_rate if curve.margin is None else curve.margin


def cost_a_step(curve: Curve, value: Value) -> float:
    """Return what serving a customer costs in a step that it is there for whole."""
    return value.cost_to_serve * curve.step_days / DAYS_A_YEAR


def discount_factor(curve: Curve, value: Value) -> Float64:
    """Return the discount factor at the middle of each step, or of its part before the limit."""
    part = parts(curve, value.limit)
    middle = (np.arange(len(part)) + part / 2) * curve.step_days
    factor: Float64 = (1.0 + value.discount_rate) ** (-middle / DAYS_A_YEAR)
    return factor


def expected_spend(curve: Curve, horizon_steps: int) -> Float64:
    """Return the revenue expected within the horizon, float64 of shape (n,): neither discounted nor margin.

    ``sum over k <= horizon_steps of S(k-1) * spend_k``.
    """
    if not 1 <= horizon_steps <= curve.n_steps:
        raise ValueError(f"a horizon of {horizon_steps} steps on a curve of {curve.n_steps}")
    spend: Float64 = (curve.at_start * curve.spend)[:, :horizon_steps].sum(axis=1)
    return spend
