"""A gym with prepaid terms: the tables that it would have, drawn from a hazard that is known.

In: a :class:`~lapse.synth.gym_world.GymWorld` (every number of the simulation), a number of members and a
seed. Out: a :class:`~lapse.synth.truth.Synthetic` with the tables members, terms, visits, tickets and
price_letters.

Three processes go on from day to day, whatever the member decides: the **habit**, active or fading, a
hidden chain of two states, with Poisson visits at a rate of the member's class, cut down while it fades; a
**complaint**, none or open, closed quickly or slowly; and **price letters**, sent a fixed number of days
before the end of a term, with some chance a term. At the end of every term the member decides, with
log-odds of leaving::

    plan + channel + class + rise * (announced + carry * that of the term before)
         + complaint open + habit fading + tenure * log2(days / 180)

Who decides to stay may still move away, fail to pay, or start late (within the grace). Terms that renew by
themselves are booked some days before they start. Nothing is hidden but the class and the habit, and both
show in the visits, so that an oracle can be exact: :mod:`lapse.synth.gym_oracle`.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numba import njit

from lapse.schema import NEVER, Float64, Int32, to_day
from lapse.synth.growing import follow, push
from lapse.synth.gym_oracle import GymTruth
from lapse.synth.gym_tables import Life, gym_tables
from lapse.synth.gym_world import (
    CHANNELS,
    PLANS,
    REGIONS,
    GymWorld,
    Members,
    Numbers,
    draw,
    leave_probability,
)
from lapse.synth.truth import Ledger, Synthetic


def make_gym(
    n_customers: int = 6_000,
    seed: int = 0,
    *,
    start: date = date(2022, 1, 1),
    observed_until: date = date(2024, 12, 31),
    future_days: int = 5 * 365,
    world: GymWorld | None = None,
) -> Synthetic:
    """Return a gym's tables and their truth.

    Parameters
    ----------
    n_customers : int
        Members who join between ``start`` and ``observed_until``, evenly.
    seed : int
        The same seed gives the same gym.
    start, observed_until : date
        First and last day of the tables.
    future_days : int
        How much further the simulation runs.
    world : GymWorld, optional
        The numbers of the simulation.

    Returns
    -------
    Synthetic
        Tables members, terms, visits, tickets, price_letters: what was known by ``observed_until``. A term
        may be known before it starts, a visit up to two days late. The truth is a
        :class:`~lapse.synth.gym_oracle.GymTruth`.

    Examples
    --------
    >>> gym = make_gym(50, seed=1)
    >>> sorted(gym.tables)
    ['members', 'price_letters', 'terms', 'tickets', 'visits']
    """
    world = world or GymWorld()
    begin, end = to_day(start), to_day(observed_until)
    rng = np.random.default_rng(seed)
    members = _draw_members(n_customers, begin, end, world, rng)
    life = Life(*_simulate(members, world.numbers(), end, end + future_days, rng))
    price = _prices(life, members, world)
    customer_id = np.char.add("M", np.char.zfill(np.arange(1, n_customers + 1).astype(str), 6))
    truth = GymTruth(
        customer_id=customer_id,
        grace=world.grace,
        observed_until=end,
        simulated_until=end + future_days,
        ledger=Ledger(
            cover_customer=life.terms[:, 0],
            cover_day=life.terms[:, 1],
            cover_reach=life.terms[:, 2] + np.int32(world.grace),
            cover_cause=life.bookings[:, 1].astype(np.int8),
            paid_customer=life.terms[:, 0],
            paid_day=life.terms[:, 1],
            paid_amount=price,
        ),
        world=world,
        members=members,
        terms=life.terms,
        booked=life.bookings[:, 0].copy(),
        announced=_announced(life),
        visits=life.visits,
        tickets=life.tickets,
    )
    return Synthetic(gym_tables(members, life, price, customer_id, world, end, rng), truth)


def _draw_members(n: int, begin: int, end: int, world: GymWorld, rng: np.random.Generator) -> Members:
    return Members(
        joined=np.sort(rng.integers(begin, end + 1, n)).astype(np.int32),
        plan=rng.choice(len(PLANS), n, p=world.plan_shares),
        auto=(rng.random(n) < world.auto_share).astype(np.int64),
        channel=rng.choice(len(CHANNELS), n, p=world.channel_shares),
        region=rng.integers(0, len(REGIONS), n),
        level=rng.choice(len(world.visit_rates), n, p=world.class_shares),
    )


@njit(cache=True, nogil=True)
def _simulate(
    members: Members, numbers: Numbers, observed_until: int, until: int, rng: np.random.Generator
) -> tuple[Int32, Int32, Int32, Int32, Int32]:
    terms, bookings = np.empty((1024, 4), np.int32), np.empty((1024, 4), np.int32)
    visits, tickets = np.empty((1024, 4), np.int32), np.empty((1024, 4), np.int32)
    letters = np.empty((1024, 4), np.int32)
    n_terms, n_visits, n_tickets, n_letters = 0, 0, 0, 0
    for who in range(len(members.joined)):
        plan, level, joined = members.plan[who], members.level[who], members.joined[who]
        start, end = joined, joined + numbers.length[plan]
        coming, habit, complaint, rise, rise_before = NEVER, 0, 0, 0, 0
        terms = push(terms, n_terms, who, start, end, 0)
        bookings = push(bookings, n_terms, joined, -1, 0, 0)
        n_terms += 1
        for day in range(joined, until + 1):
            if day > joined:
                habit = draw(numbers.habit[habit], rng.random())
                before = complaint
                complaint = draw(numbers.complaint[complaint], rng.random())
                tickets, n_tickets = follow(tickets, n_tickets, who, day, before, complaint)
            if day == end - numbers.notice[plan]:
                rise = draw(numbers.rise_pmf[plan], rng.random())
                if rise > 0:
                    letters = push(letters, n_letters, who, day, rise, n_terms - 1)
                    n_letters += 1
            if day == end - numbers.lead[members.auto[who]]:
                decision = _decide(members, numbers, who, day, rise, rise_before, complaint > 0, habit, rng)
                if decision < 0:
                    bookings[n_terms - 1, 1] = -1 - decision
                else:
                    coming = end + decision
                    terms = push(terms, n_terms, who, coming, coming + numbers.length[plan], rise)
                    bookings = push(bookings, n_terms, day if decision == 0 else coming, -1, 0, 0)
                    n_terms += 1
            if day == coming:
                start, end, coming = day, day + numbers.length[plan], NEVER
                rise_before, rise = rise, 0
            if start <= day < end and day <= observed_until:
                for _ in range(rng.poisson(numbers.visit_rate[level, habit])):
                    visits = push(visits, n_visits, who, day, draw(numbers.upload_pmf, rng.random()), 0)
                    n_visits += 1
            if coming == NEVER and day >= end + numbers.grace:
                break
    return terms[:n_terms], bookings[:n_terms], visits[:n_visits], tickets[:n_tickets], letters[:n_letters]


@njit(cache=True, nogil=True)
def _decide(
    members: Members,
    numbers: Numbers,
    who: int,
    day: int,
    rise: int,
    rise_before: int,
    is_open: int,
    fading: int,
    rng: np.random.Generator,
) -> int:
    """Return how many days after the end the next term starts, or ``-1 - cause`` where there is none."""
    auto = members.auto[who]
    leave = leave_probability(
        numbers,
        members.plan[who],
        members.channel[who],
        members.level[who],
        rise,
        rise_before,
        is_open,
        fading,
        day - members.joined[who],
    )
    if rng.random() < leave:
        return -1
    if rng.random() < numbers.forced[auto]:
        return -2 if rng.random() < numbers.failed_share[auto] else -3
    return int(draw(numbers.delay_pmf[auto], rng.random()))


def _announced(life: Life) -> Int32:
    """Return the rise that was announced for the end of every term."""
    announced = np.zeros(len(life.terms), np.int32)
    announced[life.letters[:, 3]] = life.letters[:, 2]
    return announced


def _prices(life: Life, members: Members, world: GymWorld) -> Float64:
    """Return the price of every term: the plan's, and every rise since joining."""
    who = life.terms[:, 0]
    risen = pd.Series(1.0 + np.asarray(world.rises)[life.terms[:, 3]]).groupby(who).cumprod().to_numpy()
    return np.round(np.asarray(world.prices)[members.plan[who]] * risen, 2)
