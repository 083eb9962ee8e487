"""One customer, looked up and explained: what somebody needs before a call.

In: a history, a model, a customer id as typed, a date. Out: a :class:`Record`. Without an id it is the
customer with the most value at risk. Refused: an id that the tables do not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from lapse.dataset import Dataset, scoring_day, scoring_parts
from lapse.errors import DataError, Problem
from lapse.explain.customer import as_text, describe
from lapse.history import History
from lapse.jobs.model import Model
from lapse.schema import to_date


@dataclass(frozen=True)
class Record:
    """One customer's score and its reasons; prints as text.

    Attributes
    ----------
    scores : dict
        A row of the score table.
    text : str
    """

    scores: dict[str, Any]
    text: str

    def document(self) -> dict[str, Any]:
        """Return the record for machines; missing values are null."""
        return {name: None if pd.isna(value) else value for name, value in self.scores.items()}

    def __str__(self) -> str:
        return self.text


def explain_customer(
    history: History, model: Model, customer: str | None = None, as_of: date | str | None = None
) -> Record:
    """Return one customer's record.

    Parameters
    ----------
    history : History
    model : Model
    customer : str, optional
        The id as text; default the customer with the most CLV times churn probability.
    as_of : date or ISO date string, optional
        Default the end of the data.

    Raises
    ------
    DataError
        If nobody of that id is known at as_of, or nobody is at risk.
    """
    day = scoring_day(history, as_of or to_date(history.data_end))
    best: tuple[float, Record] | None = None
    for part in scoring_parts(history, day, model.recipe):
        candidate = _most_at_risk(model, part) if customer is None else _find(model, part, customer)
        if candidate is not None and (best is None or candidate[0] > best[0]):
            best = candidate
    if best is None:
        asked = "anybody at risk" if customer is None else f"customer '{customer}'"
        raise DataError(
            Problem(str(history.business.source), "customer", f"{asked} known on {to_date(day)}", "nobody")
        )
    return best[1]


def _most_at_risk(model: Model, part: Dataset) -> tuple[float, Record] | None:
    if len(part) == 0:
        return None
    predicted = model.estimators.predict(part.features)
    at_risk = (predicted["clv"] * predicted["churn_probability"]).to_numpy()
    row = int(np.argmax(at_risk))
    return float(at_risk[row]), _record(model, part.take(np.array([row])))


def _find(model: Model, part: Dataset, customer: str) -> tuple[float, Record] | None:
    rows = np.flatnonzero(part.keys["customer_id"].astype(str) == customer)
    excluded = part.excluded[part.excluded["customer_id"].astype(str) == customer]
    if len(rows):
        return 0.0, _record(model, part.take(rows))
    if len(excluded):
        row = excluded.iloc[0]
        text = f"customer {row['customer_id']} as of {row['as_of']:%Y-%m-%d}: not scored, {row['reason']}"
        scores = {"customer_id": row["customer_id"], "status": "excluded", "exclusion_reason": row["reason"]}
        return 0.0, Record(scores, text)
    return None


def _record(model: Model, one: Dataset) -> Record:
    alone = replace(one, excluded=one.excluded.iloc[:0])
    scores = {str(name): value for name, value in model.score(alone).iloc[0].items()}
    defection = model.estimators.defection
    shown = describe(
        scores, one.features, defection.contributions(one.features), defection.raw_score(one.features)
    )
    return Record(scores, as_text(shown))
