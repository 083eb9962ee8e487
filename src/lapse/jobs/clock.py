"""Where the time of a job goes, stage by stage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Clock:
    """Adds up the seconds of stages.

    Attributes
    ----------
    seconds : Counter of str
        By stage, in the order in which they began.

    Examples
    --------
    >>> clock = Clock()
    >>> with clock("features"):
    ...     pass
    >>> list(clock.seconds)
    ['features']
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what happens inside as part of a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start  # type: ignore[assignment]  # a Counter adds floats as well

    def each(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield every item, and count the making of it as part of a stage."""
        iterator = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


def shares(seconds: Mapping[str, float]) -> str:
    """Return where the time went, in words.

    Examples
    --------
    >>> shares({"reading": 6.0, "features": 3.0, "writing": 1.0})
    '10 s: reading 60 %, features 30 %, writing 10 %'
    """
    total = sum(seconds.values())
    told = (f"{stage} {spent / total * 100:.0f} %" for stage, spent in seconds.items())
    return f"{total:,.0f} s: {', '.join(told)}"
