"""The future-perturbation property: what is not known at t, or lies after t, changes no feature at t."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.features import Recipe, compute, fit_recipe
from lapse.schema import Snapshots
from tests.features.histories import (
    FIRST,
    LAST,
    asking_for_all,
    assemble,
    business,
    ends,
    some_events,
    some_frames,
    some_profile,
)
from tests.features.test_frame import same

CUSTOMERS: list[object] = ["a", "b", "c", "d"]
EXAMPLE = "lapse.features.examples:weekend_share"
CUSTOM: Mapping[str, Mapping[str, str]] = {
    "gym": {"term__weekend_share": EXAMPLE, "term__weekend_share__60d": EXAMPLE},
    "shop": {"order__weekend_share": EXAMPLE, "order__weekend_share__60d": EXAMPLE},
}
Hides = Callable[[pd.DataFrame, int], pd.Series]


def not_known(frame: pd.DataFrame, t: int) -> pd.Series:
    return frame["known_day"] > t


def not_known_or_ahead(frame: pd.DataFrame, t: int) -> pd.Series:
    return (frame["known_day"] > t) | (frame["day"] > t)


@cache
def recipe_of(name: str) -> Recipe:
    rng = np.random.default_rng(0)
    customers: list[object] = list(range(60))
    whole = assemble(name, customers, some_frames(rng, name, customers), some_profile(rng, 60))
    return fit_recipe(asking_for_all(name, whole, CUSTOM[name]), [whole], LAST)


def other_rows(
    rng: np.random.Generator, kind: str, frame: pd.DataFrame, t: int, hides: Hides
) -> pd.DataFrame:
    """Return the frame with some hidden rows deleted, some replaced, and new hidden ones added."""
    hidden = hides(frame, t).to_numpy()
    new = some_events(rng, kind, CUSTOMERS)
    new["known_day"] += np.where(rng.random(len(new)) < 0.5, rng.integers(0, 200, len(new)), 0)
    kept = frame[~hidden | (rng.random(len(frame)) < 0.3)]
    return pd.concat([kept, new[hides(new, t)]], ignore_index=True)


def other_ends(rng: np.random.Generator, frame: pd.DataFrame, t: int) -> pd.DataFrame:
    """Return the frame with other ends where the end is not known at t and never becomes so before."""
    if "end_day" not in frame:
        return frame
    new = ends(rng, frame)
    known = np.maximum(new["end_known_day"], t + 1)
    unknown = frame["end_known_day"] > t
    return frame.assign(
        end_day=np.where(unknown, new["end_day"], frame["end_day"]),
        end_known_day=np.where(unknown, known, frame["end_known_day"]),
        cause=np.where(unknown, rng.integers(0, 4, len(frame)), 0),
    )


def other_profile(rng: np.random.Generator, profile: pd.DataFrame, t: int) -> pd.DataFrame:
    new = some_profile(rng, len(profile))
    new["known_day"] = np.maximum(new["known_day"], t + 1)
    return profile.where(profile["known_day"] <= t, new)


@pytest.mark.parametrize(
    ("name", "hides"), list(itertools.product(["gym", "shop"], [not_known, not_known_or_ahead]))
)
@given(seed=st.integers(0, 2**32 - 1), t=st.integers(FIRST, LAST + 20))
@settings(deadline=None, max_examples=60)
def test_what_is_not_known_changes_nothing(name: str, hides: Hides, seed: int, t: int) -> None:
    rng = np.random.default_rng(seed)
    frames, profile = some_frames(rng, name, CUSTOMERS), some_profile(rng, len(CUSTOMERS))
    others = {
        kind: other_ends(rng, other_rows(rng, kind, frame, t, hides), t) for kind, frame in frames.items()
    }
    recipe = recipe_of(name)
    asked = Snapshots(np.arange(len(CUSTOMERS)), np.full(len(CUSTOMERS), t, np.int32))
    before = compute(recipe, assemble(name, CUSTOMERS, frames, profile), asked)
    after = compute(recipe, assemble(name, CUSTOMERS, others, other_profile(rng, profile, t)), asked)
    if hides is not_known_or_ahead and name == "gym":  # that a term is booked ahead is known, and may be used
        before, after = before.drop_columns("term__next_known"), after.drop_columns("term__next_known")
    changed = [n for n in before.column_names if not same(before.select([n]), after.select([n]))]
    assert not changed


@given(seed=st.integers(0, 2**32 - 1), t=st.integers(FIRST + 30, LAST))
@settings(deadline=None, max_examples=30)
def test_what_is_not_known_changes_no_recipe(seed: int, t: int) -> None:
    rng = np.random.default_rng(seed)
    frames, profile = some_frames(rng, "shop", CUSTOMERS), some_profile(rng, len(CUSTOMERS))
    others = {kind: other_rows(rng, kind, frame, t, not_known_or_ahead) for kind, frame in frames.items()}
    recipes = [
        fit_recipe(business("shop"), [assemble("shop", CUSTOMERS, rows, profile)], t)
        for rows in (frames, others)
    ]
    assert recipes[0].shares == recipes[1].shares
    assert recipes[0].first_days == recipes[1].first_days
