"""Guard 1: a feature at as_of must not depend on anything that was not known at as_of.

In: any function from a bucket and snapshots to a table of features, so built-in and custom features alike.
Out: one :class:`~lapse.errors.Problem` for each feature that depends on something that it must not see:

- on what was known only later (see :mod:`lapse.leaks.perturbation`), tested one as_of at a time;
- on the other as-of dates that are asked about, or on the other customers of the bucket: its value would
  change with the shape of the job, and by that way other rows' futures come in.

The guard tests; it does not prove. It can miss a feature that peeks only in ways that no sampled customer
shows, so give it a few hundred customers. It cannot know that a mapped ``known_at`` is wrong, or that a table
without one was overwritten later: :mod:`lapse.leaks.columns` looks for these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from lapse.errors import GateError, Problem
from lapse.leaks.perturbation import CHANGES, Change, empty_future, other_future
from lapse.leaks.sampling import choose_customers
from lapse.schema import Bool, Bucket, Int64, Snapshots, to_date

Compute: TypeAlias = Callable[[Bucket, Snapshots], pa.Table]
"""From a bucket and snapshots to one row a snapshot; the columns are features."""

TOLERANCE = 1e-5
"""Relative and absolute difference of two numbers that still counts as equal: float32 features, summed."""

PLANTED = "planted__rows_known_later"
_ALONE = 5


def perturbation_guard(
    compute: Compute, bucket: Bucket, snapshots: Snapshots, seed: int = 0
) -> list[Problem]:
    """Name every feature that depends on more than its customer's rows known at its as_of.

    Parameters
    ----------
    compute : callable (Bucket, Snapshots) -> pyarrow.Table
        Called about four times for each as_of; pass a :func:`~lapse.leaks.sampling.sample` of the bucket.
    bucket : Bucket
    snapshots : Snapshots
        At least one.
    seed : int, default 0
        Chooses the changes.

    Returns
    -------
    list of Problem
        Empty where no feature was caught; one problem a feature otherwise, with the number of rows that
        differ and the first of them.

    Raises
    ------
    GateError
        If a table does not have one row a snapshot, or other columns than the first.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from lapse.schema import NEVER, Bucket, Events, Snapshots
    >>> day, never = np.array([10, 20, 30], np.int32), np.full(3, NEVER, np.int32)
    >>> ends, money, cause = (never, never), np.ones(3), np.zeros(3, np.int8)
    >>> orders = Events(np.array([0, 3]), day, day, *ends, money, cause, day.astype(np.int64), {})
    >>> bucket = Bucket(0, pa.array(["a"]), day[:1], pa.table({"plan": ["x"]}), day[:1], {"order": orders})
    >>> def peek(bucket, snapshots):
    ...     last = bucket.events["order"].offsets[1:] - 1
    ...     return pa.table({"order__last_day": bucket.events["order"].day[last[snapshots.customer]]})
    >>> asked = Snapshots(np.array([0]), np.array([25], np.int32))
    >>> [problem.what for problem in perturbation_guard(peek, bucket, asked)]
    ['order__last_day']
    """
    compute = _measured(compute)
    full = compute(bucket, snapshots)
    found: dict[str, Problem] = {}
    for day in np.unique(snapshots.day).tolist():
        rows = np.flatnonzero(snapshots.day == day)
        asked = Snapshots(snapshots.customer[rows], snapshots.day[rows])
        truth = compute(bucket, asked)
        rng = np.random.default_rng([seed, day - np.iinfo(np.int32).min])
        checks = (
            _beside_other_days(full, rows, truth),
            _other_futures(compute, bucket, asked, truth, rng),
            _beside_other_customers(compute, bucket, asked, truth, rng),
        )
        for check in checks:
            for problem in check:
                found.setdefault(problem.what, problem)
    return [found[name] for name in full.column_names if name in found]


def planted_leak_selftest(compute: Compute, bucket: Bucket, snapshots: Snapshots, seed: int = 0) -> Problem:
    """Plant a feature that peeks at the future beside the others and return how the guard names it.

    Parameters
    ----------
    compute, bucket, snapshots, seed
        As for :func:`perturbation_guard`.

    Returns
    -------
    Problem
        What the guard says of the planted feature :data:`PLANTED`.

    Raises
    ------
    GateError
        If the guard does not see it: then its silence about the other features means nothing.
    """

    def with_leak(bucket: Bucket, snapshots: Snapshots) -> pa.Table:
        return compute(bucket, snapshots).append_column(
            PLANTED, pa.array(_rows_known_later(bucket, snapshots))
        )

    caught = [
        problem
        for problem in perturbation_guard(with_leak, bucket, snapshots, seed)
        if problem.what == PLANTED
    ]
    if not caught:
        raise GateError(
            Problem(
                "leak guard",
                PLANTED,
                "the planted leak named",
                "silence",
                "the sample holds nothing that the guard could change: use more customers or earlier dates",
            )
        )
    return caught[0]


def refuse(problems: Iterable[Problem]) -> None:
    """Raise a :class:`~lapse.errors.GateError` with all problems, if there is any."""
    if found := tuple(problems):
        raise GateError(found)


def _measured(compute: Compute) -> Compute:
    """Return the function with its tables measured: one row a snapshot, the columns of its first table."""
    names: list[str] = []

    def measured(bucket: Bucket, snapshots: Snapshots) -> pa.Table:
        table = compute(bucket, snapshots)
        names.extend(table.column_names if not names else ())
        if table.num_rows != len(snapshots) or table.column_names != names:
            raise GateError(
                Problem(
                    "features",
                    "table",
                    f"{len(snapshots)} rows of {', '.join(names)}",
                    f"{table.num_rows} rows of {', '.join(table.column_names)}",
                    "give one row a snapshot, and the same columns for any bucket",
                )
            )
        return table

    return measured


def _rows_known_later(bucket: Bucket, snapshots: Snapshots) -> Int64:
    """Return for each snapshot how many rows of its customer become known after its as_of."""
    count = np.zeros(len(snapshots), np.int64)
    for events in bucket.events.values():
        for row, (customer, day) in enumerate(zip(snapshots.customer, snapshots.day, strict=True)):
            own = slice(events.offsets[customer], events.offsets[customer + 1])
            count[row] += np.count_nonzero(events.known_day[own] > day)
    return count


def _other_futures(
    compute: Compute, bucket: Bucket, asked: Snapshots, truth: pa.Table, rng: np.random.Generator
) -> Iterator[Problem]:
    """Yield the features that change with the future; the cause is looked for only where any does."""
    whole: dict[str, Change] = {
        "all that is known only later was removed": empty_future,
        "all that is known only later was altered": other_future,
    }
    suspects = {
        problem.what: problem
        for text, change in whole.items()
        for problem in _after(compute, bucket, asked, truth, text, change, rng)
    }
    if suspects:
        for text, change in CHANGES.items():
            yield from _after(compute, bucket, asked, truth.select(list(suspects)), text, change, rng)
    yield from suspects.values()


def _after(
    compute: Compute,
    bucket: Bucket,
    asked: Snapshots,
    truth: pa.Table,
    text: str,
    change: Change,
    rng: np.random.Generator,
) -> Iterator[Problem]:
    """Yield the features of ``truth`` that come out otherwise after one change of the bucket."""
    got = compute(change(bucket, int(asked.day[0]), rng), asked)
    hint = "use only rows with known_day <= as_of, and ends and causes with end_known_day <= as_of"
    yield from _differences(truth, got, bucket, asked, f"when {text}", hint)


def _beside_other_days(full: pa.Table, rows: Int64, truth: pa.Table) -> Iterator[Problem]:
    """Yield the features that differ when all as-of dates are asked about at once."""
    hint = "compute each snapshot on its own, whatever else is asked"
    for name in truth.column_names:
        differs = _differs(truth.column(name), full.column(name).take(pa.array(rows)))
        if differs.any():
            yield Problem(
                "feature",
                name,
                "the same value whatever other dates are asked about",
                "another one when they are",
                hint,
                int(differs.sum()),
            )


def _beside_other_customers(
    compute: Compute, bucket: Bucket, asked: Snapshots, truth: pa.Table, rng: np.random.Generator
) -> Iterator[Problem]:
    """Yield the features that differ for half of the bucket's customers, or for a few of them, each alone."""
    hint = "use only the customer's own rows; what all customers share belongs into the recipe, fitted before"
    order = rng.permutation(np.unique(asked.customer))
    for chosen in (
        np.sort(order[: (len(order) + 1) // 2]),
        *(order[at : at + 1] for at in range(min(_ALONE, len(order)))),
    ):
        rows = np.flatnonzero(np.isin(asked.customer, chosen))
        part = Snapshots(np.searchsorted(chosen, asked.customer[rows]), asked.day[rows])
        smaller = choose_customers(bucket, chosen)
        got = compute(smaller, part)
        yield from _differences(
            truth.take(pa.array(rows)), got, smaller, part, "without the other customers", hint
        )


def _differences(
    truth: pa.Table, got: pa.Table, bucket: Bucket, asked: Snapshots, when: str, hint: str
) -> Iterator[Problem]:
    for name in truth.column_names:
        differs = _differs(truth.column(name), got.column(name))
        if differs.any():
            row = int(np.argmax(differs))
            customer, day = bucket.customer_id[int(asked.customer[row])], to_date(int(asked.day[row]))
            before, after = truth.column(name)[row], got.column(name)[row]
            yield Problem(
                "feature",
                name,
                "a value that rests on what was known at as_of alone",
                f"another one {when}",
                hint,
                int(differs.sum()),
                f"customer {customer} as of {day}: {before} became {after}",
            )


def _differs(one: pa.ChunkedArray, other: pa.ChunkedArray) -> Bool:
    """Return where two columns differ; numbers within :data:`TOLERANCE` and two missing values are equal."""
    if pa.types.is_floating(one.type) or pa.types.is_integer(one.type):
        first, second = (column.cast(pa.float64()).to_numpy() for column in (one, other))
        same: Bool = np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        return ~same
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return np.fromiter((before != after for before, after in pairs), np.bool_, len(one))
