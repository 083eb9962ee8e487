"""Buckets on all cores: threads, since the kernels, LightGBM and Arrow let go of Python's lock.

In: what to do with a bucket. Out: what it returns, in the order of the buckets.

What else makes threads shares the cores with them, but for attributions, which start as many again. OpenMP
(LightGBM) is limited in each worker, which alone it holds for. The pools of linear algebra know one limit for
the whole process: it is taken back at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from threadpoolctl import threadpool_limits

from lapse.history import History
from lapse.history.room import cores

Result = TypeVar("Result")


def each_bucket(history: History, work: Callable[[int], Result]) -> Iterator[Result]:
    """Yield what ``work`` returns for the number of every bucket, in their order.

    As many buckets are worked on at once as the history's room allows. Whatever stops the iteration stops the
    work: what has begun is finished, the rest is left.
    """
    workers = history.room.workers(history.n_buckets)
    each = max(1, cores() // workers)
    limit = partial(threadpool_limits, each, user_api="openmp")
    with (
        threadpool_limits(each, user_api="blas"),
        ThreadPoolExecutor(workers, initializer=limit) as threads,
    ):
        try:
            yield from threads.map(work, range(history.n_buckets))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
