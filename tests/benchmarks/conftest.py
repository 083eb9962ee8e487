"""A tiny company for the benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.histories import Size, write_history

SIZE = Size(customers=300, orders=30_000, visits=4_000, tickets=300, seed=1)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the tables and the YAML files."""
    return write_history(tmp_path_factory.mktemp("company"), SIZE).parent
