"""A sample of rows with known weights, for what needs no more of them than a few hundred thousand.

In: labels and weights of all rows, and how many are wanted. Out: the positions of the rows that are taken,
and the weight of each, with which every label keeps its total. Where there are no more rows than wanted, all
of them as they are.

The rarer label keeps up to half of the places: where one row in a thousand lapses, a plain sample would throw
away what is there to learn from. Weights put the level right again, so nothing is resampled in the sense that
spoils probabilities. The rows within a label have equal chances, and their weights go with them (Horvitz and
Thompson 1952, "A generalization of sampling without replacement from a finite universe").
"""

from __future__ import annotations

import numpy as np

from lapse.schema import Float64, Int64

MOST_ROWS: int = 200_000
"""Most rows on which the kind of blend is chosen, the calibration learned or the regression fitted."""


def sample(
    label: Float64, weight: Float64 | None, most: int, random_state: int
) -> tuple[Int64, Float64 | None]:
    """Take at most so many rows.

    Parameters
    ----------
    label : float64, shape (n,)
        0 or 1.
    weight : float64, shape (n,), optional
        Ones where absent.
    most : int
    random_state : int
        The same rows for the same seed.

    Returns
    -------
    rows : int64, shape (m,)
        Positions, ascending.
    weight : float64, shape (m,), or None
        The given weight of each times the rows of its label that it stands for; what was given where all
        are taken.

    Examples
    --------
    >>> rows, weight = sample(np.repeat([0.0, 1.0], [900, 100]), None, 300, 0)
    >>> len(rows), sorted(set(weight.tolist()))
    (300, [1.0, 4.5])
    """
    if len(label) <= most:
        return np.arange(len(label), dtype=np.int64), weight
    rng = np.random.default_rng(random_state)
    by_label = [np.flatnonzero(label == value) for value in (0.0, 1.0)]
    staying, lapsed = map(len, by_label)
    first = min(staying, max(most // 2, most - lapsed))
    taken = (first, most - first)
    drawn = [rng.choice(rows, n, replace=False) for rows, n in zip(by_label, taken, strict=True)]
    stands_for = [np.full(n, len(rows) / max(n, 1)) for rows, n in zip(by_label, taken, strict=True)]
    order = np.argsort(np.concatenate(drawn))
    rows, counts_for = np.concatenate(drawn)[order], np.concatenate(stands_for)[order]
    return rows, counts_for if weight is None else weight[rows] * counts_for
