"""Snapshots, features and outcomes joined: one call for training and for scoring.

In: a history. Out: a :class:`Dataset`, one row for every customer at risk at every as-of date. Without
``as_of`` the dates are the calendar's and the rows carry outcomes; with ``as_of`` it is that date alone and
there are none. Features come from the same function either way. Refused: a history without a closed horizon,
an as-of before the data or after its end, outcomes without a single lapse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from math import ceil

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from lapse.cohort.calendar import Calendar, build_calendar, first_test_day
from lapse.cohort.ladder import rungs
from lapse.cohort.outcomes import Outcomes, at_risk, known_snapshots, outcomes_of
from lapse.cohort.purchases import PurchaseHistory, read_everybody, read_purchases
from lapse.config import Business
from lapse.errors import DataError, Problem
from lapse.features import Recipe, compute, fit_recipe
from lapse.history import History
from lapse.schema import Bool, Bucket, Int32, Int64, Snapshots, to_date, to_day

QUIET_DAYS = 7
"""Days after its last known event for which a history without ``observed_until`` counts as up to date."""


@dataclass(frozen=True)
class Dataset:
    """Customers at risk at as-of dates, with what was known then and, where asked, what became of them.

    Attributes
    ----------
    business : Business
    recipe : Recipe
        How the features were computed; scoring computes the same.
    keys : DataFrame, shape (n, 2)
        ``customer_id`` and ``as_of`` (datetime64[s], midnight).
    features : DataFrame, shape (n, n_features)
        float32 and category columns; missing where nothing is known.
    rung : Series of str, shape (n,)
        How far up the loyalty ladder each customer had come.
    excluded : DataFrame
        ``customer_id``, ``as_of``, ``reason``, ``rung``: known at as_of, but not at risk.
    fingerprint : str
        Of the history's rows.
    cut : int
        Last day, as a day number, that ``outcomes`` look at; the as_of itself without outcomes.
    purchases : PurchaseHistory or None
        What buy-till-you-die models need of each row; None where the churn event is no instant.
    everybody : PurchaseHistory or None
        The same of all who had purchased by the last fit date, at risk or not; None without outcomes.
    calendar : Calendar or None
        The as-of dates; None without outcomes.
    outcomes : Outcomes or None
        As known at the end of the data.
    early : Outcomes or None
        The same rows' outcomes as they were known on the first test date, which is all that an evaluated
        model may learn from. They are meaningful for the rows of the fit dates.
    """

    business: Business
    recipe: Recipe
    keys: pd.DataFrame
    features: pd.DataFrame
    rung: pd.Series
    excluded: pd.DataFrame
    fingerprint: str
    cut: int
    purchases: PurchaseHistory | None = None
    everybody: PurchaseHistory | None = None
    calendar: Calendar | None = None
    outcomes: Outcomes | None = None
    early: Outcomes | None = None

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
        if self.outcomes is None:
            raise DataError(
                Problem(
                    "dataset", "outcomes", "a labelled dataset", "one for scoring", "call snapshots(history)"
                )
            )
        return self.outcomes

    def take(self, rows: npt.NDArray[np.int64] | Bool) -> Dataset:
        """Return some rows, by position or by mask; the excluded stay."""
        chosen: Int64 = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        return replace(
            self,
            keys=self.keys.iloc[chosen].reset_index(drop=True),
            features=self.features.iloc[chosen].reset_index(drop=True),
            rung=self.rung.iloc[chosen].reset_index(drop=True),
            purchases=self.purchases.take(chosen) if self.purchases else None,
            outcomes=self.outcomes.take(chosen) if self.outcomes else None,
            early=self.early.take(chosen) if self.early else None,
        )

    def fit_part(self) -> Dataset:
        """Return the rows of the fit dates, with outcomes as known on the first test date."""
        calendar = self._closed()
        part = self.take(np.isin(self.day, calendar.fit))
        return replace(part, outcomes=part.early, early=None, cut=calendar.test[0])

    def test_part(self) -> Dataset:
        """Return the rows of the test dates."""
        return self.take(np.isin(self.day, self._closed().test))

    def _closed(self) -> Calendar:
        assert self.labels is not None
        assert self.calendar is not None
        return self.calendar


def snapshots(history: History, as_of: date | str | None = None, *, recipe: Recipe | None = None) -> Dataset:
    """Return the dataset of a history: labelled, or as of one date without outcomes.

    Parameters
    ----------
    history : History
    as_of : date or ISO date string, optional
        Score this date. Without it, every date of the calendar, with outcomes.
    recipe : Recipe, optional
        Compute exactly these features (a trained model's). Without it the recipe is learned from what was
        known on the first test date, or on ``as_of`` where that is earlier: of one history the labelled
        dataset and today's have the same features.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the as-of lies before the data or after its end, no date is labelled, or nobody lapses.
    """
    if as_of is None:
        return _labelled(history, recipe)
    day = scoring_day(history, as_of)
    first_test = first_test_day(history.business, history.data_end)
    until = day if first_test is None else min(day, first_test)
    recipe = recipe or fit_recipe(history.business, history.buckets(), until)
    return replace(_joined(list(scoring_parts(history, day, recipe))), fingerprint=history.fingerprint)


def scoring_day(history: History, as_of: date | str) -> int:
    """Return an as_of as a day number, if the history can answer for it.

    Raises
    ------
    DataError
        If it is not a date, or lies before the first event or after the end of the data.
    """
    where = str(history.business.source)
    try:
        when = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    except ValueError as error:
        raise DataError(Problem(where, "as_of", "a date such as 2025-06-30", repr(as_of))) from error
    first = min(summary.first for summary in history.summaries if summary.first is not None)
    if when < first:
        raise DataError(Problem(where, "as_of", f"a date from {first} on, the first event", str(when)))
    slack = 0 if history.business.observed_until else QUIET_DAYS
    if to_day(when) > history.data_end + slack:
        raise DataError(
            Problem(
                where,
                "as_of",
                f"a date up to {to_date(history.data_end)}, the end of the data"
                + (f" (and up to {QUIET_DAYS} quiet days)" if slack else ""),
                str(when),
                "silence after the end of the data would be taken for customers who left: give newer tables",
            )
        )
    return to_day(when)


def scoring_parts(history: History, day: int, recipe: Recipe) -> Iterator[Dataset]:
    """Yield the unlabelled dataset of one date bucket by bucket, in the order of the buckets."""
    for bucket in history.buckets():
        yield _part(history.business, recipe, bucket, (day,))


def _labelled(history: History, recipe: Recipe | None) -> Dataset:
    business = history.business
    calendar = build_calendar(business, history.data_end)
    recipe = recipe or fit_recipe(business, history.buckets(), calendar.test[0])
    data = replace(
        _joined(
            [_part(business, recipe, bucket, calendar.labelled, calendar) for bucket in history.buckets()]
        ),
        calendar=calendar,
        fingerprint=history.fingerprint,
    )
    _require_outcomes(data)
    return data


def _part(
    business: Business,
    recipe: Recipe,
    bucket: Bucket,
    days: tuple[int, ...],
    calendar: Calendar | None = None,
) -> Dataset:
    """Return one bucket's dataset: the unit of work, the same for training and for scoring."""
    known, reach = known_snapshots(business, bucket, days)
    asked = at_risk(known, reach)
    is_instant = not business.events[business.churn.event].has_end
    part = Dataset(
        business=business,
        recipe=recipe,
        keys=_frame(asked.keys(bucket)),
        rung=pd.Series(rungs(business, bucket, asked)).astype("str"),
        features=compute(recipe, bucket, asked).to_pandas(),
        excluded=_excluded(business, bucket, known, reach),
        fingerprint="",
        cut=days[-1],
        purchases=read_purchases(business, bucket, asked) if is_instant else None,
    )
    if calendar is None:
        return part
    n_steps = ceil(min(calendar.data_end - days[0], business.value.limit) / business.step_days)
    return replace(
        part,
        outcomes=outcomes_of(business, bucket, asked, calendar.data_end, n_steps),
        early=_early(business, bucket, asked, calendar, n_steps),
        everybody=read_everybody(business, bucket, calendar.fit[-1]) if is_instant else None,
        cut=calendar.data_end,
    )


def _early(
    business: Business, bucket: Bucket, asked: Snapshots, calendar: Calendar, n_steps: int
) -> Outcomes:
    """Return outcomes as known on the first test date; later rows, which none may learn from, stand empty."""
    early = asked.day < calendar.test[0]
    rows = Snapshots(asked.customer[early], asked.day[early])
    seen = outcomes_of(business, bucket, rows, calendar.test[0], n_steps)
    whole = Outcomes(
        lapsed=np.zeros(len(asked), np.bool_),
        event=np.zeros(len(asked), np.int8),
        duration_days=np.zeros(len(asked), np.int32),
        spend=np.full((len(asked), n_steps), np.nan),
    )
    whole.lapsed[early], whole.event[early] = seen.lapsed, seen.event
    whole.duration_days[early], whole.spend[early] = seen.duration_days, seen.spend
    return whole


def _excluded(business: Business, bucket: Bucket, known: Snapshots, reach: Int32) -> pd.DataFrame:
    gone = reach <= known.day
    rows = Snapshots(known.customer[gone], known.day[gone])
    reason = np.where(reach[gone] < 0, f"no {business.churn.event} yet", "lapsed before as_of")
    return _frame(rows.keys(bucket)).assign(
        reason=pd.Series(reason, dtype="str"), rung=pd.Series(rungs(business, bucket, rows)).astype("str")
    )


def _frame(keys: dict[str, pa.Array]) -> pd.DataFrame:
    frame: pd.DataFrame = pa.table(keys).to_pandas(date_as_object=False)
    return frame.astype({"as_of": "datetime64[s]"})


def _joined(parts: list[Dataset]) -> Dataset:
    """Return the rows of all parts below each other, with one set of categories."""
    first = parts[0]
    return replace(
        first,
        keys=pd.concat([part.keys for part in parts], ignore_index=True),
        features=_concat_features([part.features for part in parts]),
        rung=pd.concat([part.rung for part in parts], ignore_index=True),
        excluded=pd.concat([part.excluded for part in parts], ignore_index=True),
        purchases=_concat_purchases([part.purchases for part in parts]),
        everybody=_concat_purchases([part.everybody for part in parts]),
        outcomes=_concat_outcomes([part.outcomes for part in parts if part.outcomes]),
        early=_concat_outcomes([part.early for part in parts if part.early]),
    )


def _concat_features(frames: list[pd.DataFrame]) -> pd.DataFrame:
    columns = {}
    for name in frames[0].columns:
        series = [frame[name] for frame in frames]
        if isinstance(series[0].dtype, pd.CategoricalDtype):
            columns[name] = pd.Series(pd.api.types.union_categoricals(series, sort_categories=True))
        else:
            columns[name] = pd.concat(series, ignore_index=True)
    return pd.DataFrame(columns)


def _concat_purchases(parts: list[PurchaseHistory | None]) -> PurchaseHistory | None:
    there = [part for part in parts if part is not None]
    return PurchaseHistory.join(there) if there else None


def _concat_outcomes(parts: list[Outcomes]) -> Outcomes | None:
    if not parts:
        return None
    return Outcomes(
        lapsed=np.concatenate([part.lapsed for part in parts]),
        event=np.concatenate([part.event for part in parts]),
        duration_days=np.concatenate([part.duration_days for part in parts]),
        spend=np.concatenate([part.spend for part in parts]),
    )


def _require_outcomes(data: Dataset) -> None:
    """Refuse a dataset from which nothing can be learned, or on which nothing can be judged."""
    where = str(data.business.source)
    if len(data) == 0:
        raise DataError(Problem(where, "snapshots", "customers at risk at some as-of date", "none"))
    problems = []
    for name, part in (("fit dates", data.fit_part()), ("test dates", data.test_part())):
        positives = int(part.outcomes.lapsed.sum()) if part.outcomes else 0
        if positives in (0, len(part)):
            problems.append(
                Problem(
                    where,
                    f"outcomes on the {name}",
                    "customers who lapse within the horizon and customers who stay",
                    f"{positives:,} of {len(part):,} lapse",
                    "look at 'lapse check': is the grace too long, or the history too short?",
                )
            )
    if problems:
        raise DataError(problems)
