"""Causes along a survival curve: who of those who lapse in a step does so for which cause.

In: survival (n, n_steps), and of those who lapse in each step the share of each cause (n, n_causes, n_steps).
Out: the probability of lapsing in a step for a cause, and its sum, the cumulative incidence. Shares are
apart from survival, so whatever is done to a curve, incidences of all causes and survival add up to 1.

A lapse in step k for cause c has the probability ``(S(k - 1) - S(k)) share_c(k)``. That is vertical
modelling, P(when) times P(why, given when): Nicolaie, van Houwelingen and Putter (2010), "Vertical modeling:
a pattern mixture approach for competing risks modeling", Statistics in Medicine 29(11).

Refused (ValueError): shapes that differ, shares below 0 or not adding up to 1.
"""

from __future__ import annotations

import numpy as np

from lapse.schema import Float64

_TOLERANCE = 1e-9


def check_shares(shares: Float64, survival: Float64) -> None:
    """Refuse shares that do not belong to a survival.

    Parameters
    ----------
    shares : float64, shape (n, n_causes, n_steps)
    survival : float64, shape (n, n_steps)

    Raises
    ------
    ValueError
        If shapes differ, or the shares of a step are not at least 0 and 1 together (to 1e-9).
    """
    if shares.ndim != 3 or not shares.shape[1] or shares.shape[::2] != survival.shape:
        raise ValueError(f"shares of causes have shape {shares.shape}, survival {survival.shape}")
    if not ((shares >= 0).all() and (np.abs(shares.sum(axis=1) - 1.0) <= _TOLERANCE).all()):
        raise ValueError("shares of causes must be at least 0 and add up to 1 in every step")


def lapses_by_cause(survival: Float64, shares: Float64) -> Float64:
    """Return P(lapse in step k for cause c), float64 of shape (n, n_causes, n_steps).

    Parameters
    ----------
    survival : float64, shape (n, n_steps)
        Falling from 1, which is not stored.
    shares : float64, shape (n, n_causes, n_steps)

    Examples
    --------
    >>> lapses_by_cause(np.array([[0.8, 0.4]]), np.array([[[0.5, 1.0], [0.5, 0.0]]])).round(2).tolist()
    [[[0.1, 0.4], [0.1, 0.0]]]
    """
    start = np.hstack([np.ones((len(survival), 1)), survival[:, :-1]])
    lapses: Float64 = (start - survival)[:, None, :] * shares
    return lapses


def cumulative_incidence(survival: Float64, shares: Float64) -> Float64:
    """Return P(lapsed by the end of step k for cause c), float64 of shape (n, n_causes, n_steps).

    Over all causes it adds up to ``1 - survival``.

    Examples
    --------
    >>> cumulative_incidence(np.array([[0.8, 0.4]]), np.array([[[0.5, 1.0], [0.5, 0.0]]])).round(2).tolist()
    [[[0.1, 0.5], [0.1, 0.1]]]
    """
    incidence: Float64 = np.cumsum(lapses_by_cause(survival, shares), axis=2)
    return incidence
