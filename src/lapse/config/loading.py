"""Reading the business YAML: every mistake in it, found in one pass.

In: a path. Out: a :class:`~lapse.config.Business` whose paths are absolute. What is left when wrong keys are
taken out is checked too, so that a wrong key in one section does not hide a contradiction between two others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lapse.config.contradictions import contradictions
from lapse.config.reading import read_yaml
from lapse.config.sections import Business, Measure
from lapse.config.urls import is_absolute_file
from lapse.config.wording import Loc, problem_of
from lapse.errors import ConfigError, Problem

_OWN = {name for name, field in Business.model_fields.items() if field.exclude}
"""Fields of a business that are filled in here, and no keys of the YAML."""


_OF_NUMBERS = {
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "finite_number",
    "float_type",
}

_ALONE: set[Loc] = {("value", "referral"), ("measure", "tiers", "clv"), ("measure", "tiers", "margin")}
"""Sections that no other key refers to: where one lacks a key, or a number is wrong that its others are held
against, it is left out."""


def load(path: str | Path) -> Business:
    """Read and check one business YAML.

    Parameters
    ----------
    path : str or Path
        The YAML file; the paths in it are relative to it.

    Returns
    -------
    Business

    Raises
    ------
    ConfigError
        With every mistake found, if there is any.
    """
    source = Path(path).resolve()
    raw, problems = read_yaml(source, str(path))
    business, wrong = _validate(raw, str(path))
    problems += wrong
    if business is not None:
        problems += contradictions(business, str(path))
    if problems or business is None:
        raise ConfigError(problems)
    text = json.dumps(business.model_dump(mode="json"), sort_keys=True)
    located = _absolute(business, source.parent)
    return located.model_copy(
        update={"source": source, "config_hash": hashlib.sha256(text.encode()).hexdigest()[:12]}
    )


def _validate(raw: dict[Any, Any], where: str) -> tuple[Business | None, list[Problem]]:
    """Validate; where a section is wrong, find the contradictions between the others all the same."""
    problems = [
        problem_of({"type": "extra_forbidden", "loc": (key,), "input": raw[key]}, where)
        for key in raw
        if key in _OWN
    ]
    given = {key: value for key, value in raw.items() if key not in _OWN}
    try:
        return Business.model_validate(given), problems
    except ValidationError as error:
        problems += [problem_of(item, where) for item in error.errors()]
        return None, problems + list(_early_contradictions(given, where))


def _early_contradictions(raw: dict[Any, Any], where: str) -> Iterator[Problem]:
    """Mend the wrong keys of a YAML, as far as it goes, and look for contradictions in the rest.

    No contradiction hangs on a rate or a cost under ``value``, so a number stands in for those that are
    wrong or missing. What else is wrong is taken out: elsewhere a number is held against its neighbours.
    """
    mended = json.loads(json.dumps(raw, default=str))
    tried: set[Loc] = set()
    for _ in range(200):
        try:
            business = Business.model_validate(mended)
        except ValidationError as error:
            if not _mend(mended, error.errors()[0], tried):
                return
        else:
            yield from contradictions(business, where)
            return


def _mend(tree: dict[Any, Any], item: Mapping[str, Any], tried: set[Loc]) -> bool:
    """Put a number in the place of a wrong rate, or take out what is wrong; say whether anything was done."""
    loc, missing = item["loc"], item["type"] == "missing"
    is_number = missing or item["type"] in _OF_NUMBERS
    if loc[0] == "value" and is_number and loc not in tried:
        tried.add(loc)
        section = _key_around(tree, loc[:-1])
        if section is not None and isinstance(held := section[0][section[1]], dict):
            held[loc[-1]] = 0.5
            return True
    left_out = is_number and loc[:-1] in _ALONE
    found = _key_around(tree, loc[:-1] if left_out else loc)
    if found is None or (missing and not left_out):
        return False
    found[0].pop(found[1], None)
    return True


def _key_around(tree: Any, loc: Loc) -> tuple[dict[Any, Any], int | str] | None:
    """Return the innermost key around one wrong value, with its section; without it, its default holds."""
    innermost: tuple[dict[Any, Any], int | str] | None = None
    for part in loc:
        if isinstance(tree, dict) and part in tree:
            innermost = tree, part
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            break
    return innermost


def _absolute(business: Business, folder: Path) -> Business:
    """Return the business with every path absolute, relative ones taken from the YAML's folder."""

    def place(table: Any) -> Any:
        return (
            table
            if table is None or table.path is None
            else table.model_copy(update={"path": folder / table.path})
        )

    scores = business.scores.model_copy(update={"path": folder / business.scores.path})
    flows = business.value.cash_flows
    return business.model_copy(
        update={
            "customers": place(business.customers),
            "events": {name: place(event) for name, event in business.events.items()},
            "scores": scores,
            "measure": _located(business.measure, folder),
            "value": business.value.model_copy(update={"cash_flows": flows and folder / flows}),
            "tracking": business.tracking.model_copy(
                update={"uri": _absolute_uri(business.tracking.uri, folder)}
            ),
        }
    )


def _located(measure: Measure, folder: Path) -> Measure:
    files: dict[str, Any] = {
        name: folder / file for name in ("path", "benchmarks") if (file := getattr(measure, name))
    }
    if measure.lifecycle is not None and measure.lifecycle.costs is not None:
        costs = folder / measure.lifecycle.costs
        files["lifecycle"] = measure.lifecycle.model_copy(update={"costs": costs})
    return measure.model_copy(update=files)


def _absolute_uri(uri: str, folder: Path) -> str:
    prefix, file = "sqlite:///", uri.removeprefix("sqlite:///")
    return uri if file == uri or is_absolute_file(file) else f"{prefix}{folder / file}"
