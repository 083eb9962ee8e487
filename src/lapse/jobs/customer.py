"""One customer, looked up and explained: what somebody needs before a call.

In: a history, a model, a customer id as typed, a date. Out: a :class:`Record`. Without an id it is the
customer with the most value at risk. Refused: an id that the tables do not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from lapse.dataset import Unlabelled, scoring_day, scoring_parts
from lapse.errors import DataError, Problem
from lapse.explain.customer import as_text, describe
from lapse.history import History
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes
from lapse.schema import to_date


@dataclass(frozen=True)
class Record:
    """One customer's score and its reasons; prints as text.

    Attributes
    ----------
    scores : dict
        A row of the score table.
    text : str
    notes : Notes
        What its numbers count; the categories that are new to the model are this customer's alone.
    """

    scores: dict[str, Any]
    text: str
    notes: Notes

    def document(self) -> dict[str, Any]:
        """Return the record for machines; missing values are null."""
        scores = {name: None if pd.isna(value) else value for name, value in self.scores.items()}
        return {**scores, **asdict(self.notes), "warnings": list(self.notes.warnings)}

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
    parts = scoring_parts(history, day, model.recipe)
    found = _most_at_risk(model, parts) if customer is None else _find(parts, customer)
    if found is None:
        asked = "anybody at risk" if customer is None else f"customer '{customer}'"
        raise DataError(
            Problem(str(history.business.source), "customer", f"{asked} known on {to_date(day)}", "nobody")
        )
    notes = Notes.of(model, to_date(day), model.unknown_categories(found) if len(found) else {})
    return _scored(model, found, notes) if len(found) else _excluded(found, notes)


def _most_at_risk(model: Model, parts: Iterator[Unlabelled]) -> Unlabelled | None:
    """Return the row with the most CLV times churn probability, of equal ones the likeliest to lapse."""
    most, best = (-np.inf, -np.inf), None
    for part in parts:
        if len(part):
            predicted = model.estimators.predict(part.features)
            churn = predicted["churn_probability"].to_numpy()
            at_risk = predicted["clv"].to_numpy() * churn
            row = int(np.lexsort((churn, at_risk))[-1])
            if (here := (float(at_risk[row]), float(churn[row]))) > most:
                most, best = here, part.take(np.array([row]))
    return best


def _find(parts: Iterator[Unlabelled], customer: str) -> Unlabelled | None:
    """Return the dataset of one customer alone, at risk or excluded; later buckets are not read."""
    for part in parts:
        rows = np.flatnonzero(part.keys["customer_id"].astype(str) == customer)
        excluded = part.excluded[part.excluded["customer_id"].astype(str) == customer]
        if len(rows) or len(excluded):
            return replace(part.take(rows), excluded=excluded)
    return None


def _excluded(one: Unlabelled, notes: Notes) -> Record:
    row = one.excluded.iloc[0]
    text = f"customer {row['customer_id']} as of {row['as_of']:%Y-%m-%d}: not scored, {row['reason']}"
    scores = {"customer_id": row["customer_id"], "status": "excluded", "exclusion_reason": row["reason"]}
    return Record(scores, text, notes)


def _scored(model: Model, one: Unlabelled, notes: Notes) -> Record:
    alone = replace(one, excluded=one.excluded.iloc[:0])
    scores = {str(name): value for name, value in model.score(alone).iloc[0].items()}
    defection = model.estimators.defection
    shown = describe(
        scores,
        one.features,
        defection.contributions(one.features),
        defection.raw_score(one.features),
        counted=notes.bounds,
    )
    return Record(scores, as_text(shown), notes)
