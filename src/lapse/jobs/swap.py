"""A folder that is replaced as a whole: a reader finds the old one or the new one.

In: the folder's path, and somebody who fills a hidden one beside it. Out: the filled folder under the path.
On Linux two folders can change places in one step (``renameat2``); where the file system cannot do that,
the old one is moved away first, and for that moment there is none. After an error nothing is left of the
new one; what a kill leaves behind is removed by the next writer. The hidden folder's name begins with a dot,
so no reader of tables takes it for one of them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lapse.history.place import Place

PREFIX = ".lapse-unfinished-"
"""How the name of the hidden folder begins."""

_HERE = -100
"""AT_FDCWD: paths are relative to the working directory."""
_EXCHANGE = 2
"""RENAME_EXCHANGE."""


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to be filled; when that has gone well, it takes the place of ``folder``.

    Parameters
    ----------
    folder : Path
        Need not exist, nor do those above it.
    """
    with hidden_beside(folder) as new:
        yield new
        flush_all(new)
        _put(new, folder)


@contextmanager
def hidden_beside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that can be renamed to ``folder``; what is not renamed is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Place(folder.parent, PREFIX)
    try:
        new = place.folder / "new"  # readable by whom the system says; a temporary folder is not
        new.mkdir()
        yield new
    finally:
        place.remove()


def _put(new: Path, folder: Path) -> None:
    if not folder.exists():
        new.rename(folder)
    elif not exchange(new, folder):
        folder.rename(new.with_name("old"))
        new.rename(folder)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where system or file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done: int = rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
    return done == 0


def flush_all(folder: Path) -> None:
    """See the files of a folder safely on disk."""
    for file in folder.iterdir():
        flush(file)


def flush(file: Path) -> None:
    """See a written file safely on disk."""
    with file.open("rb") as written:
        os.fsync(written.fileno())
