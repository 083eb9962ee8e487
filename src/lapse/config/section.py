"""What every section of the YAML is, and what a check says of a mistake in it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

Wrong = Iterator[tuple[str, str, str, str]]
"""Key, what was expected, what stands there and a hint, of every mistake that a check finds."""


class Section(BaseModel):
    """Keys of the YAML that belong together: unknown ones are refused, and none is ever changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
