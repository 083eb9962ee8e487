"""What cannot be written or reached is said before any work, and nothing is left behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import lapse
from lapse.config import Business
from lapse.demo import write_demo
from lapse.errors import ConfigError, DataError
from lapse.jobs.reach import keeping_problems, require_scores, scores_problems, sqlite_file, store_problems
from lapse.jobs.score import score
from lapse.jobs.tracking import fetch, require_keeping, require_store
from tests.jobs.conftest import Place


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    return lapse.load(write_demo("shop", tmp_path_factory.mktemp("reach") / "shop", n_customers=20))


def at(business: Business, uri: str) -> Business:
    return business.model_copy(update={"tracking": business.tracking.model_copy(update={"uri": uri})})


def into(business: Business, folder: Path) -> Business:
    return business.model_copy(update={"scores": business.scores.model_copy(update={"path": folder})})


def test_a_folder_that_can_be_made_is_no_problem_and_is_not_made(business: Business, tmp_path: Path) -> None:
    assert scores_problems(business, tmp_path / "a" / "b") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("within", ["", "x", "x/y"])
def test_a_file_where_scores_should_lie_is_refused(business: Business, tmp_path: Path, within: str) -> None:
    (tmp_path / "out").write_text("precious")
    with pytest.raises(ConfigError, match=r"scores.path: .*out, which is a file"):
        require_scores(into(business, tmp_path / "out" / within))
    assert (tmp_path / "out").read_text() == "precious"


def test_a_folder_that_nobody_can_make_is_refused(business: Business) -> None:
    (problem,) = scores_problems(business, Path("/proc/nope"))
    assert "/proc/nope" in problem.got


def test_scores_are_refused_before_anything_is_computed(shop: Place, tmp_path: Path) -> None:
    (tmp_path / "as_of=2024-10-31").write_text("")
    with pytest.raises(ConfigError, match="which is a file"):
        score(shop.history, shop.model, "2024-10-31", tmp_path)


def test_a_new_sqlite_store_is_no_problem_and_is_not_made(business: Business, tmp_path: Path) -> None:
    new = at(business, f"sqlite:///{tmp_path}/sub/mlflow.db")
    require_keeping(new)
    require_store(new)
    with pytest.raises(DataError, match="lapse train"):
        fetch(new, "champion")
    assert list(tmp_path.iterdir()) == []


def test_options_behind_a_file_are_no_part_of_its_name(business: Business, tmp_path: Path) -> None:
    assert sqlite_file(at(business, f"sqlite:///{tmp_path}/mlflow.db?timeout=9")) == tmp_path / "mlflow.db"


def test_an_sqlite_store_in_a_bad_place_is_refused(business: Business, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious words")
    for uri in (f"sqlite:///{tmp_path}/thesis.txt", f"sqlite:///{tmp_path}"):
        assert [problem.what for problem in store_problems(at(business, uri))] == ["tracking.uri"]
    inside = at(business, f"sqlite:///{tmp_path}/thesis.txt/mlflow.db")
    assert [problem.what for problem in keeping_problems(inside)] == ["tracking.uri"]


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound and not listening: nothing answers there, and nobody else takes it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("kind", ["http", "https", "postgresql", "mysql+pymysql"])
def test_a_server_that_is_not_there_is_refused(business: Business, kind: str, closed_port: int) -> None:
    with pytest.raises(ConfigError, match="nothing answers at 127"):
        require_store(at(business, f"{kind}://127.0.0.1:{closed_port}/x"))


@pytest.mark.parametrize("uri", ["foo://bar", "http://localhost:many"])
def test_an_address_that_is_none_is_refused(business: Business, uri: str) -> None:
    with pytest.raises(ConfigError, match=f"tracking.uri: .*'{uri}'"):
        require_store(at(business, uri))


def test_a_server_of_another_kind_is_refused_at_once(business: Business) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(ConfigError, match="tracking store that answers"):
                require_store(at(business, f"http://127.0.0.1:{server.server_address[1]}"))
        finally:
            server.shutdown()


def test_secrets_of_the_address_are_not_shown(business: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPSE_STORE", "foo://me:s3cret@nowhere")
    with pytest.raises(ConfigError) as caught:
        require_store(at(business, "${LAPSE_STORE}"))
    assert "s3cret" not in str(caught.value)
    assert "${LAPSE_STORE}" in str(caught.value)
