"""The time left goes by what the parts take, and is not told before enough is done."""

from __future__ import annotations

import re

import pytest
from rich.progress import Progress

from lapse.jobs.progress import TimeLeft, reporting, time_left
from lapse.jobs.run import STAGES


def test_training_tells_the_time_left_from_the_first_long_part_on() -> None:
    """Had every second been as measured, each estimate would be right; before the fits there is none."""
    whole = sum(STAGES)
    for done in range(len(STAGES)):
        spent = sum(STAGES[:done])
        expected = "" if done < 4 else f"about {whole - spent:.0f} s left"
        assert time_left(spent, STAGES, done) == expected
    assert time_left(2 * whole / 4, (1, 1, 2), 2) == f"about {whole / 2:.0f} s left"


def test_the_time_left_goes_down_while_a_part_goes_on() -> None:
    now = 100.0
    column = TimeLeft((1, 5, 4))
    bar = Progress(column, get_time=lambda: now)
    bar.add_task("", total=10, part=0, begun=0.0)
    [task] = bar.tasks
    seen = [str(column(task))]
    now += 20.0
    bar.update(task.id, completed=1, part=2, begun=task.elapsed)
    for _ in range(4):
        seen.append(str(column(task)))
        now += 40.0
    bar.update(task.id, completed=10, part=3)
    assert seen == ["", *(f"about {left} s left" for left in (180, 140, 100, 80))]
    assert str(column(task)) == ""


@pytest.mark.parametrize("parts", [3, (1.0, 8.0, 1.0)])
def test_every_part_is_told_with_its_number(
    parts: int | tuple[float, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with reporting("work", parts) as advance:
        for what in ("a", "b", "c"):
            advance(what)
    told = capsys.readouterr().err.splitlines()
    begun = [re.match(r"work: (.) \((\d)/(\d), \d+ s", line) for line in told[:-1]]
    assert [one and one.groups() for one in begun] == [("a", "1", "3"), ("b", "2", "3"), ("c", "3", "3")]
    assert told[-1].startswith("work: done in ")
    assert "left" not in told[0]
    assert "left" in told[2]
