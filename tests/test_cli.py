"""The command line as a user meets it: subprocesses, exit codes, nothing heavy before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

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
    gone = run("explain", config, customer, "--as-of", "2024-10-31")
    assert "not scored" in gone.stdout
    nobody = run("explain", config, "nobody-of-this-name", "--as-of", "2024-10-31")
    assert nobody.returncode == 3
    assert "nobody-of-this-name" in nobody.stderr


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
    untrained.write_text(text.replace("orders.parquet", "nothing.parquet"))
    no_table = run("check", untrained)
    assert no_table.returncode == 3
    assert "nothing.parquet" in no_table.stderr
    assert run("demo", "bakery", tmp_path / "x").returncode == 2


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


def test_every_public_name_can_be_imported() -> None:
    import lapse

    assert all(getattr(lapse, name) is not None for name in lapse.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lapse.nothing  # noqa: B018  asking for it is the test
