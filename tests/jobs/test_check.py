"""What a check shows of a business that nothing can be learned from: all that the tables say, and why not."""

from __future__ import annotations

import json
from copy import copy

import pytest

import lapse
from lapse.errors import LapseError
from lapse.jobs.check import Check, check_business
from lapse.jobs.cohorts import closed_days, cohort_table
from lapse.jobs.progress import silent
from lapse.schema import to_day
from tests.jobs.conftest import Place


def checked(shop: Place, section: str, **changes: object) -> Check:
    history = copy(shop.history)
    part = getattr(shop.business, section).model_copy(update=changes)
    history.business = shop.business.model_copy(update={section: part})
    return check_business(history, silent)


@pytest.mark.parametrize(
    ("section", "changes", "what"),
    [
        ("churn", {"grace": 1}, "outcomes on the fit dates"),  # whoever is at risk today has lapsed tomorrow
        ("churn", {"grace": 5000}, "outcomes on the fit dates"),
        ("snapshots", {"holdout": 99}, "snapshots"),
        ("snapshots", {"horizon": 5000}, "snapshots"),
    ],
)
def test_what_can_be_had_is_shown_before_the_error(
    shop: Place, section: str, changes: dict[str, object], what: str
) -> None:
    check = checked(shop, section, **changes)
    text = str(check)
    assert "order" in text.split("FOUND WHILE READING")[0]
    assert "0.950" in text
    assert check.guards[0].startswith("not looked for")
    with pytest.raises(LapseError) as caught:
        check.refuse()
    assert caught.value.exit_code == 3
    assert caught.value.problems[0].what == what
    assert "lapse check" not in str(caught.value)
    json.loads(json.dumps(check.document(), default=str), parse_constant=pytest.fail)


def test_nobody_lapses_and_everybody_does_can_be_read_off_the_rates(shop: Place) -> None:
    everybody = checked(shop, "churn", grace=1).cohorts
    assert set(everybody["lapse_rate"].dropna()) == {1.0}
    assert set(checked(shop, "churn", grace=5000).cohorts["lapse_rate"]) == {0.0}


def test_the_cohorts_are_those_that_training_learns_from(shop: Place) -> None:
    data, table = lapse.snapshots(shop.history), cohort_table(shop.history)
    days = [to_day(day) for day in table["as_of"]]
    assert tuple(days) == data.calendar.labelled
    for row, day in zip(table.itertuples(), days, strict=True):
        here = data.day == day
        assert row.at_risk == here.sum()
        assert row.not_at_risk == data.not_at_risk.get(day, 0)
        assert row.lapse_rate == pytest.approx(data.labels.lapsed[here].mean())
    used = dict(zip(days, table["used_for"], strict=True))
    assert tuple(day for day in days if used[day] == "fit") == data.calendar.fit
    assert tuple(day for day in days if used[day] == "test") == data.calendar.test


def test_no_date_is_closed_where_the_data_end_before_the_first_horizon(shop: Place) -> None:
    assert closed_days(shop.business, to_day(shop.business.snapshots.start)) == []
