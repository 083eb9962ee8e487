"""One customer, looked up and explained: what somebody needs before a call.

In: a history, a model, a customer id as typed, a date. Out: a :class:`Record`. Without an id it is the
customer with the most value at risk, from voluntary lapses where causes are kept apart. Refused: an id that
the tables do not have, with the nearest ones that they have; one that became known only later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Group

from lapse import __version__
from lapse.account import Account, account_of
from lapse.account.page import page
from lapse.account.record import Scored
from lapse.account.standing import beside, own_values, tiers_over_time
from lapse.account.text import told
from lapse.dataset import Unlabelled, bucket_parts, scoring_day, scoring_parts
from lapse.errors import ConfigError, DataError, Problem
from lapse.explain.customer import added_up, as_text, describe, told_reasons
from lapse.history import History
from lapse.jobs.model import Model
from lapse.jobs.partition import Notes
from lapse.jobs.reach import folder_problems
from lapse.jobs.threads import each_bucket
from lapse.leaks.sampling import choose_customers
from lapse.schema import Bucket, to_date
from lapse.value import value_to_keep

_NEAREST = 3
_MOST_COMPARED = 100_000


@dataclass(frozen=True)
class Record:
    """One customer's score, its reasons and its history; prints as text.

    Attributes
    ----------
    scores : dict
        A row of the score table.
    account : Account
        All that is known of the customer.
    text : str
    notes : Notes
        What its numbers count; the categories that are new to the model are this customer's alone.
    horizon_days : int
    """

    scores: dict[str, Any]
    account: Account
    text: str
    notes: Notes
    horizon_days: int

    def document(self) -> dict[str, Any]:
        """Return the record for machines; missing values are null."""
        scores = {name: None if pd.isna(value) else value for name, value in self.scores.items()}
        account = asdict(replace(self.account, scored=None))
        survival = self.account.scored.survival.tolist() if self.account.scored else None
        shown = {**account, "revenue": {str(month): sum_ for month, sum_ in self.account.revenue.items()}}
        return {
            **scores,
            **asdict(self.notes),
            "warnings": list(self.notes.warnings),
            "account": {**shown, "scored": survival is not None, "survival": survival},
        }

    def page(self) -> str:
        """Return the record as one HTML page that needs nothing from outside itself."""
        return page(
            self.account, horizon_days=self.horizon_days, version=__version__, counted=self.notes.bounds
        )

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
        The id as text; default the customer who stands first in the list of ``lapse score``: with the most
        CLV times churn probability, or times its voluntary part where causes are kept apart.
    as_of : date or ISO date string, optional
        Default the end of the data.

    Raises
    ------
    DataError
        If nobody of that id is known at as_of, or nobody is at risk.
    """
    day = scoring_day(history, as_of or to_date(history.data_end))
    if customer is None:
        customer = _most_at_risk(model, scoring_parts(history, day, model.recipe))
    place = None if customer is None else _find(history, customer)
    if place is None or place[0].known_day[place[1]] > day:
        raise DataError(_nobody(history, customer, day, place))
    bucket, position = place
    alone = choose_customers(bucket, np.array([position], np.int64))
    one = Unlabelled.join(list(bucket_parts(history, alone, day, model.recipe)))
    notes = Notes.of(model, to_date(day), model.unknown_categories(one) if len(one) else {})
    own = own_values(history.business, bucket, position, day)
    others = list(
        each_bucket(history, lambda number: beside(history.business, history.bucket(number), day, own))
    )
    tiers = tiers_over_time(history.business, own, others)
    scored = _scored(model, one) if len(one) else None
    excluded = "" if scored else str(one.excluded["reason"].iloc[0])
    account = account_of(history.business, bucket, position, day, tiers, scored, excluded)
    scores = dict(scored.scores) if scored else _excluded(account)
    text = _text(model, one, account, notes)
    return Record(scores, account, text, notes, history.business.snapshots.horizon)


def require_page(file: Path) -> None:
    """Refuse a page that cannot be written: a folder, or in one that cannot be made or written.

    Raises
    ------
    ConfigError
    """
    if file.is_dir():
        got = f"{file}, which is a folder"
        raise ConfigError(Problem("command line", "--page", "a file such as customer.html", got))
    if problems := folder_problems(file.absolute().parent, "command line", "--page"):
        raise ConfigError(problems)


def write_page(record: Record, file: Path) -> Path:
    """Write a record's page, wholly or not at all, and return its path."""
    file.absolute().parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.absolute().parent, delete=False) as hidden:
        try:
            hidden.write(record.page())
            hidden.flush()
            Path(hidden.name).chmod(0o666 & ~_umask())
            Path(hidden.name).replace(file)
        except BaseException:
            Path(hidden.name).unlink()
            raise
    return file


def _umask() -> int:
    """Return what the user takes away from the rights of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _most_at_risk(model: Model, parts: Iterator[Unlabelled]) -> str | None:
    """Return the customer with the most value to keep, of equal ones the likeliest to lapse."""
    most, best = (-np.inf, -np.inf), None
    for part in parts:
        if len(part):
            predicted = model.estimators.predict(part.features)
            churn = predicted["churn_probability"].to_numpy()
            voluntary = predicted["churn_probability_voluntary"].to_numpy()
            at_risk = value_to_keep(predicted["clv"].to_numpy(), churn, voluntary)
            row = int(np.lexsort((churn, at_risk))[-1])
            if (here := (float(at_risk[row]), float(churn[row]))) > most:
                most, best = here, str(part.keys["customer_id"].iloc[row])
    return best


def _find(history: History, customer: str) -> tuple[Bucket, int] | None:
    """Return a customer's bucket and its position there; later buckets are not read."""
    for bucket in history.buckets():
        row = pc.index(bucket.customer_id.cast(pa.string()), pa.scalar(customer, pa.string())).as_py()
        if row >= 0:
            return bucket, row
    return None


def _nobody(history: History, customer: str | None, day: int, place: tuple[Bucket, int] | None) -> Problem:
    where = str(history.business.source)
    if customer is None:
        return Problem(where, "customer", f"anybody at risk known on {to_date(day)}", "nobody")
    expected = f"customer '{customer}' known on {to_date(day)}"
    if place is not None:
        known = to_date(int(place[0].known_day[place[1]]))
        return Problem(where, "customer", expected, f"one known from {known} on", "give a later --as-of")
    near = _nearest(history, customer, day)
    hints = [f"near it: {', '.join(near)}"] if near else []
    if _ids_are_numbers(history) and not re.fullmatch(r"-?\d+", customer):
        hints = ["ids are whole numbers in these tables", *hints]
    return Problem(where, "customer", expected, "nobody", "; ".join(hints))


def _ids_are_numbers(history: History) -> bool:
    return bool(pa.types.is_integer(next(history.buckets()).customer_id.type))


def _nearest(history: History, customer: str, day: int) -> list[str]:
    """Return the ids most like the one asked for, of customers known at as_of; of many, the likely ones."""
    found: list[str] = []
    for bucket in history.buckets():
        ids = bucket.customer_id.cast(pa.string()).filter(pa.array(bucket.known_day <= day)).to_pylist()
        alike = (one for one in ids if abs(len(one) - len(customer)) <= 1 or customer in one)
        found += get_close_matches(customer, islice(alike, _MOST_COMPARED), _NEAREST)
    return get_close_matches(customer, found, _NEAREST)


def _excluded(account: Account) -> dict[str, Any]:
    return {"customer_id": account.customer_id, "status": "excluded", "exclusion_reason": account.excluded}


def _scored(model: Model, one: Unlabelled) -> Scored:
    scores = {str(name): value for name, value in model.score(one).iloc[0].items()}
    curve, defection = model.curve(one), model.estimators.defection
    added, raw_score = defection.contributions(one.features), defection.raw_score(one.features)
    told_ = told_reasons(one.features, added, raw_score, currency=model.business.currency)
    return Scored(
        scores,
        told_,
        curve.step_days,
        curve.survival[0],
        float(curve.earliest[0]),
        added_up(told_, added, raw_score),
    )


def _text(model: Model, one: Unlabelled, account: Account, notes: Notes) -> str:
    beside = told(account)
    if account.scored is None:
        return as_text(beside).lstrip("\n")
    defection = model.estimators.defection
    shown = describe(
        account.scored.scores,
        one.features,
        defection.contributions(one.features),
        defection.raw_score(one.features),
        counted=notes.bounds,
    )
    return as_text(Group(shown, beside))
