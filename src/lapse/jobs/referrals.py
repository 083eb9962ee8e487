"""Who referred whom, read from the history, and the score table with the credit for it.

In: a history whose config has ``value.referral``, and the scores of one date. Out: the scores with what each
customer has from those whom it referred. A referral counts if it was known by the as_of of the scores.

Refused: a config without ``value.referral`` (:class:`~lapse.errors.ConfigError`), scores of several dates
(:class:`~lapse.errors.DataError`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.errors import ConfigError, DataError, Problem
from lapse.history import History
from lapse.schema import Bucket, encoded, to_day
from lapse.value import with_referrals


def referral_value(history: History, scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the value that customers have through whom they referred.

    Parameters
    ----------
    history : History
    scores : DataFrame
        What ``model.score`` returned, or the score table of one date, with ``customer_id``, ``as_of`` and
        ``clv``.

    Returns
    -------
    DataFrame
        The scores and ``clv_from_referrals``, ``clv_passed_on``, ``clv_with_referrals``; see
        :func:`lapse.value.referral.with_referrals`. The last adds up to the total of ``clv``.
    """
    rule = history.business.value.referral
    if rule is None:
        where = str(history.business.source)
        raise ConfigError(Problem(where, "value.referral", "event, referred and credit", "nothing"))
    if missing := [name for name in ("customer_id", "as_of", "clv") if name not in scores]:
        wanted = "as in the score table"
        raise DataError([Problem("scores", name, wanted, "no such column") for name in missing])
    dates = pd.to_datetime(pd.Series(scores["as_of"].astype(str).unique()))
    if len(dates) != 1:
        raise DataError(Problem("scores", "as_of", "one date", f"{len(dates)} of them"))
    day = to_day(dates.iloc[0].date())
    parts = [_pairs(bucket, rule.event, rule.referred, day) for bucket in history.buckets()]
    pairs = pd.concat(parts, ignore_index=True).sort_values("known_day", kind="stable")
    name = scores["customer_id"].astype(str)
    table = with_referrals(scores.set_index(name)["clv"], pairs, rule.credit)
    return scores.assign(**{column: table[column].to_numpy() for column in table.columns if column != "clv"})


def _pairs(bucket: Bucket, event: str, referred: str, day: int) -> pd.DataFrame:
    """Return who referred whom, ids as text, of what was known on a day."""
    events = bucket.events[event]
    whom = encoded(events.attributes[referred]).dictionary_decode().to_pandas().astype("str")
    who = bucket.customer_id.take(events.owner).to_pandas().astype(str)
    pairs = pd.DataFrame({"customer_id": who, "referred": whom, "known_day": events.known_day})
    known = (events.known_day <= day) & (events.day <= day) & whom.notna().to_numpy(np.bool_)
    found: pd.DataFrame = pairs[known]
    return found
