"""What a perfect forecaster of the synthetic gym would say.

In: what the gym's tables show by the end of the day as_of (terms known by then, visits uploaded by then,
tickets and letters so far, what is fixed about the member) and the true numbers of the world. Out: the exact
probability that the member lapses in the horizon, given precisely that and nothing else.

Hidden are a member's class, whether the habit fades, and whether an open complaint is of the slow kind. The
oracle holds their exact posterior (a forward filter of a hidden Markov chain, day by day: Rabiner 1989,
sec. III) and carries it on to every decision in the horizon. So no model that sees the same tables can have
a lower expected log loss. Three things make the filter exact: visits of the last days count with the share
of them that has been uploaded; a renewal is evidence about the habit; and in the grace, so is its absence
so far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit

from lapse.schema import Float64, Int32, Int64
from lapse.synth.gym_belief import Ahead, Seen, advance, carry_on, who_stays
from lapse.synth.gym_world import PLANTED, GymWorld, Members, Numbers, tenure_part
from lapse.synth.truth import AsOf, Truth, main_cause, offsets_of, to_times

_LAG = 2
"""Days after which every visit has been uploaded."""

_LONGEST = 400
"""Days to the furthest next decision."""


@dataclass(frozen=True)
class GymTruth(Truth):
    """The truth about a synthetic gym.

    Attributes
    ----------
    world : GymWorld
    members : Members
    terms, visits, tickets : int32, shape (n, 4)
        As :func:`lapse.synth.gym.make_gym` simulated them.
    booked, announced : int32, shape (n_terms,)
        Day on which the term was booked; index of the rise announced for the one after it.
    """

    world: GymWorld
    members: Members
    terms: Int32
    booked: Int32
    announced: Int32
    visits: Int32
    tickets: Int32

    def probability(self, as_of: AsOf, horizon: int) -> pd.DataFrame:
        """Return the oracle's probability of a lapse in (as_of, as_of + horizon], for all at risk.

        Parameters
        ----------
        as_of : date or sequence of date
        horizon : int
            Days.

        Returns
        -------
        DataFrame
            customer_id, as_of, probability; sorted by both.
        """
        customer, day, _ = self._snapshots(as_of)
        found, _, _ = self._walk(customer, day, horizon)
        return self._frame(customer, day).assign(probability=found)

    def causes(self, as_of: AsOf) -> pd.DataFrame:
        """Return what drives the next decision of everybody at risk.

        Returns
        -------
        DataFrame
            customer_id, as_of; one column a cause of :data:`~lapse.synth.gym_world.PLANTED`, its expected
            part of the log-odds of leaving less the average over the members of the same plan at risk on
            that date; ``main_cause``, the largest; ``decides_on``, the day of the decision (past in the
            grace).
        """
        customer, day, _ = self._snapshots(as_of)
        _, parts, decision = self._walk(customer, day, 0)
        named = {name: parts[:, i] for i, name in enumerate(PLANTED)}
        relative = main_cause(named, [day, self.members.plan[customer]])
        return pd.concat([self._frame(customer, day), relative], axis=1).assign(decides_on=to_times(decision))

    def _walk(self, customer: Int32, day: Int32, horizon: int) -> tuple[Float64, Float64, Int32]:
        numbers = self.world.numbers()
        n = len(self.customer_id)
        found, parts, decision = _all_members(
            self.members,
            numbers,
            np.asarray(self.world.class_shares),
            Ahead(_powers(numbers.habit, horizon), _powers(numbers.complaint, horizon)),
            Seen(
                np.column_stack([self.terms[:, 1:], self.announced]),
                self.booked,
                self.visits[:, 1:3],
                self.tickets[:, 1:3],
            ),
            (
                offsets_of(self.terms[:, 0], n),
                offsets_of(self.visits[:, 0], n),
                offsets_of(self.tickets[:, 0], n),
            ),
            customer,
            day,
            horizon,
        )
        return found, parts, decision


def _powers(matrix: Float64, horizon: int) -> Float64:
    powers = [np.eye(len(matrix))]
    for _ in range(max(horizon, _LONGEST)):
        powers.append(powers[-1] @ matrix)
    return np.array(powers)


@njit(cache=True, nogil=True)
def _all_members(
    members: Members,
    numbers: Numbers,
    prior: Float64,
    ahead: Ahead,
    seen: Seen,
    offsets: tuple[Int64, Int64, Int64],
    customer: Int32,
    as_of: Int32,
    horizon: int,
) -> tuple[Float64, Float64, Int32]:
    """Filter every member up to each as_of, then look ahead; snapshots are sorted by (customer, as_of)."""
    found = np.zeros(len(customer))
    parts = np.zeros((len(customer), 5))
    decision = np.zeros(len(customer), np.int32)
    row = 0
    while row < len(customer):
        who = customer[row]
        own = Seen(
            seen.terms[offsets[0][who] : offsets[0][who + 1]],
            seen.booked[offsets[0][who] : offsets[0][who + 1]],
            seen.visits[offsets[1][who] : offsets[1][who + 1]],
            seen.tickets[offsets[2][who] : offsets[2][who + 1]],
        )
        # belief[0]: the next term will come; belief[1]: it will not; belief[2]: as the decision found it
        belief = np.zeros((3, len(prior), 2, 3))
        position = np.zeros(3, np.int64)  # the latest term, whether its decision is past, the next visit
        day = members.joined[who]
        while row < len(customer) and customer[row] == who:
            while day <= as_of[row] - _LAG:
                advance(members, numbers, prior, ahead, own, who, day, day + _LAG, belief, position)
                day += 1
            now, place = belief.copy(), position.copy()
            for recent in range(day, as_of[row] + 1):
                advance(members, numbers, prior, ahead, own, who, recent, as_of[row], now, place)
            found[row], decision[row] = _look_ahead(
                members, numbers, ahead, own, who, as_of[row], horizon, now, place, parts[row]
            )
            row += 1
    return found, parts, decision


@njit(cache=True, nogil=True)
def _look_ahead(
    members: Members,
    numbers: Numbers,
    ahead: Ahead,
    own: Seen,
    who: int,
    as_of: int,
    horizon: int,
    belief: Float64,
    position: Int64,
    parts: Float64,
) -> tuple[float, int]:
    """Return the chance of a lapse and the day of the next decision; write the parts of its log-odds."""
    plan, auto = members.plan[who], members.auto[who]
    end, before, announced = own.terms[position[0], 1], own.terms[position[0], 2], own.terms[position[0], 3]
    decision = end - numbers.lead[auto]
    rise_pmf = numbers.rise_pmf[plan]
    if as_of >= end - numbers.notice[plan]:
        rise_pmf = np.zeros(len(numbers.rises))
        rise_pmf[announced] = 1.0
    # coming[o, r]: mass that decides on the day as_of + o, in a term whose price carries the rise r
    coming = np.zeros((horizon + 1, len(numbers.rises), *belief.shape[1:]))
    furthest = as_of + horizon - numbers.grace
    lapsed = 0.0
    if position[1] == 1:
        _write_parts(members, numbers, who, decision, rise_pmf, before, belief[2] / belief[2].sum(), parts)
        first = max(as_of - end, 0) + 1
        delay_pmf = numbers.delay_pmf[auto]
        total = belief[1].sum() + belief[0].sum() * delay_pmf[first:].sum()
        if end <= furthest:
            lapsed = belief[1].sum() / total
        for delay in range(first, len(delay_pmf)):
            next_end = end + delay + numbers.length[plan]
            if next_end <= furthest:
                offset = next_end - numbers.lead[auto] - as_of
                coming[offset, announced] += carry_on(belief[0], ahead, offset) * delay_pmf[delay] / total
        decision = -1
    else:
        mass = carry_on(belief[0], ahead, decision - as_of)
        _write_parts(members, numbers, who, decision, rise_pmf, before, mass, parts)
        if end <= furthest:
            coming[decision - as_of, before] = mass
    for offset in range(horizon + 1):
        if coming[offset].sum() > 0.0:
            pmf = rise_pmf if as_of + offset == decision else numbers.rise_pmf[plan]
            lapsed += _decide_all(members, numbers, ahead, who, as_of, offset, furthest, pmf, coming)
    return lapsed, end - numbers.lead[auto]


@njit(cache=True, nogil=True)
def _decide_all(
    members: Members,
    numbers: Numbers,
    ahead: Ahead,
    who: int,
    as_of: int,
    offset: int,
    furthest: int,
    rise_pmf: Float64,
    coming: Float64,
) -> float:
    """Return how much of the mass that decides on ``as_of + offset`` leaves; move the rest onwards."""
    plan, auto = members.plan[who], members.auto[who]
    leaving = float(coming[offset].sum())
    for rise in range(len(rise_pmf)):
        staying = np.zeros(coming.shape[2:])
        if rise_pmf[rise] == 0.0:
            continue
        for before in range(len(rise_pmf)):
            if coming[offset, before].sum() > 0.0:
                staying += rise_pmf[rise] * who_stays(
                    members, numbers, who, as_of + offset, rise, before, coming[offset, before]
                )
        leaving -= staying.sum()
        for delay in range(len(numbers.delay_pmf[auto])):
            days = delay + numbers.length[plan]
            if as_of + offset + numbers.lead[auto] + days <= furthest:
                coming[offset + days, rise] += carry_on(staying, ahead, days) * numbers.delay_pmf[auto, delay]
    return leaving


@njit(cache=True, nogil=True)
def _write_parts(
    members: Members,
    numbers: Numbers,
    who: int,
    day: int,
    rise_pmf: Float64,
    before: int,
    mass: Float64,
    parts: Float64,
) -> None:
    """Write the expected parts of the log-odds of leaving on ``day``, as PLANTED names them."""
    plan = members.plan[who]
    parts[0] = numbers.rise_effect * (
        (rise_pmf * numbers.rises).sum() + numbers.carry[plan] * numbers.rises[before]
    )
    parts[1] = numbers.complaint_effect * mass[:, :, 1:].sum()
    parts[2] = numbers.fading_effect * mass[:, 1].sum()
    for level in range(len(mass)):
        parts[2] += numbers.level_effect[level] * mass[level].sum()
    parts[3] = numbers.channel_effect[members.channel[who]]
    parts[4] = tenure_part(numbers, day - members.joined[who])
