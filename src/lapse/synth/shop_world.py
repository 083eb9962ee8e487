"""Every number of the synthetic shop, and the form in which compiled code takes them.

In: nothing but a :class:`ShopWorld`, whose defaults are the shop of the demo. Out: :class:`Numbers`; and
:func:`write_parts` and :func:`drop_chance`, the hazard itself, which the simulation and the oracle share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy import stats

from lapse.schema import Float64, Int32, Int64

CHANNELS: tuple[str, ...] = ("organic", "referral", "search_ad", "marketplace")
CATEGORIES: tuple[str, ...] = ("home", "garden", "kitchen", "toys", "books", "outdoor")
PLANTED: tuple[str, ...] = ("late_delivery", "ticket", "discount", "channel", "novelty")


class Buyers(NamedTuple):
    """What is fixed when a customer first orders; one entry a customer.

    ``joined`` is the day of the first order; ``channel`` indexes the names of this module; ``discount_end``
    is the day on which the welcome discount has run out, -1 without one; ``level`` is the hidden class of
    ordering.
    """

    joined: Int32
    channel: Int64
    discount_end: Int64
    level: Int64


class Numbers(NamedTuple):
    """The world in arrays; see :class:`ShopWorld`."""

    grace: int
    rate: Float64
    season: Float64
    base: float
    late_share: float
    late_after: int
    late_effect: float
    late_days: int
    ticket_effect: float
    discount_effect: float
    discount_days: int
    channel_effect: Float64
    new_effect: float
    new_days: int
    ticket: Float64


@dataclass(frozen=True)
class ShopWorld:
    """The planted truth of a shop; effects on the log of the hazard a day, lengths in days.

    Attributes
    ----------
    mean_rate, rate_shape, classes : orders a day of a customer who has not dropped out: gamma, in equal
    shares. season : relative swing of all rates over the year, highest in December. hazard : chance a day
    of dropping out, all effects at zero; who has dropped out never orders again. late_share, late_after :
    share of orders delivered late, and the days after which an order is late. late_effect, late_days :
    effect of a late delivery, for so many days. ticket_effect : while a ticket is open (answered quickly,
    or left lying). discount_share, discount_length : welcome discounts. discount_effect, discount_days :
    effect of its end, for so many days. channel_effect : by channel of the first order. new_effect,
    new_days : effect of being new.
    """

    grace: int = 60
    mean_rate: float = 0.035
    rate_shape: float = 40.0
    classes: int = 5
    season: float = 0.08
    hazard: float = 1 / 500
    late_share: float = 0.06
    late_after: int = 3
    late_effect: float = 2.3
    late_days: int = 30
    ticket_opens: float = 1 / 250
    slow_share: float = 0.4
    answered_quickly: float = 1 / 3
    answered_slowly: float = 1 / 60
    ticket_effect: float = 2.0
    discount_share: float = 0.5
    discount_length: int = 120
    discount_effect: float = 2.0
    discount_days: int = 45
    channel_shares: tuple[float, ...] = (0.35, 0.2, 0.25, 0.2)
    channel_effect: tuple[float, ...] = (0.0, -0.6, 0.2, 0.9)
    new_effect: float = 0.4
    new_days: int = 60

    def numbers(self) -> Numbers:
        """Return the world as arrays."""
        middle = (np.arange(self.classes) + 0.5) / self.classes
        rate = stats.gamma(self.rate_shape, scale=self.mean_rate / self.rate_shape).ppf(middle)
        year = np.arange(366)
        opens = self.ticket_opens
        return Numbers(
            grace=self.grace,
            rate=rate,
            season=1.0 + self.season * np.cos(2 * np.pi * (year - 344) / 365.25),
            base=float(np.log(self.hazard)),
            late_share=self.late_share,
            late_after=self.late_after,
            late_effect=self.late_effect,
            late_days=self.late_days,
            ticket_effect=self.ticket_effect,
            discount_effect=self.discount_effect,
            discount_days=self.discount_days,
            channel_effect=np.array(self.channel_effect),
            new_effect=self.new_effect,
            new_days=self.new_days,
            ticket=np.array(
                [
                    [1 - opens, opens * (1 - self.slow_share), opens * self.slow_share],
                    [self.answered_quickly, 1 - self.answered_quickly, 0.0],
                    [self.answered_slowly, 0.0, 1 - self.answered_slowly],
                ]
            ),
        )


@njit(cache=True, nogil=True)
def write_parts(
    buyers: Buyers, numbers: Numbers, who: int, day: int, last_late: int, is_open: float, parts: Float64
) -> None:
    """Write the parts of the log hazard on a day, as PLANTED names them.

    Parameters
    ----------
    buyers, numbers : Buyers, Numbers
    who, day : int
    last_late : int
        Day on which an order was last found late; any day long past where none was.
    is_open : float
        1 where a ticket is open.
    parts : float64, shape (5,)
        Written.
    """
    parts[0] = numbers.late_effect if 0 <= day - last_late < numbers.late_days else 0.0
    parts[1] = numbers.ticket_effect * is_open
    since = day - buyers.discount_end[who]
    ended = buyers.discount_end[who] >= 0 and 0 <= since < numbers.discount_days
    parts[2] = numbers.discount_effect if ended else 0.0
    parts[3] = numbers.channel_effect[buyers.channel[who]]
    parts[4] = numbers.new_effect if day - buyers.joined[who] < numbers.new_days else 0.0


@njit(cache=True, nogil=True)
def drop_chance(log_hazard: float) -> float:
    """Return the chance of dropping out on a day: ``1 - exp(-exp(log_hazard))``, never above 1."""
    return float(1.0 - np.exp(-np.exp(log_hazard)))


@njit(cache=True, nogil=True)
def order_chance(numbers: Numbers, level: int, day: int) -> float:
    """Return the chance of an order on a day, of a customer of a class who has not dropped out."""
    # the day of an average year, which is all that the season needs
    return float(1.0 - np.exp(-numbers.rate[level] * numbers.season[int(day % 365.25)]))
