"""What customers are worth together, added up piece by piece, however many there are.

In: curves and cash flows of some customers. Out: :func:`sums_of`, numbers by name that pieces, buckets and
machines may add up; and :func:`told_of`, what they say in the end: the total with its interval, value at risk
by cause, the share of it that no data has shown yet, and the total under small changes of the terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from lapse.config import Value
from lapse.models.curve import Curve
from lapse.value import (
    CHANGES,
    Change,
    Flows,
    Shocks,
    Spread,
    Total,
    flows_if,
    total_of,
    value_at_risk,
)

_IF, _RISK, _MARGIN = "if: ", "at risk: ", "margin in step "


def sums_of(
    value: Value, curve: Curve, flows: Flows, spread: Spread, horizon_steps: int, observed_steps: int
) -> dict[str, float]:
    """Return what is added up of some customers, by name.

    Parameters
    ----------
    value : Value
    curve : Curve
    flows : Flows
        Of that curve and value.
    spread : Spread
        Of the same.
    horizon_steps : int
        Steps of the horizon.
    observed_steps : int
        Last step that the estimators saw; what lies behind it is extrapolated.
    """
    sums: dict[str, float] = {
        "customers": len(flows.clv),
        "clv": float(flows.clv.sum()),
        "variance": float(spread.variance.sum()),
        "beyond": float(flows.cash_flow[:, observed_steps:].sum()),
    }
    margin = (flows.margin * flows.discount_factor).sum(axis=0)
    sums.update({f"{_MARGIN}{step}": float(money) for step, money in enumerate(margin, 1)})
    risks = value_at_risk(curve, flows.clv, horizon_steps)
    sums.update({f"{_RISK}{cause}": float(money.sum()) for cause, money in risks.items()})
    for name, change in CHANGES.items():
        worth = flows.cash_flow if change == Change() else flows_if(curve, value, change)
        sums[f"{_IF}{name}"] = float(worth.sum(axis=1).sum())
    return sums


def told_of(sums: Mapping[str, float], shocks: Shocks) -> dict[str, Any]:
    """Return what sums over customers say, as JSON can: empty where there is no customer.

    Returns
    -------
    dict
        ``total`` (customers, clv, lower, upper, level), ``value_at_risk`` by cause, ``beyond_observed``
        (share of the total behind the last observed step; null where the total is not above 0), ``what_if``
        by name.
    """
    if not sums.get("customers"):
        return {}
    clv = sums["clv"]
    return {
        "total": asdict(total_in(sums, shocks)),
        "value_at_risk": _named(sums, _RISK),
        "beyond_observed": sums["beyond"] / clv if clv > 0 else None,
        "what_if": _named(sums, _IF),
    }


def total_in(sums: Mapping[str, float], shocks: Shocks) -> Total:
    """Return the total in sums over customers, with its interval."""
    by_step = {int(step): money for step, money in _named(sums, _MARGIN).items()}
    margin = np.array([by_step[step] for step in sorted(by_step)])
    return total_of(int(sums["customers"]), sums["clv"], margin, sums["variance"], shocks)


def what_if_table(by_name: Mapping[str, float]) -> pd.DataFrame:
    """Return totals under changes as a table: total, difference to the first one, and that in percent."""
    table = pd.DataFrame({"clv": pd.Series(dict(by_name), dtype=np.float64)})
    table["difference"] = table["clv"] - table["clv"].iloc[0]
    table["percent"] = (
        100.0 * table["difference"] / abs(table["clv"].iloc[0]) if table["clv"].iloc[0] else 0.0
    )
    return table


def _named(sums: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): number for name, number in sums.items() if name.startswith(prefix)}


def in_words(told: Mapping[str, Any], currency: str) -> str:
    """Return what :func:`told_of` says, in lines for people; empty where it says nothing."""
    if not told:
        return ""
    total, far = told["total"], told["beyond_observed"]
    lines = [
        f"CLV of all lies between {total['lower']:,.0f} and {total['upper']:,.0f} {currency} "
        f"({total['level'] * 100:.0f} %, good and bad months for all included)"
    ]
    if far is not None:
        lines.append(f"{far:.1%} of it lies beyond what the data show so far")
    if len(told["value_at_risk"]) > 1:
        parts = [f"{money:,.0f} {cause}" for cause, money in told["value_at_risk"].items()]
        lines.append(f"at risk by cause: {', '.join(parts)}")
    changed = what_if_table(told["what_if"]).iloc[1:]
    parts = [f"{name} {line.difference:+,.0f}" for name, line in changed.iterrows() if line.difference]
    return "\n".join([*lines, f"what if: {', '.join(parts)}"] if parts else lines)
