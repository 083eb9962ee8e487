"""Buckets made by hand, so that a test says in a few lines what happened to whom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.schema import NEVER, Bucket, Events, Snapshots


def events(frame: pd.DataFrame, customers: list[object], attributes: tuple[str, ...] = ()) -> Events:
    """Return one kind's events from a frame with customer_id, day and any of the other columns, in days.

    Missing columns take their defaults: known_day = day, both end days NEVER, amount NaN, cause 0.
    """
    frame = frame.assign(_position=frame["customer_id"].map({c: i for i, c in enumerate(customers)}))
    order = [c for c in ("_position", "day", "rank", "known_day", "end_day", "amount") if c in frame]
    frame = frame.sort_values(order, kind="stable").reset_index(drop=True)
    count = np.bincount(frame["_position"].to_numpy(np.int64), minlength=len(customers))
    day = frame["day"].to_numpy(np.int32)

    def column(name: str, default: object, dtype: type) -> np.ndarray:
        return frame[name].to_numpy(dtype) if name in frame else np.full(len(frame), default, dtype)

    return Events(
        offsets=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        day=day,
        known_day=frame["known_day"].to_numpy(np.int32) if "known_day" in frame else day,
        end_day=column("end_day", NEVER, np.int32),
        end_known_day=column("end_known_day", NEVER, np.int32),
        amount=column("amount", np.nan, np.float64),
        cause=column("cause", 0, np.int8),
        time_us=day.astype(np.int64) * 86_400_000_000,
        attributes={
            name: pa.array(frame[name].astype(object).where(frame[name].notna(), None)).dictionary_encode()
            if not pd.api.types.is_numeric_dtype(frame[name])
            else pa.array(frame[name])
            for name in attributes
        },
    )


def bucket(
    customers: list[object],
    frames: Mapping[str, pd.DataFrame],
    attributes: Mapping[str, tuple[str, ...]] | None = None,
    profile: pa.Table | None = None,
) -> Bucket:
    """Return a bucket of these customers (ascending) with these events by kind."""
    made = {
        kind: events(frame, customers, (attributes or {}).get(kind, ())) for kind, frame in frames.items()
    }
    known = np.full(len(customers), NEVER, np.int32)
    for one in made.values():
        np.minimum.at(known, np.repeat(np.arange(len(customers)), np.diff(one.offsets)), one.known_day)
    return Bucket(
        number=0,
        customer_id=pa.array(customers),
        known_day=known,
        profile=profile
        if profile is not None
        else pa.table({"_": pa.nulls(len(customers))}).drop_columns(["_"]),
        profile_known_day=np.full(len(customers), np.iinfo(np.int32).min, np.int32),
        events=made,
    )


def snapshots(pairs: list[tuple[int, int]]) -> Snapshots:
    """Return snapshots from (position of the customer, day) pairs, sorted."""
    ordered = sorted(pairs)
    return Snapshots(
        customer=np.array([c for c, _ in ordered], np.int64), day=np.array([d for _, d in ordered], np.int32)
    )
