"""The money of a customer that stays for so long: what the spread of its value is made of.

In: curves and the ``value`` section. Out: :class:`Paths`, equally likely lifetimes of each customer and what
it brings and costs within any of them.

Money is of two kinds. What extends the life (``extending_share`` of it, which comes with the event that keeps
the customer) follows the days that are not covered yet: until the first day on which a customer can lapse it
is kept by what it has paid already, and who lapses on that day has paid no more of this. So a customer that
stays T days brings what its steps are expected to bring over ``T - earliest_days`` days. The rest, such as
add-ons, runs with the stay itself: what the steps are expected to bring over T days. Each part is taken times
a factor of the customer's own that makes its mean over the lifetimes its share of the expected margin. Where
no factor does, as where no lapse is possible up to the limit, all money runs with the stay. Costs run until
the lapse, made right in the same way.

Refused (ValueError): a limit beyond the curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lapse.config import Value
from lapse.models.curve import Curve
from lapse.models.durations import lifetime_quantile_days, parts
from lapse.schema import Bool, Float64
from lapse.value.flows import Flows, cost_a_step, discount_factor, flows_of, margin_given

N_LIFETIMES = 32


@dataclass(frozen=True)
class Paths:
    """Lifetimes of n customers, and the discounted money within a lifetime.

    Attributes
    ----------
    days : float64, shape (n, 32)
        Equally likely lifetimes, ascending, at most the limit.
    edges : float64, shape (steps + 1,)
        Days between the steps up to the limit.
    extending, beside : float64, shape (n, steps + 1)
        Margin up to each edge: what extends the life, by days beyond ``earliest``; the rest, by days.
    spent : float64, shape (n, steps + 1)
        Cost up to each edge of a customer that stays.
    earliest : float64, shape (n,)
    """

    days: Float64
    edges: Float64
    extending: Float64
    beside: Float64
    spent: Float64
    earliest: Float64

    def margin(self, days: Float64) -> Float64:
        """Return the margin within lifetimes, float64 of the shape (n, m) of ``days``."""
        beyond = np.maximum(days - self.earliest[:, None], 0.0)
        return _read(self.extending, self.edges, beyond) + _read(self.beside, self.edges, days)

    def cost(self, days: Float64) -> Float64:
        """Return the cost within lifetimes, float64 of the shape (n, m) of ``days``."""
        return _read(self.spent, self.edges, days)


def paths_of(curve: Curve, value: Value, flows: Flows | None = None) -> Paths:
    """Return the paths of every customer up to the limit.

    Parameters
    ----------
    curve : Curve
    value : Value
    flows : Flows, optional
        Those of the same curve and value, where they are there already.

    Returns
    -------
    Paths
        With ``margin(days).mean(axis=1)`` the discounted margin of :func:`~lapse.value.flows.flows_of`, and
        ``cost(days).mean(axis=1)`` its cost, where any lifetime brings anything.
    """
    flows = flows_of(curve, value) if flows is None else flows
    part = parts(curve, value.limit)
    steps = len(part)
    counts = part * discount_factor(curve, value)
    cost = np.full(flows.cost.shape, cost_a_step(curve, value))
    if curve.event_cost is not None:
        cost = cost + curve.event_cost[:, :steps]
    days = _lifetimes(curve, value.limit)
    edges = np.concatenate([[0.0], np.cumsum(part)]) * curve.step_days
    earliest = np.minimum(curve.earliest, value.limit)
    brought = _running(margin_given(curve, value)[:, :steps] * counts)
    spent = _running(cost * counts)
    margin, costs = (flow @ flows.discount_factor for flow in (flows.margin, flows.cost))
    beyond, can_extend = _factor(margin, _read(brought, edges, np.maximum(days - earliest[:, None], 0.0)))
    along, _ = _factor(margin, _read(brought, edges, days))
    right, _ = _factor(costs, _read(spent, edges, days))
    share = np.where(can_extend, curve.extending_share, 0.0)
    return Paths(
        days,
        edges,
        extending=brought * (share * beyond)[:, None],
        beside=brought * ((1.0 - share) * along)[:, None],
        spent=spent * right[:, None],
        earliest=earliest,
    )


def _lifetimes(curve: Curve, limit: int) -> Float64:
    middle = (np.arange(N_LIFETIMES) + 0.5) / N_LIFETIMES
    return np.column_stack([lifetime_quantile_days(curve, share, limit)[0] for share in middle])


def _running(flow: Float64) -> Float64:
    return np.hstack([np.zeros((len(flow), 1)), np.cumsum(flow, axis=1)])


def _factor(mean: Float64, by_lifetime: Float64) -> tuple[Float64, Bool]:
    """Return what makes the mean over the lifetimes right, and where it does; it is 1 elsewhere."""
    there = by_lifetime.mean(axis=1)
    scalable = np.abs(there) > 1e-9 * (1.0 + np.abs(mean))
    factor: Float64 = np.divide(mean, there, out=np.zeros(len(mean)), where=scalable)
    return np.where(factor > 0, factor, 1.0), factor > 0


def _read(total: Float64, edges: Float64, days: Float64) -> Float64:
    """Return each row's running total at its own days, on straight lines between the edges."""
    step = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    row = np.arange(len(days))[:, None]
    inside = np.minimum((days - edges[step]) / (edges[step + 1] - edges[step]), 1.0)
    found: Float64 = total[row, step] + inside * (total[row, step + 1] - total[row, step])
    return found
