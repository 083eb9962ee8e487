"""How well one column tells lapsed customers from staying ones, learned on some rows and judged on others.

In: a column, outcomes, and masks of rows. Out: auc, certainty and marked, as :mod:`lapse.leaks.columns` says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lapse.schema import Bool, Float64, Int64

RANGES = 64
FEW_VALUES = 10
"""A number with more distinct values than this is no code, and none of its values can mark."""
PURE = 0.95
SMALLEST_CLASS = 20
"""Fewest lapsed and staying rows to judge a column on, and fewest rows of a value that marks."""
_SHRINKAGE = 20.0


def measure(
    column: pd.Series, outcome: Bool, learning: Bool, judges: list[Bool]
) -> tuple[float, float, float]:
    """Return auc, certainty and marked of one column.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
    outcome, learning : bool, shape (n,)
        Who lapsed; the rows to learn from.
    judges : list of bool, shape (n,)
        The sets of rows to judge on, one or more.
    """
    ranges, values, numbers = _codes(column, learning)
    rankings = [_learned_rate(ranges, outcome, learning), *numbers]
    auc, certainty = max(
        (_auc(ranking[rows], outcome[rows]), _certainty(ranking[rows], outcome[rows]))
        for ranking in rankings
        for rows in judges
    )
    return auc, certainty, max(_marked(value[rows], outcome[rows]) for value in values for rows in judges)


def _codes(column: pd.Series, learning: Bool) -> tuple[Int64, list[Int64], list[Float64]]:
    """Return a column as codes to learn from, as values that can mark, and as rankings; -1 is missing."""
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        code = pd.factorize(column)[0].astype(np.int64)
        return code, [code, np.where(code < 0, -1, 0)], []
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    missing = np.isnan(numbers)
    ends = (-np.inf, np.inf) if missing.any() else (-np.inf,)
    rankings = [np.where(missing, end, sign * numbers) for sign in (1.0, -1.0) for end in ends]
    values = [np.where(missing, -1, 0)]
    exact, distinct = pd.factorize(numbers)
    if len(distinct) <= FEW_VALUES:
        values.append(exact.astype(np.int64))
    return _ranges(numbers, missing, learning & ~missing), values, rankings


def _ranges(numbers: Float64, missing: Bool, known: Bool) -> Int64:
    """Return the range of each number, one of at most 64 with equally many learning rows; -1 is missing."""
    cuts = np.linspace(0, 1, RANGES + 1)[1:-1]
    edges = np.unique(np.quantile(numbers[known], cuts)) if known.any() else np.empty(0)
    return np.where(missing, -1, np.searchsorted(edges, numbers, side="right")).astype(np.int64)


def _learned_rate(code: Int64, outcome: Bool, learning: Bool) -> Float64:
    """Return for each row the lapse rate of its code on the learning rows, shrunk; -1 is a code too."""
    place = code + 1
    count = np.bincount(place[learning], minlength=int(place.max()) + 1)
    lapsed = np.bincount(place[learning], weights=outcome[learning], minlength=len(count))
    rate: Float64 = (lapsed + _SHRINKAGE * outcome[learning].mean()) / (count + _SHRINKAGE)
    return rate[place]


def _auc(ranking: Float64, outcome: Bool) -> float:
    n_lapsed = int(outcome.sum())
    ranks = rankdata(ranking)
    return float(
        (ranks[outcome].sum() - n_lapsed * (n_lapsed + 1) / 2) / (n_lapsed * (len(outcome) - n_lapsed))
    )


def _certainty(ranking: Float64, outcome: Bool) -> float:
    """Return (p - b) / (1 - b) of the top rows; of rows tied at the edge, the share that fits counts."""
    n_lapsed = int(outcome.sum())
    edge = np.partition(ranking, len(ranking) - n_lapsed)[len(ranking) - n_lapsed]
    above, tied = ranking > edge, ranking == edge
    hits = outcome[above].sum() + outcome[tied].mean() * (n_lapsed - above.sum())
    base = outcome.mean()
    return float((hits / n_lapsed - base) / (1 - base))


def _marked(code: Int64, outcome: Bool) -> float:
    """Return the largest share of the lapsed that one value marks all but without error."""
    count = np.bincount(code + 1)
    lapsed = np.bincount(code + 1, weights=outcome)
    base = outcome.mean()
    rate = (lapsed / np.maximum(count, 1) - base) / (1 - base)
    return float(np.max(np.where((count >= SMALLEST_CLASS) & (rate >= PURE), lapsed, 0.0)) / outcome.sum())
