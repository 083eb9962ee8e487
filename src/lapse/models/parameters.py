"""The parameters of the estimators, checked in one place before anything is learned.

In: an estimator. Out: its parameters, whole numbers as int. Refused (:class:`~lapse.errors.DataError`), all
mistakes at once: what lies outside the domain that the parameter's name has here. A parameter that is None by
default may stay None.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from lapse.errors import DataError, Problem
from lapse.models import inputs

FEWEST_ROWS = 1_000
"""Least that ``max_rows`` may be: where three in a hundred lapse in a step, so many person-period rows hold
the 30 lapses from which a hazard can be learned (:data:`lapse.models.hazard.FEW_LAPSES`)."""

MOST_ROWS = 2**31 - 1
"""LightGBM counts rows as int32."""

MOST_SEED = 2_000_000_000
"""The seeds of all bags, 1,000 apart, are then an int32, as LightGBM wants them."""


def checked(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, whole numbers as int.

    Raises
    ------
    DataError
        With all that are wrong.

    Examples
    --------
    >>> from lapse import Lifetime
    >>> checked(Lifetime(30.0))["step_days"]
    30
    >>> checked(Lifetime(30, num_leaves=1, learning_rate=0))
    Traceback (most recent call last):
    lapse.errors.DataError: parameters: learning_rate: expected a number above 0, at most 1, got 0
    parameters: num_leaves: expected a whole number from 2 to 100,000, got 1
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    defaults = inspect.signature(type(estimator)).parameters
    for name, value in estimator.get_params(deep=False).items():
        if name not in _DOMAINS:  # a subclass's own
            continue
        if value is None and defaults[name].default is None:
            found[name] = None
            continue
        found[name], wrong = inputs.tried(partial(_DOMAINS[name], name, value), None)
        problems.extend(wrong)
    if problems:
        raise DataError(problems)
    return found


def _integer(name: str, value: object, least: int, most: int) -> int:
    """Return a whole number that is no float, which NumPy takes for no seed and LightGBM for no number."""
    if isinstance(value, float | np.floating):
        raise DataError(Problem("parameters", name, "an int", f"{value!r}"))
    return inputs.whole(name, value, most, least)


def _share(name: str, value: object) -> float:
    return _number(name, value, "a number above 0, at most 1", lambda share: 0 < share <= 1)


def _part(name: str, value: object) -> float:
    return _number(name, value, "a share from 0 to below 1", lambda share: 0 <= share < 1)


def _penalty(name: str, value: object) -> float:
    return _number(
        name, value, "a finite number of at least 0", lambda penalty: 0 <= penalty <= sys.float_info.max
    )


def _number(name: str, value: Any, expected: str, holds: Callable[[float], bool]) -> float:
    if not (inputs.is_number(value) and holds(value)):
        raise DataError(Problem("parameters", name, expected, f"{value!r}"))
    return float(value)


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise DataError(Problem("parameters", name, "True or False", f"{value!r}"))
    return bool(value)


_DOMAINS: Mapping[str, Callable[[str, Any], object]] = {
    "step_days": inputs.whole,
    "horizon_days": inputs.whole,
    "n_estimators": inputs.whole,
    "learning_rate": _share,
    "num_leaves": partial(inputs.whole, least=2),
    "min_child_samples": partial(inputs.whole, least=0, most=MOST_ROWS),
    "reg_lambda": _penalty,
    "feature_fraction": _share,
    "extra_trees": _truth,
    "linear_share": _part,
    "n_bags": inputs.whole,
    "max_rows": partial(inputs.whole, least=FEWEST_ROWS, most=MOST_ROWS),
    "random_state": partial(_integer, least=0, most=MOST_SEED),
    "num_threads": partial(_integer, least=-1, most=inputs.MOST),  # 0 and -1: as many as LightGBM chooses
}
