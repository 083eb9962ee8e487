"""The command line as a user meets it: subprocesses, exit codes, nothing heavy before it is needed."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lapse.demo import write_demo


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lapse.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo("shop", tmp_path_factory.mktemp("cli"), n_customers=400, seed=5)


def test_from_check_to_explain(config: Path) -> None:
    checked = run("check", config)
    assert checked.returncode == 0, checked.stderr
    assert "beside grace" in checked.stdout.lower()
    assert "planted leak: named" in checked.stdout
    assert "left" in checked.stderr

    trained = run("train", config, "--json")
    assert trained.returncode == 0, trained.stderr
    document = json.loads(trained.stdout)
    assert document["registered"]["version"] == "1"

    scored = run("score", config, "--as-of", "2024-10-31", "--json")
    assert scored.returncode == 0, scored.stderr
    assert "hindsight" in scored.stderr
    told = json.loads(scored.stdout)
    scores = pd.read_parquet(config.parent / "out" / "scores")
    assert told["rows"] == len(scores)
    assert any("hindsight" in warning for warning in told["warnings"])
    assert told["scored"] + sum(told["excluded"].values()) == told["rows"]

    shown = run("score", config, "--as-of", "2024-10-31")
    assert "scores.parquet" in shown.stdout.splitlines()[-1]

    explained = run("explain", config, "--as-of", "2024-10-31")
    assert explained.returncode == 0, explained.stderr
    assert "customer " in explained.stdout
    assert "__" in explained.stdout  # the features behind each reason, by name

    customer = scores[scores["status"] == "excluded"]["customer_id"].iloc[0]
    page = config.parent / "pages" / "customer.html"
    gone = run("explain", config, customer, "--as-of", "2024-10-31", "--page", page)
    assert "not scored" in gone.stdout
    assert gone.stdout.splitlines()[-1] == str(page)
    assert f"Customer {customer}" in page.read_text(encoding="utf-8")
    folder = run("explain", config, customer, "--as-of", "2024-13-31", "--page", page.parent)
    assert folder.returncode == 2
    assert "--as-of" in folder.stderr
    assert "--page" in folder.stderr
    nobody = run("explain", config, "nobody-of-this-name", "--as-of", "2024-10-31")
    assert nobody.returncode == 3
    assert "nobody-of-this-name" in nobody.stderr
    minus = run("explain", config, "-1", "--as-of", "2024-10-31")
    assert minus.returncode == 3
    assert "customer '-1'" in minus.stderr

    mistaken = run("score", config, "--as-of", "2023-02-30", "--model", "nope", "--json")
    assert mistaken.returncode == 2
    assert [problem["what"] for problem in json.loads(mistaken.stdout)["problems"]] == ["--as-of", "--model"]
    assert "1 (challenger, champion)" in mistaken.stderr


def test_exit_codes(config: Path, tmp_path: Path) -> None:
    assert run("check", tmp_path / "none.yaml").returncode == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(config.read_text().replace("every: 1mo", "evry: 1mo"))
    refused = run("check", wrong)
    assert refused.returncode == 2
    assert "did you mean 'every'?" in refused.stderr
    assert "Traceback" not in refused.stderr
    untrained = tmp_path / "untrained.yaml"
    text = (
        config.read_text()
        .replace("data/", f"{config.parent}/data/")
        .replace("sqlite:///", "sqlite:///other/")
    )
    untrained.write_text(text)
    no_model = run("score", untrained, "--as-of", "2024-10-31")
    assert no_model.returncode == 3
    assert "lapse train" in no_model.stderr
    assert not (tmp_path / "other").exists()
    untrained.write_text(text.replace("orders.parquet", "nothing.parquet"))
    no_table = run("check", untrained)
    assert no_table.returncode == 3
    assert "nothing.parquet" in no_table.stderr
    assert run("demo", "bakery", tmp_path / "x").returncode == 2


def refused(*arguments: object) -> tuple[int, dict[str, Any], str]:
    done = run(*arguments, "--json")
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout, parse_constant=pytest.fail), done.stderr


def changed(config: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    text = config.read_text().replace("data/", f"{config.parent}/data/")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    other = folder / "other.yaml"
    other.write_text(text)
    return other


def test_errors_are_told_to_machines_too(config: Path, tmp_path: Path) -> None:
    code, told, text = refused("score", tmp_path / "none.yaml", "--as-of", "31.12.2023")
    assert code == told["exit_code"] == 2
    assert told["error"] == "ConfigError"
    assert [problem["what"] for problem in told["problems"]] == ["--as-of", "file"]
    assert set(told["problems"][0]) == {"where", "what", "expected", "got", "hint", "count", "example"}
    assert all(problem["expected"] in text for problem in told["problems"])
    code, told, _ = refused("score", config, "--as-of", "2024-10-31", "--memory", "12")
    assert (code, [problem["what"] for problem in told["problems"]]) == (2, ["budget"])
    code, told, _ = refused("score", config)
    assert (code, told["error"]) == (2, "UsageError")
    assert "--as-of" in told["problems"][0]["got"]


@pytest.mark.parametrize("verb", [["check"], ["score", "--as-of", "2024-10-31"]])
def test_what_cannot_be_written_or_reached_is_said_at_once(
    config: Path, tmp_path: Path, verb: list[str]
) -> None:
    (tmp_path / "outfile").write_text("")
    both = changed(config, tmp_path, ("out/scores", "outfile"), ("sqlite:///mlflow.db", "foo://bar"))
    code, told, text = refused(*verb, both)
    assert code == 2
    assert {problem["what"] for problem in told["problems"]} == {"scores.path", "tracking.uri"}
    assert "reading tables" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.yaml", "outfile"]


def test_a_check_of_what_cannot_be_learned_from_shows_the_tables_and_then_why(
    config: Path, tmp_path: Path
) -> None:
    held = changed(config, tmp_path, ("holdout: 3", "holdout: 99"))
    done = run("check", held)
    assert done.returncode == 3
    for title in ("TABLES", "BESIDE GRACE", "CUSTOMERS AT RISK"):
        assert title in done.stdout
    assert "2023-01-01   too few dates" in done.stdout
    assert "99 test dates" in done.stderr
    code, told, _ = refused("check", held)
    assert code == told["exit_code"] == 3
    assert told["cohorts"][0]["at_risk"] > 0
    assert told["problems"][0]["what"] == "snapshots"


def test_whoever_interrupts_is_told_what_is_left(config: Path, tmp_path: Path) -> None:
    other = changed(config, tmp_path)
    command = [sys.executable, "-c", "from lapse.cli import main; main()", "check", str(other)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as job:
        assert job.stderr is not None
        assert "reading tables" in job.stderr.readline()
        job.send_signal(signal.SIGINT)
        text = job.stderr.read()
    assert job.returncode == 130
    assert "interrupted: nothing written" in text
    assert "Traceback" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["other.yaml"]


def test_a_polite_kill_leaves_no_temporary_folder(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from lapse.cli import main; main()", "check", str(config)]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL
    ) as job:
        while not list(tmp_path.glob("lapse-*")):
            assert job.poll() is None
            time.sleep(0.01)
        job.terminate()
        assert job.wait() == 143
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, lapse, lapse.cli\n"
        "heavy = {'numpy', 'pandas', 'duckdb', 'lightgbm', 'mlflow', 'numba', 'sklearn', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_budget_of_the_command_line_is_that_of_the_library() -> None:
    from lapse import cli
    from lapse.history import room

    assert inspect.signature(cli.score).parameters["memory"].default == room.DEFAULT


def test_every_public_name_can_be_imported() -> None:
    import lapse

    assert all(getattr(lapse, name) is not None for name in lapse.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lapse.nothing  # noqa: B018  asking for it is the test
