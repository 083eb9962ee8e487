"""What customers are worth, asked of a model: cash flows, totals, what if, risk by cause.

In: a :class:`~lapse.jobs.model.Model` and a dataset with its features, held in memory; ``lapse score`` does
the same bucket by bucket. Out: frames. Refused (:class:`~lapse.errors.DataError`): a cohort label missing,
a customer twice in a total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd
import pyarrow as pa

from lapse.dataset import Dataset
from lapse.errors import DataError, Problem
from lapse.jobs.model import Model
from lapse.jobs.totals import what_if_table
from lapse.value import (
    AS_IT_IS,
    CHANGES,
    LEVEL,
    Change,
    flow_tables,
    flows_if,
    flows_of,
    spread_of,
    total_of,
)
from lapse.value import value_at_risk as at_risk_by_cause


def cash_flows(model: Model, data: Dataset) -> pd.DataFrame:
    """Return the cash flows of each customer, a row a step; they add up to its CLV.

    Parameters
    ----------
    model : Model
    data : Dataset

    Returns
    -------
    DataFrame
        The columns of :data:`lapse.value.FLOW_COLUMNS`, in the order of the rows and of the steps.
    """
    value, curve = model.business.value, model.curve(data)
    tables = flow_tables(data.keys, flows_of(curve, value), curve.step_days, value.limit)
    found: pd.DataFrame = pa.concat_tables(tables).to_pandas(date_as_object=False)
    return found


def what_if(model: Model, data: Dataset, changes: Mapping[str, Change] = CHANGES) -> pd.DataFrame:
    """Return the CLV of all rows together under changes of the terms.

    Parameters
    ----------
    model : Model
    data : Dataset
    changes : mapping of name to Change, optional

    Returns
    -------
    DataFrame, a row a change
        ``clv``, ``difference`` and ``percent``, both to the first row, ``as it is``.

    Raises
    ------
    DataError
        If what is given is no mapping, or has a change under that name.
    """
    named = isinstance(changes, Mapping) and all(isinstance(one, Change) for one in changes.values())
    if not named or changes.get(AS_IT_IS, Change()) != Change():
        expected = f"a Change by name, none of them '{AS_IT_IS}'"
        raise DataError(Problem("what_if", "changes", expected, repr(changes)))
    value, curve, asked = model.business.value, model.curve(data), {AS_IT_IS: Change(), **changes}
    worth = {name: flows_if(curve, value, change).sum(axis=1).sum() for name, change in asked.items()}
    return what_if_table(worth)


def total_value(
    model: Model, data: Dataset, cohort: pd.Series | None = None, level: float = LEVEL
) -> pd.DataFrame:
    """Return the CLV of all rows together, or of each cohort, with an interval that knows common shocks.

    Parameters
    ----------
    model : Model
    data : Dataset
        As of one date, or with cohorts of one date each: nobody is worth anything twice.
    cohort : Series, length n, optional
        The label of each row, none missing, in the order of the rows: its index is that of ``data.keys``, 0
        to n - 1, or their customer ids. By default all are one cohort, ``all``.
    level : float, default 0.95

    Returns
    -------
    DataFrame, a row a cohort
        ``customers``, ``clv``, ``lower``, ``upper``, ``level``. Bounds of cohorts do not add up: what all
        share moves them together.

    Raises
    ------
    DataError
        If a label is missing or their number is another, their index is another, or a customer is in a
        cohort twice.
    """
    label = pd.Series("all", data.keys.index) if cohort is None else cohort
    if len(label) != len(data) or label.isna().any():
        got = f"{len(label):,} labels, {int(label.isna().sum()):,} of them missing"
        raise DataError(Problem("cohort", "labels", f"one for each of {len(data):,} rows", got))
    in_order = (data.keys.index, pd.Index(data.keys["customer_id"]))
    if not any(label.index.equals(one) for one in in_order):
        expected, hint = (
            "that of data.keys, or its customer ids",
            "reindex labels by data.keys['customer_id']",
        )
        raise DataError(Problem("cohort", "index", expected, "another, or another order", hint))
    again = data.keys[["customer_id"]].assign(label=label.to_numpy()).duplicated()
    if again.any():
        expected, hint = "each customer once in a cohort", "snapshots as of one date"
        raise DataError(Problem("cohort", "customer_id", expected, "more", hint, count=int(again.sum())))
    value, curve, spreads = model.business.value, model.curve(data), model.estimators.spreads
    flows = flows_of(curve, value)
    variance = spread_of(curve, value, spreads.money, flows).variance
    margin = flows.margin * flows.discount_factor
    rows = {
        name: asdict(
            total_of(
                len(place),
                float(flows.clv[place].sum()),
                margin[place].sum(axis=0),
                float(variance[place].sum()),
                spreads.shocks,
                level,
            )
        )
        for name, place in label.groupby(label).indices.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def value_at_risk(model: Model, data: Dataset) -> pd.DataFrame:
    """Return each customer's value at risk within the horizon by cause, DataFrame of n rows.

    ``customer_id``, ``as_of`` and a column a cause; together CLV times churn probability. Only the voluntary
    part is money that an offer can keep.
    """
    curve = model.curve(data)
    worth = flows_of(curve, model.business.value).clv
    risks = at_risk_by_cause(curve, worth, model.estimators.horizon_steps)
    return data.keys.assign(**risks)
