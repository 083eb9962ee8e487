"""How long customers stay: what a rate implies, and what tenures say.

In: a bucket; then the sums of all buckets. Out: for each unit and group a row with three lifetimes, in
periods that are begun, and a warning where they disagree:

- **constant rate**: ``1 / (1 - r)`` for a rate r of every customer in every period. 80 % gives 5, 90 %
  gives 10.
- **shifted-beta-geometric** (sBG): each customer has a constant rate of its own, and these differ. Those
  who are likely to leave do so early, so the rate of those who remain rises (Fader and Hardie 2007; 2010,
  "Customer-base valuation in a contractual setting: the perils of ignoring heterogeneity", Marketing
  Science 29). Where its alpha is at most 1 its mean is infinite, so it is told up to a limit,
  ``value.limit``.
- **Kaplan-Meier**: no model, as far as tenures are seen (Kaplan and Meier 1958), with Greenwood's variance.

A tenure counts periods from the first cover of a spell to the end of its last one, so that who leaves at
the first chance leaves in the first period. A period counts for a spell only when it has closed for it,
whether the spell ended in it or not. A rate counts the grace too, in which nobody knows yet; so lifetimes
of new customers are tenures and the grace.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lapse.features.wording import several
from lapse.history.spells import covers_of, spells_of
from lapse.measurement.asked import MONTHS, Asked, Unit
from lapse.measurement.comparison import pooled_table
from lapse.measurement.groups import ALL, splits_of
from lapse.measurement.periods import UNITS, whole_months
from lapse.measurement.pictures import draw_tenures
from lapse.measurement.rates import NORMAL
from lapse.measurement.told import Measured, Misleading
from lapse.models.tail import ShiftedBetaGeometric, fit_sbg
from lapse.schema import NEVER, Bool, Bucket, Float64, Int32, Int64, Snapshots

SPELLS = "retention_spells"
"""Name of the sums."""

LEAST_AT_RISK = 10
"""Spells that a period of the Kaplan-Meier estimate has at its start, at least."""

FAR = 0.10
"""From which difference on two lifetimes disagree."""

_BOUNDS = ("", "_lower", "_upper")
_DAYS: Mapping[Unit, float] = {"month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
_TEXT = (
    "Periods that a customer begins, the first one and the grace included. The constant rate, 1/(1-r), takes "
    "all customers for alike; mixed rates, the shifted-beta-geometric model (sBG), let them differ; as seen "
    "is by Kaplan and Meier, who take tenures as they were. 'Then' is what those have before them who stayed "
    "as long as was seen: there 1/(1-r) goes wrong first. Methods agree where they lie within 10 % of the "
    "constant rate."
)


@dataclass(frozen=True)
class Tenures:
    """How many spells were at risk and how many ended by period of tenure; both float64, shape (k,)."""

    at_risk: Float64
    ended: Float64

    @property
    def survival(self) -> Float64:
        """Kaplan-Meier: the share that is left after 0, 1, ..., k periods, shape (k + 1,)."""
        kept = 1 - self.ended / self.at_risk
        return np.concatenate([[1.0], np.cumprod(kept)])

    def restricted_mean(self) -> tuple[float, float, float]:
        """Return the mean of the periods begun among the first k, and its bounds at 95 %.

        ``sum of S(0) ... S(k - 1)``; variance ``sum_j A_j^2 d_j / (n_j (n_j - d_j))`` with ``A_j`` the sum of
        ``S(j) ... S(k - 1)`` (Greenwood).
        """
        survival = self.survival[:-1]
        mean = float(survival.sum())
        after = (np.cumsum(survival[::-1])[::-1] - survival)[: len(survival)]
        left = self.at_risk - self.ended
        spread = np.divide(self.ended, self.at_risk * left, out=np.zeros_like(left), where=left > 0)
        reach = NORMAL * float(np.sqrt(np.sum(after**2 * spread)))
        return mean, max(mean - reach, 1.0), min(mean + reach, float(len(survival)))


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return the spells of a bucket by (unit, split, level, periods): how many, and how many of them ended.

    A spell is in the group that its customer was in on its first day.
    """
    covers = covers_of(asked.business, bucket)
    customer, start, lapse = spells_of(covers, asked.as_of)
    splits = splits_of(asked, bucket, Snapshots(customer, start))
    frames = []
    for unit in UNITS:
        periods, ended = _tenures(asked, unit, start, lapse)
        rows = np.flatnonzero(periods > 0)
        for split in splits:
            frame = pd.DataFrame(
                {
                    "unit": unit,
                    "split": split.name,
                    "level": pd.Series([split.names[code] for code in split.code[rows]], dtype="str"),
                    "periods": periods[rows],
                    "spells": 1.0,
                    "ended": ended[rows].astype(np.float64),
                }
            )
            frames.append(frame.groupby(["unit", "split", "level", "periods"]).sum())
    return {SPELLS: pd.concat(frames)}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the lifetimes of every group, beside the rate that they belong to."""
    pooled = pooled_table(asked, sums)
    rows = [_row(asked, sums[SPELLS], one) for one in pooled.to_dict("records")]
    frame = pd.DataFrame(rows, columns=list(_empty_row()))
    found = {unit: tenures_of(sums[SPELLS], unit, ALL, ALL) for unit in UNITS}
    told = {unit: one for unit, one in found.items() if len(one.at_risk) > 1 and one.ended.any()}
    grace = {unit: asked.business.churn.grace / _DAYS[unit] for unit in UNITS}
    return [
        Measured(
            "retention_lifetimes",
            "The lifetime that a rate implies",
            _TEXT,
            frame,
            _warnings(frame),
            (lambda: draw_tenures(told, _rates(pooled), grace)) if told else None,
        )
    ]


def tenures_of(spells: pd.DataFrame, unit: Unit, split: str, level: str) -> Tenures:
    """Return a group's tenures, as far as :data:`LEAST_AT_RISK` spells are at risk."""
    key = spells.index.to_frame(index=False)
    of_group = (key["unit"] == unit) & (key["split"] == split) & (key["level"] == level)
    found = spells[of_group.to_numpy()].droplevel(["unit", "split", "level"])
    if not len(found):
        return Tenures(np.empty(0), np.empty(0))
    longest = int(found.index.max())
    found = found.reindex(range(1, longest + 1), fill_value=0.0)
    count, ended = (found[name].to_numpy(np.float64) for name in ("spells", "ended"))
    at_risk = np.cumsum(count[::-1])[::-1]
    enough = at_risk >= LEAST_AT_RISK
    return Tenures(at_risk[enough], ended[enough])


def constant_lifetime(rate: float, limit: float = np.inf) -> float:
    """Return the periods begun at a constant rate, ``(1 - r^limit) / (1 - r)``.

    Parameters
    ----------
    rate : float
        In [0, 1].
    limit : float, optional
        Periods that are looked at.

    Examples
    --------
    >>> round(constant_lifetime(0.8), 9), round(constant_lifetime(0.9), 9)
    (5.0, 10.0)
    """
    if rate >= 1:
        return limit
    return float((1 - rate**limit) / (1 - rate))


def _tenures(asked: Asked, unit: Unit, start: Int32, lapse: Int32) -> tuple[Int64, Bool]:
    """Return the periods that each spell was seen for, and whether it ended in the last of them."""
    grace = asked.business.churn.grace
    length = MONTHS[unit]
    last = np.full(len(start), asked.as_of - grace, np.int64)
    closed = np.where(last >= start, whole_months(start, np.maximum(last, start)) // length, 0)
    has_ended = lapse != NEVER
    end = np.where(has_ended, np.maximum(lapse.astype(np.int64) - grace, start), start)
    months = whole_months(start, end)
    begun = months + (whole_months(start, end - 1) == months) * (
        end > start
    )  # the month that was not finished
    in_period = np.where(has_ended, np.maximum(-(-begun // length), 1), np.iinfo(np.int64).max)
    periods: Int64 = np.minimum(closed, in_period)
    return periods, in_period <= closed


def _empty_row() -> dict[str, object]:
    names = (
        "rate", "constant", "constant_lower", "constant_upper", "limit", "constant_to_limit",
        "sbg_alpha", "sbg_beta", "sbg", "sbg_to_limit", "seen", "km_to_seen", "km_to_seen_lower",
        "km_to_seen_upper", "constant_to_seen", "sbg_rate_still", "sbg_still_to_limit",
        "constant_still_to_limit",
    )  # fmt: skip
    return {
        "unit": "",
        "split": "",
        "level": "",
        "customers": 0,
        **dict.fromkeys(names, float("nan")),
        "agree": None,
    }


def _row(asked: Asked, spells: pd.DataFrame, pooled: dict[Hashable, Any]) -> dict[str, object]:
    unit, split, level = pooled["unit"], pooled["split"], pooled["level"]
    rate = pooled["rate"]
    grace = asked.business.churn.grace / _DAYS[unit]
    limit = max(1, round(asked.business.value.limit / _DAYS[unit]))
    row = _empty_row() | {"unit": unit, "split": split, "level": level, "customers": pooled["customers"]}
    row |= {
        "rate": rate,
        "constant": constant_lifetime(rate),
        "constant_lower": constant_lifetime(pooled["rate_lower"]),
        "constant_upper": constant_lifetime(pooled["rate_upper"]),
        "limit": limit,
        "constant_to_limit": constant_lifetime(rate, limit),
        "constant_still_to_limit": constant_lifetime(rate, limit),
    }
    tenures = tenures_of(spells, unit, split, level)
    seen = len(tenures.at_risk)
    if seen < 2:  # of a single period Kaplan-Meier says nothing: all begin it
        return row | {"seen": seen or float("nan")}
    km = {
        f"km_to_seen{bound}": value + grace
        for bound, value in zip(_BOUNDS, tenures.restricted_mean(), strict=True)
    }
    row |= {"seen": seen, **km, "constant_to_seen": constant_lifetime(rate, seen + grace)}
    if seen >= 2 and tenures.ended.any() and not (tenures.ended == tenures.at_risk).all():
        row |= _sbg(fit_sbg(tenures.at_risk, tenures.ended), seen, limit, grace)
    return row | {"agree": not _disagreements(row)}


def _sbg(fit: ShiftedBetaGeometric, seen: int, limit: int, grace: float) -> dict[str, float]:
    """Return what a fitted sBG says; the grace comes behind a tenure, and is cut off by the limit too."""
    before = max(limit - grace, 0.0)
    whole = int(before)
    steps = np.arange(max(limit, whole + 1), dtype=np.float64)
    survival = fit.survival(steps)
    tenure = survival[:whole].sum() + (before - whole) * survival[whole]
    later = fit.survival(seen + steps[:limit]) / fit.survival(np.array([float(seen)]))
    return {
        "sbg_alpha": fit.alpha,
        "sbg_beta": fit.beta,
        "sbg": (fit.alpha + fit.beta - 1) / (fit.alpha - 1) + grace if fit.alpha > 1 else np.inf,
        "sbg_to_limit": float(tenure) + min(grace, limit),
        "sbg_rate_still": 1 - float(fit.hazard(np.array([seen + 1.0]))[0]),
        "sbg_still_to_limit": float(later.sum()),
    }


def _warnings(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return what disagrees: of all customers by how much, of their groups how many do."""
    everybody = frame["split"] == ALL
    found = [_disagreements(row) for row in frame[everybody].to_dict("records")]
    kinds = dict.fromkeys(kind for one in found for kind in one)
    told = [_one_of_units([one[kind] for one in found if kind in one]) for kind in kinds]
    groups = frame[~everybody & frame["agree"].notna()]
    apart = groups[~groups["agree"].astype(bool)].groupby("unit").size()
    if len(apart):
        of = groups.groupby("unit").size()
        counts = (f"{apart[unit]:,} of {of[unit]:,} groups by {unit}" for unit in UNITS if unit in apart)
        told.append(f"lifetimes disagree in {', '.join(counts)}: see 'methods agree'")
    return tuple(map(Misleading, told))


def _one_of_units(found: list[tuple[str, float, str]]) -> str:
    """Return one warning for all units: that of the unit that is most apart, and of the others how far."""
    _, _, text = most = max(found, key=lambda one: abs(one[1]))
    others = [f"by {unit} {apart:+.0%}" for unit, apart, _ in (one for one in found if one is not most)]
    return f"{text}; likewise {' and '.join(others)}" if others else text


def _disagreements(row: Mapping[Any, Any]) -> dict[str, tuple[str, float, str]]:
    """Return where the lifetimes of one row disagree: the unit, how far, and in words."""
    unit, rate = row["unit"], f"{row['rate']:.1%}"
    found = {}
    if (apart := _apart(row["sbg_still_to_limit"], row["constant_still_to_limit"])) is not None:
        found["still"] = (
            unit,
            apart,
            f"1/(1-r) misleads: at {rate} a {unit} it says {row['constant']:.1f} {unit}s for everybody. "
            f"But customers differ, and who has stayed {several(round(row['seen']), unit)} goes on at "
            f"{row['sbg_rate_still']:.1%}: of the {several(round(row['limit']), unit)} to come they begin "
            f"{row['sbg_still_to_limit']:.1f} (sBG) where the constant rate says "
            f"{row['constant_still_to_limit']:.1f} ({apart:+.0%})",
        )
    others = (
        ("sbg_to_limit", "constant_to_limit", "limit", "sBG"),
        ("km_to_seen", "constant_to_seen", "seen", "Kaplan-Meier"),
    )
    for name, constant, limit, words in others:
        if (apart := _apart(row[name], row[constant])) is not None:
            found[name] = (
                unit,
                apart,
                f"a new customer begins {row[name]:.1f} of its first {several(round(row[limit]), unit)} "
                f"({words}), where a constant rate of {rate} says {row[constant]:.1f} ({apart:+.0%})",
            )
    return found


def _apart(found: float, constant: float) -> float | None:
    """Return how far a lifetime lies from that of a constant rate, as a share; None where that is near."""
    ratio = found / constant - 1
    return ratio if abs(ratio) > FAR else None


def _rates(pooled: pd.DataFrame) -> dict[Unit, float]:
    everybody = pooled[pooled["split"] == ALL]
    return dict(zip(everybody["unit"], everybody["rate"], strict=True))
