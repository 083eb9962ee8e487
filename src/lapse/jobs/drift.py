"""What a config asks and what a model was trained for, compared key by key.

In: two questions as :func:`lapse.jobs.model.question` returns them. Out: the keys that differ, with both
values. What is the same is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lapse.config import Business
from lapse.errors import GateError, Problem
from lapse.jobs.model import Model, question

_ATTRIBUTES = "event attributes"
_NOTHING = "nothing"


def refuse_drift(business: Business, model: Model, label: str) -> None:
    """Refuse a model that was trained for another question than a config asks.

    Parameters
    ----------
    business : Business
        The config of today.
    model : Model
    label : str
        What to call the model.

    Raises
    ------
    GateError
        With each key that differs.
    """
    hint = "train anew, or score with the config it was trained with"
    problems = [
        Problem(str(business.source), key, f"{trained}, as {label} was trained", asked, hint)
        for key, trained, asked in differences(question(model.business), question(business))
    ]
    if problems:
        raise GateError(problems)


def differences(trained: Mapping[str, Any], asked: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return each key that differs, with its value in the one and in the other.

    Examples
    --------
    >>> differences({"churn": {"event": "a", "grace": "60d"}}, {"churn": {"event": "a", "grace": "90d"}})
    [('churn.grace', "'60d'", "'90d'")]
    """
    ours, theirs = dict(_leaves(trained)), dict(_leaves(asked))
    return [
        (key, ours.get(key, _NOTHING), theirs.get(key, _NOTHING))
        for key in dict.fromkeys((*ours, *theirs))
        if ours.get(key) != theirs.get(key)
    ]


def _leaves(tree: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        key = f"{within}{name}"
        if key == _ATTRIBUTES:
            for event, (features, categories) in value.items():
                yield from _leaves({"features": features, "categories": categories}, f"events.{event}.")
        elif isinstance(value, Mapping):
            yield from _leaves(value, f"{key}.")
        elif isinstance(value, list | tuple):
            yield key, ", ".join(map(str, value)) or _NOTHING
        else:
            yield key, repr(value)
