"""How the tables of an evaluation read when printed: aligned columns, the same for the same tables.

In: tables of :mod:`lapse.evaluation.tables` and :mod:`lapse.evaluation.lifetime_tables`. Out: text; what is
missing is a dash. Nothing is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

_HEADS: Mapping[str, tuple[str, str]] = {
    "auc": ("AUC", ".3f"),
    "average_precision": ("avg precision", ".3f"),
    "log_loss": ("log loss", ".4f"),
    "brier": ("Brier", ".4f"),
    "calibration_error": ("calib. error", ".4f"),
    "calibration_in_the_large": ("in the large", "+z.1%"),
    "lift_top_decile": ("lift top 10%", ".2f"),
    "integrated_brier": ("integrated Brier", ".4f"),
    "integrated_ipcw_brier": ("IPCW Brier", ".4f"),
    "lapses_error": ("lapses", "+z.1%"),
    "calibration_error_over_steps": ("calib. error", ".4f"),
    "restricted_mean_error": ("mean life error", ".1%"),
    "restricted_mean_worst": ("worst decile", ".1%"),
    "d_calibration_p": ("D-calib. p", ".3f"),
    "concordance": ("concordance", ".3f"),
    "total_bias": ("total bias", "+z.1%"),
    "normalised_gini": ("norm. Gini", ".3f"),
    "decile_error": ("decile error", ".1%"),
}
"""Head and format of the printed columns, in order."""

_STEP_HEADS: Mapping[str, tuple[str, str]] = {
    "predicted_lapsed": ("predicted", ".1%"),
    "observed_lapsed": ("observed", ".1%"),
    "brier_at_step": ("Brier", ".4f"),
    "calibration_error_at_step": ("calib. error", ".4f"),
    "calibration_noise_at_step": ("by chance", ".4f"),
}

_UNKNOWN = "-"


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of a table that are over all its rows."""
    return table[(table["as_of"] == "") & (table["days"] == 0) & (table["against"] == "")]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, each as a dict by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _format(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else _UNKNOWN


def _align(lines: list[list[str]]) -> str:
    """Return cells as text: the first column to the left, the others to the right."""
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(width[0]), *(c.rjust(w) for c, w in zip(line[1:], width[1:], strict=True))])
        for line in lines
    )


def print_metrics(table: pd.DataFrame, reference: str) -> str:
    """Return methods by metrics with the reference's interval; differences to it and notes below."""
    rows = records(overall(table))
    cell = {(row["method"], row["metric"]): row for row in rows}
    shown = [name for name in _HEADS if any(metric == name for _, metric in cell)]

    def line(method: str, what: str) -> list[str]:
        return [_format(cell[method, name][what], _HEADS[name][1]) for name in shown]

    lines = [["", *(_HEADS[name][0] for name in shown)]]
    for method in dict.fromkeys(method for method, _ in cell):
        lines.append([method, *line(method, "value")])
        if method == reference:
            lines += [[f"  {bound}", *line(method, bound)] for bound in ("lower", "upper")]
    notes = {f"{row['metric']}: {row['note']}" for row in rows if row["note"]}
    return "\n".join([_align(lines), *_print_differences(table), *sorted(notes)])


def _print_differences(table: pd.DataFrame) -> list[str]:
    rows = records(table[table["against"] != ""])
    if not rows:
        return []
    lines = [[f"difference to {rows[0]['against']}", "", "value", "lower", "upper"]]
    lines += [[f"  {row['method']}", _HEADS[row["metric"]][0], *_interval(row, "+z.4f")] for row in rows]
    return ["", _align(lines)]


def _interval(row: Mapping[str, Any], form: str, value: str = "value") -> list[str]:
    return [_format(row[name], form) for name in (value, "lower", "upper")]


def print_dates(table: pd.DataFrame, reference: str) -> str:
    """Return calibration in the large at each date; nothing where there is none."""
    rows = records(table[(table["as_of"] != "") & (table["method"] == reference)])
    if not rows:
        return ""
    lines = [["calibration in the large", "rows", "value", "lower", "upper"]]
    lines += [[f"  {row['as_of']}", f"{row['n']:,}", *_interval(row, "+z.1%")] for row in rows]
    return _align(lines)


def print_steps(table: pd.DataFrame, reference: str) -> str:
    """Return shares lapsed by the end of each step, and how true they are; nothing where there are none."""
    rows = records(table[(table["days"] > 0) & (table["method"] == reference)])
    if not rows:
        return ""
    value = {(row["days"], row["metric"]): row["value"] for row in rows}
    shown = [name for name in _STEP_HEADS if any(metric == name for _, metric in value)]
    lines = [["lapsed by day", "rows", *(_STEP_HEADS[name][0] for name in shown)]]
    for days, n in {row["days"]: row["n"] for row in rows}.items():
        cells = [_format(value.get((days, name), math.nan), _STEP_HEADS[name][1]) for name in shown]
        lines.append([f"  {days}", f"{n:,}", *cells])
    return _align(lines)


def print_periods(table: pd.DataFrame, reference: str) -> str:
    """Return expected and realised lapses by month after as_of; nothing where there are none."""
    rows = records(table[table["method"] == reference])
    if not rows:
        return ""
    lines = [["lapses in days", "rows", "expected", "realised", "error", "lower", "upper"]]
    begin = 0
    for row in rows:
        numbers = [f"{row['n']:,}", f"{row['expected']:,.1f}", f"{row['realised']:,.0f}"]
        lines.append([f"  {begin + 1} to {row['days']}", *numbers, *_interval(row, "+z.1%", "error")])
        begin = row["days"]
    return _align(lines)
