"""Slow and plain: what the tests of this folder compare the simulations with."""

from __future__ import annotations

import numpy as np
import pandas as pd


def lapse_by_walking(covers: pd.DataFrame, grace: int, as_of: int, horizon: int) -> pd.Series:
    """Walk day by day: who is at risk at ``as_of`` lapses on the first day that no cover reaches beyond.

    ``covers`` has customer_id, day and end (the first day not covered; for an instant the day itself).
    """
    found = {}
    for customer, own in covers[covers["day"] <= as_of + horizon].groupby("customer_id"):
        spans = list(zip(own["day"], own["end"] + grace, strict=True))

        def is_kept(day: int, spans: list[tuple[int, int]] = spans) -> bool:
            return any(start <= day < reach for start, reach in spans)

        if is_kept(as_of):
            found[customer] = any(not is_kept(day) for day in range(as_of + 1, as_of + horizon + 1))
    return pd.Series(found, dtype=bool)


def assert_calibrated(probability: pd.DataFrame, outcomes: pd.DataFrame, bins: int = 10) -> None:
    """Compare the oracle with what happens, in equal-mass bins; rows of one customer are not independent.

    The variance is that of sums over customers of (outcome - probability), the outcomes' martingale
    residuals.
    """
    assert (probability["customer_id"] == outcomes["customer_id"]).all()
    p, y = probability["probability"].to_numpy(), outcomes["lapsed"].to_numpy(float)
    assert p.min() >= -1e-12
    assert p.max() <= 1 + 1e-12
    assert y[p < 1e-9].sum() == 0
    uncertain = (p > 1e-9) & (p < 1 - 1e-9)
    bin_of = pd.qcut(pd.Series(p[uncertain]).rank(method="first"), bins, labels=False).to_numpy()
    customer = probability["customer_id"].to_numpy()[uncertain]
    for each in range(bins):
        rows = bin_of == each
        residual = pd.Series((y - p)[uncertain][rows]).groupby(customer[rows]).sum()
        assert abs(residual.sum()) < 4.2 * np.sqrt((residual**2).sum()) + 1, (each, residual.sum())
