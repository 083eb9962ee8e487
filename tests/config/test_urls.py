"""URLs: what of them may be shown, and where their secrets come from."""

from __future__ import annotations

import pytest

from lapse.config import describe_url, resolve_url
from lapse.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://me:a@b@host/db?password=x&y=1", "mysql://me:***@host/db?password=***&y=1"),
        ("postgresql://me@corp.com:s3cret@host/db", "postgresql://me@corp.com:***@host/db"),
        ("postgresql://me:${PART}cret@host/db", "postgresql://me:***@host/db"),
        ("postgresql:///db?user=me&password=${PART}cret", "postgresql:///db?user=me&password=***"),
        ("https://:s3cret@mlflow", "https://:***@mlflow"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert describe_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///shop.db",
        "sqlite:////C:/a/shop@home.db",
        "http://mlflow:5000",
        "http://me@mlflow:5000",
        "postgresql://${USER}:${PASSWORD}@${HOST}/shop",
        "postgresql://me:@localhost/shop",
        "postgresql:///shop?user=me&password=${PASSWORD}&port=5",
        "databricks",
    ],
)
def test_what_holds_no_password_is_shown_as_it_is(url: str) -> None:
    assert describe_url(url) == url


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_USER", "reader")
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    monkeypatch.delenv("DB_HOST", raising=False)
    with pytest.raises(ConfigError) as caught:
        resolve_url("postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}/shop")
    assert [problem.what for problem in caught.value.problems] == ["${DB_PASSWORD}", "${DB_HOST}"]
    monkeypatch.setenv("DB_PASSWORD", "x")
    monkeypatch.setenv("DB_HOST", "db")
    assert (
        resolve_url("postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}/shop")
        == "postgresql://reader:x@db/shop"
    )
