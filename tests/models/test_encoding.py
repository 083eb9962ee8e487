from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lapse.errors import DataError, GateError
from lapse.models import encoding as encodings
from lapse.models.encoding import Columns, Encoding

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "visits": [1.0, np.nan, 3.0],
            "plan": pd.Categorical(["gold", None, "iron"], categories=["unused", "iron", "gold"]),
            "region": pd.Series(["north", "south", None], dtype="str"),
            "renews": [True, False, True],
            "age": pd.array([20, None, 40], dtype="Int64"),
        }
    )


def test_matrix_is_float32_and_contiguous_with_codes_in_sorted_order(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    matrix = encoding.encode(frame)
    assert matrix.dtype == np.float32
    assert matrix.flags["C_CONTIGUOUS"]
    assert encoding.categorical == [1, 2]
    assert encoding.categories == {"plan": ("gold", "iron"), "region": ("north", "south")}
    expected = [[1, 0, 0, 1, 20], [np.nan, np.nan, 1, 0, np.nan], [3, 1, np.nan, 1, 40]]
    np.testing.assert_array_equal(matrix, np.array(expected, np.float32))


def test_category_means_the_same_whatever_its_position_or_type(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    other = frame.assign(plan=pd.Categorical(["gold", None, "iron"]), region=frame["region"].astype(object))
    np.testing.assert_array_equal(encoding.encode(other), encoding.encode(frame))


def test_unknown_category_is_missing_and_counted(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    later = frame.assign(region=["east", "east", None])
    assert np.isnan(encoding.encode(later)[:, 2]).all()
    assert encoding.unknown(later) == {"region": 2}
    assert encoding.unknown(frame) == {}


def test_columns_may_come_in_another_order(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    np.testing.assert_array_equal(encoding.encode(frame[frame.columns[::-1]]), encoding.encode(frame))


def test_other_columns_are_refused_by_name(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    with pytest.raises(GateError, match="missing: visits; unexpected: calls") as caught:
        encoding.encode(frame.rename(columns={"visits": "calls"}))
    assert caught.value.exit_code == 4


def test_number_where_a_category_was_is_refused_but_an_empty_column_is_not(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    with pytest.raises(GateError, match="column 'plan': expected categories, got float64"):
        encoding.encode(frame.assign(plan=[1.0, 2.0, 3.0]))
    with pytest.raises(GateError, match="column 'visits': expected numbers, got str"):
        encoding.encode(frame.assign(visits=["a", "b", "c"]))
    with pytest.raises(GateError) as caught:
        encoding.encode(frame.drop(columns="visits").assign(plan=[1.0, 2.0, 3.0]))
    assert [problem.what for problem in caught.value.problems] == ["columns", "column 'plan'"]
    assert all(problem.hint for problem in caught.value.problems)
    empty = frame.assign(plan=np.nan, visits=pd.Series([None] * 3, dtype="str"))
    assert np.isnan(encoding.encode(empty)[:, :2]).all()


def test_infinite_value_is_refused_with_its_row(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    with pytest.raises(DataError, match=r"'visits'.*1 row.*row 2"):
        encoding.encode(frame.assign(visits=[1.0, 2.0, np.inf]))
    with pytest.raises(DataError, match="infinite ones"):
        encoding.encode(frame.assign(visits=[1.0, 2.0, 1e300]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 2)), "DataFrame"),
        (pd.DataFrame(), "at least one"),
        (pd.DataFrame({"a": pd.Series([], dtype=float)}), "rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "repeated: a"),
        (pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}), "column 'a'"),
        (pd.DataFrame({"a": [["list"]]}), "column 'a'"),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], [1, 2]])),
            "one level, got 2 levels",
        ),
    ],
)
def test_what_is_no_table_of_features_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Encoding.fit(wrong)


def test_types_and_infinite_values_are_told_together(frame: pd.DataFrame) -> None:
    wrong = frame.assign(on=pd.Timestamp("2024-01-01"), span=pd.Timedelta("1D"), visits=[1.0, np.inf, 2.0])
    with pytest.raises(DataError) as caught:
        Encoding.learn(wrong)
    assert [problem.what for problem in caught.value.problems] == [
        "column 'on'", "column 'span'", "column 'visits'",
    ]  # fmt: skip


def test_json_both_ways(frame: pd.DataFrame) -> None:
    encoding = Encoding.fit(frame)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test_float32_is_not_copied() -> None:
    frame = pd.DataFrame({"a": np.arange(5, dtype=np.float32), "b": np.arange(5.0)})
    first, second = Encoding.fit(frame).columns(frame).values
    assert np.shares_memory(first, frame["a"].to_numpy())
    assert second.dtype == np.float32
    table = Columns((first,)).table()
    assert table.column(0).chunk(0).buffers()[1].address == first.ctypes.data


def test_blocks_are_the_matrix_in_parts(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = Encoding.fit(frame).columns(frame)
    monkeypatch.setattr(encodings, "BLOCK_ROWS", 2)
    blocks = list(columns.blocks())
    assert [len(block) for block in blocks] == [2, 1]
    np.testing.assert_array_equal(np.vstack(blocks), columns.matrix())
    np.testing.assert_array_equal(columns.take(np.array([2, 0])).matrix(), columns.matrix()[[2, 0]])
    assert [block.shape for block in columns.take(np.array([], np.int64)).blocks()] == [(0, 5)]
