"""Monotone maps from a raw log-odds score to a probability, learned on a later slice of time.

In: raw scores and what happened. Out: a map that is applied to other raw scores, as JSON. Three kinds:

- :class:`Identity`: the logistic function alone.
- :class:`Platt`: slope and intercept on the log-odds.
- :class:`Isotonic`: a Platt map bent by isotonic regression, interpolated between the centres of its blocks
  (centred isotonic regression), so that it has no plateaus and costs no ranking.

Every fit is drawn towards the simpler map by pseudo-observations: the slice counts as if it also held
rows, worth :data:`PRIOR_POSITIVES` positives, in which the simpler map had been exactly right. A small
slice therefore changes little and a large one is believed.

That holds for the shape of the map. Its level is another matter: base rates drift, so the level of one later
slice is a poor guide to the next dates, however many rows it has. The map keeps the mean probability of the
model, and moves it only by :data:`LEVEL_SHARE` of the way to what the slice shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from lapse.errors import DataError, Problem
from lapse.schema import Float64

PRIOR_POSITIVES: float = 100.0
"""Weight of the simpler map, in positives of the slice."""

LEVEL_SHARE: float = 0.3
"""How far the map follows the slice's level, from 0 (the model's own) to 1 (the slice's)."""

MIN_POSITIVES: int = 30
"""With fewer positives, or as few negatives, in the slice the identity is kept."""

ISOTONIC_POSITIVES: int = 10_000
"""From so many positives (and negatives) on, the shape of the map is learned too."""

_POSITIVES_A_BIN = 100
_MAX_BINS = 200
_FEWEST_SLOPE = 0.05
_EDGE = 1e-6


class Calibration(Protocol):
    """A monotone map from raw log-odds to probability."""

    kind: ClassVar[str]

    def apply(self, raw: Float64) -> Float64:
        """Return probabilities in (0, 1), non-decreasing in ``raw``."""

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it, ``kind`` included."""


@dataclass(frozen=True)
class Identity:
    """p = 1 / (1 + exp(-raw))."""

    kind: ClassVar[str] = "identity"

    def apply(self, raw: Float64) -> Float64:
        """Return probabilities, shape of ``raw``."""
        return _probability(raw)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {"kind": self.kind}


@dataclass(frozen=True)
class Platt:
    """p = 1 / (1 + exp(-(intercept + slope * raw))), with slope > 0.

    Platt (1999), "Probabilistic outputs for support vector machines", on log-odds that a likelihood was
    trained for, so that the identity (slope 1, intercept 0) is what it is drawn to.
    """

    slope: float
    intercept: float
    kind: ClassVar[str] = "platt"

    def apply(self, raw: Float64) -> Float64:
        """Return probabilities, shape of ``raw``."""
        return _probability(self.intercept + self.slope * np.asarray(raw, np.float64))

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Isotonic:
    """Log-odds interpolated between knots; beyond the outer knots they go on with the Platt map's slope.

    Attributes
    ----------
    raw : tuple of float
        Knots on the raw scale, ascending.
    calibrated : tuple of float
        Calibrated log-odds at the knots, non-decreasing.
    slope : float
        Slope beyond the knots, above 0.
    """

    raw: tuple[float, ...]
    calibrated: tuple[float, ...]
    slope: float
    kind: ClassVar[str] = "isotonic"

    def apply(self, raw: Float64) -> Float64:
        """Return probabilities, shape of ``raw``."""
        raw = np.asarray(raw, np.float64)
        outside = np.minimum(raw - self.raw[0], 0.0) + np.maximum(raw - self.raw[-1], 0.0)
        return _probability(np.interp(raw, self.raw, self.calibrated) + self.slope * outside)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {
            "kind": self.kind,
            "raw": list(self.raw),
            "calibrated": list(self.calibrated),
            "slope": self.slope,
        }


def from_json(value: Mapping[str, Any]) -> Calibration:
    """Return the map that ``to_json`` wrote.

    Raises
    ------
    DataError
        If the kind is not known.
    """
    if value["kind"] == "identity":
        return Identity()
    if value["kind"] == "platt":
        return Platt(value["slope"], value["intercept"])
    if value["kind"] == "isotonic":
        return Isotonic(tuple(value["raw"]), tuple(value["calibrated"]), value["slope"])
    raise DataError(Problem("calibration", "kind", "identity, platt or isotonic", repr(value["kind"])))


def fit_calibration(raw: Float64, y: Float64, weight: Float64 | None = None) -> Calibration:
    """Learn the map that the number of positives in the slice can carry.

    Parameters
    ----------
    raw : float64, shape (n,)
        Raw log-odds of a model that has not seen these rows.
    y : float64, shape (n,)
        0 or 1.
    weight : float64, shape (n,), optional

    Returns
    -------
    Calibration
        :class:`Identity` below :data:`MIN_POSITIVES` positives or negatives, :class:`Isotonic` from
        :data:`ISOTONIC_POSITIVES` on, :class:`Platt` between.

    Notes
    -----
    Platt is kept for long: its two numbers repair what drifts (the level, and the spread of an overfitted
    model); the shape that isotonic regression adds is worth less than its noise until a slice holds ten
    thousand positives.
    """
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    rarer = min(int(np.sum(y > 0)), int(np.sum(y == 0)))
    if rarer < MIN_POSITIVES:
        return Identity()
    platt = fit_platt(raw, y, weight)
    back = (1.0 - LEVEL_SHARE) * _to_level_of_identity(platt, raw, weight)
    if rarer < ISOTONIC_POSITIVES:
        return _raised(platt, back)
    return _raised(fit_isotonic(raw, y, weight, platt), back)


def fit_platt(raw: Float64, y: Float64, weight: Float64, prior: float = PRIOR_POSITIVES) -> Platt:
    """Fit slope and intercept by maximum likelihood, drawn to the identity by ``prior`` positives.

    Minimises the cross-entropy against the target ``(y + r p) / (1 + r)``, with p the identity's probability
    and r the prior's weight relative to the slice's positives (or negatives, where these are fewer).
    """
    pull = prior / max(min(np.sum(weight * y), np.sum(weight * (1 - y))), 1e-12)
    target = (y + pull * _probability(raw)) / (1.0 + pull)

    def loss(parameters: Float64) -> tuple[float, Float64]:
        slope, intercept = parameters
        z = slope * raw + intercept
        error = weight * (expit(z) - target)
        value = np.sum(weight * (np.logaddexp(0.0, z) - target * z))
        return float(value / len(raw)), np.array([error @ raw, error.sum()]) / len(raw)

    found = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(_FEWEST_SLOPE, None), (None, None)]
    )
    return Platt(float(found.x[0]), float(found.x[1]))


def fit_isotonic(
    raw: Float64, y: Float64, weight: Float64, platt: Platt, prior: float = PRIOR_POSITIVES
) -> Isotonic | Platt:
    """Bend a Platt map by isotonic regression over bins of equal mass, drawn to the Platt map.

    The map goes through the centre of each isotonic block (Oron and Flournoy 2017, "Centered isotonic
    regression"), so that it rises strictly between them. With fewer than two blocks the Platt map is kept.
    """
    order = np.argsort(raw, kind="stable")
    n_bins = int(np.clip(min(np.sum(y > 0), np.sum(y == 0)) / _POSITIVES_A_BIN, 2, _MAX_BINS))
    parts = np.array_split(order, n_bins)
    mass = np.array([weight[part].sum() for part in parts])
    centre = np.array([np.average(raw[part], weights=weight[part]) for part in parts])
    share = np.array([np.average(y[part], weights=weight[part]) for part in parts])
    expected = np.array([np.average(platt.apply(raw[part]), weights=weight[part]) for part in parts])
    extra = prior / n_bins / np.maximum(np.minimum(expected, 1 - expected), _EDGE)
    share = (share * mass + expected * extra) / (mass + extra)
    fitted = IsotonicRegression().fit_transform(np.arange(n_bins), share, sample_weight=mass + extra)
    starts = np.flatnonzero(np.diff(fitted, prepend=-1.0) > 0)
    total = np.add.reduceat(mass, starts)
    knots = np.add.reduceat(mass * centre, starts) / total
    if len(starts) < 2 or not np.all(np.diff(knots) > 0):
        return platt
    calibrated = logit(np.clip(fitted[starts], _EDGE, 1 - _EDGE))
    return Isotonic(tuple(map(float, knots)), tuple(map(float, calibrated)), platt.slope)


def _to_level_of_identity(platt: Platt, raw: Float64, weight: Float64) -> float:
    """Return the shift of log-odds that gives the Platt map the identity's mean probability on these rows."""
    level = float(weight @ expit(raw))
    z = platt.slope * raw + platt.intercept
    found: float = brentq(lambda shift: float(weight @ expit(z + shift)) - level, -30.0, 30.0)
    return found


def _raised(calibration: Platt | Isotonic, shift: float) -> Platt | Isotonic:
    """Return the map with its log-odds shifted."""
    if isinstance(calibration, Platt):
        return replace(calibration, intercept=calibration.intercept + shift)
    return replace(calibration, calibrated=tuple(knot + shift for knot in calibration.calibrated))


def _probability(log_odds: Float64) -> Float64:
    """Return the logistic function, kept away from 0 and 1, where a log loss is infinite."""
    probability: Float64 = np.clip(expit(np.asarray(log_odds, np.float64)), 1e-9, 1 - 1e-9)
    return probability
