"""The lifecycle section: what names nothing, and what goes not together, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lapse.config import load
from tests.config.test_loading import changed, refusal


def told(folder: Path, section: dict[str, Any]) -> set[tuple[str, str]]:
    refused = refusal(folder, changed(("measure", {"lifecycle": section})))
    return {(problem.what.removeprefix("measure.lifecycle."), problem.got) for problem in refused.problems}


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    programme = {"event": "visit", "group": "arm", "control": "none", "cost": 1.0}
    section = {
        "lead": "enquiry",
        "qualified": "order",
        "channel": "source",
        "costs": "costs.xlsx",
        "programmes": {"a": programme, "b": {"event": "trial", "cost": 0.0}},
    }
    assert told(tmp_path, section) == {
        ("lead", "'enquiry', which is not mapped"),
        ("qualified", "'order'"),
        ("channel", "'source'"),
        ("costs", "'costs.xlsx'"),
        ("programmes.a.group", "'arm'"),
        ("programmes.a", "group, control"),
        ("programmes.b.event", "'trial', which is not mapped"),
    }


def test_costs_and_leads_need_a_channel_and_qualified_needs_leads(tmp_path: Path) -> None:
    assert told(tmp_path, {"costs": "costs.csv"}) == {("channel", "nothing")}
    assert told(tmp_path, {"qualified": "visit", "channel": "region"}) == {("lead", "nothing")}


def test_a_negative_cost_of_a_programme_and_a_control_that_is_treated(tmp_path: Path) -> None:
    programme = {"event": "order", "group": "plan", "treated": "x", "control": "x", "cost": -1.0}
    assert ("programmes.a.cost", "-1.0") in told(tmp_path, {"programmes": {"a": programme}})
    assert ("programmes.a.control", "'x'") in told(
        tmp_path, {"programmes": {"a": {**programme, "cost": 1.0}}}
    )


def test_costs_are_relative_to_the_yaml(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    section = {"channel": "region", "costs": "data/costs.csv"}
    file.write_text(yaml.safe_dump(changed(("measure", {"lifecycle": section}))), encoding="utf-8")
    lifecycle = load(file).measure.lifecycle
    assert lifecycle is not None
    assert lifecycle.costs == tmp_path / "data" / "costs.csv"
