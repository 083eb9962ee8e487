"""What the tables do not wholly cover is missing, neither zero nor a hundred per cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from lapse.measurement import pyramid, retention, rungs
from lapse.measurement.asked import Asked
from lapse.measurement.begins import begins, joined
from lapse.measurement.periods import money_by_period, rows_of
from lapse.schema import NEVER, to_day
from tests.measurement.small_shop import AS_OF, FIRST, GRACE, added_up, buckets_of, draw, shop

REFUNDS_FROM = to_day(date(2021, 7, 15))


def asked_of(business: object, buckets: list, as_of: int = AS_OF) -> Asked:
    first = joined(begins(business, one, as_of) for one in buckets)  # type: ignore[arg-type]
    return Asked(
        business,  # type: ignore[arg-type]
        first.event,
        as_of,
        first_money_day=first.money,
        first_lapse_day=first.lapse,
    )


def late_refunds() -> tuple[object, list]:
    """Return a shop whose revenue is its refunds alone, which the tables hold from a day on."""
    business = shop()
    business = business.model_copy(
        update={"value": business.value.model_copy(update={"revenue": ("refund",)})}
    )
    frames = draw(4)
    frames["refund"] = frames["refund"][frames["refund"].day >= REFUNDS_FROM]
    return business, buckets_of(frames, 2)


def test_first_days_are_those_of_the_rows_known_by_then() -> None:
    frames = draw(1)
    for as_of in (FIRST + 40, AS_OF):
        found = joined(begins(shop(), one, as_of) for one in buckets_of(frames, 3))
        known = {kind: rows[rows.known_day <= as_of] for kind, rows in frames.items()}
        assert found.event == min(rows.day.min() for rows in known.values() if len(rows))
        money = [known[kind].day.min() for kind in ("order", "refund") if len(known[kind])]
        assert found.money == min(money)
        assert found.lapse == known["order"].day.min() + GRACE
        assert found.covers == len(known["order"])


def test_nothing_known_has_no_first_day() -> None:
    none = joined(begins(shop(), one, FIRST - 1) for one in buckets_of(draw(1), 2))
    assert (none.event, none.money, none.lapse, none.covers) == (NEVER, NEVER, NEVER, 0)


def test_periods_in_which_nobody_could_lapse_are_left_out_and_told() -> None:
    buckets = buckets_of(draw(2), 2)
    asked = asked_of(shop(), buckets)
    days = {int(day) for one in buckets for day in rows_of(asked, one, "month").day}
    assert min(days) >= asked.settled_from - 1
    everything = replace(asked, first_lapse_day=None)
    before = {int(day) for one in buckets for day in rows_of(everything, one, "month").day}
    assert days == {day for day in before if day >= asked.settled_from - 1} != before
    table = retention.conclude(asked, added_up(asked, retention, buckets))[0]
    assert "Left out: 4 months that began before 2021-05-06, as nobody could lapse until then." in table.text


def test_money_before_the_amounts_begin_is_missing() -> None:
    business, buckets = late_refunds()
    asked = asked_of(business, buckets)
    assert asked.money_from >= REFUNDS_FROM
    edges = asked.edges("month")
    for one in buckets:
        money, _ = money_by_period(asked, one, "month")
        begin = np.append(np.int32(0), edges[:-1])
        assert np.isnan(money[:, begin < asked.money_from - 1]).all()
        assert not np.isnan(money[:, begin >= asked.money_from - 1]).any()


def test_no_tier_without_a_whole_year_of_amounts() -> None:
    business, buckets = late_refunds()
    asked = asked_of(business, buckets)
    assert pyramid.dates_of(asked) != pyramid.dates_of(replace(asked, first_money_day=None))
    assert min(pyramid.dates_of(asked)) - 365 >= asked.money_from - 1


def test_the_value_of_a_rung_counts_months_with_amounts_alone() -> None:
    business, buckets = late_refunds()
    asked = asked_of(business, buckets)
    sums = [
        pd.concat([rungs.collect(one, b)["rungs_value"] for b in buckets])
        for one in (
            asked,
            replace(asked, first_money_day=None),
        )
    ]
    some, every = (frame["customer_months"].sum() for frame in sums)
    assert 0 < some < every
    assert sums[0]["margin"].sum() > sums[1]["margin"].sum()  # less cost of serving, the same refunds


def test_a_contract_that_may_end_any_day_lets_lapse_from_its_start() -> None:
    frames = draw(3)
    business = shop()
    business = business.model_copy(update={"churn": business.churn.model_copy(update={"event": "contract"})})
    contracts = frames["contract"][frames["contract"].known_day <= AS_OF]
    found = joined(begins(business, one, AS_OF) for one in buckets_of(frames, 2))
    assert found.lapse == contracts.day.min() + GRACE
    frames["contract"] = frames["contract"].assign(end_known_day=frames["contract"].known_day)
    at_start = joined(begins(business, one, AS_OF) for one in buckets_of(frames, 2))
    assert at_start.lapse == contracts.end_day.min() + GRACE
