"""Cash flows as rows: one a customer and step, for finance to add up.

In: keys and cash flows of some customers. Out: Arrow tables of :data:`FLOW_COLUMNS`, a slice of customers at
a time. The column ``cash_flow`` of a customer adds up to its CLV.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.schema import Int32, Int64
from lapse.value.flows import Flows

FLOW_COLUMNS: tuple[str, ...] = (
    "customer_id",
    "as_of",
    "step",
    "date",
    "survival",
    "expected_spend",
    "margin",
    "cost",
    "discount_factor",
    "cash_flow",
)
"""The columns, in order. ``date`` is the last day of the step, or the limit within it; ``survival`` the
chance of being a customer at the step's start, with which the money is weighted already. In the files that
``lapse score`` writes ``as_of`` is the name of the folder."""

_ROWS_AT_ONCE = 200_000


def no_flows(customer: pa.DataType) -> pa.Table:
    """Return a table without rows, for customers whose ids are of a type."""
    fractions = [pa.float64()] * 6
    types = (customer, pa.date32(), pa.int32(), pa.date32(), *fractions)
    return pa.schema(list(zip(FLOW_COLUMNS, types, strict=True))).empty_table()


def flow_tables(keys: pd.DataFrame, flows: Flows, step_days: int, limit_days: int) -> Iterator[pa.Table]:
    """Yield the rows of some customers, in their order and that of the steps; about 200,000 at a time.

    Of nobody there is one table without rows.

    Parameters
    ----------
    keys : DataFrame, shape (n, 2)
        ``customer_id`` and ``as_of`` (midnight).
    flows : Flows
    step_days, limit_days : int
    """
    n, steps = flows.cash_flow.shape
    ends = np.minimum(step_days * np.arange(1, steps + 1), limit_days)
    day = keys["as_of"].to_numpy("datetime64[D]").astype(np.int32)
    whole = pd.api.types.is_integer_dtype(keys["customer_id"])
    customer = pa.array(keys["customer_id"], pa.int64() if whole else pa.string(), from_pandas=True)
    at_once = max(_ROWS_AT_ONCE // steps, 1)
    for start in range(0, max(n, 1), at_once):
        rows = slice(start, min(start + at_once, n))
        yield _table(customer.slice(start, at_once), day[rows], ends, flows, rows)


def _table(customer: pa.Array, day: Int32, ends: Int64, flows: Flows, rows: slice) -> pa.Table:
    n, steps = len(customer), len(ends)

    def dates(days: Int64) -> pa.Array:
        return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())

    columns = (
        customer.take(pa.array(np.repeat(np.arange(n), steps))),
        dates(np.repeat(day, steps)),
        pa.array(np.tile(np.arange(1, steps + 1, dtype=np.int32), n)),
        dates((day[:, None] + ends[None, :]).ravel()),
        *(pa.array(part[rows].ravel()) for part in (flows.survival, flows.spend, flows.margin, flows.cost)),
        pa.array(np.tile(flows.discount_factor, n)),
        pa.array(flows.cash_flow[rows].ravel()),
    )
    return pa.table(dict(zip(FLOW_COLUMNS, columns, strict=True)))
