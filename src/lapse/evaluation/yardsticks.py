"""What a user would pick instead: each yardstick fitted on the training rows, asked about the test rows.

In: feature frames (float32 and ``category`` columns, named by the grammar ``<event>__<stat>__<window>``),
the training outcomes, and for BG/NBD the purchase histories of the same rows. Out: for each method the
probabilities of lapse of the test rows, or, where a method does not apply, the reason in words. Refused:
frames of other columns, outcomes other than 0 and 1.

A yardstick is what it says and no better: no tuning, no calibration on a later slice. It learns from the same
training rows as the model beside it, or from :data:`MOST_ROWS` of them, drawn with equal chances, where there
are more; :attr:`Yardsticks.n_rows` says from how many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lapse.cohort.purchases import PurchaseHistory
from lapse.errors import DataError, Problem
from lapse.evaluation.censoring import kaplan_meier as product_limit
from lapse.models.btyd import bg_nbd as repeat_buying
from lapse.schema import Bool, Float64

MOST_ROWS = 200_000
"""Most training rows that a yardstick learns from."""

_RECENCY_BINS = 20
_PRIOR_ROWS = 10.0  # the base rate counts as this many rows in every bin of recency
_WINDOWED = re.compile(r"(count|sum)__\d+d")


@dataclass(frozen=True)
class Histories:
    """Purchase histories for BG/NBD, in days.

    Attributes
    ----------
    everybody : PurchaseHistory
        One row a customer, at the last training as_of: everybody who had bought by then, also those who are
        no longer at risk (without them nobody seems to drop out). The parameters are fitted to these.
    train, test : PurchaseHistory
        In the order of the training and of the test rows.
    horizon_days : int
    """

    everybody: PurchaseHistory
    train: PurchaseHistory
    test: PurchaseHistory
    horizon_days: int


@dataclass(frozen=True)
class Yardsticks:
    """The test rows' probabilities by method, why the other methods have none, and training rows used."""

    predictions: Mapping[str, Float64]
    absent: Mapping[str, str] = field(default_factory=dict)
    n_rows: int = 0


def base_rate(y: npt.ArrayLike, n_test: int) -> Float64:
    """Return the training rows' share of lapses, once for every test row.

    Examples
    --------
    >>> base_rate([0, 0, 0, 1], 2)
    array([0.25, 0.25])
    """
    return np.full(n_test, np.mean(np.asarray(y, np.float64)))


def recency_column(columns: list[str], churn_event: str) -> str:
    """Return the column that recency alone looks at.

    Days to the end of what is paid, where the churn event has ends; otherwise days since it last happened.

    Examples
    --------
    >>> recency_column(["term__days_since_last", "term__days_to_end"], "term")
    'term__days_to_end'
    """
    for stat in ("days_to_end", "days_since_last"):
        if f"{churn_event}__{stat}" in columns:
            return f"{churn_event}__{stat}"
    raise DataError(
        Problem(
            "features",
            "recency alone",
            expected=f"a column {churn_event}__days_to_end or {churn_event}__days_since_last",
            got="neither",
        )
    )


def recency_alone(train: pd.DataFrame, y: npt.ArrayLike, test: pd.DataFrame, churn_event: str) -> Float64:
    """Return the training rate of lapse in up to twenty bins of recency, and one for rows without.

    Bins of equal mass take any shape: a term about to end is in danger, one just renewed or long overdue less
    so. Each bin's rate is drawn to the base rate by ten rows' worth.
    """
    name = recency_column(list(train.columns), churn_event)
    known, asked = (frame[name].to_numpy(np.float64, na_value=np.nan) for frame in (train, test))
    y_ = np.asarray(y, np.float64)
    seen = known[~np.isnan(known)]
    edges = np.unique(np.quantile(seen, np.arange(1, _RECENCY_BINS) / _RECENCY_BINS)) if len(seen) else seen
    missing = len(edges) + 1

    def place(values: Float64) -> npt.NDArray[np.int64]:
        return np.where(np.isnan(values), missing, np.searchsorted(edges, values)).astype(np.int64)

    rows = np.bincount(place(known), minlength=missing + 1)
    lapsed = np.bincount(place(known), y_, minlength=missing + 1)
    rate: Float64 = (lapsed + _PRIOR_ROWS * y_.mean()) / (rows + _PRIOR_ROWS)
    return rate[place(asked)]


def rfm_columns(columns: list[str], churn_event: str) -> list[str]:
    """Return the churn event's days since last, windowed counts and windowed sums.

    Examples
    --------
    >>> rfm_columns(["order__days_since_last", "order__count__90d", "order__mean__90d"], "order")
    ['order__days_since_last', 'order__count__90d']
    """
    start = f"{churn_event}__"
    stats = [(name, name.removeprefix(start)) for name in columns if name.startswith(start)]
    return [name for name, stat in stats if stat == "days_since_last" or _WINDOWED.fullmatch(stat)]


def _signed_log(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    logs: npt.NDArray[Any] = np.sign(values) * np.log1p(np.abs(values))
    return logs


def _logistic() -> Pipeline:
    return make_pipeline(
        FunctionTransformer(_signed_log),
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )


def rfm_logistic(train: pd.DataFrame, y: npt.ArrayLike, test: pd.DataFrame, churn_event: str) -> Float64:
    """Return a logistic regression on the logarithms of :func:`rfm_columns`, standardised.

    Missing values take the training median and an indicator; sums below zero keep their sign. Columns that
    are missing in all training rows are left out.
    """
    names = [name for name in rfm_columns(list(train.columns), churn_event) if train[name].notna().any()]
    if not names:
        raise DataError(
            Problem("features", "RFM logistic", expected=f"windowed counts of {churn_event}", got="none")
        )
    model = _logistic().fit(train[names].to_numpy(np.float64, na_value=np.nan), np.asarray(y))
    return _second(model.predict_proba(test[names].to_numpy(np.float64, na_value=np.nan)))


def _second(both: npt.NDArray[Any]) -> Float64:
    p: Float64 = np.asarray(both, np.float64)[:, 1]
    return p


def default_lightgbm(train: pd.DataFrame, y: npt.ArrayLike, test: pd.DataFrame) -> Float64:
    """Return ``LGBMClassifier()`` as it comes, on all features.

    It is told to be quiet and to use one thread, which changes no number but makes them repeat; columns are
    numbered, because LightGBM refuses some characters in names.
    """
    numbers = {name: f"f{i}" for i, name in enumerate(train.columns)}
    model = lgb.LGBMClassifier(verbose=-1, n_jobs=1)
    model.fit(train.rename(columns=numbers), np.asarray(y))
    return _second(model.predict_proba(test.rename(columns=numbers)))


def bg_nbd(histories: Histories, y: npt.ArrayLike) -> Float64:
    """Return BG/NBD's expected purchases as a probability of none.

    Expected purchases in the horizon are the ranking; a logistic regression of the training outcomes on their
    logarithm turns them into probabilities. (The model's own probability of none needs no outcomes, but ranks
    worse and is not calibrated for rows that are at risk.)
    """
    model = repeat_buying.fit(histories.everybody)
    train, test = (
        _log_expected(model, one, histories.horizon_days) for one in (histories.train, histories.test)
    )
    calibration = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train, np.asarray(y))
    return _second(calibration.predict_proba(test))


def _log_expected(model: repeat_buying.BgNbd, history: PurchaseHistory, horizon_days: int) -> Float64:
    expected = np.maximum(model.expected_purchases(history, float(horizon_days)), 1e-9)
    logs: Float64 = np.log(expected)[:, None]
    return logs


def kaplan_meier(lapsed: Bool, duration_days: npt.NDArray[Any], days: npt.ArrayLike) -> Float64:
    """Return the Kaplan-Meier survival of the training rows at some days: the yardstick of lifetimes.

    Flat after the longest duration seen.

    Parameters
    ----------
    lapsed : bool, shape (n,)
    duration_days : int, shape (n,)
        To the lapse or the cut.
    days : shape (n_steps,)

    Examples
    --------
    >>> kaplan_meier(np.array([True, False, True, False]), np.array([10, 20, 30, 40]), [5, 10, 30, 90])
    array([1.   , 0.75 , 0.375, 0.375])
    """
    return product_limit(lapsed, duration_days).at(days)


def compare(
    train: pd.DataFrame,
    y: npt.ArrayLike,
    test: pd.DataFrame,
    churn_event: str,
    histories: Histories | None = None,
) -> Yardsticks:
    """Return every yardstick that applies.

    Parameters
    ----------
    train, test : pandas.DataFrame
        Features, with the same columns.
    y : shape (n_train,)
        1 lapsed within the horizon.
    churn_event : str
        The event that keeps a customer alive, by its name in the columns.
    histories : Histories, optional
        Only where the churn event is an instant; without them BG/NBD is absent.

    Raises
    ------
    DataError
        If the columns differ.
    """
    if list(train.columns) != list(test.columns):
        different = sorted(set(train.columns) ^ set(test.columns))
        raise DataError(
            Problem("test rows", "features", expected="the training columns", got=f"others: {different}")
        )
    y = np.asarray(y)
    if len(train) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(len(train), MOST_ROWS, replace=False))
        train, y = train.iloc[rows], y[rows]
        histories = replace(histories, train=histories.train.take(rows)) if histories else None
    methods: dict[str, Callable[[], Float64]] = {
        "base rate": lambda: base_rate(y, len(test)),
        "recency alone": lambda: recency_alone(train, y, test, churn_event),
        "RFM logistic": lambda: rfm_logistic(train, y, test, churn_event),
        "default LightGBM": lambda: default_lightgbm(train, y, test),
    }
    predictions: dict[str, Float64] = {}
    absent: dict[str, str] = {}
    if histories is None:
        absent["BG/NBD"] = "the churn event covers a span: there are no purchases to expect"
    else:
        methods["BG/NBD"] = lambda: bg_nbd(histories, y)
    one_class = len(np.unique(y)) < 2
    for name, method in methods.items():
        if one_class and name not in ("base rate", "recency alone"):
            absent[name] = "all training rows have the same outcome"
            continue
        try:
            predictions[name] = method()
        except DataError as error:
            absent[name] = str(error.problems[0])
    return Yardsticks(predictions, absent, len(train))
