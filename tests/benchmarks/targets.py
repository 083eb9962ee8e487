"""What the tests let a process of its own do."""

from __future__ import annotations

import sys
from collections.abc import Callable


def add(a: int, b: int) -> Callable[[], int]:
    return lambda: a + b


def hold(megabytes: int) -> Callable[[], int]:
    return lambda: len(bytearray(b"x") * (megabytes * 2**20))


def fail(why: str) -> Callable[[], None]:
    def work() -> None:
        sys.stdout.write("some progress\n")
        sys.exit(why)

    return work
