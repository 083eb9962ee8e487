"""What a training run leaves beside its model, and where it went: what is told of a run without MLflow.

In: parameters, metrics, tables, pictures and texts; the address of a store. Out: one thing to log, and lines
that a reader can paste into a shell.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Record:
    """What a training run leaves beside its model.

    Attributes
    ----------
    parameters : mapping of str
        Settings, dates, counts, the data's fingerprint.
    metrics : mapping of float
    tables : mapping of DataFrame
        Stored as CSV under ``tables/``.
    figures : mapping of Figure
        Stored as PNG under ``pictures/``.
    texts : mapping of str
        File name and content: the config, the printed evaluation.
    """

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Figure]
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Registered:
    """Where a run went.

    Attributes
    ----------
    run_id, name : str
    uri : str
        As the config writes it, secrets not filled in.
    version : str
    aliases : tuple of str
    """

    run_id: str
    uri: str
    name: str
    version: str
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"model '{self.name}' version {self.version} ({', '.join(self.aliases)})\n"
            f"MLflow run {self.run_id} in {self.uri}\n"
            f"look: {look_command(self.uri)}"
        )


def look_command(uri: str) -> str:
    """Return what shows a store when it is pasted into a shell: its address, or a command that serves it.

    Examples
    --------
    >>> look_command("http://mlflow.internal:5000")
    'http://mlflow.internal:5000'
    >>> look_command("sqlite:////srv/my shop/mlflow.db").partition(" ui ")[2]
    "--backend-store-uri 'sqlite:////srv/my shop/mlflow.db'"
    """
    if uri.startswith(("http://", "https://")):
        return uri
    beside = Path(sys.executable).with_name("mlflow")
    program = [str(beside)] if beside.exists() else [sys.executable, "-m", "mlflow"]
    # ${NAME} is for the shell to fill in, which it does between double quotes only
    quoted = '"' + uri.replace('"', '\\"') + '"' if "${" in uri else shlex.quote(uri)
    return f"{shlex.join(program)} ui --backend-store-uri {quoted}"
