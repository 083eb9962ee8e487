"""What is wrong with one value of the YAML, in the words of this project.

In: an error of pydantic's. Out: a :class:`~lapse.errors.Problem` with the key, what was expected there and
what stands there, secrets hidden.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from lapse.config.sections import Business
from lapse.config.urls import describe_url
from lapse.errors import Problem

Loc = tuple[int | str, ...]

_SECRET_KEY = re.compile("(?i)(pass|pwd|token|secret)[^.]*$")
_LONGEST = 80

_EXPECTED: Mapping[str, str] = {
    "missing": "this key",
    "extra_forbidden": "a key that lapse knows",
    "refused": "{expected}",
    "value_error": "{error}",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "invalid_key": "text",
    "too_short": "at least {min_length}",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}
"""What was expected, by pydantic's type of error; in braces what its context says."""


def problem_of(item: Mapping[str, Any], where: str) -> Problem:
    """Return one error of pydantic's as a problem of the YAML.

    Parameters
    ----------
    item : mapping
        With ``type``, ``loc``, ``input`` and, where there is one, ``ctx``.
    where : str
        Names the YAML.
    """
    key = ".".join(str(part) for part in item["loc"] if part != "[key]") or "file"
    kind, context = item["type"], item.get("ctx", {})
    got = context.get("got") or _shown(item["input"], key)
    hint = context.get("hint", "")
    if kind == "extra_forbidden":
        got, hint = f"an unknown key (value {got})", _nearest(item["loc"])
    elif kind == "missing":
        got = "nothing"
    elif kind in ("string_type", "invalid_key") and not isinstance(item["input"], (list, dict, type(None))):
        hint = "put it in quotes; YAML reads yes, no, on and off as true and false"
    expected = _EXPECTED[kind] if kind in _EXPECTED else item["msg"]
    return Problem(where, key, expected.format(**context), got, hint)


def _shown(value: Any, key: str) -> str:
    """Return a value as YAML has it, shortened, without a secret."""
    if _SECRET_KEY.search(key):
        return "***"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    shown = str(value) if isinstance(value, date) else describe_url(repr(value))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."


def _nearest(loc: Loc) -> str:
    model: Any = Business
    for part in loc[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_of(field.annotation) if field is not None else model
    names = [name for name, field in getattr(model, "model_fields", {}).items() if not field.exclude]
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
