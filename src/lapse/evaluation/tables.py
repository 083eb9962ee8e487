"""The numbers of an evaluation as tidy tables: one row a method and metric, with its interval.

In: what happened, what each method had said of the same rows, and whose rows they are. Out: data frames with
the columns of :data:`COLUMNS`. Refused: predictions that are missing or of another length.

``against`` is empty for a metric itself. Where it names the reference, the row is the difference to it on the
same resamples: method less reference, so for a loss a positive number says that the method is worse.
``as_of`` is empty for all test dates together, ``days`` is set where a row is about one step of the horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import DataError, Problem
from lapse.evaluation import calibration, metrics, money, survival
from lapse.evaluation.bootstrap import REPLICATES, Metric, bounds, replicate
from lapse.schema import Float64

COLUMNS = ("method", "metric", "as_of", "days", "against", "n", "value", "lower", "upper", "note")
"""Of every table: str, str, str (ISO date or empty), int, str, int, float, float, float, str."""

PROBABILITY_METRICS: Mapping[str, Metric] = {
    "auc": metrics.auc,
    "average_precision": metrics.average_precision,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "calibration_error": calibration.calibration_error,
    "calibration_in_the_large": calibration.calibration_in_the_large,
    "lift_top_decile": metrics.lift_top_decile,
}
_PARTS = tuple(f"brier_{part}" for part in calibration.BrierParts._fields)
_PAIRED = ("auc", "log_loss")

MONEY_METRICS: Mapping[str, Metric] = {
    "total_bias": money.total_bias,
    "normalised_gini": money.normalised_gini,
    "decile_error": money.decile_error,
}
_ENDS_OF_STEPS: Mapping[str, Metric] = {
    "brier_at_step": survival.brier_by_step,
    "predicted_lapsed": survival.predicted_by_step,
    "observed_lapsed": survival.observed_by_step,
}
ABSOLUTE: tuple[str, ...] = ("calibration_error", "decile_error")
"""Means of absolute differences, without intervals.

Noise can only raise them, and a resample has the noise of the data and its own: percentile intervals lie too
high, often above the value, and cover an error near 0 never. Turned round at the value they cover it half of
the time: where a difference may be 0, no bootstrap of its absolute value is right (Andrews 2000, Econometrica
68, 399). :func:`~lapse.evaluation.calibration.calibration_noise` says what noise alone makes.
"""
NOISE_RAISES = "no interval: noise can only raise it, and a resample adds its own"
_TOO_FEW = "no interval: undefined on too many resamples"
Row = dict[str, Any]


def tidy_row(
    method: str, metric: str, n: int, value: float, interval: tuple[float, float] | None, **more: Any
) -> Row:
    """Return one row of a table; an interval that does not exist says so in its note."""
    row: Row = {"as_of": "", "days": 0, "against": "", "note": "", **more}
    lower, upper = (float(bound) for bound in interval or (np.nan, np.nan))
    if interval is not None and np.isnan(lower) and not row["note"]:
        row["note"] = _TOO_FEW
    return {"method": method, "metric": metric, "n": n, "value": value, "lower": lower, "upper": upper, **row}


def tidy_table(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a table with :data:`COLUMNS`."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"days": np.int64, "n": np.int64})


def refuse_missing(predictions: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]) -> None:
    """Refuse predictions of another shape, or not finite."""
    problems = [
        Problem("evaluation", f"predictions of {method}", expected=expected, got=got)
        for method, p in predictions.items()
        for expected, got, wrong in (
            (f"shape {shape}", str(p.shape), p.shape != shape),
            ("finite numbers", f"{int((~np.isfinite(p)).sum())} others", not np.isfinite(p).all()),
        )
        if wrong
    ]
    if problems:
        raise DataError(problems)


def _compare(
    chosen: Mapping[str, Metric],
    y: npt.NDArray[Any],
    predictions: Mapping[str, Float64],
    customer_id: npt.NDArray[Any],
    why: Callable[[str, npt.NDArray[Any]], str],
    paired: tuple[str, ...] = (),
    reference: str = "",
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Row]:
    """Return a row for each method and metric with one number, and paired differences to the reference."""
    drawn = {name: metric for name, metric in chosen.items() if name not in ABSOLUTE}
    found = replicate(drawn, y, predictions, customer_id, n_replicates=n_replicates, seed=seed)
    once = np.ones(len(y))
    value = {(m, name): float(chosen[name](y, p, once)) for m, p in predictions.items() for name in chosen}
    rows = []
    for m, name in value:
        interval = bounds(found[m, name]) if name in drawn else None
        note = why(name, y) or ("" if name in drawn else NOISE_RAISES)
        rows.append(tidy_row(m, name, len(y), value[m, name], interval, note=note))
    for m in predictions:
        for name in paired:
            if m != reference and reference in predictions:
                difference = value[m, name] - value[reference, name]
                interval = bounds(found[m, name] - found[reference, name])
                note = why(name, y)
                rows.append(tidy_row(m, name, len(y), difference, interval, against=reference, note=note))
    return rows


def evaluate_probabilities(
    y: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    customer_id: npt.ArrayLike,
    as_of: npt.ArrayLike,
    *,
    reference: str = "lapse",
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return ranking, sharpness and calibration of each method's probabilities.

    Parameters
    ----------
    y : shape (n,)
        1 lapsed within the horizon, 0 not.
    predictions : mapping of method to shape (n,)
        Probabilities in [0, 1], the reference among them.
    customer_id, as_of : shape (n,)
        The keys of the rows; ``as_of`` as dates.
    reference : str
        To whose AUC and log loss the others' are compared.
    n_replicates, seed : int
        Of the bootstrap by customers.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: the metrics of :data:`PROBABILITY_METRICS` (no interval for those of
        :data:`ABSOLUTE`); the parts of the Brier score and the
        calibration error to expect from noise alone (no intervals); differences to the reference; calibration
        in the large at each as_of.
    """
    y_, customer = np.asarray(y, np.float64), np.asarray(customer_id)
    said = {method: np.asarray(p, np.float64) for method, p in predictions.items()}
    refuse_missing(said, y_.shape)
    rows = _compare(
        PROBABILITY_METRICS, y_, said, customer, metrics.why_undefined, _PAIRED, reference, n_replicates, seed
    )
    for method, p in said.items():
        parts = dict(zip(_PARTS, calibration.brier_parts(y_, p), strict=True))
        parts["calibration_noise"] = calibration.calibration_noise(p, seed=seed)
        rows += [tidy_row(method, name, len(y_), part, None) for name, part in parts.items()]
    dates = pd.DatetimeIndex(np.asarray(as_of)).strftime("%Y-%m-%d").to_numpy()
    for date in sorted(set(dates)):
        here = dates == date
        said_here = {method: p[here] for method, p in said.items()}
        found = _at_date(y_[here], said_here, customer[here], n_replicates, seed)
        rows += [{**row, "as_of": date} for row in found]
    return tidy_table(rows)


def _at_date(
    y: Float64,
    predictions: Mapping[str, Float64],
    customer_id: npt.NDArray[Any],
    n_replicates: int,
    seed: int,
) -> list[Row]:
    """Return calibration in the large of one date's rows; a single customer has no interval."""
    name, metric = "calibration_in_the_large", calibration.calibration_in_the_large
    if len(set(customer_id)) < 2:
        note = metrics.why_undefined(name, y) or "no interval: a single customer"
        return [tidy_row(m, name, len(y), metric(y, p), None, note=note) for m, p in predictions.items()]
    why = metrics.why_undefined
    return _compare({name: metric}, y, predictions, customer_id, why, n_replicates=n_replicates, seed=seed)


def evaluate_lifetime(
    observed: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    customer_id: npt.ArrayLike,
    *,
    step_days: int,
    reference: str = "lapse",
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how true each method's survival curves were.

    Parameters
    ----------
    observed : shape (n, n_steps)
        From :func:`lapse.evaluation.survival.observe_steps`.
    predictions : mapping of method to shape (n, n_steps)
        Survival at the ends of the steps, in [0, 1].
    customer_id : shape (n,)
    step_days : int
    reference, n_replicates, seed
        As in :func:`evaluate_probabilities`.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: integrated_brier and its difference to the reference, and at each step brier_at_step,
        predicted_lapsed and observed_lapsed.
    """
    seen, customer = np.asarray(observed, np.float64), np.asarray(customer_id)
    said = {method: 1 - np.asarray(p, np.float64) for method, p in predictions.items()}
    refuse_missing(said, seen.shape)
    integrated = {"integrated_brier": survival.integrated_brier}

    def why(_: str, happened: npt.NDArray[Any]) -> str:
        return "no follow-up reaches the first step" if np.isnan(happened).all() else ""

    rows = _compare(integrated, seen, said, customer, why, tuple(integrated), reference, n_replicates, seed)
    found = replicate(_ENDS_OF_STEPS, seen, said, customer, n_replicates=n_replicates, seed=seed)
    n = (~np.isnan(seen)).sum(axis=0)
    for (method, name), replicates in found.items():
        value = _ENDS_OF_STEPS[name](seen, said[method], np.ones(len(seen)))
        for k, pair in enumerate(zip(*bounds(replicates), strict=True)):
            note = "" if n[k] else "no follow-up reaches this step"
            rows.append(
                tidy_row(method, name, int(n[k]), float(value[k]), pair, days=(k + 1) * step_days, note=note)
            )
    return tidy_table(rows)


def evaluate_money(
    actual: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    customer_id: npt.ArrayLike,
    *,
    reference: str = "lapse",
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how true each method's expected spend or value was, on what the horizon shows.

    Parameters
    ----------
    actual : shape (n,)
        What came in; NaN where the horizon is not wholly observed, and such rows are left out.
    predictions : mapping of method to shape (n,)
    customer_id : shape (n,)
    reference, n_replicates, seed
        As in :func:`evaluate_probabilities`.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: the metrics of :data:`MONEY_METRICS` (no interval for those of :data:`ABSOLUTE`), and
        the Gini's difference to the reference.

    Raises
    ------
    DataError
        If no row is wholly observed.
    """
    came = np.asarray(actual, np.float64)
    said = {method: np.asarray(p, np.float64) for method, p in predictions.items()}
    refuse_missing(said, came.shape)
    shown = ~np.isnan(came)
    if not shown.any():
        raise DataError(
            Problem("evaluation", "money", expected="rows with the horizon wholly observed", got="none")
        )
    return tidy_table(
        _compare(
            MONEY_METRICS,
            came[shown],
            {method: p[shown] for method, p in said.items()},
            np.asarray(customer_id)[shown],
            money.why_undefined,
            ("normalised_gini",),
            reference,
            n_replicates,
            seed,
        )
    )
