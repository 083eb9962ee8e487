"""A user's own features: found by import path, called once per bucket, checked before they are believed.

In: ``features.custom`` of the config (name to ``module:function``), a bucket, snapshots. Out: float32
columns. A function that cannot be imported is a mistake in the config; one that fails, or returns the wrong
shape, type or an infinite number, is a mistake in the data that it made. Missing is NaN.

The function gets ``(bucket, snapshots, window_days)``, with the window of the feature's name or None, and
returns one number per snapshot. It sees the whole bucket, the future too, so it should stand on
:func:`lapse.features.visible`, which applies the leak rule and the window; the leak guards of ``lapse check``
run over it as over any other feature. See :mod:`lapse.features.examples`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from lapse.config import Business
from lapse.errors import ConfigError, DataError, Problem
from lapse.features.grammar import parse
from lapse.schema import Bucket, Float32, Snapshots

Function = Callable[[Bucket, Snapshots, int | None], npt.ArrayLike]
"""What a custom feature's function takes and returns."""


def load_functions(business: Business, names: Iterable[str]) -> dict[str, Function]:
    """Import the functions of the named custom features.

    Raises
    ------
    ConfigError
        With every one that cannot be imported.
    """
    found: dict[str, Function] = {}
    problems: list[Problem] = []
    for name in names:
        target = business.features.custom[name]
        try:
            found[name] = _load(target)
        except (ImportError, AttributeError, TypeError) as error:
            problems.append(
                Problem(
                    str(business.source),
                    f"features.custom.{name}",
                    "the import path of a function, 'module:function'",
                    f"'{target}'",
                    str(error),
                )
            )
    if problems:
        raise ConfigError(problems)
    return found


def _load(target: str) -> Function:
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    if not callable(function):
        raise TypeError(f"{name} of {module} is not a function but {type(function).__name__}")
    return function  # type: ignore[no-any-return]  # what it returns is checked at every call


def call(name: str, function: Function, bucket: Bucket, snapshots: Snapshots) -> Float32:
    """Call one custom feature's function and check what it returns.

    Returns
    -------
    float32, shape (n_snapshots,)

    Raises
    ------
    DataError
        If the function fails, or returns another shape, something that is no number, or an infinite one.
    """
    try:
        returned = function(bucket, snapshots, parse(name).window)
    except Exception as error:
        raise DataError(_problem(name, "a function that runs", f"{type(error).__name__}: {error}")) from error
    values = np.asarray(returned)
    if values.shape != (len(snapshots),):
        raise DataError(
            _problem(name, f"one number per snapshot, shape ({len(snapshots)},)", f"shape {values.shape}")
        )
    if values.dtype.kind not in "fiub":
        raise DataError(_problem(name, "numbers", f"an array of {values.dtype}"))
    with np.errstate(over="ignore"):
        column = values.astype(np.float32)
    if infinite := int(np.isinf(column).sum()):
        first = int(np.isinf(column).argmax())
        raise DataError(
            Problem(
                f"custom feature '{name}'",
                "values",
                "finite numbers that float32 can hold, or NaN where missing",
                str(values[first]),
                count=infinite,
                example=f"row {first} of bucket {bucket.number}",
            )
        )
    return column


def _problem(name: str, expected: str, got: str) -> Problem:
    return Problem(f"custom feature '{name}'", "return value", expected, got)
