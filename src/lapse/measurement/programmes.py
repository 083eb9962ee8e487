"""What a programme returns: customers who got it beside customers whom chance kept out of it.

In: a bucket; programmes of the config, each an event that deals a customer to a group. Out: a row for each
programme. What customers bring after a programme says nothing of it: who gets it differs from who does not.
Only where a column names the group that chance kept out (``control``) is the arithmetic shown::

    return = (mean margin of the treated - mean margin of the control - cost) / cost

over the ``within`` days after a customer was dealt; who was dealt later is not counted yet. The first row of
a customer counts: it stays in the group it was dealt to, treated or not in the end. Bounds are Welch's, with
normal quantiles; the cost is taken as it is. As a test of the dealing, the same difference in the time before
is shown: chance leaves it about 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from lapse.config.measuring import Programme
from lapse.features.wording import several
from lapse.measurement.acquisition import first_rows, texts_of
from lapse.measurement.asked import Asked
from lapse.measurement.money import margins
from lapse.measurement.rates import NORMAL
from lapse.measurement.told import Measured, Misleading, Unknown
from lapse.measurement.unit_costs import Bounded, named
from lapse.schema import Bucket

SUMS = "programmes"
"""Name of the sums."""

CANNOT = "cannot be known from this data: no column says whom chance kept out"
NOT_YET = "cannot be known yet: fewer than two customers of a group have been seen for long enough"

_COLUMNS = ["n", "open", "margin", "squares", "before", "before_squares"]


def collect(asked: Asked, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return customers and their margins by programme and group."""
    parts = [_sums(asked, bucket, name, one) for name, one in _programmes(asked).items()]
    return {SUMS: pd.concat(parts)} if parts else {}


def conclude(asked: Asked, sums: dict[str, pd.DataFrame]) -> list[Measured]:
    """Return ``programmes``, if the config names any."""
    programmes = _programmes(asked)
    if not programmes:
        return []
    dealt = sums[SUMS].reset_index()
    rows = [
        {"programme": name} | _return(dealt[dealt["programme"] == name].set_index("group")[_COLUMNS], one)
        for name, one in programmes.items()
    ]
    frame = pd.DataFrame(rows)
    text = (
        "Margin less cost to serve after customers were dealt to a group, treated beside control, and what "
        "one unit of money spent on the programme brought back beyond itself. Which groups are compared the "
        "config says; that it was chance that dealt them, nobody can see here. The difference before should "
        "be about 0."
    )
    return [Measured("programmes", "Return on programmes", text, frame, tuple(_warnings(frame)))]


def _programmes(asked: Asked) -> dict[str, Programme]:
    lifecycle = asked.business.measure.lifecycle
    return {} if lifecycle is None else dict(lifecycle.programmes)


def _sums(asked: Asked, bucket: Bucket, name: str, programme: Programme) -> pd.DataFrame:
    events = bucket.events[programme.event]
    row = first_rows(events, len(bucket), asked.as_of)
    customer = np.flatnonzero(row >= 0)
    day = events.day[row[customer]].astype(np.int64)
    group = np.full(len(customer), programme.treated or "", object)
    if programme.group is not None:
        group = texts_of(events.attributes[programme.group], row[customer])
    closed = day + programme.within <= asked.as_of
    known = np.full(len(customer), asked.as_of, np.int32)
    columns = {"n": closed.astype(np.float64), "open": (~closed).astype(np.float64)}
    for when, after in (("margin", day), ("before", day - programme.within)):
        until = (after + programme.within).astype(np.int32)
        columns[when] = closed * margins(
            asked.business, bucket, customer, after.astype(np.int32), until, known
        )
    columns |= {"squares": columns["margin"] ** 2, "before_squares": columns["before"] ** 2}
    keys = pd.DataFrame({"programme": name, "group": group}, index=range(len(customer)))
    return keys.assign(**columns).groupby(["programme", "group"])[_COLUMNS].sum()


def _return(sums: pd.DataFrame, programme: Programme) -> dict[str, object]:
    """Return one programme's row; missing figures where there is no control, or nobody's time is over."""
    by_group = {
        str(group): {str(name): float(value) for name, value in row.items()}
        for group, row in sums.to_dict("index").items()
    }
    empty = dict.fromkeys(_COLUMNS, 0.0)
    compared = (programme.treated or "", programme.control or "")
    treated, control = (by_group.get(group, empty) for group in compared)
    if programme.control is None:
        status, control = CANNOT, dict.fromkeys(_COLUMNS, np.nan)
    else:
        status = "known" if min(treated["n"], control["n"]) >= 2 else NOT_YET
    difference, before = (
        _difference(treated, control, *of) if status == "known" else (np.nan,) * 3
        for of in (("margin", "squares"), ("before", "before_squares"))
    )
    cost = programme.cost
    back = [(one - cost) / cost if cost > 0 else np.nan for one in difference]
    others = [row["n"] for group, row in by_group.items() if group not in compared]
    return {
        "status": status,
        "treated": treated["n"],
        "control": control["n"],
        "open": sum(row["open"] for row in by_group.values()),
        "other_groups": sum(others),
        "margin_treated": treated["margin"] / treated["n"] if treated["n"] else np.nan,
        "margin_control": control["margin"] / control["n"] if control["n"] else np.nan,
        **named("difference", difference),
        "cost": cost,
        **named("programme_return", tuple(back)),
        **named("difference_before", before),
    }


def _difference(
    treated: Mapping[str, float], control: Mapping[str, float], total: str, squares: str
) -> Bounded:
    """Return the difference of two means with Welch's bounds."""
    means = [one[total] / one["n"] for one in (treated, control)]
    variance = sum(
        max(one[squares] - one["n"] * mean**2, 0.0) / (one["n"] - 1) / one["n"]
        for one, mean in zip((treated, control), means, strict=True)
    )
    apart, reach = means[0] - means[1], NORMAL * float(np.sqrt(variance))
    return apart, apart - reach, apart + reach


def _warnings(frame: pd.DataFrame) -> Iterator[str]:
    for row in frame.to_dict("records"):
        if row["status"] != "known":
            yield Unknown(f"{row['programme']}: its return {row['status']}")
        elif row["difference_before_lower"] > 0 or row["difference_before_upper"] < 0:
            yield Misleading(
                f"{row['programme']}: treated and control differed before it by "
                f"{row['difference_before']:,.2f}, more than chance usually leaves: the difference after it "
                "may be no effect"
            )
        if row["other_groups"]:
            others = several(row["other_groups"], "customer")
            yield f"{row['programme']}: {others} of other groups not compared"
