"""How far what happens strays from what the curve says, learned from the rows that the curve was fitted on.

In: a curve as a function of features, and a labelled dataset. Out: :class:`Spreads`: what share of the lapses
that are possible in a step fall on its first possible day, what share of the money extends the life, and how
money strays from what is expected of a customer that stays so long. They are single numbers of all customers:
they make intervals of customers, and change no expected value but that of the lifetime within a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from lapse.dataset import Labelled
from lapse.models import boosting
from lapse.models.curve import Curve
from lapse.models.durations import parts
from lapse.schema import Float64
from lapse.value import Dispersion, Shocks, fit_dispersion, fit_shocks, flows_of, paths_of

MOST_ROWS = 20_000
"""Of about how many rows the spread is learned: a few numbers need no more."""


@dataclass(frozen=True)
class Spreads:
    """What is known of the spread beside the curve.

    Attributes
    ----------
    first_day_share, extending_share : float
        See :class:`~lapse.models.curve.Curve`.
    money : Dispersion
        Of one customer's money, given its lifetime.
    shocks : Shocks
        Of all customers' money together.
    """

    first_day_share: float = 0.0
    money: Dispersion = field(default_factory=Dispersion)
    shocks: Shocks = field(default_factory=Shocks)
    extending_share: float = 1.0

    def to_folder(self, folder: Path) -> None:
        """Write them as JSON."""
        boosting.write(folder, "spread", asdict(self), [])

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read what :meth:`to_folder` wrote."""
        stored, _ = boosting.read(folder, "spread")
        money, shocks = Dispersion(**stored["money"]), Shocks(**stored["shocks"])
        return cls(float(stored["first_day_share"]), money, shocks, float(stored["extending_share"]))


def fit_spreads(curve_of: Callable[[pd.DataFrame], Curve], data: Labelled) -> Spreads:
    """Learn the spread from what became of some of the rows.

    Parameters
    ----------
    curve_of : callable
        The curve of a frame of features.
    data : Labelled
        Of at most about 20,000 rows of it, those of some customers, all their dates together.
    """
    some = some_customers(data, MOST_ROWS)
    curve = curve_of(some.features)
    curve = replace(
        curve, first_day_share=first_day_share(curve, some), extending_share=extending_share(data.labels.paid)
    )
    came, expected = until_lapse(curve, some)
    shocks = shocks_of(curve, some, len(some) / len(data))
    return Spreads(curve.first_day_share, fit_dispersion(came, expected), shocks, curve.extending_share)


def some_customers(data: Labelled, most: int) -> Labelled:
    """Return the rows of as many customers as have about so many rows; everything where there are no more.

    Customers are chosen by a hash of their ids: the same ones whenever they are asked for, and more of them
    where more rows are wanted.
    """
    if len(data) <= most:
        return data
    place = pd.util.hash_pandas_object(data.keys["customer_id"], index=False).to_numpy() / 2.0**64
    return data.take(place < most / len(data))


def shocks_of(curve: Curve, data: Labelled, share: float) -> Shocks:
    """Return what moves all customers together; ``share`` of those learned from are given.

    Each step is as heavy as it is in the value of those who are there at the last date.
    """
    value, step = data.business.value, curve.step_days
    flows = flows_of(curve, value)
    came = realised_margin(data)[:, : flows.margin.shape[1]]
    # What came in is of whole steps; the limit may cut the last one of the flows.
    expected = (flows.margin / parts(curve, value.limit))[:, : came.shape[1]]
    first = data.day.min()
    middle = data.day[:, None] - first + step * np.arange(came.shape[1])[None, :] + step // 2
    latest = (flows.margin * flows.discount_factor)[data.day == data.day.max()].sum(axis=0)
    customer = pd.factorize(data.keys["customer_id"])[0].astype(np.int64)
    return fit_shocks(
        came, expected, customer, (middle // step).astype(np.int64), latest[: came.shape[1]], share
    )


def first_day_share(curve: Curve, data: Labelled) -> float:
    """Return which share of the lapses in the step of the first possible day fell on that day.

    0 where no such day is known, or nobody lapsed in its step.
    """
    happened, first = data.labels, curve.earliest
    step = np.ceil(first / curve.step_days)
    there = (happened.event > 0) & (first > 0) & (np.ceil(happened.duration_days / curve.step_days) == step)
    return float((happened.duration_days[there] == first[there]).mean()) if there.any() else 0.0


def extending_share(paid: Float64 | None) -> float:
    """Return which share of the margin came with the churn event, of ``Outcomes.paid``.

    1 where nothing else is revenue, or nothing came.

    Examples
    --------
    >>> extending_share(np.array([[30.0, 0.0], [0.0, 10.0]]))
    0.75
    """
    if paid is None:
        return 1.0
    own, beside = np.nansum(paid, axis=0).tolist()
    return float(own / (own + beside)) if own + beside > 0 else 1.0


def until_lapse(curve: Curve, data: Labelled) -> tuple[Float64, Float64]:
    """Return margin that came in until the lapse, and that expected of so long a stay, not discounted.

    Of the rows that lapsed within the steps that were wholly seen, and within the limit.
    """
    happened, value = data.labels, data.business.value
    seen = (~np.isnan(happened.spend)).sum(axis=1) * curve.step_days
    rows = (happened.event > 0) & (happened.duration_days <= np.minimum(seen, value.limit))
    paths = paths_of(curve, value.model_copy(update={"discount_rate": 0.0}))
    days = np.minimum(happened.duration_days, value.limit).astype(np.float64)[:, None]
    came = np.nansum(realised_margin(data), axis=1)
    return came[rows], paths.margin(days)[rows, 0]


def realised_margin(data: Labelled) -> Float64:
    """Return the margin that each step brought in truth, float64 of shape (n, n_steps); NaN if not seen."""
    happened = data.labels
    return happened.spend * data.business.value.margin_rate if happened.margin is None else happened.margin
