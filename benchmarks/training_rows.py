"""Labelled snapshots out of thin air, at any size: what the benchmark of training learns from.

In: a number of rows and a seed. Out: files, one a column, of a shop whose customers are seen on 22 monthly
dates; and from them the same rows as a :class:`~lapse.dataset.rows.Labelled`, as a frame of columns, or as
one matrix that lies ready. 100 features: three are categories, amounts and counts are skewed, means and
maxima have gaps; how busy and how upset a customer is stands behind most of them and behind the risk. About
one row in seven lapses within the horizon. Whatever the seed, columns mean the same, so one seed can judge
another.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lapse.cohort.calendar import build_calendar
from lapse.cohort.outcomes import Outcomes
from lapse.cohort.purchases import PurchaseHistory
from lapse.config import Business, load
from lapse.dataset.rows import Labelled
from lapse.demo import example
from lapse.features import Recipe
from lapse.schema import Bool, Float32, Float64, Int32, to_day

N_FEATURES = 100
HORIZON = 60
_CATEGORIES = {"customer__channel": 4, "order__latest_category": 12, "customer__region": 30}
_LEADING = (
    "customer__tenure_days",
    "order__days_since_last",
    "discount__days_to_end",
    "calendar__year_sin",
    "calendar__year_cos",
    *_CATEGORIES,
)


def names() -> list[str]:
    """Return the names of the features."""
    windowed = [
        f"{event}__{stat}__{window}d"
        for event in ("order", "refund", "ticket", "late_delivery", "discount")
        for stat in ("count", "sum", "mean", "max")
        for window in (365, 180, 90, 60, 30)
    ]
    return [*_LEADING, *windowed][:N_FEATURES]


def write(folder: Path, rows: int, seed: int) -> None:
    """Write the columns and outcomes of a labelled dataset, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    business = _business(folder)
    calendar = build_calendar(business, to_day(business.observed_until))
    dates = np.array(calendar.labelled, np.int32)
    rng = np.random.default_rng(seed)
    customers = -(-rows // len(dates))
    owner = np.repeat(np.arange(customers, dtype=np.int64), len(dates))[:rows]
    day = np.tile(dates, customers)[:rows]
    busy = (rng.normal(size=customers)[owner] + 0.4 * rng.normal(size=rows)).astype(np.float32)
    upset = (rng.normal(size=customers)[owner] + 0.6 * rng.normal(size=rows)).astype(np.float32)
    since = np.minimum(rng.exponential(18 * np.exp(-0.3 * busy)), 59).astype(np.int32)
    start = rng.integers(day[0] - 900, day[0] - 60, customers).astype(np.int32)[owner]
    odds = -2.6 - 0.5 * busy + 0.55 * upset + 0.02 * since + 0.15 * np.sin(2 * np.pi * day / 365.25)
    odds += 0.5 * (upset > 1.2) * (busy < 0)
    columns = _Columns(folder, rng, busy, upset)
    columns.leading(day, start, since)
    columns.windowed()
    np.save(folder / "customer.npy", owner)
    np.save(folder / "day.npy", day)
    _write_outcomes(folder, rng, business, day, 60 - since, busy, odds + columns.told)
    repeats = np.where(since < day - start, rng.poisson(np.exp(1 + 0.5 * busy)), 0).astype(np.float64)
    tenure = (day - start).astype(np.float64)
    np.save(folder / "repeats.npy", repeats)
    np.save(folder / "t_x.npy", np.where(repeats > 0, np.maximum(tenure - since, 1), 0))
    np.save(folder / "tenure.npy", tenure)


class _Columns:
    """Writes features, and collects what they say of the odds beyond what is hidden."""

    def __init__(self, folder: Path, rng: np.random.Generator, busy: Float32, upset: Float32) -> None:
        self.folder, self.rng, self.busy, self.upset = folder, rng, busy, upset
        self.told = np.zeros(len(busy), np.float32)
        self.world = np.random.default_rng(7)  # what columns mean, the same whatever the seed of the rows

    def _save(self, name: str, values: Any) -> None:
        np.save(self.folder / f"{name}.npy", np.asarray(values, np.float32))

    def leading(self, day: Int32, start: Int32, since: Int32) -> None:
        n, rng = len(day), self.rng
        self._save("customer__tenure_days", day - start)
        self._save("order__days_since_last", since)
        ends = rng.integers(0, 200, n).astype(np.float32)
        self._save("discount__days_to_end", np.where(rng.random(n) < 0.6, np.nan, ends))
        angle = 2 * np.pi * day / 365.25
        self._save("calendar__year_sin", np.sin(angle))
        self._save("calendar__year_cos", np.cos(angle))
        for name, size in _CATEGORIES.items():
            code = rng.integers(0, size, n).astype(np.int8)
            self.told += self.world.normal(0, 0.15, size).astype(np.float32)[code]
            np.save(self.folder / f"{name}.npy", code)

    def windowed(self) -> None:
        n, rng = len(self.busy), self.rng
        for place, name in enumerate(names()[len(_LEADING) :]):
            stat = name.split("__")[1]
            lean = self.world.normal(0, 0.5, 2).astype(np.float32)
            hidden = lean[0] * self.busy + lean[1] * self.upset
            own = rng.standard_normal(n, np.float32)
            if place % 5 == 0:
                self.told += np.float32(0.08) * np.tanh(own)
            value = np.exp(np.float32(1.0) + hidden + np.float32(0.5) * own)
            value = np.floor(value) if stat == "count" else value.round(2)
            if stat in ("mean", "max"):
                value[rng.random(n) < 0.25] = np.nan
            self._save(name, value)


def _write_outcomes(
    folder: Path,
    rng: np.random.Generator,
    business: Business,
    day: Int32,
    earliest: Int32,
    busy: Float32,
    odds: Float64,
) -> None:
    hazard = 1 / (1 + np.exp(-odds))
    steps = rng.geometric(hazard) - 1
    lapse = (earliest + business.step_days * steps + (steps > 0) * rng.integers(1, 30, len(day))).astype(
        np.int32
    )
    end = to_day(business.observed_until)
    n_steps = -(-min(end - int(day.min()), business.value.limit) // business.step_days)
    calendar = build_calendar(business, end)
    money = rng.gamma(1.5, 20, (len(day), n_steps)).astype(np.float32)
    money *= np.exp(0.5 * busy)[:, None]
    money[rng.random(money.shape, np.float32) < 0.4] = 0
    starts = business.step_days * np.arange(n_steps)
    money *= np.clip((lapse[:, None] - starts) / np.float32(business.step_days), 0, 1)
    np.save(folder / "money.npy", money.round(2))
    np.save(folder / "lapse.npy", lapse)
    np.save(folder / "cuts.npy", np.array([calendar.test[0], end]))


def dataset(folder: Path) -> Labelled:
    """Return what :func:`write` wrote as a labelled dataset."""
    business = _business(folder)
    day, owner = np.load(folder / "day.npy"), np.load(folder / "customer.npy")
    first_test, end = np.load(folder / "cuts.npy")
    as_of = day.astype("datetime64[D]").astype("datetime64[s]")
    early = _outcomes(folder, business, day, int(first_test))
    not_yet = day >= first_test
    early.lapsed[not_yet], early.event[not_yet], early.duration_days[not_yet] = False, 0, 0
    early.spend[not_yet] = np.nan
    bought = [np.load(folder / f"{name}.npy") for name in ("repeats", "t_x", "tenure")]
    calendar = build_calendar(business, int(end))
    last_fit = np.flatnonzero(day == calendar.fit[-1])
    purchases = PurchaseHistory(*bought)
    return Labelled(
        business=business,
        recipe=Recipe(business, tuple(names())),
        keys=pd.DataFrame({"customer_id": owner, "as_of": as_of}),
        features=features(folder),
        fingerprint="synthetic",
        calendar=calendar,
        cut=int(end),
        outcomes=_outcomes(folder, business, day, int(end)),
        early=early,
        not_at_risk=Counter(),
        purchases=purchases,
        everybody=purchases.take(last_fit),
    )


def features(folder: Path) -> pd.DataFrame:
    """Return the features as a frame, column by column as they were written."""
    numbers = [name for name in names() if name not in _CATEGORIES]
    block = np.stack([np.load(folder / f"{name}.npy") for name in numbers])
    frame = pd.DataFrame(block.T, columns=numbers, copy=False)
    for place, name in enumerate(names()):
        if name in _CATEGORIES:
            labels = [f"{name.split('__')[1]} {code:02d}" for code in range(_CATEGORIES[name])]
            code = np.load(folder / f"{name}.npy")
            frame.insert(place, name, pd.Categorical.from_codes(code, labels))
    return frame


def matrix(folder: Path) -> Float32:
    """Return the features as one C-contiguous matrix, categories as codes."""
    first = np.load(folder / f"{names()[0]}.npy")
    ready = np.empty((len(first), N_FEATURES), np.float32)
    for place, name in enumerate(names()):
        ready[:, place] = np.load(folder / f"{name}.npy")
    return ready


def categorical() -> list[int]:
    """Return the positions of the categories."""
    return [place for place, name in enumerate(names()) if name in _CATEGORIES]


def _business(folder: Path) -> Business:
    config = folder / "shop.yaml"
    config.write_text(example("shop"), encoding="utf-8")
    return load(config)


def _outcomes(folder: Path, business: Business, day: Int32, cut: int) -> Outcomes:
    lapse = np.load(folder / "lapse.npy")
    money = np.load(folder / "money.npy").astype(np.float64)
    left = np.maximum(cut - day, 1)
    closes = business.step_days * np.arange(1, money.shape[1] + 1)
    for date in np.unique(day):
        money[np.ix_(day == date, closes > cut - date)] = np.nan
    return Outcomes(
        lapsed=lapse <= np.minimum(business.snapshots.horizon, left),
        event=(lapse <= left).astype(np.int8),
        duration_days=np.minimum(lapse, left).astype(np.int32),
        spend=money,
    )


def lapsed(folder: Path) -> Bool:
    """Return whether each row lapses within the horizon."""
    within: Bool = np.load(folder / "lapse.npy") <= HORIZON
    return within
