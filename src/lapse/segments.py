"""The customer pyramid: tiers by economic value alone.

In: values, either lifetime values or the last year's margin less cost to serve. Out: a tier for each.
``lead`` costs more than it brings (a value below 0, since costs to serve are in it); the others stand by
where their value lies among those of all customers at risk: the top 5 % ``platinum``, the next 25 %
``gold``, the rest ``iron``, or other shares, or by limits in money. Equal values are never split, so a tier
can be smaller than its share, and is empty where everybody is worth the same. The limits of lifetime values
are fixed once, at training, and stored with the model as JSON: scoring sees one bucket at a time and cannot
know everybody's values, and a customer's tier must not depend on who else is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lapse.config.measuring import TierRule
from lapse.schema import Float64

TIERS: tuple[str, ...] = ("lead", "iron", "gold", "platinum")
PLATINUM_SHARE, GOLD_SHARE = 0.05, 0.25


@dataclass(frozen=True)
class TierLimits:
    """The values from which on a customer is gold or platinum.

    Attributes
    ----------
    gold_from, platinum_from : float
        In the currency of the values; infinite where nobody is.

    Examples
    --------
    >>> limits = fit_tiers(np.arange(-10.0, 90.0))
    >>> limits
    TierLimits(gold_from=60.0, platinum_from=85.0)
    >>> list(tiers(limits, np.array([-1.0, 0.0, 60.0, 85.0, np.nan])))
    ['lead', 'iron', 'gold', 'platinum', nan]
    """

    gold_from: float
    platinum_from: float

    def to_json(self) -> dict[str, float | None]:
        """Return the limits as JSON values; null where nobody is."""
        return {
            name: value if np.isfinite(value) else None
            for name, value in (("gold_from", self.gold_from), ("platinum_from", self.platinum_from))
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> TierLimits:
        """Return the limits that :meth:`to_json` gave."""
        gold, platinum = (
            np.inf if stored[name] is None else float(stored[name]) for name in ("gold_from", "platinum_from")
        )
        return cls(gold, platinum)


def fit_tiers(value: Float64, rule: TierRule | None = None) -> TierLimits:
    """Return the limits of the tiers from the values of the customers at risk.

    Parameters
    ----------
    value : float, shape (n,)
        One value a customer, in the business's currency; NaN ones do not count. ``n`` may be 0.
    rule : TierRule, optional
        Shares, or limits in money, which are taken as they are. Default 5 % and the next 25 %.

    Returns
    -------
    TierLimits
        By shares: the smallest value that at most 5 % reach, and the smallest that at most 30 % reach.

    Examples
    --------
    >>> fit_tiers(np.arange(10.0), TierRule(platinum_share=0.1, gold_share=0.2))
    TierLimits(gold_from=7.0, platinum_from=9.0)
    """
    rule = rule or TierRule()
    if rule.platinum_from is not None and rule.gold_from is not None:
        return TierLimits(gold_from=rule.gold_from, platinum_from=rule.platinum_from)
    platinum, gold = _shares(rule)
    values = np.sort(value[~np.isnan(value)])
    return TierLimits(
        gold_from=_reached_by(values, platinum + gold), platinum_from=_reached_by(values, platinum)
    )


def tiers(limits: TierLimits, value: Float64) -> pd.Categorical[str]:
    """Return the tier of each value.

    Parameters
    ----------
    limits : TierLimits
    value : float, shape (n,)
        Missing for customers who are not at risk.

    Returns
    -------
    pandas.Categorical, shape (n,)
        Ordered from ``lead`` to ``platinum``; missing where the value is.
    """
    code = np.where(value < 0, 0, 1 + (value >= limits.gold_from) + (value >= limits.platinum_from))
    return pd.Categorical.from_codes(
        np.where(np.isnan(value), -1, code), categories=pd.Index(TIERS), ordered=True
    )


def tier_of(value: float, reach: int, customers: int, rule: TierRule | None = None) -> str:
    """Return one customer's tier from how many of all reach its value: what their limits would give.

    Parameters
    ----------
    value : float
    reach : int
        How many customers at risk have at least this value, itself among them.
    customers : int
        How many are at risk.
    rule : TierRule, optional

    Examples
    --------
    >>> tier_of(60.0, 30, 100), tier_of(85.0, 5, 100), tier_of(-1.0, 91, 100)
    ('gold', 'platinum', 'lead')
    """
    rule = rule or TierRule()
    if rule.platinum_from is not None:
        return str(tiers(fit_tiers(np.empty(0), rule), np.array([value]))[0])
    platinum, gold = _shares(rule)
    if value < 0:
        return TIERS[0]
    return TIERS[1 + int(_few(reach, platinum + gold, customers)) + int(_few(reach, platinum, customers))]


def _shares(rule: TierRule) -> tuple[float, float]:
    """Return the shares of platinum and gold."""
    platinum = PLATINUM_SHARE if rule.platinum_share is None else rule.platinum_share
    return platinum, GOLD_SHARE if rule.gold_share is None else rule.gold_share


def _few(reach: Any, share: float, customers: int) -> Any:
    """Return whether so many are at most a share of the customers."""
    return reach <= share * customers + 1e-9  # 0.29 of 100 are 29


def _reached_by(ascending: Float64, share: float) -> float:
    """Return the smallest of the values that at most this share of them reach, or infinity."""
    reach = len(ascending) - np.searchsorted(ascending, ascending, side="left")
    few = ascending[_few(reach, share, len(ascending))]
    return float(few[0]) if len(few) else float("inf")
