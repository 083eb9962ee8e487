"""What is printed to look at a run works when it is pasted."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lapse.jobs.record import look_command


def test_the_command_names_a_program_that_runs_and_the_whole_address() -> None:
    words = shlex.split(look_command("sqlite:////srv/my shop's/mlflow.db"))
    assert words[-1] == "sqlite:////srv/my shop's/mlflow.db"
    assert subprocess.run([words[0], "--version"], check=False, capture_output=True).returncode == 0
    assert Path(words[0]).is_absolute()


def test_without_the_program_beside_python_its_module_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    words = shlex.split(look_command("sqlite:///mlflow.db"))
    assert words[:4] == [str(tmp_path / "python"), "-m", "mlflow", "ui"]


def test_the_shell_fills_in_the_environment() -> None:
    look = look_command("sqlite:///${PLACE}/ml flow.db").split("--backend-store-uri ")[1]
    shown = subprocess.run(
        ["sh", "-c", f"echo {look}"], check=True, capture_output=True, text=True, env={"PLACE": "/srv/a b"}
    )
    assert shown.stdout == "sqlite:////srv/a b/ml flow.db\n"


def test_a_server_is_looked_at_where_it_is() -> None:
    assert look_command("http://localhost:5000") == "http://localhost:5000"
