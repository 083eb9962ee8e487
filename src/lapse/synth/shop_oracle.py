"""What a perfect forecaster of the synthetic shop would say.

In: what the shop's tables show by the end of the day as_of (orders, deliveries found late, tickets and
discounts so far, what is fixed about the customer) and the true numbers of the world. Out: the exact
probability that the customer lapses in the horizon, given precisely that and nothing else.

Hidden are a customer's class, whether the customer has dropped out, and whether an open ticket is of the
slow kind. The oracle holds their exact posterior (a forward filter of a hidden Markov chain: Rabiner 1989,
section III). With a horizon of at most one grace no order after as_of can itself lapse in the horizon, so a
customer lapses exactly where no order follows in (as_of, last order + grace], whose chance is summed day by
day over the hidden states, over tickets that open or close, and over orders of the last days that may still
be found late. So no model that sees the same tables can have a lower expected log loss. A longer horizon is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit

from lapse.schema import NEVER, Float64, Int32, Int64
from lapse.synth.shop_world import (
    PLANTED,
    Buyers,
    Numbers,
    ShopWorld,
    drop_chance,
    order_chance,
    write_parts,
)
from lapse.synth.truth import AsOf, Truth, main_cause, offsets_of

_LONG_AGO = -NEVER // 2


class _Seen(NamedTuple):
    """A customer's rows: (day, whether late), (opened, closed)."""

    orders: Int32
    tickets: Int32


@dataclass(frozen=True)
class ShopTruth(Truth):
    """The truth about a synthetic shop.

    Attributes
    ----------
    world : ShopWorld
    buyers : Buyers
    orders, tickets : int32, shape (n, 4)
        As :func:`lapse.synth.shop.make_shop` simulated them.
    """

    world: ShopWorld
    buyers: Buyers
    orders: Int32
    tickets: Int32

    def probability(self, as_of: AsOf, horizon: int) -> pd.DataFrame:
        """Return the oracle's probability of a lapse in (as_of, as_of + horizon], for all at risk.

        Parameters
        ----------
        as_of : date or sequence of date
        horizon : int
            Days, at most the grace.

        Returns
        -------
        DataFrame
            customer_id, as_of, probability; sorted by both.

        Raises
        ------
        ValueError
            If the horizon is longer than the grace.
        """
        if horizon > self.grace:
            raise ValueError(f"horizon of {horizon}d: the oracle is exact up to the grace of {self.grace}d")
        customer, day, _ = self._snapshots(as_of)
        found, _ = self._walk(customer, day, horizon)
        return self._frame(customer, day).assign(probability=found)

    def causes(self, as_of: AsOf) -> pd.DataFrame:
        """Return what drives the dropping out of everybody at risk.

        Returns
        -------
        DataFrame
            customer_id, as_of; one column a cause of :data:`~lapse.synth.shop_world.PLANTED`: by how much it
            raises the log of the expected hazard summed over (last order, last order + grace], less the
            average over the customers at risk on that date; ``main_cause``, the largest.
        """
        customer, day, _ = self._snapshots(as_of)
        _, parts = self._walk(customer, day, 0)
        relative = main_cause({name: parts[:, i] for i, name in enumerate(PLANTED)}, [day])
        return pd.concat([self._frame(customer, day), relative], axis=1)

    def _walk(self, customer: Int32, day: Int32, horizon: int) -> tuple[Float64, Float64]:
        n = len(self.customer_id)
        found, parts = _all_buyers(
            self.buyers,
            self.world.numbers(),
            _Seen(self.orders[:, 1:3], self.tickets[:, 1:3]),
            offsets_of(self.orders[:, 0], n),
            offsets_of(self.tickets[:, 0], n),
            customer,
            day,
            horizon,
        )
        return found, parts


@njit(cache=True, nogil=True)
def _all_buyers(
    buyers: Buyers,
    numbers: Numbers,
    seen: _Seen,
    order_offsets: Int64,
    ticket_offsets: Int64,
    customer: Int32,
    as_of: Int32,
    horizon: int,
) -> tuple[Float64, Float64]:
    """Filter every customer up to each as_of, then look ahead; snapshots are sorted by (customer, as_of)."""
    found = np.zeros(len(customer))
    parts = np.zeros((len(customer), 5))
    alive = np.zeros(len(numbers.rate))
    row = 0
    while row < len(customer):
        who = customer[row]
        own = _Seen(
            seen.orders[order_offsets[who] : order_offsets[who + 1]],
            seen.tickets[ticket_offsets[who] : ticket_offsets[who + 1]],
        )
        alive[:] = 1.0 / len(alive)
        position = 0
        day = buyers.joined[who] + 1
        while row < len(customer) and customer[row] == who:
            while day <= as_of[row]:
                position = _advance(buyers, numbers, own, who, day, position, alive)
                day += 1
            last = own.orders[position, 0]
            if last + numbers.grace <= as_of[row] + horizon:
                found[row] = _chance_of_silence(buyers, numbers, own, who, as_of[row], position, alive)
            _write_shares(buyers, numbers, own, who, as_of[row], position, parts[row])
            row += 1
    return found, parts


@njit(cache=True, nogil=True)
def _advance(
    buyers: Buyers, numbers: Numbers, own: _Seen, who: int, day: int, position: int, alive: Float64
) -> int:
    """Take the chances of being alive in each class over one day; return the position of the last order.

    What is missing from 1 in ``alive`` is the chance of having dropped out.
    """
    parts = np.zeros(5)
    is_open = _ticket_at(numbers, own, day)[0] < 0.5
    write_parts(buyers, numbers, who, day, _last_late(numbers, own, position, day), is_open, parts)
    dropped = 1.0 - alive.sum()
    drops = drop_chance(numbers.base + parts.sum())
    dropped += drops * alive.sum()
    alive *= 1.0 - drops
    ordered = position + 1 < len(own.orders) and own.orders[position + 1, 0] == day
    for level in range(len(alive)):
        chance = order_chance(numbers, level, day)
        alive[level] *= chance if ordered else 1.0 - chance
    if ordered:
        position += 1
        dropped = 0.0
    alive /= alive.sum() + dropped
    return position


@njit(cache=True, nogil=True)
def _last_late(numbers: Numbers, own: _Seen, position: int, day: int) -> int:
    """Return the day on which an order up to ``position`` was last found late, as known on ``day``."""
    for i in range(position, -1, -1):
        noticed = own.orders[i, 0] + numbers.late_after
        if noticed <= day - numbers.late_days:
            break
        if own.orders[i, 1] == 1 and noticed <= day:
            return int(noticed)
    return _LONG_AGO


@njit(cache=True, nogil=True)
def _ticket_at(numbers: Numbers, own: _Seen, day: int) -> Float64:
    """Return the chances of no ticket, a quick one and a slow one being open on a day, from its age alone."""
    chances = np.zeros(3)
    chances[0] = 1.0
    for i in range(len(own.tickets) - 1, -1, -1):
        age = day - own.tickets[i, 0]
        if age >= 0:
            if own.tickets[i, 1] > day:
                chances[0] = 0.0
                for kind in range(1, 3):
                    chances[kind] = numbers.ticket[0, kind] * numbers.ticket[kind, kind] ** age
                chances /= chances.sum()
            break
    return chances


@njit(cache=True, nogil=True)
def _chance_of_silence(
    buyers: Buyers, numbers: Numbers, own: _Seen, who: int, as_of: int, position: int, alive: Float64
) -> float:
    """Return the chance of no order in (as_of, last order + grace]."""
    silence = 0.0
    fresh = 0
    while fresh <= position and own.orders[position - fresh, 0] + numbers.late_after > as_of:
        fresh += 1
    known = _last_late(numbers, own, position, as_of)
    for pattern in range(2**fresh):
        weight = 1.0
        late = np.zeros(fresh, np.bool_)
        for i in range(fresh):
            late[i] = (pattern >> i) & 1
            weight *= numbers.late_share if late[i] else 1.0 - numbers.late_share
        mass = np.outer(alive, _ticket_at(numbers, own, as_of))
        silence += weight * (1.0 - _orders(buyers, numbers, own, who, as_of, position, known, late, mass))
    return silence


@njit(cache=True, nogil=True)
def _orders(
    buyers: Buyers,
    numbers: Numbers,
    own: _Seen,
    who: int,
    as_of: int,
    position: int,
    known_late: int,
    late: np.ndarray,
    mass: Float64,
) -> float:
    """Return the chance of an order in (as_of, last order + grace], if ``late`` fresh orders turn out late.

    ``mass``, shape (n_levels, 3), is the chance of each class and state of the ticket at as_of, alive.
    """
    parts = np.zeros(5)
    total = 0.0
    last_late = known_late
    for day in range(as_of + 1, own.orders[position, 0] + numbers.grace + 1):
        for i in range(len(late)):
            if late[i] and own.orders[position - i, 0] + numbers.late_after == day:
                last_late = day
        write_parts(buyers, numbers, who, day, last_late, 0, parts)
        calm = drop_chance(numbers.base + parts.sum())
        pressed = drop_chance(numbers.base + parts.sum() + numbers.ticket_effect)
        for level in range(len(mass)):
            none, quick, slow = mass[level, 0], mass[level, 1], mass[level, 2]
            chance = order_chance(numbers, level, day)
            left = 0.0
            for kind in range(3):
                now = (
                    none * numbers.ticket[0, kind]
                    + quick * numbers.ticket[1, kind]
                    + slow * numbers.ticket[2, kind]
                ) * (1.0 - (calm if kind == 0 else pressed))
                left += now * chance
                mass[level, kind] = now * (1.0 - chance)
            total += left
    return total


@njit(cache=True, nogil=True)
def _write_shares(
    buyers: Buyers, numbers: Numbers, own: _Seen, who: int, as_of: int, position: int, shares: Float64
) -> None:
    """Write by how much each cause raises the log hazard summed over (last order, last order + grace]."""
    total, without = 0.0, np.zeros(5)
    parts = np.zeros(5)
    ticket = _ticket_at(numbers, own, as_of)
    last = own.orders[position, 0]
    for day in range(last + 1, last + numbers.grace + 1):
        if day > as_of:
            ticket = ticket @ numbers.ticket
            is_open = 1.0 - ticket[0]
        else:
            is_open = 1.0 - _ticket_at(numbers, own, day)[0]
        write_parts(buyers, numbers, who, day, _last_late(numbers, own, position, min(day, as_of)), 0, parts)
        factors = np.exp(parts)
        factors[1] = 1.0 + is_open * (np.exp(numbers.ticket_effect) - 1.0)
        if last + numbers.late_after > as_of and last + numbers.late_after <= day:
            factors[0] = 1.0 + numbers.late_share * (np.exp(numbers.late_effect) - 1.0)
        hazard = factors.prod()
        total += hazard
        without += hazard / factors
    shares[:] = np.log(total) - np.log(without)
