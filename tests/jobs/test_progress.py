"""The time left goes by what the parts take, and is not told before enough is done."""

from __future__ import annotations

import re

import pytest

from lapse.jobs.progress import reporting, time_left
from lapse.jobs.run import STAGES


def test_training_tells_the_time_left_from_the_first_long_part_on() -> None:
    """Had every second been as measured, each estimate would be right; before the fits there is none."""
    whole = sum(STAGES)
    for done in range(len(STAGES)):
        spent = sum(STAGES[:done])
        expected = "" if done < 4 else f"about {whole - spent:.0f} s left"
        assert time_left(spent, STAGES, done) == expected
    assert time_left(2 * whole / 4, (1, 1, 2), 2) == f"about {whole / 2:.0f} s left"


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
