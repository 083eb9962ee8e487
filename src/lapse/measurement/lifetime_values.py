"""Lifetime values of the day of the measurement: whether they are of its customers, and their pyramid.

In: buckets, and :class:`~lapse.measurement.asked.LifetimeValues` where the day was scored. Out: the pyramid
by lifetime value, all missing where there are no scores. Refused: values of others than exactly the
customers at risk on that day. Who they are is told by their number and a sum of hashes of their ids, so
that no list of customers has to be in memory beside the values themselves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.errors import DataError, Problem, shown_path
from lapse.features.wording import several
from lapse.measurement.asked import Asked, LifetimeValues
from lapse.measurement.pyramid import conclude_clv
from lapse.measurement.sums import hashes_of
from lapse.measurement.told import Measured, Misleading, Unknown
from lapse.schema import Bucket, to_date

AT_RISK = "lifetime_at_risk"
"""Name of the sums."""

_LIMITS = (
    " The limits are those of this day's values; the score table keeps those found at training, so its tiers "
    "can differ."
)
_LOW = np.uint64(0xFFFFFFFF)
"""Bits of a hash that are added up: sums of billions of them fit into 64."""


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return how many customers are at risk at as_of, and a number that tells who they are.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``lifetime_at_risk``: one row, ``customers`` and ``hashes``.
    """
    there = at_risk(*known_snapshots(asked.business, bucket, (asked.as_of,))).customer
    row = _who(bucket.customer_id.take(pa.array(there)))
    return {AT_RISK: pd.DataFrame([row], index=pd.Index([0], name="all"), dtype=np.int64)}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return ``pyramid_clv`` and ``pyramid_clv_concentration``.

    Raises
    ------
    DataError
        If the values are not those of the customers at risk at as_of.
    """
    values = asked.lifetime
    if values is None:
        return conclude_clv(asked, None, (_not_scored(asked),))
    _require_same(asked, values, sums[AT_RISK].iloc[0])
    pyramid, spread = conclude_clv(asked, values.clv, tuple(map(Misleading, values.warnings)))
    counted = f" In the scores, {values.counted}." if values.counted else ""
    return [replace(pyramid, text=pyramid.text + counted + _LIMITS), spread]


def _who(ids: pa.Array) -> dict[str, int]:
    return {"customers": len(ids), "hashes": int((hashes_of(ids) & _LOW).sum())}


def score_command(asked: Asked) -> str:
    """Return the command that scores the day of a measurement."""
    return f"lapse score {shown_path(asked.business.source)} --as-of {to_date(asked.as_of)}"


def _not_scored(asked: Asked) -> str:
    return Unknown(
        f"{to_date(asked.as_of)} was not scored, so no lifetime value is known: '{score_command(asked)}'"
    )


def _require_same(asked: Asked, values: LifetimeValues, there: pd.Series) -> None:
    scored = _who(pa.array(values.clv.index))
    if scored == there.to_dict():
        return
    same_number = scored["customers"] == there["customers"]
    raise DataError(
        Problem(
            values.where,
            "score table",
            f"scores of the {several(there['customers'], 'customer')} at risk on {to_date(asked.as_of)}",
            f"{scored['customers']:,}{' others' if same_number else ''}",
            f"tables or config have changed since, or it is another business's: '{score_command(asked)}'",
        )
    )
