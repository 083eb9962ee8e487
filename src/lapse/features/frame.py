"""The frame of features: one row a snapshot, one column a name of the recipe.

In: a :class:`~lapse.features.recipe.Recipe`, a bucket, snapshots. Out: an Arrow table, float32 and
``dictionary<string>``, missing as NaN and null. The same function builds the frames for training, scoring and
backfill; a row depends on nothing but its own customer's events and its own as_of.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from lapse.features import cadence, categories, custom, latest, pace, terms, windows
from lapse.features.families import every_second, windows_of
from lapse.features.grammar import CALENDAR, CUSTOMER, Feature, Stat, parse
from lapse.features.recipe import Recipe
from lapse.features.same_tables import refuse_other_columns
from lapse.features.visibility import first_days, latest_days, latest_positions, observed_days
from lapse.schema import NEVER, Bucket, Events, Float32, Int32, Snapshots

_LONG_AGO = -(2**31)


def compute(recipe: Recipe, bucket: Bucket, snapshots: Snapshots) -> pa.Table:
    """Compute every feature of a recipe for the snapshots of one bucket.

    Parameters
    ----------
    recipe : Recipe
    bucket : Bucket
    snapshots : Snapshots
        ``customer`` points into the bucket; in any number and order of days.

    Returns
    -------
    pyarrow.Table, n_snapshots rows
        Columns in the order of ``recipe.names``: float32 (missing is NaN), or dictionary<int32, string>
        (missing is null) for those of ``recipe.text``.

    Raises
    ------
    ConfigError
        If a custom feature's function cannot be imported.
    DataError
        If a custom feature returns what it must not.
    GateError
        If the bucket lacks columns that the recipe was made from, or some have changed their type.
    """
    refuse_other_columns(recipe, bucket)
    observed = observed_days(bucket, snapshots)
    columns: dict[str, pa.Array] = {}
    for kind, events in bucket.events.items():
        wanted = recipe.stats_of(kind)
        for numbers in _numbers_of(recipe, kind, events, snapshots, observed, wanted):
            columns |= {str(Feature(kind, *stat)): pa.array(column) for stat, column in numbers.items()}
        columns |= dict(_attributes_of(recipe, kind, events, snapshots, wanted))
    columns |= dict(_of_customer(recipe, bucket, snapshots, observed))
    if any(parse(name).event == CALENDAR for name in recipe.names):
        circle = zip(("year_sin", "year_cos"), latest.time_of_year(snapshots.day), strict=True)
        columns |= {str(Feature(CALENDAR, stat)): pa.array(column) for stat, column in circle}
    own = [name for name in recipe.names if name in recipe.business.features.custom]
    for name, function in custom.load_functions(recipe.business, own).items():
        columns[name] = pa.array(custom.call(name, function, bucket, snapshots))
    return pa.table([columns[name] for name in recipe.names], names=list(recipe.names))


def _numbers_of(
    recipe: Recipe,
    kind: str,
    events: Events,
    snapshots: Snapshots,
    observed: Int32,
    wanted: frozenset[Stat],
) -> Iterator[dict[Stat, Float32]]:
    """Yield what each kernel computes of one kind, for the kernels whose stats the recipe asks for."""
    business = recipe.business
    lengths, grace = windows_of(business, kind), business.churn.grace
    stats = {stat for stat, _ in wanted}
    if not stats.isdisjoint(("days_since_last", "last_amount")):
        yield _of_latest(events, snapshots)
    if "days_since_first" in stats:
        yield _of_first(events, snapshots)
    first_day = recipe.first_days.get(kind, _LONG_AGO)
    counted = {window for stat, window in wanted if stat in windows.WINDOWED and window is not None}
    if not counted.isdisjoint(lengths):
        yield windows.compute(events, snapshots, lengths, first_day, wanted)
    if beside := tuple(sorted(counted.difference(lengths))):
        yield windows.compute(events, snapshots, beside, first_day, wanted)
    if not stats.isdisjoint((*cadence.POINTS, *cadence.SILENCES)):
        yield cadence.compute(events, snapshots, grace)
    if not stats.isdisjoint(pace.WINDOWED):
        yield pace.compute(events, snapshots, lengths, observed, grace, business.snapshots.horizon)
    if not stats.isdisjoint(terms.OPEN):
        yield terms.compute_open(events, snapshots)
    if not stats.isdisjoint(terms.TERMS):
        yield terms.compute_terms(events, snapshots, grace)
    yield from _mix_of(recipe, kind, events, snapshots, wanted)


def _mix_of(
    recipe: Recipe, kind: str, events: Events, snapshots: Snapshots, wanted: frozenset[Stat]
) -> Iterator[dict[Stat, Float32]]:
    """Yield what is computed of the categories of one kind."""
    lengths, stats = windows_of(recipe.business, kind), {stat for stat, _ in wanted}
    first_day = recipe.first_days.get(kind, _LONG_AGO)
    for column in recipe.business.events[kind].categories:
        attribute = events.attributes[column]
        if f"distinct_{column}" in stats:
            distinct = categories.distinct(events, snapshots, attribute, every_second(lengths))
            yield {(f"distinct_{column}", window): values for window, values in distinct.items()}
        top = [share for share in recipe.shares if (share.event, share.column) == (kind, column)]
        prefixes = ("share", "spend_share")
        if not stats.isdisjoint(f"{prefix}_{share.slug}" for prefix in prefixes for share in top):
            found = categories.shares(events, snapshots, attribute, [s.value for s in top], lengths[-1])
            for prefix, row in zip(prefixes, found, strict=True):
                yield {(f"{prefix}_{s.slug}", lengths[-1]): v for s, v in zip(top, row, strict=True)}
        if chosen := [share for share in top if share.count in stats]:
            counted = {share.count for share in chosen}
            over = tuple(sorted({window for stat, window in wanted if stat in counted and window}))
            values = [share.value for share in chosen]
            counts = categories.counts(events, snapshots, attribute, values, over, first_day)
            for share, rows in zip(chosen, counts, strict=True):
                yield {(share.count, window): row for window, row in zip(over, rows, strict=True)}


def _of_latest(events: Events, snapshots: Snapshots) -> dict[Stat, Float32]:
    """Return days since the latest visible event, and its amount; NaN where there is none."""
    position = latest_positions(events, snapshots)
    since = np.full(len(snapshots), np.nan, np.float32)
    amount = since.copy()
    seen = position >= 0
    since[seen] = snapshots.day[seen] - events.day[position[seen]]
    amount[seen] = events.amount[position[seen]]
    return {("days_since_last", None): since, ("last_amount", None): amount}


def _of_first(events: Events, snapshots: Snapshots) -> dict[Stat, Float32]:
    """Return days since the first visible event; NaN where there is none."""
    first = first_days(events, snapshots)
    since = np.where(first == NEVER, np.nan, snapshots.day.astype(np.int64) - first)
    return {("days_since_first", None): since.astype(np.float32)}


def _attributes_of(
    recipe: Recipe, kind: str, events: Events, snapshots: Snapshots, wanted: frozenset[Stat]
) -> Iterator[tuple[str, pa.Array]]:
    columns = recipe.business.events[kind].features
    if not columns:
        return
    position = latest_positions(events, snapshots)
    for column in columns:
        name = str(Feature(kind, f"latest_{column}"))
        yield name, latest.take(events.attributes[column], position, name in recipe.text)
        if (f"changes_{column}", None) in wanted:
            changes = terms.count_changes(events, snapshots, events.attributes[column])
            yield str(Feature(kind, f"changes_{column}")), pa.array(changes)


def _of_customer(
    recipe: Recipe, bucket: Bucket, snapshots: Snapshots, observed: Int32
) -> Iterator[tuple[str, pa.Array]]:
    tenure = np.where(observed > 0, observed - 1.0, np.nan).astype(np.float32)
    yield str(Feature(CUSTOMER, "tenure_days")), pa.array(tenure)
    if over := sorted({window for stat, window in recipe.stats_of(CUSTOMER) if stat == "kinds" and window}):
        days = latest_days(bucket, snapshots)
        for window in over:
            recent = (days > snapshots.day.astype(np.int64) - window).sum(axis=0)
            yield str(Feature(CUSTOMER, "kinds", window)), pa.array(recent.astype(np.float32))
    place = latest.profile_positions(bucket, snapshots)
    for column in recipe.business.customers.features if recipe.business.customers else ():
        if (name := str(Feature(CUSTOMER, column))) in recipe.names:
            values = bucket.profile.column(column).combine_chunks()
            yield name, latest.take(values, place, name in recipe.text)
