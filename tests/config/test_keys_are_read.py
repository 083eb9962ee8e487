"""A key that no code reads would promise what nothing does: every one is read outside lapse.config."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lapse
from lapse.config import Business

SOURCE = Path(lapse.__file__).parent


def sections(model: Any) -> Iterator[Any]:
    """Yield a section and all that are nested in it."""
    yield model
    for field in model.model_fields.values():
        pending = [field.annotation]
        while pending:
            annotation = pending.pop()
            if hasattr(annotation, "model_fields"):
                yield from sections(annotation)
            pending += getattr(annotation, "__args__", ())


def keys() -> list[str]:
    """Return every key as Section.key."""
    found = {
        f"{section.__name__}.{name}"
        for section in sections(Business)
        for name, field in section.model_fields.items()
        if not field.exclude
    }
    return sorted(found)


@cache
def attributes_read() -> frozenset[str]:
    """Return the names of all attributes that code outside lapse.config reads.

    A property of a section (``business.zone``) reads the keys that it names, if it is itself read.
    """
    read = {
        name
        for path in SOURCE.rglob("*.py")
        if "config" not in path.relative_to(SOURCE).parts
        for name in attributes_of(ast.parse(path.read_text(encoding="utf-8")))
    }
    tree = ast.parse((SOURCE / "config" / "sections.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in read:
            read |= attributes_of(node)
    return frozenset(read)


def attributes_of(tree: ast.AST) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_keys_are_found_in_nested_sections() -> None:
    assert {"Business.currency", "CsvFormat.decimal", "Quality.duplicates", "Event.categories"} <= set(keys())


@pytest.mark.parametrize("key", keys())
def test_every_key_is_read(key: str) -> None:
    assert key.split(".")[1] in attributes_read(), f"{key} is read by no code outside lapse.config"
