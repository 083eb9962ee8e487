"""A shop without contracts: the tables that it would have, drawn from a hazard that is known.

In: a :class:`~lapse.synth.shop_world.ShopWorld` (every number of the simulation), a number of customers and
a seed. Out: a :class:`~lapse.synth.truth.Synthetic` with the tables customers, orders, late_deliveries,
tickets, discounts and refunds.

A customer orders at most once a day, with the chance of a hidden class (a gamma in equal shares) times a mild
season, until dropping out, which nobody sees. The hazard a day of dropping out is::

    exp(base + late delivery in the last days + a ticket open + a discount just ended + channel + being new)

Late deliveries follow orders, tickets are opened at a constant rate while the customer is one (an order in
the last ``grace`` days), welcome discounts begin with the first order. Returns (refunds) follow orders too,
are known some days late, and drive nothing; nor do amounts, which are heavy-tailed, or categories. Who is
slow may lapse under the one rule without having dropped out, and come back. :mod:`lapse.synth.shop_oracle`
is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from lapse.schema import NEVER, Float64, Int32, Int64, to_day
from lapse.synth.growing import follow, push
from lapse.synth.gym_world import draw
from lapse.synth.shop_oracle import ShopTruth
from lapse.synth.shop_world import (
    CATEGORIES,
    CHANNELS,
    Buyers,
    Numbers,
    ShopWorld,
    drop_chance,
    order_chance,
    write_parts,
)
from lapse.synth.truth import Ledger, Synthetic, to_times


@dataclass(frozen=True)
class _Baskets:
    """What is in the orders, one entry an order; ``refund_day`` is NEVER where none is returned."""

    amount: Float64
    category: npt.NDArray[np.int64]
    refund: Float64
    refund_day: Int32
    refund_known: Int32


def make_shop(
    n_customers: int = 6_000,
    seed: int = 0,
    *,
    start: date = date(2022, 1, 1),
    observed_until: date = date(2024, 12, 31),
    future_days: int = 5 * 365,
    world: ShopWorld | None = None,
) -> Synthetic:
    """Return a shop's tables and their truth.

    Parameters
    ----------
    n_customers : int
        Customers whose first order lies between ``start`` and ``observed_until``, evenly.
    seed : int
        The same seed gives the same shop.
    start, observed_until : date
        First and last day of the tables.
    future_days : int
        How much further the simulation runs.
    world : ShopWorld, optional
        The numbers of the simulation.

    Returns
    -------
    Synthetic
        Tables customers, orders, late_deliveries, tickets, discounts, refunds: what was known by
        ``observed_until``. The truth is a :class:`~lapse.synth.shop_oracle.ShopTruth`.

    Examples
    --------
    >>> shop = make_shop(50, seed=1)
    >>> sorted(shop.tables)
    ['customers', 'discounts', 'late_deliveries', 'orders', 'refunds', 'tickets']
    """
    world = world or ShopWorld()
    begin, end = to_day(start), to_day(observed_until)
    rng = np.random.default_rng(seed)
    numbers = world.numbers()
    buyers = _draw_buyers(n_customers, begin, end, world, rng)
    orders, tickets = _simulate(buyers, numbers, end + future_days, rng)
    baskets = _draw_baskets(orders, n_customers, rng)
    returned = baskets.refund_day < NEVER
    customer_id = np.arange(10_001, 10_001 + n_customers)
    paid_day = np.concatenate([orders[:, 1], baskets.refund_day[returned]])
    truth = ShopTruth(
        customer_id=customer_id,
        grace=world.grace,
        observed_until=end,
        simulated_until=end + future_days,
        ledger=Ledger(
            cover_customer=orders[:, 0],
            cover_day=orders[:, 1],
            cover_reach=orders[:, 1] + np.int32(world.grace),
            cover_cause=np.full(len(orders), -1, np.int8),
            paid_customer=np.concatenate([orders[:, 0], orders[returned, 0]]),
            paid_day=paid_day,
            paid_amount=np.concatenate([baskets.amount, baskets.refund[returned]]),
        ),
        world=world,
        buyers=buyers,
        orders=orders,
        tickets=tickets,
    )
    return Synthetic(_tables(buyers, orders, tickets, baskets, customer_id, end, numbers, rng), truth)


def _draw_buyers(n: int, begin: int, end: int, world: ShopWorld, rng: np.random.Generator) -> Buyers:
    joined = np.sort(rng.integers(begin, end + 1, n)).astype(np.int32)
    has_discount = rng.random(n) < world.discount_share
    return Buyers(
        joined=joined,
        channel=rng.choice(len(CHANNELS), n, p=world.channel_shares),
        discount_end=np.where(has_discount, joined + world.discount_length, -1).astype(np.int64),
        level=rng.integers(0, world.classes, n),
    )


@njit(cache=True, nogil=True)
def _simulate(buyers: Buyers, numbers: Numbers, until: int, rng: np.random.Generator) -> tuple[Int32, Int32]:
    """Return orders (customer, day, whether late, 0) and tickets (customer, opened, closed, speed)."""
    orders, tickets = np.empty((1024, 4), np.int32), np.empty((1024, 4), np.int32)
    parts = np.zeros(5)
    n_orders, n_tickets = 0, 0
    for who in range(len(buyers.joined)):
        joined = buyers.joined[who]
        alive, ticket, last, last_late = True, 0, joined, -NEVER // 2
        for day in range(joined, until + 1):
            before = ticket
            if day > joined and (ticket > 0 or day - last <= numbers.grace):
                ticket = draw(numbers.ticket[ticket], rng.random())
            tickets, n_tickets = follow(tickets, n_tickets, who, day, before, ticket)
            for i in range(n_orders - 1, max(n_orders - 1 - numbers.late_after, -1), -1):
                if orders[i, 0] == who and orders[i, 1] + numbers.late_after == day and orders[i, 2] == 1:
                    last_late = day
            if alive and day > joined:
                write_parts(buyers, numbers, who, day, last_late, ticket > 0, parts)
                alive = rng.random() >= drop_chance(numbers.base + parts.sum())
            if day == joined or (alive and rng.random() < order_chance(numbers, buyers.level[who], day)):
                orders = push(orders, n_orders, who, day, rng.random() < numbers.late_share, 0)
                n_orders += 1
                last = day
            if not alive and ticket == 0 and day - last > numbers.grace:
                break
    return orders[:n_orders], tickets[:n_tickets]


def _draw_baskets(orders: Int32, n_customers: int, rng: np.random.Generator) -> _Baskets:
    """Draw amounts, categories and returns; a customer has a level of spending and a favourite."""
    n = len(orders)
    level = rng.normal(0.0, 0.35, n_customers)[orders[:, 0]]
    favourite = rng.integers(0, len(CATEGORIES), n_customers)[orders[:, 0]]
    category = np.where(rng.random(n) < 0.5, favourite, rng.integers(0, len(CATEGORIES), n))
    amount = np.round(np.exp(3.4 + 0.08 * category + level + rng.normal(0.0, 0.7, n)), 2)
    returned = rng.random(n) < np.where(orders[:, 2] == 1, 0.15, 0.05)
    share = np.where(rng.random(n) < 0.7, 1.0, rng.uniform(0.2, 0.9, n))
    back = orders[:, 1] + rng.integers(5, 21, n)
    return _Baskets(
        amount=amount.astype(np.float64),
        category=category,
        refund=np.round(-amount * share, 2).astype(np.float64),
        refund_day=np.where(returned, back, NEVER).astype(np.int32),
        refund_known=np.where(returned, back + rng.integers(0, 6, n), NEVER).astype(np.int32),
    )


def _tables(
    buyers: Buyers,
    orders: Int32,
    tickets: Int32,
    baskets: _Baskets,
    customer_id: Int64,
    until: int,
    numbers: Numbers,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Return what was known at the end of the day ``until``, as tables."""
    second = rng.integers(7 * 3600, 23 * 3600, len(orders))
    frame = pd.DataFrame(
        {
            "customer_no": customer_id[orders[:, 0]],
            "ordered_at": to_times(orders[:, 1], second),
            "amount": baskets.amount,
            "category": np.asarray(CATEGORIES)[baskets.category],
        }
    )
    return {
        "customers": pd.DataFrame(
            {
                "customer_no": customer_id,
                "first_ordered_on": to_times(buyers.joined),
                "channel": np.asarray(CHANNELS)[buyers.channel],
            }
        ),
        "orders": frame[orders[:, 1] <= until].reset_index(drop=True),
        "late_deliveries": _late_table(orders, customer_id, until, numbers),
        "tickets": _tickets_table(tickets, customer_id, until, rng),
        "discounts": _discounts_table(buyers, customer_id),
        "refunds": _refunds_table(orders, baskets, customer_id, until),
    }


def _late_table(orders: Int32, customer_id: Int64, until: int, numbers: Numbers) -> pd.DataFrame:
    late = orders[(orders[:, 2] == 1) & (orders[:, 1] + numbers.late_after <= until)]
    return pd.DataFrame(
        {
            "customer_no": customer_id[late[:, 0]],
            "noticed_at": to_times(late[:, 1] + numbers.late_after, 18 * 3600),
        }
    )


def _tickets_table(tickets: Int32, customer_id: Int64, until: int, rng: np.random.Generator) -> pd.DataFrame:
    who, opened, closed, _ = tickets[tickets[:, 1] <= until].T
    still_open = closed > until
    return pd.DataFrame(
        {
            "customer_no": customer_id[who],
            "opened_at": to_times(opened, rng.integers(8 * 3600, 20 * 3600, len(who))),
            "answered_at": to_times(np.where(still_open, 0, closed), 21 * 3600, missing=still_open),
        }
    )


def _discounts_table(buyers: Buyers, customer_id: Int64) -> pd.DataFrame:
    has = buyers.discount_end >= 0
    return pd.DataFrame(
        {
            "customer_no": customer_id[has],
            "starts_on": to_times(buyers.joined[has]),
            "ends_on": to_times(buyers.discount_end[has]),
            "granted_on": to_times(buyers.joined[has]),
        }
    )


def _refunds_table(orders: Int32, baskets: _Baskets, customer_id: Int64, until: int) -> pd.DataFrame:
    known = baskets.refund_known <= until
    return pd.DataFrame(
        {
            "customer_no": customer_id[orders[known, 0]],
            "returned_on": to_times(baskets.refund_day[known]),
            "booked_at": to_times(baskets.refund_known[known], 12 * 3600),
            "amount": baskets.refund[known],
        }
    )
