"""The seconds of stages add up, and nothing that fails goes uncounted."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lapse.jobs.clock import Clock, shares


class Hands:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(time, "perf_counter", hands)
    return hands


def test_stages_add_up_in_the_order_of_their_beginning(hands: Hands) -> None:
    def making() -> Iterator[int]:
        for number in (1, 2):
            hands.go_on(0.5)
            yield number

    clock = Clock()
    for _ in range(2):
        with clock("one"):
            hands.go_on(2.0)
        for item in clock.each("two", making()):
            hands.go_on(10.0 * item)  # what is done with an item is no part of making it
    assert list(clock.seconds.items()) == [("one", 4.0), ("two", 2.0)]


def test_what_fails_counts_too(hands: Hands) -> None:
    def fails() -> None:
        hands.go_on(3.0)
        raise ValueError("x")

    clock = Clock()
    with pytest.raises(ValueError, match="x"), clock("one"):
        fails()
    assert clock.seconds == {"one": 3.0}


def test_shares_are_of_the_whole() -> None:
    assert shares({"a": 1.0, "b": 3.0}) == "4 s: a 25 %, b 75 %"
