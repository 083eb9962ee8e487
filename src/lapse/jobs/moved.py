"""A folder that was moved or copied together with its SQLite store: its artefacts are found beside the store.

In: an SQLite file that MLflow keeps. Out: the same file, in which whatever lay in ``mlartifacts/`` beside it,
at the place where the folder was before, lies in ``mlartifacts/`` beside it now. MLflow writes absolute
addresses; without this a moved folder loses its models, and a copied one would log into the original.
Artefacts that lie anywhere else, and those that did not come along, are left alone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from lapse.errors import DataError, Problem

_FOLDER = "mlartifacts"
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Where MLflow keeps addresses of artefacts: tables and columns."""
_SECONDS = 10.0


def artefacts_of(database: Path, experiment: str) -> Path:
    """Return the folder of an experiment's artefacts."""
    return database.parent / _FOLDER / experiment


def follow_move(database: Path) -> None:
    """Correct the addresses of artefacts in a store that was moved or copied with them.

    Parameters
    ----------
    database : Path
        An SQLite file; nothing happens where it does not exist.

    Raises
    ------
    DataError
        If the file cannot be read, or has to be corrected and cannot be.
    """
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=_SECONDS)) as connection:
            moves = _moves(connection, database)
            with connection:
                for old, new in moves:
                    _readdress(connection, old, new)
    except sqlite3.Error as error:
        hint = "move the folder back to where its models were trained, or train again: 'lapse train'"
        expected = "an MLflow store whose artefacts can be found beside it"
        raise DataError(Problem(str(database), "tracking store", expected, str(error), hint)) from error


def _moves(connection: sqlite3.Connection, database: Path) -> list[tuple[str, str]]:
    """Return the old and the new address of each experiment whose artefacts came along."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
        return []
    moves = []
    for name, old in connection.execute("SELECT name, artifact_location FROM experiments"):
        place = artefacts_of(database, name)
        beside = Path("/", _FOLDER, name).as_uri().removeprefix("file://")
        if str(old).endswith(beside) and old != place.as_uri() and place.is_dir():
            moves.append((str(old), place.as_uri()))
    return moves


def _readdress(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _ADDRESSES:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
