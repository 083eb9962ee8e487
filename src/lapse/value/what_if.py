"""What if: customers stay a little longer, margins rise a little, money counts less, costs fall.

In: curves, the ``value`` section and a :class:`Change`. Out: the curve and the value as they would be, and
the cash flows that follow. No change gives the same numbers bit by bit.

A point of retention is a point of each customer's own retention r over the first year in which it can lapse:
the whole steps of a year from the first one in which a lapse is possible, so that a term of two years hides
nothing. Cumulative hazards are multiplied by ``log(r + 0.01) / log(r)``, so nobody lapses before it is
possible, and a constant r becomes ``r + 0.01`` in every year. Where these steps are a part of a year, r is of
that part and moves by that part of a point. The multiple lies between a tenth and 10: whoever has less than a
point to win still lapses at some time. Who is sure to stay in that year, or to leave, is not changed.

It is arithmetic on the curve, not a forecast of what a measure does: what raises retention is not said, and
what it costs is not in it.

Refused (:class:`~lapse.errors.ArgumentError`, a ValueError too): a change that is not a finite number, a
point given as 1, a margin or cost that falls by more than all of it, a yearly discount rate that would be
below 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real

import numpy as np

from lapse.config import Value
from lapse.errors import ArgumentError, Problem
from lapse.models.curve import Curve, sure_steps
from lapse.schema import Float64
from lapse.value.flows import DAYS_A_YEAR, cash_flows

_MOST = 10.0
"""By how much a change of retention multiplies or divides a hazard at most."""


@dataclass(frozen=True)
class Change:
    """What is changed; nothing by default.

    Attributes
    ----------
    retention : float
        In (-1, 1), added to the retention over the first year in which a lapse is possible: 0.01 is a point.
    margin : float
        At least -1, relative: 0.01 raises every margin by 1 %, a negative one falls further.
    discount : float
        In (-1, 1), added to the yearly discount rate: 0.01 is a point.
    cost : float
        At least -1, relative, on the cost to serve and the costs of events.

    Raises
    ------
    ArgumentError
        A ValueError too. If any of them is not a number or lies elsewhere; all are told.
    """

    retention: float = 0.0
    margin: float = 0.0
    discount: float = 0.0
    cost: float = 0.0

    def __post_init__(self) -> None:
        given = asdict(self)
        wrong = [
            Problem("change", name, _EXPECTED[name], repr(part), _SHARES)
            for name, part in given.items()
            if not _can_be(name, part)
        ]
        if wrong:
            raise ArgumentError(wrong)
        for name, part in given.items():
            object.__setattr__(self, name, float(part))


_SHARES = "shares are meant: 0.01 is a point, or 1 %"
_POINTS = "a finite number above -1 and below 1"
_RELATIVE = "a finite number from -1 on"
_EXPECTED = {"retention": _POINTS, "margin": _RELATIVE, "discount": _POINTS, "cost": _RELATIVE}


def _can_be(name: str, part: object) -> bool:
    if not isinstance(part, Real) or isinstance(part, bool):
        return False
    number = float(part)
    return math.isfinite(number) and (-1 < number < 1 if _EXPECTED[name] == _POINTS else number >= -1)


AS_IT_IS = "as it is"
"""What every other value is compared with."""

CHANGES: Mapping[str, Change] = {
    AS_IT_IS: Change(),
    "+1 point retention": Change(retention=0.01),
    "+1 % margin": Change(margin=0.01),
    "+1 point discount": Change(discount=0.01),
    "+1 % cost": Change(cost=0.01),
}
"""What is asked unless something else is."""


def changed(curve: Curve, value: Value, change: Change) -> tuple[Curve, Value]:
    """Return curve and value as they would be.

    Parameters
    ----------
    curve : Curve
    value : Value
    change : Change

    Returns
    -------
    Curve
        Its margins, where rates differ, and costs of events changed as well.
    Value

    Raises
    ------
    ArgumentError
        If the yearly discount rate would be below 0.

    Examples
    --------
    >>> curve = Curve(365, 0.8 ** np.arange(1.0, 4.0)[None], np.ones((1, 3)))
    >>> longer, _ = changed(curve, Value(margin_rate=0.5, discount_rate=0.1), Change(retention=0.01))
    >>> longer.survival.round(4).tolist()
    [[0.81, 0.6561, 0.5314]]
    """
    more, costs = 1.0 + change.margin, 1.0 + change.cost
    discount = value.discount_rate + change.discount
    if discount < 0:
        expected = f"at least 0 a year, together with the {value.discount_rate:g} of the config"
        raise ArgumentError(Problem("change", "discount", expected, f"{discount:g}", _SHARES))
    new = replace(
        curve,
        survival=_retained(curve, change.retention),
        margin=None if curve.margin is None else curve.margin * more,
        event_cost=None if curve.event_cost is None else curve.event_cost * costs,
    )
    terms = {
        "margin_rate": value.margin_rate * more,
        "discount_rate": discount,
        "cost_to_serve": value.cost_to_serve * costs,
    }
    return new, value.model_copy(update=terms)


def flows_if(curve: Curve, value: Value, change: Change) -> Float64:
    """Return the cash flows under a change, float64 of shape (n, steps of the limit)."""
    return cash_flows(*changed(curve, value, change))


def _retained(curve: Curve, points: float) -> Float64:
    """Return survival with so much more retention a year."""
    if not points:
        return curve.survival
    survival = np.clip(curve.survival, 0.0, 1.0)
    last = sure_steps(curve.earliest, curve.step_days) + max(DAYS_A_YEAR // curve.step_days, 1)
    last = np.minimum(last, curve.n_steps)
    kept = survival[np.arange(len(survival)), last - 1]
    moved = (kept > 0) & (kept < 1)
    part_of_a_year = (last * curve.step_days - curve.earliest)[moved] / DAYS_A_YEAR
    power = np.ones(len(kept))
    power[moved] = np.log(np.maximum(kept[moved] + points * part_of_a_year, 1e-300)) / np.log(kept[moved])
    power = np.clip(power, 1.0 / _MOST, _MOST)
    retained: Float64 = np.minimum.accumulate(survival ** power[:, None], axis=1)
    return retained
