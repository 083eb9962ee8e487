"""Whether a history has the tables and columns that a recipe was made from.

In: a :class:`~lapse.features.recipe.Recipe`, a bucket, and the business of its history. Out: nothing.
Refused (:class:`~lapse.errors.GateError`), all at once: tables, categories, attributes and roles that are not
there any more, attributes of another type, tables that the recipe does not know.
"""

from __future__ import annotations

from collections.abc import Iterator

from lapse.config import Business
from lapse.errors import GateError, Problem
from lapse.features.grammar import CUSTOMER, parse
from lapse.features.latest import kind_of
from lapse.features.recipe import Recipe, attributes_of
from lapse.schema import Bucket

_HINT = "give the tables and columns that the model was trained on, or train again"
_THEN = "as when the model was trained"


def refuse_other_columns(recipe: Recipe, bucket: Bucket) -> None:
    """Refuse a bucket whose tables are not those that a recipe was made from.

    Raises
    ------
    GateError
        Naming every table that is not there or not known, every category that is not there, and every
        attribute that is not or is of another type.
    """
    _refuse(list(_other_columns(recipe, bucket, str(recipe.business.source))))


def refuse_other_history(recipe: Recipe, business: Business, bucket: Bucket) -> None:
    """Refuse a bucket of a history whose config maps less than the one that a recipe was made from.

    A role that is not mapped any more leaves no trace in a bucket: its amounts are missing as unknown ones
    are. So the configs are compared, too.

    Raises
    ------
    GateError
        Naming what :func:`refuse_other_columns` does, and every ``amount`` and ``end`` that is not mapped any
        more.
    """
    where = str(business.source)
    _refuse([*_lost_roles(recipe, business, where), *_other_columns(recipe, bucket, where)])


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise GateError(problems)


def _lost_roles(recipe: Recipe, business: Business, where: str) -> Iterator[Problem]:
    for kind, then in recipe.business.events.items():
        now = business.events.get(kind, then)
        for role, lost in (
            ("amount", then.has_amount and not now.has_amount),
            ("end", then.has_end and not now.has_end),
        ):
            if lost:
                yield Problem(where, f"events.{kind}.columns.{role}", f"its column, {_THEN}", "none", _HINT)


def _other_columns(recipe: Recipe, bucket: Bucket, where: str) -> Iterator[Problem]:
    known = recipe.business.events
    for kind in known:
        if kind not in bucket.events:
            yield Problem(where, f"event '{kind}'", f"its table, {_THEN}", "none", _HINT)
    for kind in bucket.events:
        if kind not in known:
            yield Problem(where, f"event '{kind}'", f"no table, {_THEN}", "one", _HINT)
    for kind, event in known.items():
        there = bucket.events[kind].attributes if kind in bucket.events else event.categories
        for column in event.categories:
            if column not in there and column not in event.features:
                yield Problem(where, f"category {kind}.{column}", f"its column, {_THEN}", "none", _HINT)
    for name, place, values in attributes_of(recipe.business, bucket):
        if parse(name).event == CUSTOMER and name not in recipe.names:
            continue
        expected = "text" if name in recipe.text else "numbers"
        got = "no such column" if values is None else kind_of(values)
        if got not in ("", expected):
            yield Problem(where, f"feature {name}", f"{expected} in {place}, {_THEN}", got, _HINT)
