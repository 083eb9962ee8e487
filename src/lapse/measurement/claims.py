"""The claims about loyalty, held against a company's own customers.

In: buckets. Out: a table of claims, the same by year of tenure, and what 5 % fewer defections would be
worth. It is said of customers of long standing that they cost less to serve, refer more, buy more kinds of
things and buy more regularly (Reichheld and Sasser, "Zero Defections", Harvard Business Review, 1990), and
doubted since (Reinartz and Kumar, "On the Profitability of Long-Life Customers in a Noncontractual
Setting", Journal of Marketing 64, 2000).

Those who stay differ from those who leave from the beginning: a comparison **between** customers in their
first year and later ones confuses what time does with who is left (survivorship). So beside it stands the
change **within** customers, from one year of tenure to the next of the same ones. Neither is an effect of
keeping somebody. A claim that no mapped event can test says so. Intervals leave out groups of customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from lapse.measurement.asked import Asked
from lapse.measurement.defections import defection_sums, defection_table
from lapse.measurement.price import (
    LAST_BAND,
    by_group,
    differences,
    price_event,
    price_sums,
    price_table,
    price_verdict,
)
from lapse.measurement.sums import GROUPS, groups_of, jackknife
from lapse.measurement.tenure_years import TenureYears, measures, tenure_years
from lapse.measurement.told import Measured, Unknown
from lapse.schema import Bucket, Float64, Int64

_COLUMNS = ("first", "first_base", "later", "later_base", "before", "before_base", "after", "after_base")
UNKNOWN = "cannot be known from this data"


class Claim(NamedTuple):
    """What is claimed of customers of long standing, and what a test of it needs."""

    said: str
    measured: str
    sign: int
    needs: str


CLAIMS: Mapping[str, Claim] = {
    "contacts": Claim(
        "cost less to serve", "complaints and tickets a year", -1, "an event named complaint or ticket"
    ),
    "referrals": Claim("refer more", "referrals a year", 1, "an event named referral"),
    "breadth": Claim(
        "buy more kinds of things", "different values of the category a year", 1, "categories of the "
        "churn event"
    ),
    "irregularity": Claim(
        "buy more regularly", "spread of the days between purchases over their mean", -1,
        "purchases that are instants",
    ),
    "price": Claim(
        "react less to price", "share that lapses after a price rise, less that of others", -1,
        "an event named price_rise, or measure.claims.price",
    ),
}  # fmt: skip


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return the sums of a bucket's customers by year of tenure, and of last year's defections.

    Parameters
    ----------
    asked : Asked
    bucket : Bucket

    Returns
    -------
    dict
        ``claims`` (measure, group), ``claims_tenure`` (measure, year, group), ``claims_price`` (month, year,
        group), ``claims_defections`` (group).
    """
    years = tenure_years(asked, bucket)
    group = groups_of(bucket)
    totals, bands = {}, {}
    for name, (number, base) in measures(asked, bucket, years).items():
        totals[name] = _totals(years, group, number, base)
        bands[name] = _bands(years, group, number, base)
    empty = pd.MultiIndex.from_arrays([[], []], names=["measure", "group"])
    empty_years = pd.MultiIndex.from_arrays([[], [], []], names=["measure", "year", "group"])
    return {
        "claims": pd.concat(totals, names=["measure"])
        if totals
        else pd.DataFrame(columns=pd.Index(_COLUMNS), index=empty, dtype=np.float64),
        "claims_tenure": pd.concat(bands, names=["measure"])
        if bands
        else pd.DataFrame(columns=pd.Index(["number", "base", "rows"]), index=empty_years, dtype=np.float64),
        "claims_price": price_sums(asked, bucket),
        "claims_defections": defection_sums(asked, bucket, group),
    }


def _totals(years: TenureYears, group: Int64, number: Float64, base: Float64) -> pd.DataFrame:
    """Return by group the sums of first and later years, and of pairs of neighbouring years."""
    first = years.year == 0
    pair = np.flatnonzero((years.customer[1:] == years.customer[:-1]) & (base[1:] > 0) & (base[:-1] > 0))
    of, all_rows = group[years.customer], np.arange(len(base))
    parts = {
        "first": (all_rows[first], number), "first_base": (all_rows[first], base),
        "later": (all_rows[~first], number), "later_base": (all_rows[~first], base),
        "before": (pair, number), "before_base": (pair, base),
        "after": (pair + 1, number), "after_base": (pair + 1, base),
    }  # fmt: skip
    sums = {
        name: np.bincount(of[rows], weights=values[rows], minlength=GROUPS)
        for name, (rows, values) in parts.items()
    }
    return pd.DataFrame(sums, index=pd.RangeIndex(GROUPS, name="group"), dtype=np.float64)


def _bands(years: TenureYears, group: Int64, number: Float64, base: Float64) -> pd.DataFrame:
    band = np.minimum(years.year, LAST_BAND - 1)
    place = band * GROUPS + group[years.customer]
    size = LAST_BAND * GROUPS
    index = pd.MultiIndex.from_product([range(LAST_BAND), range(GROUPS)], names=["year", "group"])
    columns = {
        "number": np.bincount(place, weights=number, minlength=size),
        "base": np.bincount(place, weights=base, minlength=size),
        "rows": np.bincount(place, weights=base > 0, minlength=size),
    }
    return pd.DataFrame(columns, index=index, dtype=np.float64)


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return the claims, the same by year of tenure, and the worth of fewer defections.

    Parameters
    ----------
    asked : Asked
    sums : dict
        What :func:`collect` gave, added up over buckets.

    Returns
    -------
    list of Measured
        ``claims``, ``claims_by_tenure``, ``claims_price`` (if rises are mapped), ``claims_defections``.
    """
    has_price = price_event(asked.business) is not None
    return [
        _claims(sums["claims"], sums["claims_price"] if has_price else None),
        _by_tenure(sums["claims_tenure"]),
        *([price_table(asked, sums["claims_price"])] if has_price else []),
        defection_table(asked, sums["claims_defections"]),
    ]


def _claims(sums: pd.DataFrame, prices: pd.DataFrame | None) -> Measured:
    rows = []
    for name, claim in CLAIMS.items():
        if name == "price" and prices is not None:
            rows.append(_price_row(claim, prices))
            continue
        part = sums[sums.index.get_level_values("measure") == name]
        by_group = part.to_numpy(np.float64)
        mean, lower, upper = jackknife(by_group, _compared) if len(part) else (np.full(4, np.nan),) * 3
        between, within = ((claim.sign * lower[at], claim.sign * upper[at]) for at in (2, 3))
        row: dict[str, object] = {"claim": claim.said}
        row |= {"verdict": verdict(between, within) if len(part) else UNKNOWN, "measured": claim.measured}
        row |= {"first_year": mean[0], "later_years": mean[1]}
        for place, which in ((2, "between"), (3, "within")):
            row |= {which: mean[place], f"{which}_lower": lower[place], f"{which}_upper": upper[place]}
        rows.append(row)
    tested = {*sums.index.get_level_values("measure"), *(["price"] if prices is not None else [])}
    lacking = [f"{one.said} (needs {one.needs})" for name, one in CLAIMS.items() if name not in tested]
    warnings = (Unknown(f"{UNKNOWN}: {'; '.join(lacking)}"),) if lacking else ()
    text = (
        "What is said of customers of long standing, held against these. Between customers: later years of "
        "tenure less first years, of whoever was there; it confuses time with who is left (survivorship). "
        "Same customers: from one year to the next; the calendar moves with it. Contacts stand for costs: "
        "what one costs is not known. Of price rises the difference in lapses is compared; who lapsed has "
        "no next year, so there is nothing of the same customers."
    )
    return Measured("claims", "Claims about loyalty", text, pd.DataFrame(rows), warnings)


def _price_row(claim: Claim, prices: pd.DataFrame) -> dict[str, object]:
    """Return the row of price rises: how many more lapse after one, in the first year and later."""
    mean, lower, upper = jackknife(by_group(prices), differences)
    told = price_verdict(float(lower[2]), float(upper[2]))
    row: dict[str, object] = {"claim": claim.said, "verdict": told, "measured": claim.measured}
    row |= {"first_year": mean[0], "later_years": mean[1]}
    row |= {"between": mean[2], "between_lower": lower[2], "between_upper": upper[2]}
    return row | dict.fromkeys(("within", "within_lower", "within_upper"), np.nan)


def _compared(total: Float64) -> Float64:
    """Return the first year, later years, their difference, and the change of the same customers."""
    numbers, bases = total[0::2], total[1::2]
    first, later, before, after = np.divide(numbers, bases, out=np.full(4, np.nan), where=bases > 0)
    return np.array([first, later, later - first, after - before])


def verdict(between: tuple[float, float], within: tuple[float, float]) -> str:
    """Return what two intervals say of a claim; positive is what is claimed.

    Parameters
    ----------
    between, within : tuple of two float
        Bounds, in either order.

    Examples
    --------
    >>> verdict((0.1, 0.3), (-0.1, 0.1))
    'between customers only: those who stay differ from those who leave'
    """
    apart, same = (min(pair) > 0 for pair in (between, within))
    if not np.isfinite([*between, *within]).all():
        return "too few customers to tell"
    if max(within) < 0 or (max(between) < 0 and not same):
        return "the opposite"
    if same:
        return "holds, also for the same customers" if apart else "for the same customers only"
    if apart:
        return "between customers only: those who stay differ from those who leave"
    return "not shown"


def _by_tenure(sums: pd.DataFrame) -> Measured:
    rows = []
    keys = [(name, year) for name in CLAIMS for year in range(LAST_BAND)]
    for name, year in keys:
        of, band = (sums.index.get_level_values(level) for level in ("measure", "year"))
        part = sums[(of == name) & (band == year)]
        if not part["rows"].sum():
            continue
        mean, lower, upper = jackknife(part[["number", "base"]].to_numpy(np.float64), _ratio)
        rows.append(
            {
                "claim": CLAIMS[name].said,
                "measured": CLAIMS[name].measured,
                "tenure_year": f"{year + 1}{'+' * (year + 1 == LAST_BAND)}",
                "customer_years": int(part["rows"].sum()),
                "value": float(mean),
                "value_lower": float(lower),
                "value_upper": float(upper),
            }
        )
    columns = ["claim", "measured", "tenure_year", "customer_years"]
    columns += ["value", "value_lower", "value_upper"]
    text = "The same by year of tenure, of whoever was there: later years are those of customers who stayed."
    return Measured("claims_by_tenure", "By tenure", text, pd.DataFrame(rows, columns=pd.Index(columns)))


def _ratio(total: Float64) -> Float64:
    return np.asarray(total[0] / total[1] if total[1] > 0 else np.nan)
