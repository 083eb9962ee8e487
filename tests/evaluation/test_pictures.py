from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lapse.evaluation import calibration, metrics, pictures, tables
from tests.evaluation.test_tables import sample


def test_the_reliability_diagram_shows_the_bins(tmp_path: Path) -> None:
    y, said, _, _ = sample()
    figure = pictures.draw_reliability(y, said["lapse"])
    drawn = figure.axes[0].lines[1]
    bins = calibration.reliability_bins(y, said["lapse"])
    np.testing.assert_allclose(drawn.get_xdata(), bins.predicted)
    np.testing.assert_allclose(drawn.get_ydata(), bins.observed)
    figure.savefig(tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").stat().st_size > 5000


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
def test_constant_predictions_can_be_drawn(p: float, tmp_path: Path) -> None:
    y = np.arange(50) % 5 == 0
    pictures.draw_reliability(y, np.full(50, p)).savefig(tmp_path / "constant.png")
    pictures.draw_gain(y, {"constant": np.full(50, p)}).savefig(tmp_path / "gain.png")
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("constant.png", "gain.png"))


def test_the_gain_curve_agrees_with_the_lift() -> None:
    y, said, _, _ = sample()
    taken, found = pictures.gain_curve(y, said["lapse"])
    assert (taken[0], found[0], taken[-1], found[-1]) == (0, 0, 1, pytest.approx(1))
    lift = metrics.lift_top_decile(y, said["lapse"])
    assert np.interp(0.1, taken, found) / 0.1 == pytest.approx(lift)
    with pytest.raises(ValueError, match="at least one lapse"):
        pictures.gain_curve(np.zeros(3), np.ones(3))


def test_dates_and_steps_are_drawn_from_their_tables(tmp_path: Path) -> None:
    y, said, customer, as_of = sample()
    y[as_of == np.datetime64("2024-03-31")] = 0
    table = tables.evaluate_probabilities(y, said, customer, as_of, n_replicates=20)
    by_date = pictures.draw_calibration_by_date(table, "lapse")
    labels = [label.get_text() for label in by_date.axes[0].get_xticklabels()]
    assert labels == ["2024-01-31", "2024-02-29", "2024-03-31"]
    by_date.savefig(tmp_path / "dates.png")
    observed = np.column_stack([y, np.where(np.arange(600) < 300, 1.0, np.nan), np.full(600, np.nan)])
    survival = np.column_stack([1 - said["lapse"], 0.5 * (1 - said["lapse"]), np.zeros(600)])
    said = {"lapse": survival}
    lifetime = tables.evaluate_lifetime(observed, said, customer, step_days=14, n_replicates=20)
    by_step = pictures.draw_calibration_by_horizon(lifetime, "lapse")
    assert by_step.axes[0].lines[0].get_xdata().tolist() == [0, 14, 28]
    counts = {text.xy[0]: text.get_text() for text in by_step.axes[0].texts}
    assert counts == {-0.01: "rows", 14: "600", 28: "300"}
    by_step.savefig(tmp_path / "steps.png")


@pytest.mark.parametrize("n_steps", [1, 10, 26])
def test_the_rows_of_steps_do_not_hide_each_other(n_steps: int) -> None:
    rng = np.random.default_rng(0)
    observed = np.sort(rng.random((12_000, n_steps)) < 0.3, axis=1).astype(float)
    said = {"lapse": np.linspace(0.9, 0.5, n_steps)[None, :].repeat(12_000, axis=0)}
    lifetime = tables.evaluate_lifetime(observed, said, np.arange(12_000), step_days=30, n_replicates=2)
    figure = pictures.draw_calibration_by_horizon(lifetime, "lapse")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in (*figure.axes[0].texts, figure.axes[0].title)]
    assert len(boxes) >= 2 + min(n_steps, 9)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("n_months", [1, 3, 30])
def test_months_are_drawn_with_their_rows(n_months: int, tmp_path: Path) -> None:
    month = np.arange(1, n_months + 1)
    table = pd.DataFrame(
        {"method": "lapse", "period": month, "days": 30 * month, "n": 12_000, "expected": 50.0 + month}
    ).assign(realised=60.0, error=(50.0 + month) / 60 - 1, lower=-0.3, upper=0.3)
    table.loc[n_months - 1, ["realised", "error", "lower", "upper"]] = [0.0, np.nan, np.nan, np.nan]
    figure = pictures.draw_lapses_by_period(table, "lapse")
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx(table["expected"])
    assert [bar.get_x() + bar.get_width() / 2 for bar in axes.patches] == pytest.approx(30 * month - 15)
    assert "12,000" in {text.get_text() for text in axes.texts}
    figure.savefig(tmp_path / "months.png")
    boxes = [text.get_window_extent() for text in (*axes.texts, axes.title)]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_no_global_figure_is_made() -> None:
    code = (
        "import sys, numpy as np; from lapse.evaluation import calibration, pictures;"
        "assert 'matplotlib' not in sys.modules;"
        "pictures.draw_reliability(np.arange(9) % 2, np.linspace(0, 1, 9));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
