"""Reading the business YAML: every mistake in it, found in one pass.

In: a path. Out: a :class:`~lapse.config.Business` whose paths are absolute. What is left when wrong keys are
taken out is checked too, so that a wrong key in one section does not hide a contradiction between two others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lapse.config.contradictions import contradictions
from lapse.config.sections import Business
from lapse.config.urls import describe_url
from lapse.errors import ConfigError, Problem

_SECRET_KEY = re.compile("(?i)(pass|pwd|token|secret)[^.]*$")


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
    raw = _read(source)
    business, problems = _validate(raw, str(path))
    if business is not None:
        problems += contradictions(business, str(path))
    if problems or business is None:
        raise ConfigError(problems)
    text = json.dumps(business.model_dump(mode="json"), sort_keys=True)
    located = _absolute(business, source.parent)
    return located.model_copy(
        update={"source": source, "config_hash": hashlib.sha256(text.encode()).hexdigest()[:12]}
    )


class _UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key given twice, where YAML would let the last one win."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
        raise yaml.constructor.ConstructorError(
            None, None, f"given twice: {', '.join(twice)}", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read(source: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(source.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except OSError as error:
        raise ConfigError(
            Problem(str(source), "file", "a readable YAML file", str(error.strerror))
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = describe_url(" ".join(str(error).split()))
        raise ConfigError(Problem(str(source), "file", "valid YAML", told)) from None
    if not isinstance(raw, dict):
        raise ConfigError(Problem(str(source), "file", "a mapping of keys", type(raw).__name__))
    return raw


def _validate(raw: dict[str, Any], where: str) -> tuple[Business | None, list[Problem]]:
    """Validate; where a section is wrong, find the contradictions between the others all the same."""
    try:
        return Business.model_validate(raw), []
    except ValidationError as error:
        return None, [_problem(item, where) for item in error.errors()] + list(
            _early_contradictions(raw, where)
        )


def _problem(item: Mapping[str, Any], where: str) -> Problem:
    key = ".".join(str(part) for part in item["loc"] if part != "[key]") or "file"
    kind = item["type"]
    is_secret = _SECRET_KEY.search(key) is not None
    got = "***" if is_secret else describe_url(repr(item["input"]))
    got = got if len(got) <= 80 else got[:77] + "..."
    if kind == "extra_forbidden":
        return Problem(
            where, key, "a key that lapse knows", f"an unknown key (value {got})", _nearest(item["loc"])
        )
    if kind == "missing":
        return Problem(where, key, "this key", "nothing")
    return Problem(where, key, item["msg"].removeprefix("Value error, "), got)


def _nearest(loc: tuple[int | str, ...]) -> str:
    import difflib

    model: Any = Business
    for part in loc[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_of(field.annotation) if field is not None else model
    names = list(getattr(model, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1]), names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(names)}"


def _section_of(annotation: Any) -> Any:
    """Return the section class inside an annotation such as ``Customers | None`` or ``dict[Name, Event]``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for inner in reversed(getattr(annotation, "__args__", ())):
        if hasattr(found := _section_of(inner), "model_fields"):
            return found
    return annotation


def _early_contradictions(raw: dict[str, Any], where: str) -> Iterator[Problem]:
    """Take out the wrong keys of a YAML, as far as it goes, and look for contradictions in the rest."""
    mended = json.loads(json.dumps(raw, default=str))
    for _ in range(200):
        try:
            business = Business.model_validate(mended)
        except ValidationError as error:
            if not all(_remove(mended, item["loc"]) for item in error.errors() if item["type"] != "missing"):
                return
            if any(item["type"] == "missing" for item in error.errors()):
                return
        else:
            yield from contradictions(business, where)
            return


def _remove(tree: Any, loc: tuple[int | str, ...]) -> bool:
    """Remove one wrong key, if it can be found; what is optional then takes its default."""
    for part in loc[:-1]:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(tree, dict) and loc[-1] in tree:
        del tree[loc[-1]]
        return True
    return False


def _absolute(business: Business, folder: Path) -> Business:
    """Return the business with every path absolute, relative ones taken from the YAML's folder."""

    def place(table: Any) -> Any:
        return (
            table
            if table is None or table.path is None
            else table.model_copy(update={"path": folder / table.path})
        )

    scores = business.scores.model_copy(update={"path": folder / business.scores.path})
    return business.model_copy(
        update={
            "customers": place(business.customers),
            "events": {name: place(event) for name, event in business.events.items()},
            "scores": scores,
            "tracking": business.tracking.model_copy(
                update={"uri": _absolute_uri(business.tracking.uri, folder)}
            ),
        }
    )


def _absolute_uri(uri: str, folder: Path) -> str:
    prefix, file = "sqlite:///", uri.removeprefix("sqlite:///")
    return uri if file == uri else f"{prefix}{folder / file}"
