"""How regularly: the gaps between the days on which a customer was active, and what they say of the silence.

In: one kind's events, snapshots, grace. Out: the stats of :data:`POINTS` and, by length of silence, of
:data:`SILENCES`. All are over the distinct visible days with an event; two baskets on one day are one active
day. A gap ends with an active day; the time since the last one is the open gap, and counts as one only where
that is said.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lapse.features.grammar import Stat
from lapse.features.visibility import active_ages
from lapse.schema import NEVER, Events, Float32, Float64, Int32, Int64, Snapshots

POINTS: tuple[str, ...] = (
    "gap_mean",
    "gap_sd",
    "gap_max",
    "gap_median",
    "gap_q90",
    "gap_recent",
    "last_gap",
    "since_vs_gap",
    "since_vs_max",
    "since_vs_median",
    "since_vs_q90",
    "since_vs_recent",
    "longer_gaps",
)
"""The stats without a length, in the order of the kernel's rows."""

SILENCES: tuple[str, ...] = ("quiet", "quiet_recent", "silence")
"""The stats by length of silence, in the order of the kernel's rows."""

FADING_GRACES = 3
"""The half-life of ``gap_recent`` and ``quiet_recent``, in graces."""

_FORGOTTEN = 64
"""After so many half-lives a day weighs less than rounding."""

_OWN_GAPS = 2.0
"""How many gaps the exponential guess is worth in ``silence``."""


def silences_of(grace: int) -> tuple[int, ...]:
    """Return the lengths of silence that are looked at: the quarters of the grace, in whole days, ascending.

    Examples
    --------
    >>> silences_of(28), silences_of(2)
    ((7, 14, 21, 28), (1, 2))
    """
    return tuple(sorted({max(1, round(grace * part / 4)) for part in (1, 2, 3, 4)}))


@njit(cache=True, nogil=True)
def _quantile(ascending: Int64, share: float) -> float:
    """Return a quantile by linear interpolation between the two values around it."""
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    found: float = ascending[below] + (place - below) * (ascending[above] - ascending[below])
    return found


@njit(cache=True, nogil=True)
def _write_points(ages: Int64, fade: Float64, out: Float32) -> None:
    since = ages[0]
    gaps = np.diff(ages)
    n = len(gaps)
    mean = (ages[n] - since) / n
    squares = 0.0
    faded = 0.0
    weights = 0.0
    longer = 0
    for k in range(n):
        weight = fade[min(ages[k], len(fade) - 1)]
        weights += weight
        faded += weight * gaps[k]
        squares += (gaps[k] - mean) ** 2
        longer += gaps[k] > since
    recent = faded / weights if weights > 0 else mean
    ordered = np.sort(gaps)
    median, q90 = _quantile(ordered, 0.5), _quantile(ordered, 0.9)
    out[0] = mean
    if n > 1:
        out[1] = np.sqrt(squares / (n - 1))
    out[2] = ordered[n - 1]
    out[3] = median
    out[4] = q90
    out[5] = recent
    out[6] = gaps[0]
    out[7] = since / mean
    out[8] = since / ordered[n - 1]
    out[9] = since / median
    out[10] = since / q90
    out[11] = since / recent
    out[12] = (longer + 0.5) / (n + 1)


@njit(cache=True, nogil=True)
def _write_silences(ages: Int64, fade: Float64, lengths: Int64, out: Float32) -> None:
    n = len(ages) - 1
    since = ages[0]
    for h in range(len(lengths)):
        length = lengths[h]
        days = since + 1.0  # the open gap, up to and with the day of as_of
        quiet = max(days - length, 0.0)
        recent_days, recent_quiet = days, quiet
        as_long, longer = 0, 0
        for k in range(n):
            gap = ages[k + 1] - ages[k]
            weight = fade[min(ages[k], len(fade) - 1)]
            followed = max(gap - length, 0)
            days += gap
            quiet += followed
            recent_days += weight * gap
            recent_quiet += weight * followed
            as_long += gap > since
            longer += gap > since + length
        out[0, h] = quiet / days
        out[1, h] = recent_quiet / recent_days
        if n > 0:
            guess = np.exp(-length * n / (ages[n] - since))
            out[2, h] = (longer + _OWN_GAPS * guess) / (as_long + _OWN_GAPS)


@njit(cache=True, nogil=True)
def _walk(
    offsets: Int64,
    day: Int32,
    known_day: Int32,
    customer: Int64,
    as_of: Int32,
    fade: Float64,
    lengths: Int64,
    points: Float32,
    silences: Float32,
) -> None:
    ages = np.empty(np.max(np.diff(offsets)) if len(offsets) > 1 else 0, np.int64)
    for row in range(len(as_of)):
        first, stop = offsets[customer[row]], offsets[customer[row] + 1]
        n = active_ages(day, known_day, first, stop, as_of[row], NEVER, ages)
        if n > 1:
            _write_points(ages[:n], fade, points[row])
        if n > 0:
            _write_silences(ages[:n], fade, lengths, silences[row])


def compute(events: Events, snapshots: Snapshots, grace: int) -> dict[Stat, Float32]:
    r"""Return the cadence of one kind.

    Parameters
    ----------
    events : Events
    snapshots : Snapshots
    grace : int
        Days; gives the lengths of silence (:func:`silences_of`) and the half-life, :data:`FADING_GRACES`
        times as long, of what is called recent.

    Returns
    -------
    dict of (stat, length or None) to float32, shape (n_snapshots,)
        In days, NaN without a gap: ``gap_mean``, ``gap_sd`` (the sample's; two gaps needed), ``gap_max``,
        ``gap_median``, ``gap_q90`` (linear between the two gaps around it), ``last_gap``, and ``gap_recent``,
        the mean weighted by :math:`2^{-a/H}` with :math:`a` the age of the day that ended the gap and
        :math:`H` the half-life. As ratios, NaN without a gap: ``since_vs_gap``, ``_max``, ``_median``,
        ``_q90`` and ``_recent``, the days since the last active day over the gap of that name.
        ``longer_gaps``: the share of own gaps longer than the open one, (k + 1/2) / (n + 1).

        By length :math:`h`, with gaps :math:`g` and the open gap's days :math:`s + 1` among them, ``quiet``
        is the share of the customer's own past days that were followed by at least h quiet ones,

        .. math:: \sum \max(g - h, 0) \Big/ \sum g

        in [0, 1], NaN without an active day; ``quiet_recent`` weights each gap as ``gap_recent`` does and the
        open one by 1. ``silence`` is the chance that the present silence of :math:`s` days goes on for h
        more, by the customer's own gaps, drawn to that of a customer without a rhythm by two gaps' worth:

        .. math:: \frac{\#(g > s + h) + 2 e^{-h / \bar g}}{\#(g > s) + 2}
    """
    lengths = silences_of(grace)
    half_life = FADING_GRACES * max(grace, 1)
    points = np.full((len(snapshots), len(POINTS)), np.nan, np.float32)
    silences = np.full((len(snapshots), len(SILENCES), len(lengths)), np.nan, np.float32)
    _walk(
        events.offsets,
        events.day,
        events.known_day,
        snapshots.customer,
        snapshots.day,
        np.exp2(-np.arange(_FORGOTTEN * half_life) / half_life),
        np.array(lengths, np.int64),
        points,
        silences,
    )
    found: dict[Stat, Float32] = {(stat, None): points[:, row] for row, stat in enumerate(POINTS)}
    for row, stat in enumerate(SILENCES):
        found |= {(stat, length): silences[:, row, column] for column, length in enumerate(lengths)}
    return found
