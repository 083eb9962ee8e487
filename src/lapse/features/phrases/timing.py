"""How long ago and how regular: "no basket for 19 days, usually every 6"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lapse.features.grammar import Feature
from lapse.features.phrases.row import Row, none_of
from lapse.features.wording import days, one, percent, plain, plural, spaced

_YEARS = 730


def _since(feature: Feature, row: Row) -> str:
    since = row.number(feature)
    if math.isnan(since):
        return none_of(feature, row)
    usual = row.number(Feature(feature.event, "gap_mean"))
    if row.is_contract(feature.event):
        return _began(feature.event, since, usual, row)
    noun = row.beginning(feature.event)
    if since == 0:
        return f"{one(row.entry(feature.event))} today{_usually('every', days, usual)}"
    return f"no {spaced(noun)} for {days(since)}{_usually('every', _number_of_days, usual)}"


def _first(feature: Feature, row: Row) -> str:
    since, noun = row.number(feature), spaced(row.entry(feature.event))
    if math.isnan(since):
        return none_of(feature, row)
    return f"first {noun} {'today' if since == 0 else f'{days(since)} ago'}"


def _began(event: str, since: float, usual: float, row: Row) -> str:
    which = "the last" if row.number(Feature(event, "days_to_end")) < 0 else "the"
    began = f"{which} {spaced(event)} began"
    if since == 0:
        return f"{began} today{_usually('a new one every', days, usual)}"
    return f"{began} {days(since)} ago{_usually('a new one every', _number_of_days, usual)}"


def _usually(every: str, told: Callable[[float], str], gap: float) -> str:
    if math.isnan(gap):
        return ""
    return f", usually {every} {_every(round(gap) if gap >= 3 else gap, told)}"


def _number_of_days(gap: float) -> str:
    """Return a length behind another one in days: its unit is said."""
    return days(gap) if gap >= _YEARS else plain(gap)


def _every(gap: float, told: Callable[[float], str] = days) -> str:
    """Return what stands behind "every": "6 days", and "day" for 1 day."""
    return "day" if days(gap) == "1 day" else told(gap)


def _rhythm_told(text: Callable[[str, float], str]) -> Callable[[Feature, Row], str]:
    """Return a phrase for a rhythm, where a missing value means too few events."""

    def phrase(feature: Feature, row: Row) -> str:
        value = row.number(feature)
        if math.isnan(value):
            return f"too few {plural(feature.event)} on record to know a rhythm"
        return text(row.entry(feature.event), value)

    return phrase


def _against(stat: str, longer: str, shorter: str, gap: str) -> Callable[[Feature, Row], str]:
    """Return a phrase for the days since the last one beside another gap of the customer's.

    Parameters
    ----------
    stat : str
        Of that gap.
    longer, shorter : str
        What stands between the days and the gap, where the days are at least as long and where they are not.
    gap : str
        What to call it where the row does not say how long it is.
    """

    def told(feature: Feature, row: Row) -> str:
        ratio, other = row.number(feature), row.number(Feature(feature.event, stat))
        noun, since = row.entry(feature.event), row.since_last(feature.event)
        if math.isnan(ratio):
            return f"too few {plural(feature.event)} on record to know a rhythm"
        if ratio == 0:
            return f"{one(noun)} today"
        if since is not None and not math.isnan(since) and not math.isnan(other):
            rounded = round(other) if other >= 3 else other
            between = longer if ratio >= 1 else shorter
            length = _every(rounded, _number_of_days) if between.endswith("every") else plain(rounded)
            return f"no {spaced(row.beginning(feature.event))} for {days(since)}, {between} {length}"
        much = f"{plain(ratio)} times" if ratio >= 1 else f"{percent(ratio)} of"
        return f"{much} {gap} since the last {spaced(noun)}"

    return told


def _quiet(which: str) -> Callable[[Feature, Row], str]:
    def phrase(feature: Feature, row: Row) -> str:
        share = row.number(feature)
        if math.isnan(share):
            return none_of(Feature(feature.event, feature.stat), row)
        followed = f"{days(feature.window or 0)} without {one(feature.event)}"
        return f"{percent(share)} of {which} were followed by {followed}"

    return phrase


def _silence(feature: Feature, row: Row) -> str:
    share = row.number(feature)
    if math.isnan(share):
        return f"too few {plural(feature.event)} on record to know a rhythm"
    longer = f"{plain(feature.window or 0)} more days without {one(feature.event)}"
    return f"{percent(share)} chance of {longer}, going by its own gaps"


TIMING: Mapping[str, Callable[[Feature, Row], str]] = {
    "days_since_last": _since,
    "days_since_first": _first,
    "gap_mean": _rhythm_told(lambda noun, v: f"usually {one(noun)} every {_every(v)}"),
    "gap_sd": _rhythm_told(lambda noun, v: f"time between {plural(noun)} varies by {days(v)}"),
    "gap_max": _rhythm_told(lambda noun, v: f"longest time between {plural(noun)}: {days(v)}"),
    "gap_median": _rhythm_told(lambda noun, v: f"half of the gaps between {plural(noun)} within {days(v)}"),
    "gap_q90": _rhythm_told(lambda noun, v: f"nine in ten gaps between {plural(noun)} within {days(v)}"),
    "gap_recent": _rhythm_told(lambda noun, v: f"lately {one(noun)} every {_every(v)}"),
    "last_gap": _rhythm_told(lambda noun, v: f"{days(v)} between the last two {plural(noun)}"),
    "since_vs_gap": _against("gap_mean", "usually every", "usually every", "the usual gap"),
    "since_vs_max": _against("gap_max", "never longer than", "once as long as", "the longest gap"),
    "since_vs_median": _against(
        "gap_median", "half of the gaps within", "half of the gaps within", "the median gap"
    ),
    "since_vs_q90": _against(
        "gap_q90", "nine gaps in ten within", "nine gaps in ten within", "the longest usual gap"
    ),
    "since_vs_recent": _against("gap_recent", "lately every", "lately every", "the recent gap"),
    "longer_gaps": _rhythm_told(
        lambda noun, v: f"{percent(v)} of the gaps between {plural(noun)} were longer than this one"
    ),
    "quiet": _quiet("days"),
    "quiet_recent": _quiet("recent days"),
    "silence": _silence,
}
"""The phrase of every stat of a rhythm."""
