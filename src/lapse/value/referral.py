"""What customers are worth who bring others, with nobody counted twice.

In: the value of each customer, and who referred whom. Out: the same values with a share of each referred
customer's moved to whoever referred it. Credit moves value and never makes any: the total stays the same.

The rule: a referred customer has one referrer, the first other customer who was known to refer it; the
referrer gets ``credit`` of the referred customer's own CLV, and that much less stays there. Only one
generation: what a referred customer gets for those whom it referred itself is not passed on. Where either has
no value (lapsed, unknown, excluded), nothing moves: who referred it second gets nothing for the first.

Refused (:class:`~lapse.errors.DataError`): a customer with two values or without an id, values that are no
finite numbers, a credit outside [0, 1], referrals without their columns.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from lapse.errors import DataError, Problem


def with_referrals(clv: pd.Series, referrals: pd.DataFrame, credit: float) -> pd.DataFrame:
    """Return each customer's value with and without what it brought.

    Parameters
    ----------
    clv : Series, shape (n,)
        By customer_id, each once; missing where a customer has no value.
    referrals : DataFrame
        ``customer_id`` (who referred) and ``referred``, of the ids of ``clv``, the earliest first.
    credit : float
        In [0, 1]: the share of the referred customer's value that its referrer gets.

    Returns
    -------
    DataFrame, shape (n, 4)
        By customer_id: ``clv``, ``clv_from_referrals``, ``clv_passed_on``, ``clv_with_referrals``.

    Examples
    --------
    >>> clv = pd.Series({"a": 100.0, "b": 60.0, "c": 40.0})
    >>> referrals = pd.DataFrame({"customer_id": ["a", "b", "c"], "referred": ["b", "c", "b"]})
    >>> with_referrals(clv, referrals, 0.5)["clv_with_referrals"].to_dict()
    {'a': 130.0, 'b': 50.0, 'c': 20.0}
    """
    problems = []
    if not 0 <= credit <= 1:
        problems.append(Problem("referrals", "credit", "a share from 0 to 1", str(credit)))
    if missing := {"customer_id", "referred"} - set(referrals.columns):
        wanted = "customer_id and referred"
        problems.append(Problem("referrals", "columns", wanted, f"no {', '.join(sorted(missing))}"))
    problems += value_problems(clv, "referrals")
    if problems:
        raise DataError(problems)
    there = clv.dropna().index
    others = referrals[referrals["customer_id"] != referrals["referred"]]
    first = others.drop_duplicates("referred", keep="first")
    counted = first[first["customer_id"].isin(there) & first["referred"].isin(there)]
    moved = clv.loc[counted["referred"]].to_numpy() * credit
    got = pd.Series(moved, counted["customer_id"].to_numpy()).groupby(level=0).sum()
    gave = pd.Series(moved, counted["referred"].to_numpy())
    table = pd.DataFrame({"clv": clv})
    table["clv_from_referrals"] = got.reindex(clv.index, fill_value=0.0)
    table["clv_passed_on"] = gave.reindex(clv.index, fill_value=0.0)
    table["clv_with_referrals"] = table["clv"] + table["clv_from_referrals"] - table["clv_passed_on"]
    return table


def value_problems(clv: pd.Series, where: str) -> list[Problem]:
    """Return what is wrong with values by customer_id: an id missing or given twice, no finite numbers."""
    missing = np.asarray(clv.index.isna(), np.bool_)
    twice = np.asarray(clv.index.duplicated(), np.bool_) & ~missing
    there = clv.dropna()
    if not pd.api.types.is_numeric_dtype(there):  # such as numbers among text
        there = there.astype(object)
    no_number = np.array(
        [not isinstance(one, Real | Decimal) or isinstance(one, bool) for one in there], bool
    )
    infinite = np.isinf(there[~no_number].to_numpy(np.float64))
    found = (
        (missing, "customer_id", "none missing", "missing"),
        (twice, "clv", "one value a customer", "customers with two"),
        (no_number, "clv", "numbers", repr(there[no_number].iloc[0]) if no_number.any() else ""),
        (infinite, "clv", "finite numbers", "infinite ones"),
    )
    return [
        Problem(where, what, expected, got, count=int(wrong.sum()))
        for wrong, what, expected, got in found
        if wrong.any()
    ]
