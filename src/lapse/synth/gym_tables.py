"""The tables that the synthetic gym would have, out of what its simulation wrote.

In: a :class:`Life`. Out: members, terms, visits, tickets and price_letters, with nothing in them that the
gym did not know at the end of the last observed day; columns are those of the example ``configs/gym.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.schema import Float64, Int32
from lapse.synth.gym_world import CHANNELS, ENDED_BY, PLANS, REGIONS, GymWorld, Members
from lapse.synth.truth import to_times


@dataclass(frozen=True)
class Life:
    """What a simulation wrote, each int32 of shape (n, 4), sorted by (customer, day).

    ``terms``: customer, start, end, rise that its price carries. ``bookings``, of the same rows: day booked,
    cause of the end (-1 where another term follows or the simulation ended), 0, 0. ``visits`` (until the last
    observed day only): customer, day, days until uploaded, 0. ``tickets``: customer, opened, closed, speed.
    ``letters``: customer, sent, rise, row of the term that it is about.
    """

    terms: Int32
    bookings: Int32
    visits: Int32
    tickets: Int32
    letters: Int32


def gym_tables(
    members: Members,
    life: Life,
    price: Float64,
    customer_id: npt.NDArray[np.str_],
    world: GymWorld,
    until: int,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Return what was known at the end of the day ``until``, as tables."""
    region = np.asarray(REGIONS, object)[members.region]
    region[rng.random(len(region)) < 0.02] = None
    joined = pd.DataFrame(
        {
            "member_id": customer_id,
            "joined_on": to_times(members.joined),
            "channel": np.asarray(CHANNELS)[members.channel],
            "region": region,
        }
    )
    return {
        "members": joined,
        "terms": _terms_table(members, life, price, customer_id, world.grace, until),
        "visits": _visits_table(life, customer_id, until, rng),
        "tickets": _tickets_table(life, customer_id, until, rng),
        "price_letters": _letters_table(life, price, customer_id, world, until),
    }


def _terms_table(
    members: Members, life: Life, price: Float64, customer_id: npt.NDArray[np.str_], grace: int, until: int
) -> pd.DataFrame:
    known = life.bookings[:, 0] <= until
    who, start, end, _ = life.terms[known].T
    booked, cause = life.bookings[known, 0], life.bookings[known, 1]
    gone = (cause >= 0) & (end + grace <= until)
    return pd.DataFrame(
        {
            "member_id": customer_id[who],
            "booked_at": to_times(booked, 9 * 3600),
            "starts_on": to_times(start),
            "ends_on": to_times(end),
            "price": price[known],
            "plan": np.asarray(PLANS)[members.plan[who]],
            "auto_renew": np.where(members.auto[who] == 1, "yes", "no"),
            "ended_by": np.where(gone, np.asarray(ENDED_BY, object)[cause], None),
        }
    )


def _visits_table(
    life: Life, customer_id: npt.NDArray[np.str_], until: int, rng: np.random.Generator
) -> pd.DataFrame:
    who, day, delay, _ = life.visits.T
    visit = pd.Series(day).groupby([who, day]).cumcount().to_numpy()
    second = 60 * rng.integers(6 * 60, 22 * 60, len(who)) + visit  # no two in the same second
    known = day + delay <= until
    frame = pd.DataFrame(
        {
            "member_id": customer_id[who],
            "checked_in_at": to_times(day, second),
            "uploaded_at": to_times(day + delay, np.where(delay > 0, 23 * 3600, second)),
        }
    )
    return pd.DataFrame(frame[known]).reset_index(drop=True)


def _tickets_table(
    life: Life, customer_id: npt.NDArray[np.str_], until: int, rng: np.random.Generator
) -> pd.DataFrame:
    known = life.tickets[:, 1] <= until
    who, opened, closed, _ = life.tickets[known].T
    second = rng.integers(8 * 3600, 20 * 3600, len(who))
    still_open = closed > until
    return pd.DataFrame(
        {
            "member_id": customer_id[who],
            "opened_at": to_times(opened, second),
            "closed_at": to_times(np.where(still_open, 0, closed), 17 * 3600, missing=still_open),
        }
    )


def _letters_table(
    life: Life, price: Float64, customer_id: npt.NDArray[np.str_], world: GymWorld, until: int
) -> pd.DataFrame:
    who, sent, rise, term = life.letters[life.letters[:, 1] <= until].T
    percent = np.asarray(world.rises)[rise]
    return pd.DataFrame(
        {
            "member_id": customer_id[who],
            "sent_at": to_times(sent, 10 * 3600),
            "rise": np.round(price[term] * percent, 2),
            "percent": np.round(100 * percent, 1),
        }
    )
