"""Guard 1 names what peeks, and only that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from lapse.errors import GateError
from lapse.leaks import perturbation_guard, planted_leak_selftest, refuse
from lapse.leaks.guard import PLANTED
from lapse.schema import Bucket, Snapshots
from tests.leaks.honest import asked, honest_bucket, honest_features, own_rows

One = Callable[[Bucket, int, int], float]


def with_feature(name: str, one: One) -> Callable[[Bucket, Snapshots], pa.Table]:
    def compute(bucket: Bucket, rows: Snapshots) -> pa.Table:
        pairs = zip(rows.customer.tolist(), rows.day.tolist(), strict=True)
        values = pa.array([float(one(bucket, customer, day)) for customer, day in pairs], pa.float64())
        return honest_features(bucket, rows).append_column(name, values)

    return compute


def future_event(bucket: Bucket, customer: int, day: int) -> float:
    orders = bucket.events["order"]
    own = own_rows(orders, customer)
    return np.count_nonzero((orders.day[own] > day) & (orders.day[own] <= day + 30))


def late_row(bucket: Bucket, customer: int, day: int) -> float:
    """What is honest about the day it happened, and not about the day it was known."""
    orders = bucket.events["order"]
    own = own_rows(orders, customer)
    return float(orders.amount[own][orders.day[own] <= day].sum())


def end_too_early(bucket: Bucket, customer: int, day: int) -> float:
    terms = bucket.events["term"]
    own = own_rows(terms, customer)
    begun = (terms.day[own] <= day) & (terms.known_day[own] <= day)
    return float(terms.end_day[own][begun].max(initial=0))


def cause_too_early(bucket: Bucket, customer: int, day: int) -> float:
    terms = bucket.events["term"]
    own = own_rows(terms, customer)
    begun = (terms.day[own] <= day) & (terms.known_day[own] <= day)
    return float(terms.cause[own][begun].sum())


def overwritten_attribute(bucket: Bucket, customer: int, day: int) -> float:  # noqa: ARG001 - the mistake itself
    return ["north", "south", "west"].index(bucket.profile.column("region")[customer].as_py() or "west")


def last_product_ever(bucket: Bucket, customer: int, day: int) -> float:  # noqa: ARG001 - the mistake itself
    own = own_rows(bucket.events["order"], customer)
    last = bucket.events["order"].attributes["product"].to_pylist()[own.start : own.stop][-1:]
    return float(len(last) and ["tea", "jam", "oat"].index(last[0] or "oat"))


LEAKS = (future_event, late_row, end_too_early, cause_too_early, overwritten_attribute, last_product_ever)


def test_honest_features_pass():
    made = honest_bucket()
    assert perturbation_guard(honest_features, made, asked(made)) == []


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_each_leak_is_named_and_nothing_else(leak: One):
    made = honest_bucket()
    problems = perturbation_guard(with_feature("order__leak", leak), made, asked(made))
    assert [problem.what for problem in problems] == ["order__leak"]
    assert problems[0].count
    assert "as of 1973" in problems[0].example
    with pytest.raises(GateError, match="order__leak"):
        refuse(problems)


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (late_row, "rows known only later"),
        (end_too_early, "ends known only later"),
        (overwritten_attribute, "profiles"),
    ],
)
def test_the_problem_says_what_the_feature_saw(leak: One, words: str):
    made = honest_bucket()
    (problem,) = perturbation_guard(with_feature("order__leak", leak), made, asked(made))
    assert words in problem.got


def test_a_leak_that_only_a_row_more_can_show_is_named():
    """The last as_of lies behind all rows: nothing can be removed or altered, only added."""
    made = honest_bucket()
    late = asked(made, (2000,))
    problems = perturbation_guard(with_feature("order__leak", future_event), made, late)
    assert [problem.what for problem in problems] == ["order__leak"]
    assert "added" in problems[0].got


def test_a_feature_that_looks_at_other_customers_is_named():
    def share(bucket: Bucket, rows: Snapshots) -> pa.Table:
        table = honest_features(bucket, rows)
        spend = table.column("order__sum").to_numpy()
        total = np.array([spend[rows.day == day].sum() for day in rows.day])
        return table.append_column("order__share", pa.array(spend / np.maximum(total, 1e-9)))

    made = honest_bucket()
    problems = perturbation_guard(share, made, asked(made))
    assert [(problem.what, "without the other customers" in problem.got) for problem in problems] == [
        ("order__share", True)
    ]


def test_a_feature_that_looks_at_other_dates_is_named():
    def first_asked(bucket: Bucket, rows: Snapshots) -> pa.Table:
        days_ahead = pa.array((rows.day.max() - rows.day).astype(np.float32))
        return honest_features(bucket, rows).append_column("order__dates", days_ahead)

    made = honest_bucket()
    assert [problem.what for problem in perturbation_guard(first_asked, made, asked(made))] == [
        "order__dates"
    ]


def test_a_table_of_another_shape_is_refused():
    def short(bucket: Bucket, rows: Snapshots) -> pa.Table:
        return honest_features(bucket, rows).slice(0, 10)

    def other_columns(bucket: Bucket, rows: Snapshots) -> pa.Table:
        table = honest_features(bucket, rows)
        return table if len(rows) > 8 else table.drop_columns(["term__open"])

    made = honest_bucket(customers=8)
    for compute in (short, other_columns):
        with pytest.raises(GateError, match="one row a snapshot"):
            perturbation_guard(compute, made, asked(made))


def test_the_planted_leak_is_caught():
    made = honest_bucket()
    problem = planted_leak_selftest(honest_features, made, asked(made))
    assert problem.what == PLANTED
    assert problem.count


def test_a_sample_in_which_nothing_can_be_changed_is_refused():
    made = honest_bucket()
    empty = Bucket(
        made.number,
        made.customer_id,
        made.known_day,
        made.profile,
        made.profile_known_day,
        events={},
    )

    def constant(_: Bucket, rows: Snapshots) -> pa.Table:
        return pa.table({"customer__one": np.ones(len(rows), np.float32)})

    with pytest.raises(GateError, match="planted leak named"):
        planted_leak_selftest(constant, empty, asked(made))
