"""A YAML file as plain keys and values.

In: a path. Out: its mapping, and every key that is given twice, where YAML would let the last one win.
Refused: a file that cannot be read, is not YAML, or is not a mapping.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lapse.config.urls import describe_url
from lapse.errors import ConfigError, Problem


def read_yaml(source: Path, where: str) -> tuple[dict[Any, Any], list[Problem]]:
    """Return the mapping of a YAML file, and a problem for every key that is given twice.

    Parameters
    ----------
    source : Path
    where : str
        Names the file in messages.

    Raises
    ------
    ConfigError
        If there is no mapping to be read.
    """
    try:
        loader = yaml.SafeLoader(source.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        # Before the document is made, which writes what "<<" merges into the nodes.
        twice = [] if node is None else [Problem(where, *parts) for parts in _given_twice(node, "", set())]
        raw = None if node is None else loader.construct_document(node)
    except OSError as error:
        raise ConfigError(Problem(where, "file", "a readable YAML file", str(error.strerror))) from error
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(where, "file", "text in UTF-8", str(error))) from None
    except yaml.YAMLError as error:
        raise ConfigError(Problem(where, "file", "valid YAML", describe_url(_told(error)))) from None
    except ValueError as error:  # a date that is in no calendar, a number with too many digits
        raise ConfigError(Problem(where, "file", "dates and numbers that exist", str(error))) from None
    except RecursionError:
        raise ConfigError(Problem(where, "file", "keys with values", "brackets nested too deeply")) from None
    if node is None or not isinstance(raw, dict):
        got = "nothing" if raw is None else type(raw).__name__
        raise ConfigError(Problem(where, "file", "keys with values", got))
    return raw, twice


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    parts = [error.context, error.problem] if isinstance(error, yaml.MarkedYAMLError) else []
    return f"line {mark.line + 1}, column {mark.column + 1}: {', '.join(part for part in parts if part)}"


def _given_twice(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[str, str, str]]:
    """Yield key, expected and got of every key that stands twice in one mapping, wherever that is."""
    if id(node) in seen:  # an alias, which may even lead back to where it stands
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _given_twice(item, f"{path}{number}.", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                yield f"{path}{name}", "each key once", f"it on line {lines[name]} and again on line {line}"
            lines.setdefault(name, line)
            yield from _given_twice(value, f"{path}{name}.", seen)
