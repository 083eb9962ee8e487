"""One customer of a bucket, with nothing but what was known by a day.

In: a bucket, the position of a customer, a day. Out: a bucket of that customer alone in which later knowledge
does not exist: no row known later, no end (nor its cause) known later, no profile known later. What is told
of a customer is told from it, so that nothing that is shown can be a leak. A row that happens after the day
and was known by then (a term booked ahead) stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from lapse.leaks.sampling import choose_customers, take
from lapse.schema import NEVER, Bucket, Events


def as_known(bucket: Bucket, customer: int, day: int) -> Bucket:
    """Return one customer as the business knew it at the end of a day.

    Parameters
    ----------
    bucket : Bucket
    customer : int
        Position in the bucket.
    day : int
        Day number.

    Returns
    -------
    Bucket
        Of one customer. Ends known later are ``NEVER``, a profile known later is null.
    """
    alone = choose_customers(bucket, np.array([customer], np.int64))
    profile = alone.profile
    if alone.profile_known_day[0] > day:
        profile = pa.table({"_": pa.nulls(1), **{f.name: pa.nulls(1, f.type) for f in profile.schema}})
        profile = profile.drop_columns(["_"])
    return replace(
        alone,
        profile=profile,
        events={kind: _known(events, day) for kind, events in alone.events.items()},
    )


def _known(events: Events, day: int) -> Events:
    rows = np.flatnonzero(events.known_day <= day)
    kept = take(events, rows, np.zeros(len(rows), np.int64))
    later = kept.end_known_day > day
    return replace(
        kept,
        end_day=np.where(later, np.int32(NEVER), kept.end_day),
        end_known_day=np.where(later, np.int32(NEVER), kept.end_known_day),
        cause=np.where(later, np.int8(0), kept.cause),
    )
