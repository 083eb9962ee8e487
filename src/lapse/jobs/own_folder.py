"""The folder of a measurement: it is replaced as a whole, so nothing of others may lie in it.

In: a business, the folder of all measurements and perhaps a date. Out: the folder to be written. A table that
a measurement wrote says so in its metadata; the page is one's own beside such tables. Refused: a folder that
cannot be made or written, and one that holds anything else.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lapse.config import Business
from lapse.errors import ConfigError, Problem, shown_path
from lapse.jobs.reach import folder_problems

MADE_BY = "lapse.measure"
"""Key in each Parquet file's metadata: the version of lapse that measured."""

PAGE = "measure.html"
"""Name of the page."""

_MOST_NAMED = 5


def require_folder(business: Business, folder: Path | None = None, as_of: date | None = None) -> Path:
    """Refuse a folder for measurements that cannot be made or written, or that holds what others wrote.

    Parameters
    ----------
    business : Business
    folder : Path, optional
        Where the folders ``as_of=YYYY-MM-DD`` lie; default the config's ``measure.path``.
    as_of : date, optional
        Of the folder that is to be replaced; without it nothing is looked for in any.

    Returns
    -------
    Path
        The folder to be written.

    Raises
    ------
    ConfigError
    """
    target = folder or business.measure_path
    if as_of is not None:
        target = target / f"as_of={as_of}"
    problems = folder_problems(target, str(business.source), "measure.path")
    if not problems and as_of is not None and target.is_dir() and (others := _of_others(target)):
        expected = f"nothing in {shown_path(target)} but what 'lapse measure' wrote"
        hint = "the folder is replaced as a whole: move them, or choose another folder"
        got = ", ".join(others[:_MOST_NAMED]) + (" and others" if len(others) > _MOST_NAMED else "")
        problems = [Problem(str(business.source), "measure.path", expected, got, hint)]
    if problems:
        raise ConfigError(problems)
    return target


def _of_others(folder: Path) -> list[str]:
    """Return the names in a folder that no measurement wrote: all but its page and tables that say so."""
    there = sorted(folder.iterdir())
    ours = [file for file in there if file.suffix == ".parquet" and _is_measured(file)]
    page = [folder / PAGE] if ours else []
    return [file.name for file in there if file not in (*ours, *page)]


def _is_measured(file: Path) -> bool:
    """Return whether a measurement wrote a file."""
    try:
        return MADE_BY.encode() in (pq.read_metadata(file).metadata or {})
    except (pa.ArrowException, OSError):  # no Parquet, a folder, not readable: not one of ours
        return False
