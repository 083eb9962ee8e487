"""What a customer is worth before it is won: what newcomers brought in their first days, and what is to come.

In: a :class:`~lapse.jobs.model.Model`, a dataset with its features, and the history that it was made from,
which alone knows the margin of every row. Out: a :class:`Newcomer`. Who is known is not yet a customer: days
count from the first churn event, so leads, accounts and trials before it make nobody older.

Refused: another history, nobody new among the rows (:class:`~lapse.errors.DataError`), a history without what
the model was trained on (:class:`~lapse.errors.GateError`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lapse.config import Business
from lapse.dataset import Dataset, require_dataset
from lapse.errors import DataError, Problem
from lapse.features import refuse_other_history
from lapse.features.visibility import first_days
from lapse.history import History
from lapse.jobs.model import Model
from lapse.measurement.money import margins
from lapse.schema import Bucket, Float64, Int64, Snapshots
from lapse.value import flows_of


@dataclass(frozen=True)
class Newcomer:
    """What a customer is worth before it is won, on average.

    Attributes
    ----------
    customers : int
        Rows of customers in their first step, of which this is the mean.
    first_margin : float
        Margin less costs that they had brought by then.
    future : float
        Their CLV from then on.
    acquisition_cost : float
    worth : float
        ``first_margin + future - acquisition_cost``.
    """

    customers: int
    first_margin: float
    future: float
    acquisition_cost: float
    worth: float


def newcomer(model: Model, data: Dataset, history: History) -> Newcomer:
    """Return the mean value of a customer who is still to be won, less what winning it costs.

    The mean over customers at risk whose first churn event is less than a step ago: the margin of their
    revenue events since that day, less what serving them and their events cost, as cash flows have them, and
    their CLV from then on. A row counts as it was known by its as_of. What went before the first churn event
    belongs to the winning, and so to ``value.acquisition_cost``. Who is still a prospect becomes such a
    customer if it is won at all; the chance of that is not in it.

    Parameters
    ----------
    model : Model
    data : Dataset
        Of as many dates as possible, such as the labelled one.
    history : History
        The one that ``data`` was made from.

    Raises
    ------
    DataError
        If the history is another one, or nobody is in its first step.
    GateError
        If the history lacks tables or columns that the model was trained on.
    """
    require_dataset(data)
    business = model.business
    if history.fingerprint != data.fingerprint:
        hint = "give the history that went into lapse.snapshots"
        raise DataError(Problem("dataset", "history", "the one that it was made from", "another", hint))
    money = _first_money(model, data, history)
    rows = np.flatnonzero(~np.isnan(money))
    if not len(rows):
        expected = f"customers whose first {business.churn.event} is less than {business.step_days} days ago"
        raise DataError(Problem("dataset", "customers", expected, "none"))
    first = float(money[rows].mean())
    future = float(flows_of(model.curve(data.take(rows)), business.value).clv.mean())
    cost = business.value.acquisition_cost
    return Newcomer(len(rows), first, future, cost, first + future - cost)


def _first_money(model: Model, data: Dataset, history: History) -> Float64:
    """Return margin less costs of each row since its customer's first churn event, NaN where that is old."""
    money, day = np.full(len(data), np.nan), data.day
    code, ids = pd.factorize(data.keys["customer_id"])
    for bucket in history.buckets():
        refuse_other_history(model.recipe, history.business, bucket)
        place = _places(pd.Index(ids), bucket)[code]
        rows = np.flatnonzero(place >= 0)
        money[rows] = _money_if_new(model.business, bucket, Snapshots(place[rows], day[rows]))
    return money


def _places(ids: pd.Index, bucket: Bucket) -> Int64:
    """Return the position of each id in the bucket, -1 where it is in another."""
    found = ids.get_indexer(pd.Index(bucket.customer_id.to_pandas()))
    place = np.full(len(ids), -1, np.int64)
    place[found[found >= 0]] = np.flatnonzero(found >= 0)
    return place


def _money_if_new(business: Business, bucket: Bucket, asked: Snapshots) -> Float64:
    """Return what customers at risk brought from their first churn event on, NaN where that is a step ago."""
    first = first_days(bucket.events[business.churn.event], asked)
    new = asked.day - first < business.step_days
    day = asked.day[new]
    money = np.full(len(asked), np.nan)
    money[new] = margins(business, bucket, asked.customer[new], first[new] - np.int32(1), day, day)
    return money
