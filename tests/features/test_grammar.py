from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapse.features.grammar import Feature, parse, slug

WORDS = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+){0,2}", fullmatch=True)


@given(WORDS, WORDS.filter(lambda s: s not in {"recency", "frequency"}), st.none() | st.integers(1, 5000))
def test_a_name_splits_into_what_it_was_made_of(event: str, stat: str, window: int | None) -> None:
    feature = Feature(event, stat, window)
    assert parse(str(feature)) == feature


@pytest.mark.parametrize(
    "name",
    [
        "order",
        "order__count__90d__x",
        "order__count__90",
        "order__count__0d",
        "order__count__3mo",
        "order___count__90d",
        "Order__count",
        "order__co-unt",
        "order____90d",
        "",
    ],
)
def test_what_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse(name)


@pytest.mark.parametrize("name", ["order__recency", "order__frequency", "order__frequency__90d"])
def test_bare_recency_and_frequency_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="days_since_last"):
        parse(name)


@given(st.lists(st.text(max_size=8), max_size=12))
def test_slugs_are_words_of_the_grammar_and_unique(values: list[str]) -> None:
    taken: set[str] = set()
    for value in values:
        word = slug(value, taken)
        assert word not in taken
        assert parse(f"order__share_{word}__90d").stat == f"share_{word}"
        taken.add(word)
