"""What customers are worth, asked of a model: cash flows, totals, what if, risk by cause.

In: a :class:`~lapse.jobs.model.Model` and a dataset with its features, held in memory; ``lapse score`` does
the same bucket by bucket. Out: frames. Refused (:class:`~lapse.errors.DataError`): what is no dataset, a
cohort label missing, a customer twice in a total, a level that is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

import numpy as np
import pandas as pd
import pyarrow as pa

from lapse.dataset import Dataset, require_dataset
from lapse.errors import DataError, Problem
from lapse.jobs.labels import ALL, Labels, labels_of
from lapse.jobs.model import Model
from lapse.jobs.totals import what_if_table
from lapse.models import inputs
from lapse.schema import Int64
from lapse.value import (
    AS_IT_IS,
    CHANGES,
    LEVEL,
    Change,
    Total,
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
    model: Model, data: Dataset, cohort: Labels | None = None, level: float = LEVEL
) -> pd.DataFrame:
    """Return the CLV of all rows together, or of each cohort, with an interval that knows common shocks.

    Parameters
    ----------
    model : Model
    data : Dataset
        As of one date, or with cohorts of one date each: nobody is worth anything twice.
    cohort : Series, array or list, length n, optional
        The label of each row, none missing, in the order of the rows: the index of a Series is that of
        ``data.keys``, 0 to n - 1, or their customer ids. By default all are one cohort, ``all``.
    level : float, default 0.95
        In (0, 1).

    Returns
    -------
    DataFrame, a row a cohort
        ``customers``, ``clv``, ``lower``, ``upper``, ``level``. Bounds of cohorts do not add up: what all
        share moves them together. Nobody together is worth 0; of no labels there is no row.

    Raises
    ------
    DataError
        If ``data`` is no dataset; if there are no labels by row, one is missing or their number is another,
        their index is another, or a customer is in a cohort twice; if the level is none.
    """
    require_dataset(data)
    label, problems = labels_of(cohort, data)
    level, wrong = inputs.tried(lambda: inputs.level(level), LEVEL)
    if problems := [*problems, *wrong]:
        raise DataError(problems)
    value, curve, spreads = model.business.value, model.curve(data), model.estimators.spreads
    flows = flows_of(curve, value)
    variance = spread_of(curve, value, spreads.money, flows).variance
    margin = flows.margin * flows.discount_factor

    def together(place: Int64) -> Total:
        sums = float(flows.clv[place].sum()), margin[place].sum(axis=0), float(variance[place].sum())
        return total_of(len(place), *sums, spreads.shocks, level)

    places = {ALL: np.arange(len(data))} if cohort is None else label.groupby(label).indices
    rows = {name: asdict(together(np.asarray(place))) for name, place in places.items()}
    columns = {field.name: np.int64 if field.name == "customers" else np.float64 for field in fields(Total)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns)).astype(columns)


def value_at_risk(model: Model, data: Dataset) -> pd.DataFrame:
    """Return each customer's value at risk within the horizon by cause, DataFrame of n rows.

    ``customer_id``, ``as_of`` and a column a cause; together CLV times churn probability. Only the voluntary
    part is money that an offer can keep.
    """
    curve = model.curve(data)
    worth = flows_of(curve, model.business.value).clv
    risks = at_risk_by_cause(curve, worth, model.estimators.horizon_steps)
    return data.keys.assign(**risks)
