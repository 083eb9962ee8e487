"""Buckets on several threads: in order, never too many, stopped by what fails, and no limit left behind."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any, cast

import numpy as np  # noqa: F401  brings the pools of linear algebra
import pytest
from threadpoolctl import threadpool_info

from lapse.history import History
from lapse.jobs.threads import each_bucket


def history(n_buckets: int, workers: int) -> History:
    """What a history says of its size and room, and nothing else."""
    room = SimpleNamespace(workers=lambda n: min(n, workers))
    return cast(History, SimpleNamespace(n_buckets=n_buckets, room=room))


def pools() -> dict[str, int]:
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


def of_kind(kind: str) -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == kind]


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))


def test_results_come_in_the_order_of_the_buckets() -> None:
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_done.wait(30)
        if number == 1:
            second_done.set()
        return number * number

    assert list(each_bucket(history(5, 2), work)) == [0, 1, 4, 9, 16]


@pytest.mark.usefixtures("four_cores")
def test_each_worker_has_its_share_of_the_cores_and_nothing_stays_limited() -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(4):
        before = pools()
        found = list(each_bucket(history(4, 2), lambda _: (of_kind("blas"), of_kind("openmp"))))
        assert pools() == before
        assert 4 in before.values()
        for blas, openmp in found:
            assert set(blas) == {2}
            assert set(openmp) <= {2}


@pytest.mark.usefixtures("four_cores")
def test_limits_are_taken_back_after_a_failure_and_after_half_the_work() -> None:
    from threadpoolctl import threadpool_limits

    def fails(number: int) -> None:
        raise ValueError(f"bucket {number}")

    with threadpool_limits(4):
        before = pools()
        with pytest.raises(ValueError, match="bucket 0"):
            list(each_bucket(history(3, 2), fails))
        assert pools() == before
        half = cast(Any, each_bucket(history(3, 2), abs))
        assert next(half) == 0
        half.close()
        assert pools() == before


def test_a_failure_leaves_the_rest_undone() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise ValueError("bucket 0")
        assert go_on.wait(30)
        return number

    threading.Timer(2.0, go_on.set).start()  # long enough for a busy machine to tell of the failure
    with pytest.raises(ValueError, match="bucket 0"):
        list(each_bucket(history(1_000, 2), work))
    assert sorted(begun) == list(range(len(begun)))
    assert len(begun) < 10


def test_at_most_the_rooms_workers_are_at_work() -> None:
    lock, three, too_many = threading.Lock(), threading.Barrier(3), threading.Event()
    at_work: set[int] = set()
    most = 0

    def work(number: int) -> None:
        nonlocal most
        with lock:
            at_work.add(number)
            most = max(most, len(at_work))
            if most > 3:
                too_many.set()
        if number < 3:
            three.wait(30)
        too_many.wait(0.03)  # long enough for a fourth to come
        with lock:
            at_work.remove(number)

    list(each_bucket(history(12, 3), work))
    assert most == 3
