"""Guard 3: no label of a training row may still be open when the first test question is asked.

In: the as-of dates of training and test rows and the horizon. Out: nothing, or an error with counts and the
first example. The window of a label is ``(as_of, as_of + horizon]``; it is final at the end of its last day.
So training rows are clean where ``as_of + horizon <= first test as_of``: an embargo of one horizon.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from pandas.api.typing.aliases import AnyArrayLike

from lapse.errors import DataError, GateError, Problem


def check_folds(fit_as_of: AnyArrayLike, test_as_of: AnyArrayLike, horizon_days: int) -> None:
    """Refuse training rows whose label window reaches beyond the first test as_of.

    Parameters
    ----------
    fit_as_of, test_as_of : array-like of dates
        The as_of of each row that anything is learned from (calibration and choice of settings included), and
        of each row that judges.
    horizon_days : int
        Length of the label window in days, at least 1.

    Raises
    ------
    GateError
        With the number of training rows whose window is still open, and the first.
    DataError
        If either has no rows, or a missing date.

    Examples
    --------
    >>> check_folds(["2025-01-31"], ["2025-03-31"], horizon_days=59)
    >>> check_folds(["2025-01-31"], ["2025-03-31"], horizon_days=60)
    Traceback (most recent call last):
    lapse.errors.GateError: folds: training rows: expected label windows that close by 2025-03-31, ...
    """
    if horizon_days < 1:
        raise ValueError(f"a horizon has at least one day, not {horizon_days}")
    fit, test = (_dates(values, name) for values, name in ((fit_as_of, "training"), (test_as_of, "test")))
    first = test.min()
    closes = fit + timedelta(days=horizon_days)
    if len(late := fit[closes > first]):
        raise GateError(
            Problem(
                "folds",
                "training rows",
                f"label windows that close by {first:%Y-%m-%d}, the first test as_of",
                "windows that are still open then",
                f"leave out training dates after {first - timedelta(days=horizon_days):%Y-%m-%d}",
                len(late),
                f"as of {late.iloc[0]:%Y-%m-%d}, open until {closes[late.index[0]]:%Y-%m-%d}",
            )
        )


def check_unique_keys(customer_id: AnyArrayLike, as_of: AnyArrayLike) -> None:
    """Refuse a dataset in which a customer stands twice for one as_of.

    Parameters
    ----------
    customer_id : array-like, shape (n,)
    as_of : array-like of dates, shape (n,)

    Raises
    ------
    DataError
        With the number of rows too many, and the first; or if a key is missing.

    Examples
    --------
    >>> check_unique_keys([1, 1], ["2025-01-31", "2025-02-28"])
    """
    keys = pd.DataFrame(
        {"customer_id": pd.Series(customer_id), "as_of": _dates(as_of, "the dataset's").array}
    )
    if len(missing := keys[keys["customer_id"].isna()]):
        raise DataError(
            Problem(
                "dataset",
                "customer_id",
                "a customer in every row",
                "none",
                "",
                len(missing),
                f"row {missing.index[0]}",
            )
        )
    twice = keys[keys.duplicated()]
    if len(twice):
        row = twice.iloc[0]
        raise DataError(
            Problem(
                "dataset",
                "(customer_id, as_of)",
                "each pair once",
                "pairs more than once",
                "a repeated row counts twice, and can stand on both sides of a split",
                len(twice),
                f"customer {row['customer_id']} as of {row['as_of']:%Y-%m-%d}",
            )
        )


def _dates(values: AnyArrayLike, name: str) -> pd.Series[pd.Timestamp]:
    dates = pd.Series(pd.to_datetime(pd.Series(values)).to_numpy("datetime64[s]"))
    if not len(dates) or dates.isna().any():
        got = f"{int(dates.isna().sum())} missing" if len(dates) else "no rows"
        raise DataError(Problem("folds", f"as_of of {name} rows", "a date in every row, and a row", got))
    return dates
