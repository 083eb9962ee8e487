"""A folder is replaced as a whole, or left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapse.jobs import swap
from lapse.jobs.swap import exchange, written_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "as_of=2024-12-31"
    for text, file in (("one", "a.txt"), ("two", "b.txt")):
        with written_whole(target) as hidden:
            (hidden / file).write_text(text)
            assert hidden.parent.parent == target.parent, "on one file system, so that it can be renamed"
            assert hidden.parent.name.startswith("."), "no reader of tables looks into it"
    assert names(target) == ["b.txt"], "nothing of the old one is left"
    assert names(tmp_path / "deep") == ["as_of=2024-12-31"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with written_whole(target) as hidden:
        (hidden / "a.txt").write_text("old")
    with pytest.raises(FileNotFoundError), written_whole(target) as hidden:
        (hidden / "a.txt").rename(hidden / "b.txt")
    assert (target / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_reader_never_sees_a_mixture_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    seen = []

    def watched(one: Path, other: Path) -> bool:
        seen.append(names(target))
        done = exchange(one, other)
        seen.append(names(target))
        return done

    monkeypatch.setattr(swap, "exchange", watched)
    for letter in "ab":
        with written_whole(target) as hidden:
            for number in range(3):
                (hidden / f"{letter}{number}").write_text("")
    assert seen == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_where_two_folders_cannot_change_places_the_old_one_is_moved_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "exchange", lambda *_: False)
    for letter in "ab":
        with written_whole(tmp_path / "out") as hidden:
            (hidden / letter).write_text("")
    assert names(tmp_path / "out") == ["b"]
    assert names(tmp_path) == ["out"]


def test_paths_that_are_not_there_cannot_change_places(tmp_path: Path) -> None:
    assert not exchange(tmp_path / "none", tmp_path / "nothing")
