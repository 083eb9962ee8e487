"""A saved model's folder is taken only as it was written, and what is wrong with it is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lapse.errors import DataError, GateError, LapseError
from lapse.jobs.model import Model
from lapse.jobs.sealing import FORMAT, seal, unseal
from tests.jobs.conftest import Place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "booster.txt").write_text("tree\n", encoding="utf-8")
    (tmp_path / "part" / "model.json").write_text("{}", encoding="utf-8")
    seal(tmp_path, {"name": "m"})
    return tmp_path


def test_what_was_sealed_comes_back(folder: Path) -> None:
    assert unseal(folder) == {"name": "m"}


def test_every_damaged_file_is_named(folder: Path) -> None:
    (folder / "part" / "booster.txt").write_text("tre", encoding="utf-8")
    (folder / "part" / "model.json").unlink()
    with pytest.raises(DataError) as caught:
        unseal(folder)
    assert [(problem.what, problem.got) for problem in caught.value.problems] == [
        ("part/booster.txt", "another"),
        ("part/model.json", "none"),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "got"),
    [
        ("{", DataError, "JSONDecodeError"),
        ("\udcff", DataError, "UnicodeDecodeError"),
        ("[]", GateError, "format none"),
        ("{}", GateError, "format none"),
        ('{"format": 0}', GateError, "format 0"),
        (f'{{"format": {FORMAT}}}', DataError, "none"),
        (f'{{"format": {FORMAT}, "files": {{}}}}', DataError, "another"),
    ],
)
def test_another_description_is_refused(folder: Path, text: str, kind: type[LapseError], got: str) -> None:
    (folder / "model.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(kind) as caught:
        unseal(folder)
    (problem,) = caught.value.problems
    assert got in problem.got
    assert "train again" in problem.hint


# --- a real model, with each of its files damaged in turn ------------------------------------------------


def remove(file: Path) -> None:
    file.unlink()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def other_json(file: Path) -> None:
    file.write_text('{"kind": "soup"}', encoding="utf-8")


def other_format(file: Path) -> None:
    raw = json.loads(file.read_text(encoding="utf-8")) if file.suffix == ".json" else {}
    file.write_text(json.dumps({**raw, "format": 99}), encoding="utf-8")


DAMAGES = (remove, truncate, other_json, other_format)


@pytest.fixture(scope="module")
def saved(shop: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("saved") / "model"
    folder.mkdir()
    shop.model.save(folder)
    return folder


def copies(saved: Path, place: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a copy of a saved model for each of its files, and that file in it."""
    names = sorted(file.relative_to(saved) for file in saved.rglob("*") if file.is_file())
    assert len(names) > 6
    for number, name in enumerate(names):
        copy = place / str(number)
        shutil.copytree(saved, copy)
        yield copy, copy / name


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_each_damaged_file_is_refused_with_a_hint(
    saved: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for copy, file in copies(saved, tmp_path):
        Model.load(copy)
        damage(file)
        with pytest.raises((DataError, GateError)) as caught:
            Model.load(copy)
        (problem,) = caught.value.problems
        assert str(copy) in problem.where
        assert problem.what == file.relative_to(copy).as_posix()
        assert "train again" in problem.hint


@pytest.mark.parametrize("damage", [other_json, other_format], ids=lambda damage: damage.__name__)
def test_a_whole_folder_of_another_make_is_refused_with_a_hint(
    saved: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Sealed anew, every file is as it was written: by a version of lapse that wrote something else."""
    for copy, file in copies(saved, tmp_path):
        about = unseal(copy)
        damage(file)
        if file != copy / "model.json":
            seal(copy, about)
        with pytest.raises((DataError, GateError)) as caught:
            Model.load(copy)
        assert all("train again" in problem.hint for problem in caught.value.problems)


def test_each_part_that_the_description_lacks_is_refused_with_a_hint(saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(saved, copy)
    about = unseal(copy)
    for key in about:
        for wrong in ({k: v for k, v in about.items() if k != key}, {**about, key: 7}):
            seal(copy, wrong)
            with pytest.raises(LapseError) as caught:
                Model.load(copy)
            assert all("train again" in problem.hint for problem in caught.value.problems), key
