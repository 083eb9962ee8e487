"""Work in a process of its own: its answer, its memory, and rows that replace their like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.measuring import Measure, Task, compare, in_turn, once, per, publish


def task(name: str, **arguments: object) -> Task:
    return Task(f"tests.benchmarks.targets:{name}", arguments)


def test_every_task_answers_in_every_round() -> None:
    added = Task("tests.benchmarks.targets:add", {"a": 1, "b": 2}, packages=("numpy",))
    found = in_turn({"lapse": added, "slow": task("add", a=2, b=2)}, runs=2)
    assert [found["lapse"].answer, found["slow"].answer] == [3, 4]
    assert [len(one.seconds) for one in found.values()] == [2, 2]
    assert list(found["lapse"].versions) == ["numpy"]


def test_a_task_may_have_fewer_runs() -> None:
    slow = Task("tests.benchmarks.targets:add", {"a": 2, "b": 2}, runs=1)
    found = in_turn({"lapse": task("add", a=1, b=1), "slow": slow}, runs=2)
    assert [len(one.seconds) for one in found.values()] == [2, 1]


def test_memory_is_that_of_the_work_and_not_of_who_asks() -> None:
    held = bytearray(b"x") * (300 * 2**20)
    little, much = (once(task("hold", megabytes=size))["peak_mb"] for size in (1, 200))
    assert len(held) / 2**20 > 250 > much > 200
    assert little < 100


def test_what_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="ended with 1:\nout of luck"):
        once(task("fail", why="out of luck"))


def measure(*seconds: float) -> Measure:
    return Measure(seconds, tuple(100.0 * one for one in seconds), None, {"numpy": "2"})


def test_a_ratio_is_of_medians_and_above_1_where_lapse_is_faster() -> None:
    (row,) = compare("b", {"lapse": measure(1.0, 2.0, 9.0), "p": measure(6.0)}, goals={"p": 2.5}, note="n")
    assert (row.ratio, row.goal, row.lapse_seconds, row.peer_seconds) == (3.0, 2.5, 2.0, 6.0)
    assert (row.lapse_peak_mb, row.peer_peak_mb, row.lapse_runs, row.peer_runs) == (200, 600, 3, 1)


def test_lapse_alone_is_a_row_without_a_peer() -> None:
    (row,) = compare("b", {"lapse": measure(1.0)})
    assert (row.peer, row.ratio, row.peer_seconds, row.peer_runs) == ("", None, None, 0)


def test_pieces_of_the_work_take_their_part_of_the_time() -> None:
    assert per(measure(6.0, 8.0), 2.0).seconds == (3.0, 4.0)


def test_rows_replace_those_of_their_benchmark_alone(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    both = {"lapse": measure(1.0), "p": measure(2.0), "q": measure(4.0)}
    publish([*compare("b", both), *compare("a", both)], file)
    publish(compare("b", {"lapse": measure(2.0), "p": measure(2.0)}), file)
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert [(row["benchmark"], row["peer"], row["ratio"]) for row in rows] == [
        ("a", "p", 2.0),
        ("a", "q", 4.0),
        ("b", "p", 1.0),
    ]
