"""URLs of databases and of MLflow: secrets come from the environment, and none is ever shown.

In: a URL as the YAML writes it. Out: what may be shown of it, and the URL to connect with. Refused:
environment variables that are not set.
"""

from __future__ import annotations

import os
import re

from lapse.errors import ConfigError, Problem

_NAMED = re.compile(r"\$\{(\w+)\}")
_PASSWORD = re.compile(r"(://[^:/]*):(?!\$\{\w+\}@).+@")
_PARAMETER = re.compile(r"(?i)((?:password|passwd|pwd|token|secret)=)(?!\$\{\w+\}(?:[&;]|$))[^&;]*")


def describe_url(url: str) -> str:
    """Return a URL that may be shown: as the YAML writes it, with a password in it hidden.

    A URL without a literal password is returned as it is.

    Examples
    --------
    >>> describe_url("postgresql://reader:s3cret@db/shop")
    'postgresql://reader:***@db/shop'
    >>> describe_url("postgresql://${DB_USER}:${DB_PASSWORD}@db/shop")
    'postgresql://${DB_USER}:${DB_PASSWORD}@db/shop'
    """
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def missing_variables(url: str) -> list[str]:
    """Return the environment variables that a URL names and that are not set, each once."""
    return [name for name in dict.fromkeys(_NAMED.findall(url)) if name not in os.environ]


def resolve_url(url: str) -> str:
    """Return a URL with every ``${NAME}`` replaced by that environment variable.

    Raises
    ------
    ConfigError
        Naming each variable that is not set.
    """
    if missing := missing_variables(url):
        raise ConfigError(
            Problem(
                "url",
                f"${{{name}}}",
                expected="an environment variable that is set",
                got="none",
                hint=f"export {name}=...",
            )
            for name in missing
        )
    return _NAMED.sub(lambda match: os.environ[match[1]], url)


def is_absolute_file(file: str) -> bool:
    """Return whether the file that a URL names is absolute, its ``${NAME}``s taken from the environment.

    Examples
    --------
    >>> is_absolute_file("mlflow.db"), is_absolute_file("/srv/mlflow.db")
    (False, True)
    """
    return _NAMED.sub(lambda match: os.environ.get(match[1], ""), file).startswith("/")
