"""Every number of the synthetic gym, and the form in which compiled code takes them.

In: nothing but a :class:`GymWorld`, whose defaults are the gym of the demo. Out: :class:`Numbers`, arrays by
plan, way of paying, channel and class; and :func:`leave_probability`, the hazard itself, which the simulation
and the oracle share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from lapse.schema import Float64, Int32, Int64

PLANS: tuple[str, ...] = ("flex", "plus", "annual")
CHANNELS: tuple[str, ...] = ("walk_in", "referral", "web", "deal_site")
REGIONS: tuple[str, ...] = ("north", "south", "east", "west")
ENDED_BY: tuple[str, ...] = ("cancelled", "payment_failed", "moved")
PLANTED: tuple[str, ...] = ("price", "complaint", "visits", "channel", "tenure")

LONGEST_DELAY = 13
"""Days after the end of a term at which the next one still starts; shorter than the grace."""


class Members(NamedTuple):
    """What is fixed when a member joins; one entry a member.

    ``joined`` is a day number; ``plan``, ``channel`` and ``region`` index the names of this module;
    ``auto`` is 1 where the term renews by itself; ``level`` is the hidden class of visiting, 0 the
    lightest.
    """

    joined: Int32
    plan: Int64
    auto: Int64
    channel: Int64
    region: Int64
    level: Int64


class Numbers(NamedTuple):
    """The world in arrays: by plan, by ``auto``, by channel, by class; see :class:`GymWorld`."""

    grace: int
    length: Int64
    notice: Int64
    lead: Int64
    plan_effect: Float64
    rises: Float64
    rise_pmf: Float64
    carry: Float64
    rise_effect: float
    complaint_effect: float
    fading_effect: float
    tenure_effect: float
    level_effect: Float64
    channel_effect: Float64
    forced: Float64
    failed_share: Float64
    delay_pmf: Float64
    visit_rate: Float64
    habit: Float64
    complaint: Float64
    upload_pmf: Float64


@dataclass(frozen=True)
class GymWorld:
    """The planted truth of a gym; log-odds unless said otherwise, lengths in days.

    Attributes
    ----------
    plan_effect : log-odds of leaving at the end of a term, by plan, all else at zero.
    rise_effect : times the relative price rise announced before the end of the term.
    carry : share of that effect that is left at the next decision, by plan.
    rises, rise_shares : relative rises, and the chance of each a term, by plan.
    complaint_effect, fading_effect : of a complaint open, of a habit fading, on the day of the decision.
    tenure_effect : a doubling of the time since joining.
    visit_rates : visits in 30 days by class, while the habit is active.
    fading_factor : what is left of them while it fades.
    fades, recovers, opens, closes_quickly, closes_slowly : chances a day.
    booking_lead : days before its start on which a term that renews by itself is booked.
    payment_fails, payment_lost, moves, starts_late : chances a renewal.
    upload_delays : chances that a visit is known 0, 1, 2 days later.
    """

    grace: int = 14
    plan_shares: tuple[float, ...] = (0.6, 0.28, 0.12)
    prices: tuple[float, ...] = (29.0, 45.0, 290.0)
    auto_share: float = 0.7
    channel_shares: tuple[float, ...] = (0.35, 0.2, 0.25, 0.2)
    plan_effect: tuple[float, ...] = (-2.8, -3.1, -1.6)
    channel_effect: tuple[float, ...] = (0.0, -0.6, 0.1, 0.9)
    rises: tuple[float, ...] = (0.0, 0.15, 0.30)
    rise_shares: tuple[tuple[float, ...], ...] = (
        (0.92, 0.04, 0.04),
        (0.92, 0.04, 0.04),
        (0.5, 0.25, 0.25),
    )
    rise_effect: float = 10.0
    carry: tuple[float, ...] = (0.0, 0.0, 0.0)
    complaint_effect: float = 2.2
    fading_effect: float = 2.4
    tenure_effect: float = -0.2
    visit_rates: tuple[float, ...] = (9.0, 13.0, 19.0)
    class_shares: tuple[float, ...] = (0.3, 0.45, 0.25)
    class_effect: tuple[float, ...] = (0.2, 0.0, -0.2)
    fading_factor: float = 0.05
    fades: float = 1 / 250
    recovers: float = 1 / 120
    opens: float = 1 / 300
    slow_share: float = 0.5
    closes_quickly: float = 1 / 5
    closes_slowly: float = 1 / 90
    lengths: tuple[int, ...] = (30, 30, 365)
    notices: tuple[int, ...] = (21, 21, 45)
    booking_lead: int = 0
    payment_fails: float = 0.03
    payment_lost: float = 0.5
    moves: float = 0.003
    starts_late: float = 0.08
    upload_delays: tuple[float, ...] = (0.95, 0.03, 0.02)

    def numbers(self) -> Numbers:
        """Return the world as arrays."""
        stays = 1.0 - self.moves
        lost = self.payment_fails * self.payment_lost
        forced = np.array([self.moves, self.moves + stays * lost])
        late = self.payment_fails * (1 - self.payment_lost) / (1 - lost)
        slow, opens = self.slow_share, self.opens
        return Numbers(
            grace=self.grace,
            length=np.array(self.lengths),
            notice=np.array(self.notices),
            lead=np.array([0, self.booking_lead]),
            plan_effect=np.array(self.plan_effect),
            rises=np.array(self.rises),
            rise_pmf=np.array(self.rise_shares),
            carry=np.array(self.carry),
            rise_effect=self.rise_effect,
            complaint_effect=self.complaint_effect,
            fading_effect=self.fading_effect,
            tenure_effect=self.tenure_effect,
            level_effect=np.array(self.class_effect),
            channel_effect=np.array(self.channel_effect),
            forced=forced,
            failed_share=np.array([0.0, stays * lost / forced[1]]),
            delay_pmf=np.array([_delays(self.starts_late), _delays(late)]),
            visit_rate=np.outer(self.visit_rates, (1.0, self.fading_factor)) / 30.0,
            habit=np.array([[1 - self.fades, self.fades], [self.recovers, 1 - self.recovers]]),
            complaint=np.array(
                [
                    [1 - opens, opens * (1 - slow), opens * slow],
                    [self.closes_quickly, 1 - self.closes_quickly, 0.0],
                    [self.closes_slowly, 0.0, 1 - self.closes_slowly],
                ]
            ),
            upload_pmf=np.array(self.upload_delays),
        )


def _delays(late: float) -> Float64:
    """Return the chances of starting 0, 1, ... LONGEST_DELAY days after the end of the last term."""
    return np.array([1.0 - late, *[late / LONGEST_DELAY] * LONGEST_DELAY])


@njit(cache=True, nogil=True)
def leave_probability(
    numbers: Numbers,
    plan: int,
    channel: int,
    level: int,
    rise: int,
    rise_before: int,
    is_open: int,
    fading: int,
    tenure_days: int,
) -> float:
    """Return the chance that a member decides to leave at the end of a term.

    Parameters
    ----------
    numbers : Numbers
    plan, channel, level : int
        As in :class:`Members`.
    rise, rise_before : int
        Index of the rise announced for the next term, and of that of the term before.
    is_open, fading : int
        1 where a complaint is open, where the habit fades, on the day of the decision.
    tenure_days : int
        Days from joining to the decision.
    """
    log_odds = (
        numbers.plan_effect[plan]
        + numbers.channel_effect[channel]
        + numbers.level_effect[level]
        + numbers.rise_effect * (numbers.rises[rise] + numbers.carry[plan] * numbers.rises[rise_before])
        + numbers.complaint_effect * is_open
        + numbers.fading_effect * fading
        + tenure_part(numbers, tenure_days)
    )
    return float(1.0 / (1.0 + np.exp(-log_odds)))


@njit(cache=True, nogil=True)
def tenure_part(numbers: Numbers, tenure_days: int) -> float:
    """Return what the time since joining adds to the log-odds of leaving."""
    return float(numbers.tenure_effect * np.log2(tenure_days / 180.0))


@njit(cache=True, nogil=True)
def draw(pmf: Float64, uniform: float) -> int:
    """Return the index that a uniform number in [0, 1) picks from chances that add up to 1."""
    total = 0.0
    for i in range(len(pmf) - 1):
        total += pmf[i]
        if uniform < total:
            return i
    return len(pmf) - 1
