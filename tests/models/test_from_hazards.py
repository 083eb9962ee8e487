from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lapse.errors import DataError
from lapse.models.lifetime import Lifetime

X = pd.DataFrame({"a": np.arange(200.0)})


@pytest.fixture(scope="module")
def model() -> Lifetime:
    rng = np.random.default_rng(0)
    return Lifetime(30, n_estimators=5, num_threads=1).fit(
        X, rng.integers(0, 3, 200), rng.integers(1, 300, 200)
    )


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "3", None])
def test_a_number_of_steps_that_is_none_is_refused(model: Lifetime, wrong: int) -> None:
    for ask in (
        model.predict_hazard,
        model.predict_survival_function,
        model.predict_cause_shares,
        lambda X, n: model.predict_cumulative_incidence(X, n, 1),
        lambda X, n: model.conditional_after(X, 10, n),
    ):
        with pytest.raises(DataError, match="n_steps: expected a whole number from 1 to 100,000"):
            ask(X, wrong)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"limit_days": 0}, "limit_days: expected a whole number"),
        ({"limit_days": 45.7}, "limit_days: expected a whole number"),
        ({"limit_days": "90d"}, "limit_days: expected a whole number"),
        ({"level": 80}, "level: expected a share"),
        ({"elapsed_days": np.nan}, "elapsed_days: expected finite"),
        ({"elapsed_days": pd.Timedelta("5D")}, "elapsed_days: expected numbers"),
    ],
)
def test_wrong_questions_of_remaining_lifetimes_are_refused(
    model: Lifetime, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        model.predict_remaining_lifetime(X, **({"limit_days": 90} | asked))  # type: ignore[arg-type]


def test_all_mistakes_of_a_question_are_said_at_once(model: Lifetime) -> None:
    asked: dict[str, object] = {"limit_days": 0, "level": "0.8", "elapsed_days": 1e9}
    with pytest.raises(DataError) as caught:
        model.predict_remaining_lifetime(X.assign(a=np.inf), **asked)  # type: ignore[arg-type]  # wrong on purpose
    whats = [problem.what for problem in caught.value.problems]
    assert whats == ["limit_days", "level", "elapsed_days", "column 'a'"]
    assert "elapsed_days: expected days, at most 100,000, got more (200 rows); first: row 0: 1e+09" in str(
        caught.value
    )
    with pytest.raises(DataError, match=r"(?s)level.*columns.*missing: a"):
        model.predict_remaining_lifetime(X.rename(columns={"a": "b"}), 90, level=None)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(DataError, match="a pandas DataFrame"):
        model.predict_remaining_lifetime(None, 0)  # type: ignore[arg-type]  # wrong on purpose


def test_what_is_over_and_what_is_asked_are_bounded_together() -> None:
    daily = Lifetime(1, n_estimators=1, num_threads=1).fit(X, np.arange(200) % 2, np.full(200, 3))
    said = r"elapsed_days and the steps ahead: expected fewer than 100,000 steps together, got 100,000"
    with pytest.raises(DataError, match=said):
        daily.conditional_after(X, 99_990, 10)


def test_no_rows_and_an_index_of_one_label_are_answered(model: Lifetime) -> None:
    assert model.predict_cumulative_incidence(X.head(0), 3, 2).shape == (0, 3)
    assert model.predict_remaining_lifetime(X.head(0), 90).shape == (0, 5)
    same = X.head(3).set_axis([7, 7, 7])
    found = model.predict_remaining_lifetime(same, 365.0, elapsed_days=[0, 30, 400])
    assert found.index.tolist() == [7, 7, 7]
    assert found.loc[7, "tail_share"].iloc[2] == 1.0
