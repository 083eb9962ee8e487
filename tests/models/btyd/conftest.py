"""The CDNOW sample of the literature, read by plain pandas; its tests are skipped where it is absent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lapse.cohort.purchases import PurchaseHistory, read_histories

CDNOW = Path(__file__).parents[4] / "shared/data/cdnow/CDNOW_sample.txt"


@dataclass(frozen=True)
class Sample:
    """Histories at the end of September 1997 in weeks, purchases in the 39 weeks after it, and the values of
    the purchases before it (one a customer and day).
    """

    weeks: PurchaseHistory
    bought_later: np.ndarray
    before: pd.DataFrame


@pytest.fixture(scope="session")
def cdnow() -> Sample:
    if not CDNOW.exists():
        pytest.skip("the CDNOW sample is not on this machine (../shared/data/cdnow)")
    columns = ["all", "customer", "date", "discs", "dollars"]
    rows = pd.read_csv(CDNOW, sep=r"\s+", names=columns, dtype={"date": str})
    when = pd.to_datetime(rows["date"]).to_numpy("datetime64[D]").astype(np.int64)
    cut = int(np.datetime64("1997-09-30").astype(np.int64))
    customer = rows["customer"].to_numpy()
    asked = pd.unique(customer)
    days = read_histories(customer, when, when, asked, np.full(len(asked), cut))
    weeks = PurchaseHistory(days.repeat_purchases, days.t_x / 7, days.T / 7)
    daily = rows.assign(when=when).groupby(["customer", "when"], as_index=False)["dollars"].sum()
    after = daily[daily["when"] > cut].groupby("customer").size().reindex(asked, fill_value=0)
    return Sample(weeks, after.to_numpy(), daily[daily["when"] <= cut])
