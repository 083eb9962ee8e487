"""What a dataset is: one row for every customer at risk at every as-of date, and what goes with it.

In: snapshots of one bucket at a time. Out: a :class:`Dataset`, which is :class:`Labelled`, with what became
of the customers, or :class:`Unlabelled`, with what a score table says beside the scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.cohort.calendar import Calendar
from lapse.cohort.outcomes import Outcomes
from lapse.cohort.purchases import PurchaseHistory
from lapse.config import Business
from lapse.errors import DataError, Problem
from lapse.features import Recipe, compute, refuse_other_history
from lapse.schema import Bool, Bucket, Int32, Int64, Snapshots


@dataclass(frozen=True)
class Dataset:
    """Customers at risk at as-of dates, with what was known then.

    Attributes
    ----------
    business : Business
    recipe : Recipe
        How the features were computed; scoring computes the same.
    keys : DataFrame, shape (n, 2)
        ``customer_id`` and ``as_of`` (datetime64[s], midnight).
    features : DataFrame, shape (n, n_features)
        float32 and category columns; missing where nothing is known.
    fingerprint : str
        Of the history's rows.
    """

    business: Business
    recipe: Recipe
    keys: pd.DataFrame
    features: pd.DataFrame
    fingerprint: str

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def day(self) -> Int32:
        """The as_of of each row as a day number, int32, shape (n,)."""
        return self.keys["as_of"].to_numpy("datetime64[D]").astype(np.int32)

    @property
    def labels(self) -> Outcomes:
        """The outcomes of a labelled dataset.

        Raises
        ------
        DataError
            If there are none.
        """
        expected, got = "a labelled dataset", "one for scoring"
        raise DataError(Problem("dataset", "outcomes", expected, got, "call snapshots(history)"))

    def take(self, rows: Int64 | Bool) -> Self:
        """Return some rows, by position or by mask."""
        chosen = _positions(rows)
        return replace(
            self,
            keys=self.keys.iloc[chosen].reset_index(drop=True),
            features=self.features.iloc[chosen].reset_index(drop=True),
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts below each other, with one set of categories."""
        return replace(
            parts[0],
            keys=pd.concat([part.keys for part in parts], ignore_index=True),
            features=_concat([part.features for part in parts]),
        )


def require_dataset(data: object) -> None:
    """Refuse what is no dataset, such as the features of one alone or a score table.

    Raises
    ------
    DataError
    """
    if not isinstance(data, Dataset):
        hint = "call lapse.snapshots(history, as_of=..., recipe=model.recipe)"
        got = f"a {type(data).__name__}"
        raise DataError(Problem("dataset", "data", "what lapse.snapshots returned", got, hint))


@dataclass(frozen=True)
class Labelled(Dataset):
    """What models learn from, and are judged on: snapshots of many dates, and what became of each.

    Attributes
    ----------
    calendar : Calendar
        The as-of dates.
    cut : int
        Last day, as a day number, that ``outcomes`` look at.
    outcomes : Outcomes
        As known at the cut.
    early : Outcomes or None
        The same rows' outcomes as they were known on the first test date, which is all that an evaluated
        model may learn from. They are meaningful for the rows of the fit dates; None in the fit part, whose
        outcomes they are, and in the test part.
    not_at_risk : mapping of int to int
        How many customers were known on each date, as a day number, but not at risk.
    purchases : PurchaseHistory or None
        What buy-till-you-die models need of each row; None where the churn event is no instant.
    everybody : PurchaseHistory or None
        The same of all who had purchased by the last fit date, at risk or not.
    """

    calendar: Calendar
    cut: int
    outcomes: Outcomes
    early: Outcomes | None
    not_at_risk: Mapping[int, int]
    purchases: PurchaseHistory | None
    everybody: PurchaseHistory | None

    @property
    def labels(self) -> Outcomes:
        """The outcomes."""
        return self.outcomes

    @property
    def is_fit(self) -> Bool:
        """Whether each row is one of the fit dates."""
        return np.isin(self.day, self.calendar.fit)

    @property
    def is_test(self) -> Bool:
        """Whether each row is one of the test dates."""
        return np.isin(self.day, self.calendar.test)

    def take(self, rows: Int64 | Bool) -> Self:
        """Return some rows, by position or by mask; what is said of all customers stays."""
        chosen = _positions(rows)
        return replace(
            super().take(chosen),
            outcomes=self.outcomes.take(chosen),
            early=self.early.take(chosen) if self.early else None,
            purchases=self.purchases.take(chosen) if self.purchases else None,
        )

    def fit_part(self) -> Self:
        """Return the rows of the fit dates, with outcomes as known on the first test date."""
        assert self.early is not None  # the fit part of a fit part is asked for by nobody
        known_then = replace(self, outcomes=self.early, early=None, cut=self.calendar.test[0])
        return known_then.take(self.is_fit)

    def test_part(self) -> Self:
        """Return the rows of the test dates; they, too, are learned from by nobody."""
        return replace(self, early=None).take(self.is_test)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts below each other, with one set of categories."""
        return replace(
            super().join(parts),
            outcomes=Outcomes.join([part.outcomes for part in parts]),
            early=Outcomes.join([part.early for part in parts if part.early]),
            not_at_risk=sum((Counter(part.not_at_risk) for part in parts), Counter()),
            purchases=_joined([part.purchases for part in parts]),
            everybody=_joined([part.everybody for part in parts]),
        )


@dataclass(frozen=True)
class Unlabelled(Dataset):
    """What is scored: every customer known on one date.

    Attributes
    ----------
    rung : Series of str, shape (n,)
        How far up the loyalty ladder each customer had come.
    excluded : DataFrame
        ``customer_id``, ``as_of``, ``reason``, ``rung``: known at as_of, but not at risk.
    """

    rung: pd.Series
    excluded: pd.DataFrame

    def take(self, rows: Int64 | Bool) -> Self:
        """Return some rows, by position or by mask; the excluded stay."""
        chosen = _positions(rows)
        return replace(super().take(chosen), rung=self.rung.iloc[chosen].reset_index(drop=True))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts below each other, with one set of categories."""
        return replace(
            super().join(parts),
            rung=pd.concat([part.rung for part in parts], ignore_index=True),
            excluded=pd.concat([part.excluded for part in parts], ignore_index=True),
        )


def key_frame(bucket: Bucket, snapshots: Snapshots) -> pd.DataFrame:
    """Return ``customer_id`` and ``as_of`` of each snapshot."""
    frame: pd.DataFrame = pa.table(snapshots.keys(bucket)).to_pandas(date_as_object=False)
    return frame.astype({"as_of": "datetime64[s]"})


def feature_frame(recipe: Recipe, business: Business, bucket: Bucket, snapshots: Snapshots) -> pd.DataFrame:
    """Return the features of each snapshot; the same function for training and for scoring.

    Raises
    ------
    GateError
        If the history of ``business`` lacks what the recipe was made from.
    """
    refuse_other_history(recipe, business, bucket)
    frame: pd.DataFrame = compute(recipe, bucket, snapshots).to_pandas()
    return frame


def _positions(rows: Int64 | Bool) -> Int64:
    return np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)


def _concat(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return frames below each other; all float32 columns are written once, into one block of memory."""
    dtypes = frames[0].dtypes
    numbers = [name for name in dtypes.index if dtypes[name] == np.float32]
    block = np.empty((len(numbers), sum(map(len, frames))), np.float32)
    for row, name in zip(block, numbers, strict=True):
        np.concatenate([frame[name].to_numpy() for frame in frames], out=row)
    joined = pd.DataFrame(block.T, columns=numbers, copy=False)
    for position, name in enumerate(dtypes.index):
        if name not in joined:
            joined.insert(position, name, _below([frame[name] for frame in frames]))
    return joined


def _below(parts: list[pd.Series]) -> pd.Series:
    if isinstance(parts[0].dtype, pd.CategoricalDtype):
        return pd.Series(pd.api.types.union_categoricals(parts, sort_categories=True))
    return pd.concat(parts, ignore_index=True)


def _joined(parts: Sequence[PurchaseHistory | None]) -> PurchaseHistory | None:
    there = [part for part in parts if part is not None]
    return PurchaseHistory.join(there) if there else None
