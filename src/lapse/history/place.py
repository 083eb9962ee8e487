"""A temporary folder held by a lock: where a history lies while it lives, and what is not written yet.

In: the folder to make it in. Out: a :class:`Place`. The lock goes with the process, however that ends; so the
next place that is made beside one whose process was killed finds its lock free, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "lapse-history-"
_LOCK = ".lock"
_GRACE_SECONDS = 60.0
"""A younger folder is left alone: between its making and its locking its lock is free."""


class Place:
    """A temporary folder that nobody else removes while it is held.

    Parameters
    ----------
    parent : Path, optional
        An existing folder; default the system's for temporary files. What killed processes of the same user
        left there is removed.
    prefix : str, default :data:`PREFIX`
        How its name begins, and that of what is removed.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, parent: Path | None = None, prefix: str = PREFIX) -> None:
        _sweep(Path(tempfile.gettempdir()) if parent is None else parent, prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder, then let go of it; to be called once."""
        _remove(self.folder)
        os.close(self._lock)


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last: without it nobody would sweep what a kill leaves of the folder."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != _LOCK:
            entry.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove the folders of this user that no living process holds."""
    for folder in parent.glob(f"{prefix}*"):
        try:
            owner = folder.lstat().st_uid
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # another one removed it, or may not be looked into
        try:
            young = time.time() - os.fstat(lock).st_mtime < _GRACE_SECONDS
            if owner == os.getuid() and not young:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        except BlockingIOError:
            continue  # its process lives
        finally:
            os.close(lock)
