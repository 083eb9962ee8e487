"""The one curve: survival and spend by step, from which every promise about a customer is read.

In: survival and spend of each customer at equal steps from the snapshot. Out: the same curve anchored to a
calibrated churn probability. How long it says that customers stay is read off in
:mod:`lapse.models.durations`.

The survival at the snapshot itself is 1 and is not stored: column k - 1 holds the end of step k. Between
steps survival is a straight line, so lapses are spread evenly over a step. Nobody lapses before the last
cover that is known has ended and the grace is over: until that day, known at the snapshot, survival is 1.
Whoever has no further cover lapses on that very day: so much of its step's lapses as were seen to fall on it
do so at once, and survival jumps.

Refused (ValueError): shapes that differ, survival that rises or leaves [0, 1] or falls before the first day
on which a lapse can happen, a limit beyond the curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lapse.models.incidence import check_shares, cumulative_incidence, lapses_by_cause
from lapse.schema import Bool, Float64, Int64

_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Curve:
    """Survival and spend of n customers over n_steps equal steps.

    Parameters
    ----------
    step_days : int
        Length of a step.
    survival : float64, shape (n, n_steps)
        P(still a customer at the end of step k), in [0, 1], falling along a row.
    spend : float64, shape (n, n_steps)
        Expected spend in step k, given a customer at its start; signed money.
    earliest_days : float64, shape (n,), optional
        Days to the first day on which the customer can lapse; by default nothing is known of it. Within its
        step survival falls from that day on.
    first_day_share : float, default 0
        In [0, 1]: of the lapses in the step of that day, the share that falls on the day itself.
    margin : float64, shape (n, n_steps), optional
        Expected margin of step k, given a customer at its start, where rates differ by event or category; by
        default the business's one rate of the spend.
    event_cost : float64, shape (n, n_steps), optional
        What the events of step k are expected to cost, given a customer at its start.
    extending_share : float, default 1
        In [0, 1]: of the money, the share that extends the life, since it comes with the event that keeps the
        customer. The rest, such as add-ons, comes on days that are covered too.
    cause_shares : float64, shape (n, n_causes, n_steps), optional
        Of those who lapse in step k, the share of each cause; 1 together. By default there is one cause.
    causes : tuple of int
        Event codes of these causes, in their order; empty without shares.
    """

    step_days: int
    survival: Float64
    spend: Float64
    earliest_days: Float64 | None = None
    margin: Float64 | None = field(default=None, kw_only=True)
    event_cost: Float64 | None = field(default=None, kw_only=True)
    first_day_share: float = field(default=0.0, kw_only=True)
    extending_share: float = field(default=1.0, kw_only=True)
    cause_shares: Float64 | None = field(default=None, kw_only=True)
    causes: tuple[int, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.survival.ndim != 2 or not self.survival.shape[1] or self.step_days < 1:
            raise ValueError("a curve needs survival of shape (n, n_steps), n_steps >= 1, and step_days >= 1")
        for name in ("spend", "margin", "event_cost"):
            self._check_money(name, getattr(self, name))
        start = self.at_start
        if not ((self.survival >= 0) & (self.survival <= start + _TOLERANCE)).all():
            raise ValueError("survival must fall from 1 and never below 0")
        if self.earliest_days is not None and self.earliest_days.shape != (len(self.survival),):
            raise ValueError("earliest_days must be one number a row")
        for name in ("first_day_share", "extending_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {getattr(self, name)}")
        over = np.arange(1, self.n_steps + 1) <= sure_steps(self.earliest, self.step_days)[:, None]
        if (self.survival[over] < 1.0 - _TOLERANCE).any():
            raise ValueError("survival must not fall before a lapse can happen")
        if self.cause_shares is not None:
            check_shares(self.cause_shares, self.survival)
        if len(self.causes) != (0 if self.cause_shares is None else self.cause_shares.shape[1]):
            raise ValueError("causes must name each share, and none without shares")

    def _check_money(self, name: str, money: Float64 | None) -> None:
        if money is None:
            return
        if money.shape != self.survival.shape:
            raise ValueError(f"{name} has shape {money.shape}, survival {self.survival.shape}")
        if not np.isfinite(money).all():
            raise ValueError(f"{name} must be finite")

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return int(self.survival.shape[1])

    @property
    def at_start(self) -> Float64:
        """P(still a customer at the start of step k), float64 of shape (n, n_steps); first column 1."""
        start: Float64 = np.hstack([np.ones((len(self.survival), 1)), self.survival[:, :-1]])
        return start

    @property
    def earliest(self) -> Float64:
        """``earliest_days``, 0 where nothing is known of it; float64 of shape (n,)."""
        return np.zeros(len(self.survival)) if self.earliest_days is None else self.earliest_days

    @property
    def flat_share(self) -> Float64:
        """Share of each step that is over before survival begins to fall, float64 of shape (n, n_steps)."""
        days = self.earliest[:, None] - self.step_days * np.arange(self.n_steps)
        share: Float64 = np.clip(days / self.step_days, 0.0, 1.0)
        return share

    @property
    def first_day_lapses(self) -> Float64:
        """Of the lapses of each step, the share on the earliest day itself, float64 of shape (n, n_steps)."""
        own = np.arange(self.n_steps) == sure_steps(self.earliest, self.step_days)[:, None]
        share: Float64 = np.where(own & (self.earliest > 0)[:, None], self.first_day_share, 0.0)
        return share

    @property
    def lapses_by_cause(self) -> Float64:
        """P(lapse in step k for each cause), float64 of shape (n, n_causes, n_steps)."""
        return lapses_by_cause(self.survival, self._shares)

    @property
    def incidence(self) -> Float64:
        """P(lapsed by the end of step k for each cause), float64 of shape (n, n_causes, n_steps)."""
        return cumulative_incidence(self.survival, self._shares)

    def incidence_at(self, step: int) -> Float64:
        """Return P(lapsed by the end of step ``step`` for each cause), float64 of shape (n, n_causes)."""
        return cumulative_incidence(self.survival[:, :step], self._shares[:, :, :step])[:, :, -1]

    @property
    def _shares(self) -> Float64:
        return np.ones_like(self.survival)[:, None, :] if self.cause_shares is None else self.cause_shares

    def needs(self, limit_days: int) -> int:
        """Return how many steps a limit takes, the last perhaps in part.

        Raises
        ------
        ValueError
            If the curve is shorter.
        """
        steps = -(-limit_days // self.step_days)
        if not 1 <= steps <= self.n_steps:
            raise ValueError(
                f"a limit of {limit_days} days needs {steps} steps; the curve has {self.n_steps} of "
                f"{self.step_days} days"
            )
        return steps


def without_impossible(survival: Float64, earliest_days: Float64, step_days: int) -> Float64:
    """Return survival without the lapses of steps that are over before one can happen; later hazards stay.

    Parameters
    ----------
    survival : float64, shape (n, n_steps)
    earliest_days : float64, shape (n,)
        Days to the first day on which a customer can lapse, at least 0.
    step_days : int

    Returns
    -------
    float64, shape (n, n_steps)

    Examples
    --------
    >>> without_impossible(np.array([[0.9, 0.45]]), np.array([31.0]), 30).tolist()
    [[1.0, 0.5]]
    """
    n_steps = survival.shape[1]
    sure = np.minimum(sure_steps(earliest_days, step_days), n_steps)
    at_sure = np.where(sure > 0, survival[np.arange(len(survival)), np.maximum(sure, 1) - 1], 1.0)
    later = np.divide(survival, at_sure[:, None], out=np.zeros_like(survival), where=at_sure[:, None] > 0)
    found: Float64 = np.where(np.arange(n_steps) < sure[:, None], 1.0, later)
    return found


def sure_steps(earliest_days: Float64, step_days: int) -> Int64:
    """Return how many steps are over before the day on which a customer can lapse at the earliest."""
    steps: Int64 = np.maximum(np.ceil(earliest_days / step_days) - 1, 0).astype(np.int64)
    return steps


def anchor(curve: Curve, churn_probability: Float64, horizon_steps: int) -> Curve:
    """Return the curve that goes through ``1 - churn_probability`` at the horizon.

    Up to the horizon H survival is raised to a power, which multiplies the cumulative hazard and keeps its
    shape: ``S(k) ** (log(1 - p) / log S(H))``. Behind it the ratio ``S(k) / S(H)`` is kept. Where the curve
    has no shape to keep (``S(H)`` is 0 or 1), the hazard up to H is constant from the first step in which a
    lapse can happen, and behind it too where ``S(H)`` is 0.

    Parameters
    ----------
    curve : Curve
    churn_probability : float64, shape (n,)
        In [0, 1]; 0 where nobody can lapse within the horizon.
    horizon_steps : int
        Steps of the horizon, at least 1 and at most ``curve.n_steps``.

    Returns
    -------
    Curve
        With ``1 - survival[:, horizon_steps - 1]`` equal to ``churn_probability`` to 1e-12.

    Examples
    --------
    >>> curve = Curve(30, np.array([[0.9, 0.8, 0.4]]), np.zeros((1, 3)))
    >>> anchor(curve, np.array([0.36]), 2).survival.round(2).tolist()
    [[0.81, 0.64, 0.32]]
    """
    stays = 1.0 - np.asarray(churn_probability, np.float64)
    if stays.shape != (len(curve.survival),) or not ((stays >= 0) & (stays <= 1)).all():
        raise ValueError("churn_probability must be one number in [0, 1] a row")
    if not 1 <= horizon_steps <= curve.n_steps:
        raise ValueError(f"a horizon of {horizon_steps} steps on a curve of {curve.n_steps}")
    survival = np.clip(curve.survival, 0.0, 1.0)
    horizon = survival[:, horizon_steps - 1]
    shaped: Bool = (horizon > 0) & (horizon < 1)
    over = np.minimum(sure_steps(curve.earliest, curve.step_days), horizon_steps - 1)[:, None]
    power = np.maximum(np.arange(1, curve.n_steps + 1) - over, 0.0) / (horizon_steps - over)
    power[shaped, :horizon_steps] = (
        np.log(survival[shaped, :horizon_steps]) / np.log(horizon[shaped])[:, None]
    )
    anchored = stays[:, None] ** power
    anchored[:, horizon_steps - 1] = stays
    known = horizon > 0
    ratio = survival[known, horizon_steps:] / horizon[known, None]
    anchored[known, horizon_steps:] = stays[known, None] * ratio
    # Rounding of the power may rise by its last digit, or fall below the horizon's value.
    anchored[:, :horizon_steps] = np.maximum(anchored[:, :horizon_steps], stays[:, None])
    return replace(curve, survival=np.minimum.accumulate(anchored, axis=1))
