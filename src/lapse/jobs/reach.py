"""Whether a job can write where the config says and read where its models lie, asked before the work begins.

In: a folder, or a business's ``tracking.uri``. Out: what is wrong, as problems; nothing is left behind. What
only MLflow can tell, :func:`lapse.jobs.tracking.require_store` asks it.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from lapse.config import Business, resolve_url
from lapse.errors import ConfigError, Problem

SECONDS = 5
"""How long a server may take to answer."""

EXPECTED = "an MLflow tracking store that answers"
_HINT = 'start it, or mend tracking.uri; a file beside the YAML is "sqlite:///mlflow.db"'
_LONGEST = 300
_SQLITE = "sqlite:///"
_SQLITE_HEAD = b"SQLite format 3\x00"
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_DATABASES = ("postgresql", "mysql", "mssql")


def require_scores(business: Business) -> None:
    """Refuse a ``scores.path`` that cannot be written.

    Raises
    ------
    ConfigError
    """
    if problems := scores_problems(business, business.scores.path):
        raise ConfigError(problems)


def scores_problems(business: Business, folder: Path) -> list[Problem]:
    """Return what is wrong with a folder for scores, which need not exist yet."""
    return folder_problems(folder, str(business.source), "scores.path")


def sqlite_file(business: Business) -> Path | None:
    """Return the SQLite file of the tracking store, None where it is no such file."""
    uri = resolve_url(business.tracking.uri)
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]) if uri.startswith(_SQLITE) else None


def store_problems(business: Business) -> list[Problem]:
    """Return why the tracking store cannot be read, as far as can be seen without MLflow."""
    database = sqlite_file(business)
    if database is None:
        return _server_problems(business)
    if not database.exists():
        return []
    try:
        with database.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
    except OSError as error:
        return [refused_store(business, f"{database}: {error.strerror}")]
    if head not in (b"", _SQLITE_HEAD):
        return [refused_store(business, f"{database}, which is no SQLite file")]
    return []


def keeping_problems(business: Business) -> list[Problem]:
    """Return why the tracking store could not keep a new run, as far as can be seen without MLflow."""
    database = sqlite_file(business)
    problems = store_problems(business)
    if database is None or problems:
        return problems
    if database.exists() and not os.access(database, os.W_OK):
        return [refused_store(business, f"{database}, which cannot be written")]
    return folder_problems(database.parent, str(business.source), "tracking.uri")


def refused_store(business: Business, got: str) -> Problem:
    """Return the problem of a store, with the URI as the YAML writes it and one line of what happened."""
    shown = business.tracking.uri
    told = (got.replace(resolve_url(shown), shown).strip().splitlines() or ["nothing"])[0]
    told = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."
    return Problem(str(business.source), "tracking.uri", EXPECTED, f"'{shown}': {told}", _HINT)


def folder_problems(folder: Path, where: str, what: str) -> list[Problem]:
    """Return what is wrong with a folder: it is made and written into, and what was made is removed.

    Parameters
    ----------
    folder : Path
        Need not exist yet.
    where, what : str
        Of the problem: the file and the key that name the folder.
    """
    made: list[Path] = []
    try:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            made.append(one)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        there = next((one for one in (folder, *folder.parents) if one.is_file()), None)
        got = f"{there}, which is a file" if there else f"{folder}: {error.strerror}"
        return [Problem(where, what, "a folder that can be made and written", got, "choose another folder")]
    finally:
        for one in reversed(made):
            with suppress(OSError):  # somebody has put something into it meanwhile
                one.rmdir()
    return []


def _server_problems(business: Business) -> list[Problem]:
    uri = resolve_url(business.tracking.uri)
    try:
        parts = urlsplit(uri)
        kind = parts.scheme.partition("+")[0]
        host, port = parts.hostname, parts.port or _PORTS.get(kind)
    except ValueError:
        got = "an address that cannot be read: write / : @ and the like in a password as %2F, %3A, %40"
        return [refused_store(business, got)]
    if host is None or port is None:
        return []
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        return [refused_store(business, f"nothing answers at {host}:{port} ({error})")]
    if kind not in _DATABASES:
        return []
    try:
        sqlalchemy.create_engine(uri).connect().close()
    except (SQLAlchemyError, ImportError) as error:
        return [refused_store(business, str(error))]
    return []
