"""A small shop and a small gym, trained once for all tests of the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lapse
from lapse.demo import write_demo
from lapse.history import History
from lapse.jobs.model import Model
from lapse.jobs.record import Registered
from lapse.jobs.run import train_and_register


class Place:
    """One business on disk, read and trained."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.business = lapse.load(config)
        self.history: History = lapse.read(self.business)
        trained: tuple[Model, Registered] = train_and_register(self.history)
        self.model, self.registered = trained


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(write_demo("shop", tmp_path_factory.mktemp("shop"), n_customers=700, seed=3))
    yield place
    place.history.close()


@pytest.fixture(scope="session")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(write_demo("gym", tmp_path_factory.mktemp("gym"), n_customers=700, seed=3))
    yield place
    place.history.close()
