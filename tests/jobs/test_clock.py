"""The seconds of stages add up, and nothing that fails goes uncounted."""

from __future__ import annotations

import time

import pytest

from lapse.jobs.clock import Clock, shares


def test_stages_add_up_in_the_order_of_their_beginning() -> None:
    clock = Clock()
    for _ in range(2):
        with clock("one"):
            time.sleep(0.01)
        for item in clock.each("two", iter([1, 2])):
            time.sleep(0.02 * item)  # what is done with an item is no part of making it
    assert list(clock.seconds) == ["one", "two"]
    assert clock.seconds["one"] >= 0.02
    assert clock.seconds["two"] < 0.02


def test_what_fails_counts_too() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="x"), clock("one"):
        raise ValueError("x")
    assert "one" in clock.seconds


def test_shares_are_of_the_whole() -> None:
    assert shares({"a": 1.0, "b": 3.0}) == "4 s: a 25 %, b 75 %"
