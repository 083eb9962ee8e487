"""What the synthetic gym's oracle believes about one member's hidden state, carried from day to day.

In: the member's rows and the true numbers of the world. Out: the mass of every hidden state (class of
visiting, habit, kind of the open complaint), after each day's visits, tickets and decision. See
:mod:`lapse.synth.gym_oracle`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lapse.schema import Float64, Int32, Int64
from lapse.synth.gym_world import Members, Numbers, leave_probability


class Seen(NamedTuple):
    """A member's rows: (start, end, rise carried, announced), day booked, (day, delay), (opened, closed)."""

    terms: Int32
    booked: Int32
    visits: Int32
    tickets: Int32


class Ahead(NamedTuple):
    """Transition chances over 0, 1, ... days, of the habit and of the complaint."""

    habit: Float64
    complaint: Float64


@njit(cache=True, nogil=True)
def advance(
    members: Members,
    numbers: Numbers,
    prior: Float64,
    ahead: Ahead,
    own: Seen,
    who: int,
    day: int,
    known_by: int,
    belief: Float64,
    position: Int64,
) -> None:
    """Take the belief from the day before to the end of ``day``, by what is known at ``known_by``."""
    if day == members.joined[who]:
        belief[0, :, 0, 0] = prior
    else:
        for part in range(2):
            belief[part] = carry_on(belief[part], ahead, 1)
    _see_visits(numbers, own, day, known_by, belief, position)
    is_open = 0
    for i in range(len(own.tickets)):
        if own.tickets[i, 0] <= day < own.tickets[i, 1]:
            is_open = 1
    if is_open == 1:
        belief[:2, :, :, 0] = 0.0
    else:
        belief[:2, :, :, 1:] = 0.0
    term = position[0]
    if position[1] == 0 and day == own.terms[term, 1] - numbers.lead[members.auto[who]]:
        position[1] = 1
        belief[2] = belief[0]
        belief[0] = who_stays(members, numbers, who, day, own.terms[term, 3], own.terms[term, 2], belief[2])
        belief[1] = belief[2] - belief[0]
    if position[1] == 1 and term + 1 < len(own.terms) and own.booked[term + 1] <= day:
        belief[1] = 0.0
        position[0] += 1
        position[1] = 0
    belief[:2] /= belief[:2].sum()


@njit(cache=True, nogil=True)
def _see_visits(
    numbers: Numbers, own: Seen, day: int, known_by: int, belief: Float64, position: Int64
) -> None:
    """Weigh the belief with the visits of one day, as far as they have been uploaded."""
    seen = 0
    while position[2] < len(own.visits) and own.visits[position[2], 0] <= day:
        if own.visits[position[2], 0] + own.visits[position[2], 1] <= known_by:
            seen += 1
        position[2] += 1
    covered = False
    for i in range(max(position[0] - 1, 0), min(position[0] + 2, len(own.terms))):
        covered = covered or own.terms[i, 0] <= day < own.terms[i, 1]
    if not covered:
        return
    share = numbers.upload_pmf[: known_by - day + 1].sum()
    for level in range(belief.shape[1]):
        for fading in range(2):
            rate = numbers.visit_rate[level, fading] * share
            belief[:2, level, fading] *= np.exp(-rate) * rate**seen


@njit(cache=True, nogil=True)
def carry_on(mass: Float64, ahead: Ahead, days: int) -> Float64:
    """Return the mass (n_levels, 2, 3) that the chains of habit and complaint make of it in some days."""
    later = np.zeros_like(mass)
    for level in range(len(mass)):
        for f in range(2):
            for c in range(3):
                if mass[level, f, c] > 0.0:
                    for g in range(2):
                        for e in range(3):
                            later[level, g, e] += (
                                mass[level, f, c] * ahead.habit[days, f, g] * ahead.complaint[days, c, e]
                            )
    return later


@njit(cache=True, nogil=True)
def who_stays(
    members: Members, numbers: Numbers, who: int, day: int, rise: int, rise_before: int, mass: Float64
) -> Float64:
    """Return the part of the mass (n_levels, 2, 3) that decides on ``day`` to take another term, and can."""
    staying = np.zeros_like(mass)
    plan, channel = members.plan[who], members.channel[who]
    tenure_days = day - members.joined[who]
    for level in range(len(mass)):
        for fading in range(2):
            for is_open in range(2):
                leave = leave_probability(
                    numbers, plan, channel, level, rise, rise_before, is_open, fading, tenure_days
                )
                stay = (1.0 - leave) * (1.0 - numbers.forced[members.auto[who]])
                for kind in range(is_open, 1 + 2 * is_open):
                    staying[level, fading, kind] = mass[level, fading, kind] * stay
    return staying
