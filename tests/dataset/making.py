"""Small histories of orders, for all tests of the dataset."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import lapse


def orders(n_customers: int, days: int, every: float, seed: int = 0) -> pd.DataFrame:
    """Return Poisson orders from 2024-01-01 on."""
    rng = np.random.default_rng(seed)
    frames = []
    for customer in range(n_customers):
        day = np.cumsum(rng.exponential(every * rng.gamma(2, 0.5), 400))
        day = day[day < days]
        frames.append(pd.DataFrame({"customer": f"c{customer:04d}", "day": day}))
    table = pd.concat(frames)
    start = pd.Timestamp("2024-01-01")
    return pd.DataFrame(
        {
            "customer": table["customer"],
            "at": (start + pd.to_timedelta(table["day"], unit="D")).dt.floor("s"),
            "paid": rng.gamma(2.0, 10.0, len(table)).round(2),
        }
    )


def history_of(folder: Path, table: pd.DataFrame, **sections: object) -> lapse.History:
    table.to_parquet(folder / "orders.parquet", index=False)
    raw = {
        "business": "shop",
        "currency": "EUR",
        "observed_until": date(2024, 12, 31),
        "events": {
            "order": {
                "path": "orders.parquet",
                "columns": {"customer_id": "customer", "time": "at", "amount": "paid"},
            }
        },
        "churn": {"event": "order", "grace": "30d"},
        "snapshots": {"start": date(2024, 3, 1), "every": "1mo", "horizon": "30d", "holdout": 2},
        "value": {"margin_rate": 0.3, "discount_rate": 0.1},
        "scores": {"path": "out"},
    }
    (folder / "shop.yaml").write_text(yaml.safe_dump(raw | sections, sort_keys=False))
    return lapse.read(lapse.load(folder / "shop.yaml"), today=date(2025, 6, 1))
