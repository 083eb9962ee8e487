"""Buckets on all cores: threads, since the kernels, LightGBM and Arrow let go of Python's lock.

In: what to do with a bucket. Out: what it returns, in the order of the buckets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from threadpoolctl import threadpool_limits

from lapse.history import History

Result = TypeVar("Result")


def each_bucket(history: History, work: Callable[[int], Result]) -> Iterator[Result]:
    """Yield what ``work`` returns for the number of every bucket, in their order.

    As many buckets are worked on at once as the history's room allows, and the threads of LightGBM share the
    cores among them. Whatever stops the iteration stops the work: what has begun is finished, the rest is
    left.
    """
    workers = history.room.workers(history.n_buckets)
    limit = partial(threadpool_limits, max(1, (os.cpu_count() or 1) // workers))
    with ThreadPoolExecutor(workers, initializer=limit) as threads:
        try:
            yield from threads.map(work, range(history.n_buckets))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
