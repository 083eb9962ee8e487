"""Why a score is what it is: three reasons a customer, in words, that add up to it.

In: a frame of features, the exact attributions of the raw score (log-odds of lapsing before calibration), and
the raw score. Out: a frame with, for each row, the parts of the history that moved the score most, and all
that is needed to add up to the score again: ``base + effects of the reasons + other == raw score``. Refused:
attributions that do not add up, whatever made them.

How reasons are chosen
----------------------
Attributions of features that tell one story (all of how long ago and how regular, say) are added up to one
effect a group (:func:`lapse.features.group_of`); correlated features share an effect among themselves in a
way that is the model's accident, and their sum is not. Groups stand in the order of the size of their effect,
whatever its sign: what keeps a customer is a reason too, and leaving it out would make a score of 0.2 look
like a list of complaints. An effect above 0 raises the risk: the odds are multiplied by ``exp(effect)``. The
words of a group tell of its feature that pushes most in the group's own direction. Where these words would
repeat what a stronger reason has said ("no department for 26 days" after "no basket for 26 days"), they tell
of the next feature of the group that pushes the same way and does not; its effect is still the group's.

An effect is what the model made of a part of the history. It is no cause: nothing here says what would happen
if it were changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.errors import GateError, Problem
from lapse.explain.speaker import Sentence, Speaker, group_or_name
from lapse.models.inputs import whole
from lapse.schema import Float64, Int64

TOLERANCE = 1e-6
"""Largest difference between a raw score and the sum of its parts, in log-odds."""
VISIBLE = 5e-3
"""Smallest effect, in log-odds, that pictures and texts for one customer show by itself."""


@dataclass(frozen=True)
class GroupEffects:
    """Attributions added up by the part of the history that they come from.

    Attributes
    ----------
    groups : tuple of str
        In the order of their first feature.
    group : int64, shape (n_features,)
        Position of each feature's group.
    effects : float64, shape (n, n_groups)
        Log-odds; above 0 raises the risk.
    base : float64, shape (n,)
        What the model says of a customer of whom it knows nothing.
    """

    groups: tuple[str, ...]
    group: Int64
    effects: Float64
    base: Float64


def group_effects(names: Sequence[str], contributions: Float64, raw_score: Float64) -> GroupEffects:
    """Add attributions up by group, and check that they are the score.

    Parameters
    ----------
    names : sequence of str, n_features
        A name that does not follow the grammar of features is a group of its own.
    contributions : float64, shape (n, n_features + 1)
        Attributions of the raw score in log-odds; the last column is the base.
    raw_score : float64, shape (n,)

    Returns
    -------
    GroupEffects

    Raises
    ------
    GateError
        If the sum of a row differs from its score by more than 1e-6, or is not a number.
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> names = ["basket__days_since_last", "basket__gap_mean", "customer__region"]
    >>> found = group_effects(names, np.array([[0.5, 0.25, -0.1, -2.0]]), np.array([-1.35]))
    >>> found.groups, found.effects.tolist()
    (('basket timing', 'profile'), [[0.75, -0.1]])
    """
    if contributions.shape != (len(raw_score), len(names) + 1):
        raise ValueError(
            f"attributions of shape {contributions.shape} for {len(raw_score)} rows of {len(names)} features"
        )
    _check_sum(contributions, raw_score)
    labels = [group_or_name(name) for name in names]
    groups = tuple(dict.fromkeys(labels))
    group = np.array([groups.index(label) for label in labels], np.int64)
    member = np.zeros((len(names), len(groups)))
    member[np.arange(len(names)), group] = 1.0
    return GroupEffects(groups, group, contributions[:, :-1] @ member, contributions[:, -1].copy())


def reasons(
    features: pd.DataFrame, contributions: Float64, raw_score: Float64, *, top: int = 3, currency: str = ""
) -> pd.DataFrame:
    """Tell for each row what moved its score most.

    Parameters
    ----------
    features : pandas.DataFrame, shape (n, n_features)
        What the model saw.
    contributions : float64, shape (n, n_features + 1)
    raw_score : float64, shape (n,)
    top : int, default 3
        Reasons a row, at least 1.
    currency : str, optional
        Three letters, put behind amounts.

    Returns
    -------
    pandas.DataFrame, n rows, the index of ``features``
        For k from 1 to ``top``: ``reason_k`` (words), ``reason_k_effect`` (float64, log-odds),
        ``reason_k_size`` (words), ``reason_k_group``; then ``other`` (the effects of all other groups) and
        ``base``. A row with fewer groups that have any effect has missing words and effects of 0 in the
        places left.

    Raises
    ------
    DataError
        If ``top`` is no whole number from 1 on.
    GateError
        If ``base + reasons + other`` differs from the raw score by more than 1e-6 anywhere.

    Examples
    --------
    >>> row = pd.DataFrame({"basket__days_since_last": [19.0], "basket__gap_mean": [6.0]})
    >>> told = reasons(row, np.array([[0.5, 0.25, -2.0]]), np.array([-1.25]), top=1)
    >>> told.loc[0, "reason_1"], float(told.loc[0, "reason_1_effect"]), told.loc[0, "reason_1_size"]
    ('no basket for 19 days, usually every 6', 0.75, 'raises the odds 2.1 times')
    """
    top = whole("top", top)
    found = group_effects(list(features.columns), contributions, raw_score)
    order = np.argsort(-np.abs(found.effects), axis=1, kind="stable")[:, :top]
    chosen = np.take_along_axis(found.effects, order, axis=1)
    teller = _Teller(Speaker(features, currency), found, contributions)
    columns: dict[str, npt.NDArray[np.object_] | Float64] = {}
    for place in range(top):
        there = place < order.shape[1]
        group = order[:, place] if there else np.full(len(features), -1)
        effect = chosen[:, place] if there else np.zeros(len(features))
        names = np.array([*found.groups, None], dtype=object)
        columns[f"reason_{place + 1}"] = teller.tell_rows(group, effect)
        columns[f"reason_{place + 1}_effect"] = effect
        columns[f"reason_{place + 1}_size"] = _sizes(effect)
        columns[f"reason_{place + 1}_group"] = names[np.where(effect == 0, -1, group)]
    columns["other"] = found.effects.sum(axis=1) - chosen.sum(axis=1)
    columns["base"] = found.base
    parts = np.column_stack([chosen, np.asarray(columns["other"], dtype=np.float64), found.base])
    _check_sum(parts, raw_score)
    return pd.DataFrame(columns, index=features.index)


def size_in_words(effect: float) -> str:
    """Return what an effect on the log-odds does to the odds.

    Examples
    --------
    >>> size_in_words(math.log(2.1)), size_in_words(-math.log(2.1)), size_in_words(0.05)
    ('raises the odds 2.1 times', 'lowers the odds 2.1 times', 'raises the odds by 5 %')
    """
    verb = "raises" if effect > 0 else "lowers"
    factor = math.exp(abs(effect))
    if factor < 1.005:
        return f"{verb} the odds by less than 1 %"
    if factor < 1.5:
        share = factor - 1 if effect > 0 else 1 - 1 / factor
        return f"{verb} the odds by {share * 100:.0f} %"
    return f"{verb} the odds {factor:.1f} times" if factor < 9.95 else f"{verb} the odds {factor:,.0f} times"


def _check_sum(parts: Float64, raw_score: Float64) -> None:
    off = np.abs(parts.sum(axis=1) - raw_score)
    wrong = ~(off <= TOLERANCE)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise GateError(
            Problem(
                "reasons",
                "attributions",
                f"parts that add up to the raw score within {TOLERANCE:g}",
                f"a difference of {off[row]:.3g}",
                "the attributions are not of this score, or not of all of it",
                int(wrong.sum()),
                f"row {row}: {parts[row].sum():.6f} for a score of {raw_score[row]:.6f}",
            )
        )


class _Teller:
    """Tells one group a row, place after place; it repeats itself only where a group has no other news."""

    def __init__(self, speaker: Speaker, found: GroupEffects, contributions: Float64) -> None:
        self._speaker = speaker
        self._names = speaker.names
        self._group = found.group
        self._contributions = contributions
        self._said: list[npt.NDArray[np.object_]] = []

    def tell_rows(self, group: Int64, effect: Float64) -> npt.NDArray[np.object_]:
        """Return the words of each row's group; None where it has no effect."""
        said = np.full(len(group), None, dtype=object)
        strongest = _strongest(self._contributions, self._group, group, effect)
        for feature in np.unique(strongest[strongest >= 0]).tolist():
            rows = np.flatnonzero(strongest == feature)
            said[rows] = self._speaker.tell_rows(self._names[feature], rows)
        news, repeated = _each(said, "news"), np.zeros(len(group), bool)
        for earlier in self._said:
            repeated |= (strongest >= 0) & (news == _each(earlier, "news"))
        for row in np.flatnonzero(repeated).tolist():
            said[row] = self._another(row, group[row], np.sign(effect[row]), said[row])
        self._said.append(said)
        return _each(said, "text")

    def _another(self, row: int, group: int, sign: float, repeated: Sentence) -> Sentence:
        """Return the strongest that pushes the group's way with news, else one with words not yet told."""
        members = np.flatnonzero(self._group == group)
        push = self._contributions[row, members] * sign
        order = np.argsort(-push, kind="stable").tolist()
        sentences = [(push[place], self._tell(members[place], row)) for place in order]
        news = {earlier[row].news for earlier in self._said}
        texts = {earlier[row].text for earlier in self._said}
        new = (sentence for pushed, sentence in sentences if pushed > 0 and sentence.news not in news)
        unsaid = (sentence for _, sentence in sentences if sentence.text not in texts)
        return next(new, None) or (repeated if repeated.text not in texts else next(unsaid, repeated))

    def _tell(self, feature: int, row: int) -> Sentence:
        return self._speaker.tell(self._names[feature], row)


def _each(sentences: npt.NDArray[np.object_], attribute: str) -> npt.NDArray[np.object_]:
    """Return an attribute of each sentence; None where there is none."""
    found = np.empty(len(sentences), dtype=object)
    found[:] = [None if one is None else getattr(one, attribute) for one in sentences]
    return found


def _strongest(contributions: Float64, group_of_feature: Int64, group: Int64, effect: Float64) -> Int64:
    """Return for each row the feature of its group that pushes most in its direction; -1 for no effect."""
    strongest = np.full(len(group), -1, np.int64)
    for number in np.unique(group[effect != 0]):
        rows = np.flatnonzero((group == number) & (effect != 0))
        members = np.flatnonzero(group_of_feature == number)
        push = contributions[np.ix_(rows, members)] * np.sign(effect[rows])[:, None]
        strongest[rows] = members[push.argmax(axis=1)]
    return strongest


def _sizes(effects: Float64) -> npt.NDArray[np.object_]:
    sizes = np.empty(len(effects), dtype=object)
    sizes[:] = [size_in_words(effect) if effect else None for effect in effects.tolist()]
    return sizes
