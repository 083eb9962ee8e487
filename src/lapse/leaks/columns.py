"""Guard 2: a column that predicts too well on its own is probably told the answer.

In: a labelled dataset. Out: the columns that tell lapsed customers from staying ones better than honest
columns do, judged out of time: what a value means is learned on earlier as-of dates, and judged on later
ones. Where too few lapsed to judge by, the verdict says so: silence would be taken for innocence.

This finds what guard 1 cannot see: a table without ``known_at`` whose rows were overwritten after customers
left, a column made from the outcome, a customer id that encodes it.

How a column is scored
----------------------
Each value of a column (categories, missing, and numbers in at most 64 ranges) gets the lapse rate that it had
on the learning dates, shrunk to the overall rate; numbers are ranked as they are, too, in both directions. Of
these the best counts. Three numbers say how good it is, on the judging dates:

- ``auc``: the chance that a lapsed customer stands before a staying one (0.5 = no use), ties counted half
  (Mann-Whitney);
- ``certainty``: how far the ranking is from chance to being right about everybody: with ``p`` the share of
  lapsed among as many rows from the top as there are lapsed ones, and ``b`` the base rate, ``(p - b) / (1 -
  b)``;
- ``marked``: the share of the lapsed customers that a single value of the column (a category, a number of at
  most ten, being missing or being filled) marks all but without error, which is to say with at least 0.95 of
  the way from ``b`` to 1 among at least 20 rows. A reason for leaving that only some leavers gave is such a
  column; its ``auc`` is low. Ranges of a number do not count: whose grace ends tomorrow is honestly lost.

They are taken on the last third of the dates and on the last date alone, and the larger counts: a status that
was overwritten later is muddled on early dates, where it also marks those who left long after, and perfect on
the last.

The rule
--------
``auc >= 0.97`` and ``certainty >= 0.80``, or ``marked >= 0.50``: refused. ``auc >= 0.90`` and ``certainty >=
0.60``, or ``marked >= 0.10``: a warning. One value that marks half of the lapsed all but without error is
told who left, whatever the column says of the others. The AUC alone would refuse honest columns, which reach
a high one by knowing who *cannot* leave: with yearly prepaid terms and a horizon of 30 days only one customer
in twelve can lapse at all, and the days to the end of the term tell which (auc 0.985 on simulated members of
whom 0.7 renew), but not which of these do (certainty 0.29). A leak knows who *does*. The best built-in column
of a real grocer has an auc of 0.89 and a certainty of 0.50, of the simulated gym 0.82 and 0.29, of the
simulated shop 0.82 and 0.52.

Where notice that was given is mapped, an honest column knows the end itself, and is named too: accept it by
name. If it is *refused*, half of those who lapse or more had given notice before they were asked about, so
that the question is largely answered before it is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import Problem
from lapse.leaks.lasting import Lasting
from lapse.leaks.measures import SMALLEST_CLASS, measure
from lapse.schema import Bool, Int64

REFUSED_AUC = 0.97
REFUSED_CERTAINTY = 0.80
REFUSED_MARKED = 0.50
WARNED_AUC = 0.90
WARNED_CERTAINTY = 0.60
WARNED_MARKED = 0.10
MOST_ROWS = 50_000
_PREFIXES = (1, 2, 3)


@dataclass(frozen=True)
class TooGood:
    """A column that predicts too well on its own.

    Attributes
    ----------
    column : str
        Its name; ``customer_id`` or ``customer_id (...)`` for what the id was tried as.
    auc, certainty, marked : float
        On the judging dates; see the module.
    verdict : {"refused", "warning"}
    rows : int
        Rows on which it was judged.
    """

    column: str
    auc: float
    certainty: float
    marked: float
    verdict: Literal["refused", "warning"]
    rows: int

    @property
    def problem(self) -> Problem:
        """The finding as a problem to print or raise."""
        return Problem(
            "dataset",
            f"column '{self.column}'",
            "a column that does not know the outcome",
            f"on its own an AUC of {self.auc:.3f}, {self.certainty:.0%} of the way to being always right, "
            f"{self.marked:.0%} of the lapsed marked by one value",
            "was it written, or overwritten, after the customer left, or made from the outcome? "
            "If it is honest, name it under features.trusted",
            self.rows,
        )


@dataclass(frozen=True)
class Verdict:
    """What was found among the columns of a dataset.

    Attributes
    ----------
    columns : tuple of TooGood
        The worst first.
    lapsed, staying : int
        Rows of each kind on the judging dates.
    lasting : tuple of Lasting
        Static columns that know how long customers would stay (:mod:`lapse.leaks.lasting`).
    strangers : tuple of str
        Names that are trusted, but are of no column.
    """

    columns: tuple[TooGood, ...]
    lapsed: int
    staying: int
    lasting: tuple[Lasting, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether there were at least 20 lapsed and 20 staying rows to judge by."""
        return min(self.lapsed, self.staying) >= SMALLEST_CLASS

    @property
    def refused(self) -> list[Problem]:
        """The columns that are refused."""
        return [one.problem for one in self._named if one.verdict == "refused"]

    @property
    def warnings(self) -> list[Problem]:
        """The columns that are suspicious, that none was judged, and names of no column."""
        found = [one.problem for one in self._named if one.verdict == "warning"]
        found += [
            Problem(
                "dataset",
                "features.trusted",
                "columns of the dataset, or customer_id",
                f"'{name}'",
                "a column that came under another name is not trusted",
            )
            for name in self.strangers
        ]
        if not self.judged:
            found.append(
                Problem(
                    "dataset",
                    "columns that predict too well",
                    f"at least {SMALLEST_CLASS} lapsed and {SMALLEST_CLASS} staying rows to judge by, on the "
                    "last third of the dates",
                    f"not judged: only {self.lapsed:,} lapsed, {self.staying:,} staying",
                    "a column that was told the outcome would go unseen: look at how each came about",
                )
            )
        return found

    @property
    def _named(self) -> list[TooGood | Lasting]:
        """Every column once, by the first finding about it."""
        found: dict[str, TooGood | Lasting] = {}
        every: list[TooGood | Lasting] = [*self.columns, *self.lasting]
        for one in sorted(every, key=lambda one: one.verdict):
            found.setdefault(one.column, one)
        return list(found.values())

    def __str__(self) -> str:
        if not self.judged:
            return f"not judged: only {self.lapsed:,} lapsed, {self.staying:,} staying"
        return str(len(self._named) or "none")


def too_good_columns(
    features: pd.DataFrame,
    lapsed: npt.ArrayLike,
    as_of: npt.ArrayLike | pd.Series,
    customer_id: npt.ArrayLike | pd.Series,
    *,
    horizon_days: int,
    accepted: Collection[str] = (),
) -> Verdict:
    """Name each column, and the customer id, that predicts the outcome too well on its own.

    Parameters
    ----------
    features : pandas.DataFrame, shape (n, n_features)
        Numbers, booleans, strings or categories; missing values allowed.
    lapsed : array-like of bool, shape (n,)
    as_of : array-like of dates, shape (n,)
    customer_id : array-like, shape (n,)
        Tried as a number, in its sorting order, and by its first one, two and three characters.
    horizon_days : int
        What is learned comes from rows whose label windows close before the judging dates. Where there are no
        such dates (or only one date), half of the customers learn and the others judge.
    accepted : collection of str
        Columns that were looked at and are honest.

    Returns
    -------
    Verdict
        Where the judging dates hold fewer than 20 lapsed or 20 staying rows, it says that nothing was judged.

    Notes
    -----
    Of more than 50,000 rows as many are chosen at random, always the same.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> lapsed = rng.random(2000) < 0.2
    >>> frame = pd.DataFrame({"visits": rng.poisson(3, 2000), "reason_left": np.where(lapsed, "price", None)})
    >>> dates = np.repeat(pd.to_datetime(["2025-01-31", "2025-03-31"]), 1000)
    >>> verdict = too_good_columns(frame, lapsed, dates, np.arange(2000), horizon_days=30)
    >>> [one.column for one in verdict.columns]
    ['reason_left']
    >>> print(too_good_columns(frame[:150], lapsed[:150], dates[:150], np.arange(150), horizon_days=30))
    not judged: only 13 lapsed, 64 staying
    """
    n = len(features)
    thin = np.sort(np.random.default_rng(0).choice(n, min(n, MOST_ROWS), replace=False))
    outcome: Bool = np.asarray(lapsed, dtype=np.bool_)[thin]
    days = pd.Series(pd.to_datetime(pd.Series(as_of))).to_numpy("datetime64[D]").astype(np.int64)[thin]
    identity = pd.Series(pd.Series(customer_id).to_numpy()).iloc[thin].reset_index(drop=True)
    learning, judged = _split(days, halves(identity), outcome, horizon_days)
    lapsed = int(outcome[judged].sum())
    judges = [rows for rows in (judged, judged & (days == days.max(initial=0))) if _enough(outcome[rows])]
    columns = (*_columns(features.iloc[thin], accepted), *_as_columns(identity, accepted)) if judges else ()
    found = [one for name, column in columns if (one := _judge(name, column, outcome, learning, judges))]
    worst_first = sorted(found, key=lambda one: (one.verdict, -one.auc, one.column))
    strangers = tuple(name for name in accepted if name not in {*map(str, features.columns), "customer_id"})
    return Verdict(tuple(worst_first), lapsed, int(judged.sum()) - lapsed, strangers=strangers)


def _verdict(auc: float, certainty: float, marked: float) -> Literal["refused", "warning"] | None:
    if (auc >= REFUSED_AUC and certainty >= REFUSED_CERTAINTY) or marked >= REFUSED_MARKED:
        return "refused"
    if (auc >= WARNED_AUC and certainty >= WARNED_CERTAINTY) or marked >= WARNED_MARKED:
        return "warning"
    return None


def _columns(features: pd.DataFrame, accepted: Collection[str]) -> Iterator[tuple[str, pd.Series]]:
    for name in features.columns:
        if name not in accepted:
            yield str(name), features[name].reset_index(drop=True)


def _as_columns(identity: pd.Series, accepted: Collection[str]) -> Iterator[tuple[str, pd.Series]]:
    """Yield what a customer id could tell: number, place in order, length, first and last characters."""
    if "customer_id" in accepted:
        return
    text = identity.astype(str)
    digits = pd.to_numeric(text.str.extract(r"(\d+)", expand=False), errors="coerce").astype(np.float64)
    if digits.notna().any():
        yield "customer_id (its number)", digits
    yield "customer_id (its order)", text.rank(method="dense")
    yield "customer_id (its length)", text.str.len().astype(np.float64)
    for length in _PREFIXES:
        yield f"customer_id (first {length})", text.str[:length]
        yield f"customer_id (last {length})", text.str[-length:]


def halves(identity: pd.Series) -> Bool:
    """Return True for the rows of about half of the customers, the same whatever the order of the rows."""
    hashed: Bool = (pd.util.hash_pandas_object(identity, index=False).to_numpy() >> np.uint64(7)) % 2 == 0
    return hashed


def _split(days: Int64, half: Bool, outcome: Bool, horizon_days: int) -> tuple[Bool, Bool]:
    """Return the learning rows and the judging ones: those of the last third of the dates."""
    dates = np.unique(days)
    first = dates[len(dates) - max(1, len(dates) // 3)]
    learning: Bool = days + horizon_days <= first
    judged: Bool = days >= first
    if not _enough(outcome[learning]):
        learning, judged = half, judged & ~half
    return learning, judged


def _enough(outcome: Bool) -> bool:
    lapsed = int(outcome.sum())
    return min(lapsed, len(outcome) - lapsed) >= SMALLEST_CLASS


def _judge(name: str, column: pd.Series, outcome: Bool, learning: Bool, judges: list[Bool]) -> TooGood | None:
    """Return a column with its best numbers over rankings and judging sets, if they are too good."""
    auc, certainty, marked = measure(column, outcome, learning, judges)
    verdict = _verdict(auc, certainty, marked)
    return None if verdict is None else TooGood(name, auc, certainty, marked, verdict, int(judges[0].sum()))
