"""Whether whole curves came true, as tables: over all rows, by decile of the prediction, and month by month.

In: what the data show of the test rows (:class:`~lapse.evaluation.followed.Followed`), and what each method
had said of them. Out: :class:`CurveTables`. Refused: predictions that are missing or of another length. What
the data do not reach is no number: its row says why in ``note``.

Only rows whose potential follow-up reaches a time count at it (see :mod:`lapse.evaluation.survival`). Of
those, nobody is censored before it, and Kaplan-Meier is the plain share that stayed. The one exception is
``integrated_ipcw_brier``, which takes the censored with weights, as other tools do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.evaluation.bootstrap import REPLICATES
from lapse.evaluation.calibration import calibration_noise
from lapse.evaluation.censoring import d_calibration, integrated_ipcw_brier
from lapse.evaluation.concordance import concordance
from lapse.evaluation.followed import NO_STEP, Followed
from lapse.evaluation.lapse_periods import count_periods
from lapse.evaluation.lifetimes import N_GROUPS, calibration_by_horizon, restricted_mean_by_decile
from lapse.evaluation.tables import NOISE_RAISES, Row, refuse_missing, tidy_row, tidy_table
from lapse.schema import Bool, Float64, Int64

DECILE_COLUMNS = ("method", "figure", "days", "decile", "n", "predicted", "observed")
"""str, str (``lapsed`` by that day, or ``restricted_mean_days`` up to it), int, int, int, float, float."""

N_HORIZONS = 6
"""At most at so many steps the deciles are compared, spread evenly over those that the data reach."""

_ENOUGH_CUSTOMERS = 50  # five a bin: with fewer the chi-squared distribution does not hold
_NOISE_DRAWS = 20

_IPCW = "no interval: for comparison with other tools; integrated_brier, which has one, is the one to trust"
_D_CALIBRATION = (
    "of each customer one row, drawn with a fixed seed, as rows of one customer are not independent; "
    "no interval: a p-value has none"
)
_CONCORDANCE = (
    "last of all, as curves that are wrong by the same factor keep it; "
    "no interval: each resample would have to rank all pairs anew"
)
_NOT_ALL = "the test dates are too near to the end of the data: no step is observed of every row"
_FEW_ROWS = f"fewer than {N_GROUPS} rows: no deciles"
_FEW_CUSTOMERS = f"fewer than {_ENOUGH_CUSTOMERS} customers: no test"
_NO_PAIR = "nobody lapsed while another was watched for longer: no pairs to rank"


@dataclass(frozen=True)
class CurveTables:
    """How true curves were.

    Attributes
    ----------
    overall : DataFrame
        :data:`~lapse.evaluation.tables.COLUMNS`.
    deciles : DataFrame
        :data:`DECILE_COLUMNS`.
    periods : DataFrame
        :data:`~lapse.evaluation.lapse_periods.PERIOD_COLUMNS`.
    """

    overall: pd.DataFrame
    deciles: pd.DataFrame
    periods: pd.DataFrame


def evaluate_curves(
    followed: Followed,
    survival: Mapping[str, npt.ArrayLike],
    means: Mapping[str, npt.ArrayLike],
    customer_id: npt.ArrayLike,
    *,
    n_replicates: int = REPLICATES,
    seed: int = 0,
) -> CurveTables:
    """Return how true each method's survival curves were as a whole.

    Parameters
    ----------
    followed : Followed
        Of n rows.
    survival : mapping of method to shape (n, n_steps)
        At the ends of the steps, in [0, 1].
    means : mapping of method to shape (n,)
        Predicted ``E[min(T, limit)]`` in days, with the limit of ``followed.limit_days(n_steps)``.
    customer_id : shape (n,)
    n_replicates, seed : int
        Of the bootstrap by customers; the seed draws the rows of the D-calibration too.

    Returns
    -------
    CurveTables
        Over all rows integrated_ipcw_brier, lapses_error (expected over realised lapses of all months, less
        1), calibration_error_over_steps (mean of calibration_error_at_step), restricted_mean_error and
        restricted_mean_worst (mean and largest absolute relative error over deciles), d_calibration_p and
        concordance; at up to :data:`N_HORIZONS` steps calibration_error_at_step and
        calibration_noise_at_step, what a true curve would show of it by chance.

    Examples
    --------
    >>> lapsed, duration = np.repeat([True, False], 30), np.repeat([15, 30], 30)
    >>> followed = Followed(lapsed, duration, np.full(60, 30), step_days=30)
    >>> survival, mean = {"flat": np.full((60, 1), 0.4)}, {"flat": np.full(60, 21.0)}
    >>> found = evaluate_curves(followed, survival, mean, np.arange(60))
    >>> found.periods[["n", "expected", "realised", "error"]].round(3).to_dict("records")
    [{'n': 60, 'expected': 36.0, 'realised': 30, 'error': 0.2}]
    """
    said = {method: np.asarray(s, np.float64) for method, s in survival.items()}
    restricted = {method: np.asarray(mean, np.float64) for method, mean in means.items()}
    n, n_steps = len(followed.lapsed), next(iter(said.values())).shape[1]
    refuse_missing(said, (n, n_steps))
    refuse_missing(restricted, (n,))
    customer = np.asarray(customer_id)
    deciles = {method: _deciles(followed, s, restricted.get(method)) for method, s in said.items()}
    drawn = _one_a_customer(customer, followed.whole_steps(n_steps) > 0, seed)
    periods, rows = count_periods(followed, said, customer, n_replicates, seed)
    for method, s in said.items():
        rows += [
            _integrated_ipcw_brier(method, followed, s),
            *_calibration(method, followed, s, deciles[method], seed),
            *_restricted(method, followed, n_steps, deciles[method]),
            _d_calibration(method, followed, s, drawn),
            _concordance(method, followed, s),
        ]
    below = [table.assign(method=method) for method, table in deciles.items()]
    return CurveTables(
        tidy_table(rows), pd.concat(below)[list(DECILE_COLUMNS)].reset_index(drop=True), periods
    )


def _horizons(n_steps: int) -> list[int]:
    return sorted({round(step) for step in np.linspace(1, n_steps, min(n_steps, N_HORIZONS))})


def _deciles(followed: Followed, survival: Float64, mean: Float64 | None) -> pd.DataFrame:
    """Return predicted and observed by decile: shares lapsed at some steps, and restricted means."""
    return pd.concat(
        [*_shares_by_decile(followed, survival), *_means_by_decile(followed, survival.shape[1], mean)]
        or [pd.DataFrame(columns=[name for name in DECILE_COLUMNS if name != "method"])],
        ignore_index=True,
    )


def _shares_by_decile(followed: Followed, survival: Float64) -> Iterator[pd.DataFrame]:
    step_days = followed.step_days
    for step in _horizons(survival.shape[1]):
        here = followed.reaching(step * step_days)
        if here.sum() >= N_GROUPS:
            table = calibration_by_horizon(
                survival[here], [step], followed.lapsed[here], followed.duration_days[here], step_days
            )
            table = table.rename(columns={"rows": "n"}).drop(columns="step")
            yield table.assign(figure="lapsed", days=step * step_days)


def _means_by_decile(followed: Followed, n_steps: int, mean: Float64 | None) -> Iterator[pd.DataFrame]:
    limit = followed.limit_days(n_steps)
    if limit and mean is not None and len(mean) >= N_GROUPS:
        table = restricted_mean_by_decile(mean, followed.lapsed, followed.duration_days, limit)
        table = table.rename(columns={"rows": "n"}).drop(columns="error")
        yield table.assign(figure="restricted_mean_days", days=limit)


def _calibration(
    method: str, followed: Followed, survival: Float64, deciles: pd.DataFrame, seed: int
) -> list[Row]:
    """Return the mean absolute difference over deciles, by step and over them, and what noise makes of it."""
    shares, errors, rows = deciles[deciles["figure"] == "lapsed"], [], []
    for step in _horizons(survival.shape[1]):
        days = step * followed.step_days
        here, part = followed.reaching(days), shares[shares["days"] == days]
        n, error, noise = int(here.sum()), float("nan"), float("nan")
        if len(part):
            error = float(np.average((part["predicted"] - part["observed"]).abs(), weights=part["n"]))
            noise = calibration_noise(1.0 - survival[here, step - 1], seed=seed, n_draws=_NOISE_DRAWS)
        note = NOISE_RAISES if len(part) else _FEW_ROWS if n else NO_STEP
        rows += [
            tidy_row(method, "calibration_error_at_step", n, error, None, days=days, note=note),
            tidy_row(method, "calibration_noise_at_step", n, noise, None, days=days),
        ]
        errors.append(error)
    known = [error for error in errors if np.isfinite(error)]
    note = NOISE_RAISES if known else _why_none(followed, survival.shape[1])
    value = float(np.mean(known)) if known else float("nan")
    return [tidy_row(method, "calibration_error_over_steps", len(survival), value, None, note=note), *rows]


def _restricted(method: str, followed: Followed, n_steps: int, deciles: pd.DataFrame) -> Iterator[Row]:
    part = deciles[deciles["figure"] == "restricted_mean_days"]
    error = (part["predicted"] / part["observed"] - 1.0).abs().astype(np.float64)
    limit = followed.limit_days(n_steps)
    note = f"up to day {limit}, the last step observed of every row; {NOISE_RAISES}"
    if part.empty:
        note = _FEW_ROWS if limit else _NOT_ALL
    for name, value in (("error", error.mean()), ("worst", error.max())):
        yield tidy_row(method, f"restricted_mean_{name}", int(part["n"].sum()), value, None, note=note)


def _integrated_ipcw_brier(method: str, followed: Followed, survival: Float64) -> Row:
    # who is still there at the cut was seen to be there at the end of that day, so is censored after it
    duration = followed.duration_days + np.where(followed.lapsed, 0.0, 0.5)
    ends = followed.step_days * np.arange(1, survival.shape[1] + 1)
    reached = ends < duration.max()
    if not reached.any():
        return tidy_row(method, "integrated_ipcw_brier", 0, np.nan, None, note=NO_STEP)
    value = integrated_ipcw_brier(followed.lapsed, duration, survival[:, reached], ends[reached])
    return tidy_row(method, "integrated_ipcw_brier", len(survival), value, None, note=_IPCW)


def _d_calibration(method: str, followed: Followed, survival: Float64, drawn: Int64) -> Row:
    """Return the p-value of D-calibration by step, of the rows drawn."""
    if len(drawn) < _ENOUGH_CUSTOMERS:
        note = _FEW_CUSTOMERS if len(drawn) else NO_STEP
        return tidy_row(method, "d_calibration_p", len(drawn), np.nan, None, note=note)
    last = followed.whole_steps(survival.shape[1])[drawn]
    own = -(-followed.duration_days[drawn].astype(np.int64) // followed.step_days)
    lapsed = followed.lapsed[drawn] & (own <= last)
    whole = np.column_stack([np.ones(len(drawn)), survival[drawn]])
    row = np.arange(len(drawn))
    at = whole[row, np.where(lapsed, own, last)]
    before = np.maximum(at, whole[row, np.where(lapsed, own - 1, last)])
    p = d_calibration(lapsed, at, before).p
    return tidy_row(method, "d_calibration_p", len(drawn), p, None, note=_D_CALIBRATION)


def _concordance(method: str, followed: Followed, survival: Float64) -> Row:
    """Return Harrell's C up to the last step that is reached; the risk is the area above the curve so far."""
    n_steps, step_days = survival.shape[1], followed.step_days
    end = int(followed.whole_steps(n_steps).max()) * step_days
    if not end:
        return tidy_row(method, "concordance", 0, np.nan, None, note=NO_STEP)
    lapsed, watched = (
        followed.lapsed & (followed.duration_days <= end),
        np.minimum(followed.duration_days, end),
    )
    value = concordance(lapsed, watched, -survival[:, : end // step_days].sum(axis=1))
    note = _CONCORDANCE if np.isfinite(value) else _NO_PAIR
    return tidy_row(method, "concordance", len(survival), value, None, note=note)


def _one_a_customer(customer_id: npt.NDArray[Any], eligible: Bool, seed: int) -> Int64:
    """Return positions of one eligible row of each customer, drawn at random."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(eligible))
    first = ~pd.Series(customer_id[order]).duplicated().to_numpy()
    drawn: Int64 = np.sort(order[first])
    return drawn


def _why_none(followed: Followed, n_steps: int) -> str:
    return _FEW_ROWS if followed.whole_steps(n_steps).max() else NO_STEP
