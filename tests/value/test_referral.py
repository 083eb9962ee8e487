from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.errors import DataError
from lapse.value import with_referrals

ids = st.sampled_from(list("abcdefgh"))


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(ids, st.one_of(st.just(np.nan), st.floats(-1e3, 1e4)), min_size=1),
    st.lists(st.tuples(ids, ids), max_size=20),
    st.floats(0, 1),
)
def test_credit_moves_value_and_makes_none(
    values: dict[str, float], pairs: list[tuple[str, str]], credit: float
) -> None:
    clv = pd.Series(values, dtype=np.float64)
    table = with_referrals(clv, pd.DataFrame(pairs, columns=["customer_id", "referred"]).astype(str), credit)
    scale = max(clv.abs().sum(), 1.0)
    assert table["clv_with_referrals"].sum() == pytest.approx(clv.sum(), abs=1e-9 * scale)
    for customer, row in table.iterrows():  # each referred customer passes on once, to the first of all
        from_whom = [who for who, whom in pairs if whom == customer != who]
        moves = not np.isnan([values.get(who, np.nan) for who in from_whom[:1]] + [row["clv"]]).any()
        moves &= bool(from_whom)
        assert row["clv_passed_on"] == pytest.approx(credit * row["clv"] if moves else 0.0)


def test_wrong_referrals_are_refused_together() -> None:
    nobody = pd.DataFrame({"customer_id": [], "referred": []})
    with pytest.raises(DataError) as refused:
        with_referrals(pd.Series([1.0, 2.0], ["a", "a"]), nobody, 2)
    assert len(refused.value.problems) == 2


def test_who_referred_second_gets_nothing_for_the_first_who_has_no_value() -> None:
    clv = pd.Series({"gone": np.nan, "b": 60.0, "c": 40.0})
    referrals = pd.DataFrame({"customer_id": ["b", "gone", "c"], "referred": ["b", "b", "b"]})
    table = with_referrals(clv, referrals, 0.5)
    assert table["clv_with_referrals"].dropna().to_dict() == {"b": 60.0, "c": 40.0}
    with pytest.raises(DataError, match="referrals: columns: expected customer_id and referred, got no ref"):
        with_referrals(clv, referrals[["customer_id"]], 0.5)


def test_values_without_end_are_refused() -> None:
    clv = pd.Series({"a": 1.0, "b": np.inf})
    with pytest.raises(DataError, match=r"clv: expected finite numbers, got infinite ones \(1 row\)"):
        with_referrals(clv, pd.DataFrame({"customer_id": ["a"], "referred": ["b"]}), 0.5)
