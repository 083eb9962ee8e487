"""The features by featuretools, on as few customers as it finishes with.

In: a Parquet file of orders, the Parquet file to write, the as-of dates. Out: that file. A secondary time
index hides an order's values until it is known. Since the order itself cannot be hidden, a column of ones is
summed instead of counting, and ages are maxima and minima of a day number.

Runs in an environment of its own (``features-featuretools.txt``): featuretools 1.31 is older than pandas 3.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from datetime import date
from itertools import product
from typing import Any

import pandas as pd
from benchmarks.features_question import FIRST_SEEN, LAST_SEEN, NAMES, WINDOWS
from benchmarks.histories import CATEGORIES

EPOCH = date(1970, 1, 1)
HIDDEN = ("one", "day", "amount", "category")
"""Columns of an order that nobody has before it is known."""

RENAMED = {
    "SUM(orders.one)": "order__count__{}d",
    "SUM(orders.amount)": "order__sum__{}d",
    "MAX(orders.amount)": "order__max__{}d",
    **{
        f"SUM(orders.one WHERE category = {name})": f"order__count_category_{name}__{{}}d"
        for name in CATEGORIES
    },
}


def whole(orders: str, out: str, dates: Sequence[str]) -> Callable[[], str]:
    """Read the orders and write the features."""
    import featuretools  # noqa: F401 - imports are not timed

    warnings.simplefilter("ignore")
    return lambda: _written(*_loaded(orders, dates), out)


def computing(orders: str, out: str, dates: Sequence[str]) -> Callable[[], str]:
    """Write the features of orders that are loaded."""
    warnings.simplefilter("ignore")
    entities, asked = _loaded(orders, dates)
    return lambda: _written(entities, asked, out)


def _loaded(orders: str, dates: Sequence[str]) -> tuple[Any, pd.DataFrame]:
    """Return the entity set, and the moments at which every customer is asked about."""
    read = pd.read_parquet(orders)
    ends = [pd.Timestamp(day) + pd.Timedelta("1D") - pd.Timedelta("1us") for day in dates]
    customers = sorted(read["customer_no"].unique())
    asked = pd.DataFrame(product(customers, ends), columns=["customer_no", "time"])
    return _entities(read), asked


def _written(entities: Any, asked: pd.DataFrame, out: str) -> str:
    parts = [_ages(entities, asked), *(_window(entities, asked, window) for window in WINDOWS)]
    made = pd.concat(parts, axis=1)
    known = made[made[FIRST_SEEN].notna()]
    filled = [name for name in NAMES if "__max__" not in name]
    known = known.assign(**known[filled].fillna(0))[list(NAMES)].astype("float32").reset_index()
    known["as_of"] = known.pop("time").dt.date
    known.rename(columns={"customer_no": "customer_id"}).to_parquet(out, index=False)
    return out


def _entities(read: pd.DataFrame) -> Any:
    import featuretools as ft

    days = (read["ordered_at"].dt.normalize() - pd.Timestamp(EPOCH)).dt.days
    rows = read.assign(row=range(len(read)), one=1, day=days)
    entities = ft.EntitySet("company")
    entities.add_dataframe(
        dataframe_name="orders",
        dataframe=rows,
        index="row",
        time_index="ordered_at",
        secondary_time_index={"booked_at": list(HIDDEN)},
        logical_types={"category": "Categorical", "one": "Double", "day": "Double", "amount": "Double"},
    )
    entities.normalize_dataframe("orders", "customers", "customer_no", make_time_index=False)
    entities.add_interesting_values(dataframe_name="orders", values={"category": list(CATEGORIES)})
    return entities


def _window(entities: Any, asked: pd.DataFrame, window: int) -> pd.DataFrame:
    made = _synthesis(
        entities,
        asked,
        agg_primitives=["sum", "max"],
        where_primitives=["sum"],
        training_window=f"{window} days",
    )
    return made[list(RENAMED)].rename(columns={old: new.format(window) for old, new in RENAMED.items()})


def _ages(entities: Any, asked: pd.DataFrame) -> pd.DataFrame:
    made = _synthesis(entities, asked, agg_primitives=["min", "max"], where_primitives=[])
    as_of = (made.index.get_level_values("time").normalize() - pd.Timestamp(EPOCH)).days
    return pd.DataFrame(
        {FIRST_SEEN: as_of - made["MIN(orders.day)"], LAST_SEEN: as_of - made["MAX(orders.day)"]}
    )


def _synthesis(entities: Any, asked: pd.DataFrame, **how: object) -> pd.DataFrame:
    import featuretools as ft

    made, _ = ft.dfs(
        entityset=entities,
        target_dataframe_name="customers",
        cutoff_time=asked,
        cutoff_time_in_index=True,
        include_cutoff_time=True,
        trans_primitives=[],
        max_depth=1,
        **how,
    )
    return made
