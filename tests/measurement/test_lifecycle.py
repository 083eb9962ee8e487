"""Lifecycle economics beside the same figures from the tables, a person at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from lapse.config import Business
from lapse.errors import DataError
from lapse.leaks.perturbation import other_future
from lapse.measurement import lifecycle
from lapse.measurement.asked import Asked
from lapse.measurement.lifecycle_sums import MOST_CHANNELS
from lapse.measurement.unit_costs import acquisition_cost, per_cost, per_count
from lapse.measurement.worth_per_cost import value_against_cost
from lapse.schema import Bucket, to_day
from tests.building import bucket
from tests.measurement.leads import (
    AS_OF,
    FIRST,
    PEOPLE,
    WINDOW,
    Brought,
    agency,
    buckets_of,
    costs,
    draw,
    measured,
    people_of,
    sums_of,
)

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ["channel", "campaign"]


def last_day(month: str) -> int:
    return to_day(pd.Period(month, "M").end_time.date())


def cells_of(people: pd.DataFrame, spent: pd.DataFrame) -> pd.DataFrame:
    """Return people and costs by month, as a spreadsheet would."""
    keys = ["month", *NAMES]
    counted = people.assign(
        leads=1.0,
        done=people.closed.astype(float),
        won=(people.closed & people.converted).astype(float),
        asked=(people.closed & people.qualified).astype(float),
        both=(people.closed & people.qualified & people.converted).astype(float),
    )
    counts = counted.groupby(keys)[["leads", "done", "won", "asked", "both"]].sum()
    cells = counts.join(spent.rename(columns={"period": "month"}).set_index(keys), how="outer").reset_index()
    cells[["leads", "done", "won", "asked", "both"]] = cells[
        ["leads", "done", "won", "asked", "both"]
    ].fillna(0)
    ends = cells.month.map(last_day)
    return cells.assign(over=ends <= AS_OF, settled=ends + WINDOW <= AS_OF)


def wilson_of(y: float, n: float) -> tuple[float, float]:
    found = stats.binomtest(int(y), int(n)).proportion_ci(method="wilson")
    return found.low, found.high


class TestChannels:
    @given(seed=SEEDS, cuts=st.integers(1, 3))
    @QUICK
    def test_every_figure_of_every_channel(self, tmp_path: Path, seed: int, cuts: int) -> None:
        frames, spent = draw(seed), costs(seed)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        told = measured(lifecycle, buckets_of(frames, cuts), agency(tmp_path))["lifecycle_channels"].frame
        people, brought = people_of(frames), Brought(frames)
        cells = cells_of(people, spent)
        assert set(map(tuple, told[NAMES].to_numpy()[:-1])) == set(map(tuple, cells[NAMES].to_numpy()))
        for row in told.to_dict("records"):
            everything = row["channel"] == "(all)"
            here = cells if everything else cells[(cells[NAMES] == [row[name] for name in NAMES]).all(axis=1)]
            mine = (
                people if everything else people[(people[NAMES] == [row[name] for name in NAMES]).all(axis=1)]
            )
            self.check(row, here, mine, brought)

    def check(self, row: dict, here: pd.DataFrame, people: pd.DataFrame, brought: Brought) -> None:
        done, won = here.done.sum(), here.won.sum()
        assert (row["leads"], row["leads_open"]) == (here.leads.sum(), here.leads.sum() - done)
        assert row["customers"] == won
        for name, y, n in (
            ("conversion_rate", won, done),
            ("qualified_rate", here.asked.sum(), done),
            ("close_rate", here.both.sum(), here.asked.sum()),
        ):
            if n:
                assert row[name] == pytest.approx(y / n)
                assert (row[f"{name}_lower"], row[f"{name}_upper"]) == pytest.approx(wilson_of(y, n))
            else:
                assert np.isnan([row[name], row[f"{name}_lower"], row[f"{name}_upper"]]).all()
        over = here[here.over & here.cost.notna()]
        settled = here[here.settled & here.cost.notna()]
        if len(over):
            assert row["cost"] == pytest.approx(over.cost.sum())
        else:
            assert np.isnan(row["cost"])
        assert same(row["cost_per_lead"], over.cost.sum() / over.leads.sum() if over.leads.sum() else np.nan)
        cac = settled.cost.sum() / settled.won.sum() if settled.won.sum() else np.nan
        assert same(row["acquisition_cost"], cac)
        assert same(row["customers_of_cost"], settled.won.sum() if len(settled) else np.nan)
        bought = people[people.converted]
        year = [brought(p.customer_id, p.order - 1, p.order + 364) for p in bought.itertuples()
                if p.order + 364 <= AS_OF]  # fmt: skip
        assert same(row["margin_year"], np.mean(year) if year else np.nan, 1e-3)
        keys = set(map(tuple, settled[NAMES].to_numpy()))
        bought = bought[[key in keys for key in map(tuple, bought[NAMES].to_numpy())]]  # whose cost is known
        year = [
            brought(p.customer_id, p.order - 1, p.order + 364)
            for p in bought.itertuples()
            if p.order + 364 <= AS_OF
        ]
        if len(year) >= 2 and cac > 0:
            assert same(row["margin_year_per_cost"], np.mean(year) / cac, 1e-3)
        assert same(row["payback_months"], self.payback(bought, brought, cac))

    def payback(self, bought: pd.DataFrame, brought: Brought, cac: float) -> float:
        total = 0.0
        for month in range(1, 37):
            start, end = round((month - 1) * 365 / 12), round(month * 365 / 12)
            seen = [p for p in bought.itertuples() if p.order - 1 + end <= AS_OF]
            if len(seen) < 10 or np.isnan(cac):
                return np.nan
            total += np.mean([brought(p.customer_id, p.order - 1 + start, p.order - 1 + end) for p in seen])
            if total >= cac:
                return month
        return np.nan

    def test_what_becomes_known_later_changes_nothing(self, tmp_path: Path) -> None:
        costs(3).to_csv(tmp_path / "costs.csv", index=False)
        buckets = buckets_of(draw(3), 2)
        told = measured(lifecycle, buckets, agency(tmp_path), AS_OF - 100)
        rng = np.random.default_rng(0)
        again = measured(
            lifecycle, [other_future(one, AS_OF - 100, rng) for one in buckets], agency(tmp_path), AS_OF - 100
        )
        for name, one in told.items():
            pd.testing.assert_frame_equal(one.frame, again[name].frame)

    def test_without_leads_customers_are_acquired_with_their_first_order(self, tmp_path: Path) -> None:
        frames, spent = draw(5), costs(5)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        orders = frames["order"].assign(
            channel=np.where(frames["order"].customer_id < "p045", "web", "fair"), campaign="spring"
        )
        business = agency(tmp_path, lead=None, campaign=None).model_copy(deep=True)
        buckets = [with_profile(one) for one in buckets_of(frames | {"order": orders})]
        told = measured(lifecycle, buckets, business)["lifecycle_channels"].frame.set_index("channel")
        people = people_of(frames | {"order": orders}, leads=False)
        for channel in ("web", "fair"):
            mine = people[people.channel == channel]
            sums = spent[spent.channel == channel].groupby("period").cost.sum()
            sums = sums[[last_day(month) <= AS_OF for month in sums.index]]
            count = mine.month.isin(sums.index).sum()
            row = told.loc[channel]
            assert row["customers"] == len(mine)
            assert row["acquisition_cost"] == pytest.approx(sums.sum() / count)
            bounds = (
                2 * sums.sum() / stats.chi2.ppf(q, 2 * n) for q, n in ((0.975, count + 1), (0.025, count))
            )
            assert (row["acquisition_cost_lower"], row["acquisition_cost_upper"]) == pytest.approx(
                tuple(bounds)
            )
            assert np.isnan(
                row[["leads", "conversion_rate", "cost_per_lead", "close_rate"]].astype(float)
            ).all()


def with_profile(one: Bucket) -> Bucket:
    """Return a bucket whose customers have a channel of their own."""
    channel = ["web" if name < "p045" else "fair" for name in one.customer_id.to_pylist()]
    return replace(one, profile=pa.table({"channel": channel}))


def same(found: float, expected: float, tolerance: float = 1e-9) -> bool:
    return (np.isnan(found) and np.isnan(expected)) or found == pytest.approx(
        expected, rel=tolerance, abs=1e-3
    )


class TestMonths:
    @given(seed=SEEDS)
    @QUICK
    def test_an_open_window_or_an_unknown_cost_is_missing_and_never_zero(
        self, tmp_path: Path, seed: int
    ) -> None:
        frames, spent = draw(seed), costs(seed)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        told = measured(lifecycle, buckets_of(frames, 2), agency(tmp_path))["lifecycle_months"].frame
        cells = cells_of(people_of(frames), spent).sort_values(["month", *NAMES], ignore_index=True)
        assert told[["month", *NAMES]].to_numpy().tolist() == cells[["month", *NAMES]].to_numpy().tolist()
        closed = cells.settled.to_numpy()
        assert (told.status == np.where(closed, "closed", "open")).all()
        assert (~closed).any()
        assert told.loc[~closed, ["customers", "conversion_rate", "acquisition_cost"]].isna().all(axis=None)
        rate = (cells.won / cells.done.where(cells.done > 0)).where(cells.settled)
        pd.testing.assert_series_equal(told.conversion_rate, rate, check_names=False)
        pd.testing.assert_series_equal(told.cost, cells.cost.where(cells.over), check_names=False)
        cac = (cells.cost / cells.won.where(cells.won > 0)).where(cells.settled)
        pd.testing.assert_series_equal(told.acquisition_cost, cac, check_names=False)

    def test_a_lead_converts_on_the_last_day_of_its_window_and_counts_from_then(self) -> None:
        day = to_day(pd.Timestamp("2022-05-01").date())
        frames = tiny(
            leads=[("p000", day), ("p001", day)], orders=[("p000", day + WINDOW), ("p001", day + WINDOW + 1)]
        )
        told = measured(lifecycle, buckets_of(frames), agency())["lifecycle_channels"].frame.iloc[-1]
        assert (told["leads"], told["customers"]) == (2, 1)
        on_the_day = measured(lifecycle, buckets_of(frames), agency(), day + WINDOW)[
            "lifecycle_channels"
        ].frame
        before = measured(lifecycle, buckets_of(frames), agency(), day + WINDOW - 1)[
            "lifecycle_channels"
        ].frame
        assert on_the_day.iloc[-1][["leads_open", "customers"]].tolist() == [0, 1]
        assert before.iloc[-1][["leads_open", "customers"]].tolist() == [2, 0]
        assert np.isnan(before.iloc[-1]["conversion_rate"])


def tiny(leads: list[tuple[str, int]], orders: list[tuple[str, int]]) -> dict[str, pd.DataFrame]:
    def table(rows: list[tuple[str, int]]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=["customer_id", "day"]).assign(channel="web", campaign="spring")

    empty = pd.DataFrame({"customer_id": [], "day": []}).astype({"day": "int64"})
    return {
        "order": table(orders).assign(amount=100.0),
        "lead": table(leads),
        "offer": empty,
        "call": empty.assign(arm=[]),
    }


class TestPayback:
    @given(seed=SEEDS)
    @QUICK
    def test_cohorts_count_only_months_that_all_were_seen_for(self, tmp_path: Path, seed: int) -> None:
        frames, spent = draw(seed), costs(seed)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        told = measured(lifecycle, buckets_of(frames, 2), agency(tmp_path))["lifecycle_payback"].frame
        people, cells, brought = people_of(frames), cells_of(people_of(frames), spent), Brought(frames)
        cells = cells[cells.settled & cells.cost.notna() & (cells.won > 0)]
        assert len(told) == len(cells)
        for row in told.to_dict("records"):
            keys = [row[name] for name in ("month", *NAMES)]
            mine = people[(people[["month", *NAMES]] == keys).all(axis=1) & people.converted]
            cost = cells[(cells[["month", *NAMES]] == keys).all(axis=1)].cost.iloc[0]
            assert row["acquisition_cost"] == pytest.approx(cost / len(mine))
            ends = [round(month * 365 / 12) for month in range(1, 37)]
            whole = [end for end in ends if (mine.order - 1 + end <= AS_OF).all()]
            assert row["months_seen"] == len(whole)
            so_far = [
                np.mean([brought(p.customer_id, p.order - 1, p.order - 1 + end) for p in mine.itertuples()])
                for end in whole
            ]
            paid = [month for month, margin in enumerate(so_far, 1) if margin >= cost / len(mine)]
            assert same(row["payback_months"], paid[0] if paid else np.nan)
            assert same(row["margin_seen"], so_far[-1] if so_far else np.nan)


class TestValue:
    def test_worth_is_what_was_brought_and_what_is_still_expected(self, tmp_path: Path) -> None:
        frames, spent = draw(8), costs(8)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        asked, sums = sums_of(lifecycle, buckets_of(frames, 2), agency(tmp_path))
        clv = pd.Series(np.arange(0.0, 40.0), index=PEOPLE[10:50])
        told = value_against_cost(asked, sums, clv)[0].frame.set_index(NAMES)
        people, cells, brought = people_of(frames), cells_of(people_of(frames), spent), Brought(frames)
        bought = people[people.converted]
        assert told["customers"].sum() == len(bought)
        for key, part in bought.groupby(NAMES):
            worth = [brought(p.customer_id, p.order - 1, AS_OF) + clv.get(p.customer_id, 0.0)
                     for p in part.itertuples()]  # fmt: skip
            assert told.loc[key, "worth_mean"] == pytest.approx(np.mean(worth), abs=1e-3)
            here = cells[(cells[NAMES] == list(key)).all(axis=1) & cells.settled & cells.cost.notna()]
            known = len(worth) >= 2 and here.won.sum() > 0
            ratio = np.mean(worth) * here.won.sum() / here.cost.sum() if known else np.nan
            assert same(told.loc[key, "worth_per_cost"], ratio, 1e-4)

    def test_two_values_of_a_customer_are_refused(self) -> None:
        asked, sums = sums_of(lifecycle, buckets_of(draw(1)), agency())
        with pytest.raises(pd.errors.MergeError):
            value_against_cost(asked, sums, pd.Series([1.0, 2.0], index=[PEOPLE[0]] * 2))


class TestIntervals:
    def test_the_cost_of_acquisition_covers_the_truth(self) -> None:
        """100 leads at 15 % for 900: 95 % of the intervals hold the 60 that a customer costs."""
        rng = np.random.default_rng(0)
        found = [acquisition_cost(900.0, 100.0, float(won)) for won in rng.binomial(100, 0.15, 4_000)]
        inside = np.mean([lower <= 60 and not upper < 60 for _, lower, upper in found])
        assert 0.93 <= inside <= 0.975

    def test_the_cost_of_a_counted_lead_covers_the_truth(self) -> None:
        found = [per_count(400.0, float(n)) for n in np.random.default_rng(1).poisson(20, 4_000)]
        inside = np.mean([lower <= 20 <= upper for _, lower, upper in found])
        assert 0.945 <= inside <= 0.99  # an exact interval of a count is never too narrow

    def test_worth_by_cost_covers_the_truth(self) -> None:
        rng = np.random.default_rng(2)
        inside = []
        for won in rng.binomial(300, 0.3, 2_000):
            worth = rng.gamma(2.0, 50.0, won)
            ratio = per_cost((4_500.0, 300.0, float(won)), float(won), worth.sum(), (worth**2).sum())
            inside.append(ratio[1] <= 2.0 <= ratio[2])
        assert 0.93 <= np.mean(inside) <= 0.97

    def test_nobody_converted_leaves_a_lower_bound_alone(self) -> None:
        estimate, lower, upper = acquisition_cost(100.0, 50.0, 0.0)
        assert np.isnan([estimate, upper]).all()
        assert 0 < lower < np.inf


class TestWarnings:
    def test_channels_without_costs_unknown_channels_gaps_and_later_costs_are_counted(
        self, tmp_path: Path
    ) -> None:
        spent = costs(2)
        spent.to_csv(tmp_path / "costs.csv", index=False)
        told = " / ".join(
            measured(lifecycle, buckets_of(draw(2)), agency(tmp_path))["lifecycle_channels"].warnings
        )
        radio = spent[(spent.channel == "radio") & (spent.period.map(last_day) <= AS_OF)].cost.sum()
        later = spent[spent.period.map(last_day) > AS_OF]
        assert "'phone'" in told
        assert f"channels 'radio': costs of {radio:,.2f} EUR and no leads" in told
        assert f"{len(later)} costs of months that end after 2023-04-10, {later.cost.sum():,.2f} EUR" in told
        assert "left out of what these cost" in told
        assert "came without a lead" in told

    def test_without_a_table_of_costs_costs_are_missing(self) -> None:
        told = measured(lifecycle, buckets_of(draw(2)), agency())["lifecycle_channels"]
        columns = [name for name in told.frame if "cost" in name or "payback" in name]
        assert told.frame[columns].isna().all(axis=None)
        assert "cannot be known" in told.warnings[0]

    def test_nobody_s_window_has_closed(self) -> None:
        frames = tiny(leads=[("p000", AS_OF - 1)], orders=[("p000", AS_OF)])
        found = measured(lifecycle, buckets_of(frames), agency())["lifecycle_channels"]
        assert np.isnan(found.frame["conversion_rate"]).all()
        assert any("no table of costs" in warning for warning in found.warnings)

    def test_too_many_channels_are_refused(self) -> None:
        n = MOST_CHANNELS + 1
        frames = tiny(leads=[(f"p{k:03d}", AS_OF - k % 90) for k in range(90)], orders=[("p000", AS_OF)])
        people = [f"q{k:04d}" for k in range(n)]
        frames["lead"] = pd.DataFrame(
            {"customer_id": people, "day": AS_OF, "channel": people, "campaign": "spring"}
        )
        one = bucket(people, frames | {"order": frames["order"].iloc[:0]}, {"lead": ("channel", "campaign")})
        with pytest.raises(DataError, match=f"at most {MOST_CHANNELS} channels"):
            sums_of(lifecycle, [one], agency())

    def test_nothing_is_said_where_nothing_is_asked(self) -> None:
        business = agency()
        bare = business.model_copy(
            update={"measure": business.measure.model_copy(update={"lifecycle": None})}
        )
        assert measured_nothing(bare) == {}


def measured_nothing(business: Business) -> dict[str, object]:
    asked = Asked(business, FIRST, AS_OF)
    assert lifecycle.collect(asked, buckets_of(draw(0))[0]) == {}
    return {one.name: one for one in lifecycle.conclude(asked, {})}
