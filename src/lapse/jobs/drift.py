"""What a config asks and what a model was trained for, compared key by key.

In: two configs. Out: the keys that differ, of those that decide what a prediction means, with both values.
What is the same is not shown. A column of the customers that the model never saw is no difference: its recipe
does not read it. One of events is: it also tells rows apart that were copies of each other without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lapse.config import Business
from lapse.errors import GateError, Problem

_NOTHING = "nothing"


def refuse_drift(business: Business, trained: Business, label: str) -> None:
    """Refuse a model that was trained for another question than a config asks.

    Parameters
    ----------
    business : Business
        The config of today.
    trained : Business
        The config that a model was trained with.
    label : str
        What to call the model.

    Raises
    ------
    GateError
        With each key that differs.
    """
    hint = "train anew, or score with the config it was trained with"
    problems = [
        Problem(str(business.source), key, f"{then}, as {label} was trained", now, hint)
        for key, then, now in (
            *differences(question(trained), question(business)),
            *_lost_columns(trained, business),
        )
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
        if ours.get(key, _NOTHING) != theirs.get(key, _NOTHING)
    ]


def _lost_columns(trained: Business, asked: Business) -> Iterator[tuple[str, str, str]]:
    """Yield the columns of the customers on both sides, where a trained one is not there any more."""
    then, now = (sorted(one.customers.features) if one.customers else [] for one in (trained, asked))
    if not set(then) <= set(now):
        yield "customers.features", ", ".join(then), ", ".join(now) or _NOTHING


def _leaves(tree: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        key = f"{within}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{key}.")
        elif isinstance(value, list | tuple):
            yield key, ", ".join(map(str, value)) or _NOTHING
        else:
            yield key, repr(value)


def question(business: Business) -> dict[str, Any]:
    """Return what a model's predictions mean, as far as the config decides it.

    ``value`` belongs to it: the limits of the tiers are money, found under the values of training. Where cash
    flows go does not, nor what is worked out of the scores alone.
    """
    return {
        "business": business.business,
        "currency": business.currency,
        "timezone": business.timezone,
        "churn": business.churn.model_dump(mode="json"),
        "snapshots.horizon": business.snapshots.horizon,
        "value": business.value.model_dump(
            mode="json", exclude={"cash_flows", "acquisition_cost", "referral"}
        )
        | {"revenue": list(business.revenue_events)},
        "customers.mapped": business.customers is not None,
        "features": business.features.model_dump(mode="json", exclude={"trusted"}),
        "events": {
            name: {
                "mapped": True,
                "features": sorted(event.features),
                "categories": sorted(event.categories),
            }
            for name, event in business.events.items()
        },
    }
