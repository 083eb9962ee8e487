"""The one file of what the benchmarks of quality measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.judged import COLUMNS, QUALITY, publish


def row(metric: str, value: float, **other: object) -> dict[str, object]:
    told = {"data": "gym", "protocol": "last day", "method": "lapse", "metric": metric, "value": value}
    return {**told, "lower": np.nan, "upper": None, **other}


def test_rows_stand_in_place_of_earlier_ones_of_their_script(tmp_path: Path) -> None:
    file = tmp_path / "quality.json"
    publish("truth", [row("auc", 0.5), row("ibs", np.float64(0.123456789))], file)
    publish("cdnow", [row("auc", 1, lower=0.25)], file)
    publish("truth", [row("auc", 0.75)], file)
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [(one["script"], one["metric"], one["value"], one["lower"], one["upper"]) for one in found] == [
        ("cdnow", "auc", 1.0, 0.25, None),
        ("truth", "auc", 0.75, None, None),
    ]
    publish("truth", [row("ibs", 0.123456789)], file)
    assert json.loads(file.read_text(encoding="utf-8"))[1]["value"] == 0.123457


def test_other_columns_and_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected rows"):
        publish("truth", [], tmp_path / "quality.json")
    with pytest.raises(ValueError, match="expected data, protocol"):
        publish("truth", [row("auc", 0.5, seed=1)], tmp_path / "quality.json")
    assert not list(tmp_path.iterdir())


def test_what_is_published_comes_from_scripts_that_are_here() -> None:
    rows = json.loads(QUALITY.read_text(encoding="utf-8"))
    assert {one["script"] for one in rows} >= {"cdnow", "insurance", "quality", "truth"}
    for one in rows:
        assert QUALITY.with_name(f"{one['script']}.py").exists()
        assert set(one) == {"script", *COLUMNS}
