"""Who referred whom, read from the history, and the score table with the credit for it.

In: a history whose config has ``value.referral``, and the scores of one date. Out: the scores with what each
customer has from those whom it referred. A referral counts if it was known by the as_of of the scores.

Refused: a config without ``value.referral`` (:class:`~lapse.errors.ConfigError`), and
(:class:`~lapse.errors.DataError`) what is no score table of one date: columns or ids missing, a customer
twice, values that are no finite numbers, dates that are not one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.dataset import date_of
from lapse.errors import ConfigError, DataError, Problem
from lapse.history import History
from lapse.schema import Bucket, encoded, to_day
from lapse.value import value_problems, with_referrals


def referral_value(history: History, scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the value that customers have through whom they referred.

    Parameters
    ----------
    history : History
    scores : DataFrame
        What ``model.score`` returned, or the score table of one date, with ``customer_id``, ``as_of`` (dates
        or ISO text, one for all) and ``clv``.

    Returns
    -------
    DataFrame
        The scores and ``clv_from_referrals``, ``clv_passed_on``, ``clv_with_referrals``; see
        :func:`lapse.value.referral.with_referrals`. The last adds up to the total of ``clv``.

    Raises
    ------
    ConfigError
        If the config has no ``value.referral``.
    DataError
        If the scores are not those of one date; all that is wrong with them is told.
    """
    rule = history.business.value.referral
    if rule is None:
        where = str(history.business.source)
        raise ConfigError(Problem(where, "value.referral", "event, referred and credit", "nothing"))
    day = _day_of(scores)
    parts = [_pairs(bucket, rule.event, rule.referred, day) for bucket in history.buckets()]
    pairs = pd.concat(parts, ignore_index=True).sort_values("known_day", kind="stable")
    name = scores["customer_id"].astype(str)
    clv = scores.set_index(name)["clv"].astype(np.float64)
    table = with_referrals(clv, pairs, rule.credit)
    return scores.assign(**{column: table[column].to_numpy() for column in table.columns if column != "clv"})


def _day_of(scores: pd.DataFrame) -> int:
    """Return the day number of a score table, or refuse all that is wrong with the table."""
    if not isinstance(scores, pd.DataFrame):
        got = f"a {type(scores).__name__}"
        raise DataError(Problem("scores", "table", "a DataFrame, as model.score returns it", got))
    names = ("customer_id", "as_of", "clv")
    problems = [
        Problem("scores", name, "as in the score table", "no such column")
        for name in names
        if name not in scores
    ]
    if {"customer_id", "clv"} <= set(scores):
        problems += value_problems(scores.set_index("customer_id")["clv"], "scores")
    days, wrong = _days(scores["as_of"]) if "as_of" in scores else ({0}, [])
    if problems := [*problems, *wrong]:
        raise DataError(problems)
    return days.pop()


def _days(as_of: pd.Series) -> tuple[set[int], list[Problem]]:
    """Return the day numbers of dates and ISO text, and what is wrong with them: nothing is guessed."""
    days, unread = set[int](), []
    for one in as_of.unique():
        try:
            days.add(to_day(date_of(one)))
        except ValueError:
            unread.append(one)
    if unread:
        shown = "missing" if pd.isna(unread[0]) else repr(unread[0])
        count = int(as_of.isin(unread).sum())
        return days, [Problem("scores", "as_of", "dates such as 2025-06-30", shown, count=count)]
    several = Problem("scores", "as_of", "one date", f"{len(days)} of them")
    return days, [] if len(days) == 1 else [several]


def _pairs(bucket: Bucket, event: str, referred: str, day: int) -> pd.DataFrame:
    """Return who referred whom, ids as text, of what was known on a day."""
    events = bucket.events[event]
    whom = encoded(events.attributes[referred]).dictionary_decode().to_pandas().astype("str")
    who = bucket.customer_id.take(events.owner).to_pandas().astype(str)
    pairs = pd.DataFrame({"customer_id": who, "referred": whom, "known_day": events.known_day})
    known = (events.known_day <= day) & (events.day <= day) & whom.notna().to_numpy(np.bool_)
    found: pd.DataFrame = pairs[known]
    return found
