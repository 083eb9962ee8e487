"""A saved model's folder: sealed when it is written, and taken only as it was written.

In: a folder of LightGBM text and JSON. Out: its ``model.json``, which names the format and the SHA-256 of
every file, of its own content too. Refused: a folder without it, one of another format, and a file that is
missing or was changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from lapse.errors import DataError, GateError, Problem

FORMAT = 2
"""Raised whenever what a folder holds means something else than before."""

AGAIN = "train again: 'lapse train'"
_ABOUT = "model.json"


def seal(folder: Path, about: Mapping[str, Any]) -> str:
    """Write ``model.json``, after all other files of the folder, and return the SHA-256 of all of them.

    Parameters
    ----------
    folder : Path
    about : mapping
        What JSON can say.
    """
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    others = {name: _digest(folder / name) for name in names if name != _ABOUT}
    files = {**others, _ABOUT: digest_of(about)}
    described = {**about, "format": FORMAT, "files": files}
    text = json.dumps(described, indent=1, sort_keys=True, allow_nan=False)
    (folder / _ABOUT).write_text(text, encoding="utf-8")
    return digest_of(files)


def unseal(folder: Path) -> dict[str, Any]:
    """Return what :func:`seal` was given, if the folder is as it was then.

    Raises
    ------
    DataError
        If ``model.json`` cannot be read, or a file is missing or was changed; all of them named.
    GateError
        If the folder is of another format.
    """
    where = str(folder)
    try:
        about: Any = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"
        raise DataError(
            Problem(where, _ABOUT, "the JSON that describes a saved model", got, AGAIN)
        ) from error
    described: dict[str, Any] = about if isinstance(about, dict) else {}
    found = described.pop("format", "none")
    if found != FORMAT:
        raise GateError(Problem(where, _ABOUT, f"a saved model of format {FORMAT}", f"format {found}", AGAIN))
    sealed = described.pop("files", None)
    if not isinstance(sealed, dict):
        raise DataError(Problem(where, _ABOUT, "the files of the model", "none", AGAIN))
    there = {name: _digest(folder / name) for name in sealed if (folder / name).is_file()}
    now = {**there, _ABOUT: digest_of(described)}
    problems = [
        Problem(where, name, "the file as it was written", "another" if name in now else "none", AGAIN)
        for name in sorted({*sealed, _ABOUT})
        if now.get(name) != sealed.get(name)
    ]
    if problems:
        raise DataError(problems)
    return described


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def digest_of(about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what JSON can say."""
    return sha256(json.dumps(about, sort_keys=True, allow_nan=False).encode()).hexdigest()
