"""Every key of the YAML with every kind of wrong value: said in the project's own words."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lapse.config import load
from lapse.errors import ConfigError

WHOLE: dict[str, Any] = {
    "business": "gym",
    "currency": "EUR",
    "timezone": "UTC",
    "observed_until": "2024-12-31",
    "customers": {"path": "members.parquet", "columns": {"customer_id": "id"}, "features": ["region"]},
    "events": {
        "term": {
            "path": "terms.csv",
            "url": "sqlite:///x.db",
            "table": "terms",
            "query": "SELECT 1",
            "csv": {
                "delimiter": ",",
                "decimal": ".",
                "encoding": "utf-8",
                "null": "",
                "time": "%d",
                "numbers": ["plan"],
            },
            "timezone": "UTC",
            "columns": {"customer_id": "id", "time": "at", "end": "until", "cause": "why", "amount": "paid"},
            "features": {"plan": "Plan"},
            "categories": ["kind"],
            "allowed": {"plan": ["x"]},
        },
    },
    "churn": {"event": "term", "grace": "14d", "end_known": "at_end", "causes": {"c": "other"}},
    "snapshots": {"start": "2024-01-01", "every": "1mo", "horizon": "60d", "holdout": 3},
    "features": {
        "windows": ["7d"],
        "top_categories": 5,
        "trusted": ["term__x"],
        "custom": {"term__mine": "module:function"},
    },
    "value": {
        "margin_rate": 0.3,
        "discount_rate": 0.1,
        "cost_to_serve": 0,
        "revenue": ["term"],
        "limit": "5y",
    },
    "measure": {
        "path": "out/measure",
        "segments": ["region"],
        "products": ["kind"],
        "benchmarks": "others.csv",
        "tiers": {"clv": {"platinum_share": 0.1, "gold_share": 0.2}, "margin": {"gold_from": 10.0}},
        "rungs": {
            "customer": [{"event": "term", "days": 1, "within": "90d"}],
            "client": [{"any": [{"kinds": 1, "of": ["term"]}, {"tenure": "90d"}]}],
            "partner": [{"event": "term", "in_force": True}, {"category": "kind", "distinct": 2}],
        },
        "strategic": {"points": {"broad": {"when": [{"kinds": 1}], "points": 2}}, "high_from": 1},
    },
    "account": {"manager": "region"},
    "quality": {"duplicates": "drop", "placeholder_dates": "keep"},
    "scores": {"path": "out"},
    "tracking": {"uri": "sqlite:///mlflow.db", "experiment": "gym"},
}

WRONG: list[Any] = [None, True, -1, 10**9, 0.5, float("nan"), "", "no such thing", [], [1], ["x", "x"], {}]
WRONG += [{"X y": "z"}, {1: 2}, [["x"]], {"x": {"y": 1}}]
FOREIGN = ("should", "Input", "valid string", "pattern", "Tuple", "Extra", "pydantic", "unable to")


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where every key and every entry of a list stands."""
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [path for path in [path] if path] + [
        place for key, child in children for place in places(child, (*path, key))
    ]


def with_value(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    raw = deepcopy(WHOLE)
    section: Any = raw
    for part in path[:-1]:
        section = section[part]
    section[path[-1]] = value
    return raw


@pytest.mark.parametrize("path", places(WHOLE), ids=lambda path: ".".join(map(str, path)))
def test_no_value_is_refused_in_words_of_others(tmp_path: Path, path: tuple[Any, ...]) -> None:
    file = tmp_path / "gym.yaml"
    for value in WRONG:
        file.write_text(yaml.safe_dump(with_value(path, value)), encoding="utf-8")
        with pytest.raises(ConfigError) as caught:  # at least that term has a path, a table and a query
            load(file)
        for problem in caught.value.problems:
            said = f"{problem.what}: expected {problem.expected}; {problem.hint}"
            assert not any(word in said for word in FOREIGN), said
            assert problem.expected, said


@pytest.mark.parametrize("value", [["x"], "x", 5, None])
def test_a_section_that_is_none(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "gym.yaml"
    file.write_text(yaml.safe_dump(with_value(("churn",), value)), encoding="utf-8")
    with pytest.raises(ConfigError, match="churn: expected keys with values, got"):
        load(file)


def test_an_unknown_key_is_told_the_keys_that_a_user_may_give(tmp_path: Path) -> None:
    file = tmp_path / "gym.yaml"
    file.write_text(yaml.safe_dump({**WHOLE, "zzz": 1}), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    (problem,) = (one for one in caught.value.problems if one.what == "zzz")
    assert problem.hint == f"known here: {', '.join(WHOLE)}"
