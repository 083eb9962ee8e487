"""A small boosted model over features with names of the grammar, and its exact attributions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import lightgbm as lgb
import numpy as np
import pandas as pd

from lapse.schema import Float64


@dataclass(frozen=True)
class Explained:
    features: pd.DataFrame
    contributions: Float64
    raw_score: Float64

    def rows(self, rows: list[int]) -> Explained:
        return Explained(self.features.iloc[rows], self.contributions[rows], self.raw_score[rows])


@cache
def explained(n: int = 1500) -> Explained:
    rng = np.random.default_rng(0)
    pace = rng.normal(size=n)
    features = pd.DataFrame(
        {
            "basket__days_since_last": rng.exponential(8 * np.exp(0.5 * pace)).round(),
            "basket__gap_mean": np.where(rng.random(n) < 0.2, np.nan, (6 * np.exp(0.3 * pace)).round(1)),
            "basket__count__30d": rng.poisson(5 * np.exp(-0.5 * pace)),
            "basket__count__90d": rng.poisson(15 * np.exp(-0.5 * pace)),
            "basket__sum__90d": rng.gamma(2, 100, n).round(2),
            "customer__tenure_days": rng.integers(30, 900, n),
        },
        index=np.arange(n) + 1000,
    ).astype(np.float32)
    region = np.where(rng.random(n) < 0.1, None, rng.choice(["north", "south"], n))
    features["customer__region"] = pd.Categorical(region)
    logit = -2 + 1.2 * pace + 0.05 * features["basket__days_since_last"] - 0.6 * (region == "north")
    lapsed = rng.random(n) < 1 / (1 + np.exp(-logit))
    settings = {"objective": "binary", "num_leaves": 8, "verbose": -1, "num_threads": 1, "seed": 0}
    model = lgb.train(settings, lgb.Dataset(features, lapsed), 40)
    return Explained(
        features, model.predict(features, pred_contrib=True), model.predict(features, raw_score=True)
    )
