"""A budget of memory: what it allows, and what cannot be one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lapse.errors import ConfigError
from lapse.history import read
from lapse.history.room import Room, room_of
from tests.history.making import ORDER, TODAY, business, orders


@pytest.mark.parametrize(
    ("memory", "held"), [("1GB", 10**9), (" 1500mb ", 1_500 * 10**6), ("64GB", 64 * 10**9)]
)
def test_a_budget_is_a_size_with_its_unit(memory: str, held: int) -> None:
    assert room_of(memory) == Room(held)


@pytest.mark.parametrize("memory", ["4", "4G", "GB", "-4GB", "4.5GB", "999MB", "0GB", ""])
def test_what_is_no_budget_is_refused(memory: str) -> None:
    with pytest.raises(ConfigError, match="memory: budget: expected"):
        room_of(memory)


def test_more_memory_means_larger_buckets_and_more_of_them_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    rooms = [room_of(f"{size}GB") for size in (1, 2, 4, 16)]
    workers = [room.workers(1_000) for room in rooms]
    assert workers[0] == 1
    assert workers == sorted(workers)
    assert [room.rows_per_bucket for room in rooms] == [500_000, 1_000_000, 2_000_000, 8_000_000]
    assert rooms[-1].workers(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert rooms[-1].workers(1_000) == 2


def test_a_history_keeps_to_its_room(tmp_path: Path) -> None:
    orders(tmp_path)
    shop = business(tmp_path, {"order": ORDER})
    with read(shop, memory="2GB", today=TODAY) as history:
        assert history.room == Room(2 * 10**9)
        assert history.n_buckets == 1
        assert history.seconds > 0
    with pytest.raises(ConfigError, match="at least 1GB"):
        read(shop, memory="10MB", today=TODAY)
