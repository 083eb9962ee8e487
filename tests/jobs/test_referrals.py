"""Credit for referrals: scores of one date, as they come, or all that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import yaml

import lapse
from lapse.demo import write_demo
from lapse.errors import DataError
from lapse.history import History

AS_OF = "2024-05-06"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A gym in which the first member brought the second, on the fifth of June 2024."""
    folder = tmp_path_factory.mktemp("gym")
    config = write_demo("gym", folder, n_customers=60)
    member = pd.read_parquet(folder / "data" / "members.parquet")["member_id"]
    told = pd.DataFrame(
        {"member": member[:1], "mate": [str(member[1])], "on": pd.to_datetime(["2024-06-05"])}
    )
    told.to_parquet(folder / "data" / "refs.parquet", index=False)
    raw = yaml.safe_load(config.read_text())
    columns = {"customer_id": "member", "time": "on"}
    raw["events"]["refs"] = {"path": "data/refs.parquet", "columns": columns, "categories": ["mate"]}
    raw["value"]["referral"] = {"event": "refs", "referred": "mate", "credit": 0.5}
    config.write_text(yaml.safe_dump(raw))
    with lapse.read(lapse.load(config)) as opened:
        yield opened


@pytest.fixture
def scores(history: History) -> pd.DataFrame:
    members = pd.read_parquet(history.business.events["refs"].path.parent / "members.parquet")["member_id"]
    return pd.DataFrame({"customer_id": members, "as_of": pd.Timestamp(AS_OF), "clv": 100.0})


@pytest.mark.parametrize(
    "given",
    [
        lambda day: day,
        str,
        pd.Timestamp,
        np.datetime64,
        lambda day: pd.Categorical([str(day)] * 60),
    ],
)
def test_dates_and_iso_text_are_taken_for_what_they_are(
    history: History, scores: pd.DataFrame, given: Callable[[date], object]
) -> None:
    for day, credit in ((date(2024, 5, 6), 0.0), (date(2024, 6, 4), 0.0), (date(2024, 6, 5), 50.0)):
        found = lapse.referral_value(history, scores.assign(as_of=given(day)))
        assert found["clv_from_referrals"].tolist() == [credit, *[0.0] * (len(scores) - 1)]
        assert found["clv_with_referrals"].sum() == scores["clv"].sum()


@pytest.mark.parametrize("wrong", ["31.12.2024", "06.05.2024", "soon", 20241231, 1.5, pd.NaT, None])
def test_other_dates_are_not_guessed(history: History, scores: pd.DataFrame, wrong: object) -> None:
    with pytest.raises(DataError, match="scores: as_of: expected dates such as 2025-06-30, got") as refused:
        lapse.referral_value(history, scores.assign(as_of=wrong))
    assert f"({len(scores)} rows)" in str(refused.value)


def test_all_that_is_wrong_with_scores_is_told(history: History, scores: pd.DataFrame) -> None:
    dates = [AS_OF, "2024-05-07"] * (len(scores) // 2)
    with pytest.raises(DataError) as refused:
        lapse.referral_value(history, scores.assign(as_of=dates, clv="x", customer_id=None))
    assert [str(problem) for problem in refused.value.problems] == [
        f"scores: customer_id: expected none missing, got missing ({len(scores)} rows)",
        f"scores: clv: expected numbers, got 'x' ({len(scores)} rows)",
        "scores: as_of: expected one date, got 2 of them",
    ]
    with pytest.raises(DataError) as refused:
        lapse.referral_value(history, scores.drop(columns="clv").assign(as_of="31.12.2024"))
    assert [problem.what for problem in refused.value.problems] == ["clv", "as_of"]
    twice = pd.concat([scores, scores[:1]]).assign(clv=np.inf)
    with pytest.raises(DataError, match=r"with two \(1 row\)\n.* infinite ones \(61 rows\)"):
        lapse.referral_value(history, twice)
    with pytest.raises(DataError, match="scores: table: expected a DataFrame"):
        lapse.referral_value(history, "out/scores")  # type: ignore[arg-type]  # that is the test


def test_numbers_of_any_kind_are_values(history: History, scores: pd.DataFrame) -> None:
    for clv in (100, Decimal(100), pd.array([100.0] * 59 + [None], "Float64"), [100.0] * 59 + [None]):
        found = lapse.referral_value(history, scores.assign(clv=clv, as_of="2024-12-31"))
        assert found["clv_from_referrals"].max() == 50.0
