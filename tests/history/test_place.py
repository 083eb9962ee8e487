"""What a killed process leaves behind is removed by the next reader; what a living one holds is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lapse.history import read
from lapse.history.place import PREFIX, Place
from tests.history.making import ORDER, TODAY, business, orders

READER = """
import sys
from datetime import date
from pathlib import Path
import lapse
history = lapse.read(lapse.load(sys.argv[1]), Path(sys.argv[2]), today=date(2024, 12, 31))
print("ready", flush=True)
sys.stdin.readline()
"""


@contextmanager
def reader(config: Path, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds a history, until the block ends."""
    command = [sys.executable, "-c", READER, str(config), str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def make_old(folder: Path) -> None:
    then = time.time() - 120
    os.utime(folder / ".lock", (then, then))


def test_the_folder_of_a_killed_process_goes_with_the_next_read(tmp_path: Path) -> None:
    orders(tmp_path)
    asked, place = business(tmp_path, {"order": ORDER}), tmp_path / "temporary"
    with reader(asked.source, place) as child:
        (left,) = place.iterdir()
        make_old(left)
        with read(asked, place, today=TODAY):
            assert left.exists(), "its process lives"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert (left / "order").is_dir(), "nothing could clean up"
    with read(asked, place, today=TODAY) as history:
        (own,) = place.iterdir()
        assert own != left
        assert len(history.bucket(0)) == 2
    assert list(place.iterdir()) == []


def test_a_young_folder_is_left_alone(tmp_path: Path) -> None:
    """Another process may have made it and be about to lock it."""
    folder = tmp_path / f"{PREFIX}young"
    folder.mkdir()
    (folder / ".lock").touch()
    Place(tmp_path).remove()
    assert folder.exists()
    make_old(folder)
    Place(tmp_path).remove()
    assert not folder.exists()


def test_what_is_not_a_place_is_left_alone(tmp_path: Path) -> None:
    elsewhere, parent = tmp_path / "elsewhere", tmp_path / "parent"
    for folder in (elsewhere, parent / "something", parent / f"{PREFIX}unlocked"):
        folder.mkdir(parents=True)
    (parent / f"{PREFIX}link").symlink_to(elsewhere)
    for folder in (elsewhere, parent / "something"):
        (folder / ".lock").touch()
        make_old(folder)
    before = sorted(parent.iterdir())
    Place(parent).remove()
    assert sorted(parent.iterdir()) == before
    assert (elsewhere / ".lock").exists()


def test_a_place_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"{PREFIX}theirs"
    folder.mkdir()
    (folder / ".lock").touch()
    make_old(folder)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    Place(tmp_path).remove()
    assert folder.exists()


def test_two_places_of_one_process_do_not_remove_each_other(tmp_path: Path) -> None:
    first = Place(tmp_path)
    make_old(first.folder)
    second = Place(tmp_path)
    assert first.folder.exists()
    for place in (first, second):
        place.remove()
    assert list(tmp_path.iterdir()) == []
