"""What every later layer takes: rows that know their customer, columns as codes."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from lapse.schema import encoded
from tests.building import events


def test_each_row_knows_its_customer() -> None:
    frame = pd.DataFrame({"customer_id": ["c", "a", "c"], "day": [3, 1, 2]})
    found = events(frame, ["a", "b", "c"])
    assert found.owner.tolist() == [0, 2, 2]
    assert events(frame.iloc[:0], ["a"]).owner.tolist() == []


def test_a_column_is_encoded_once() -> None:
    plain = pa.array(["x", None, "x", "y"])
    codes = encoded(plain)
    assert codes.indices.to_pylist() == [0, None, 0, 1]
    assert codes.dictionary.to_pylist() == ["x", "y"]
    assert encoded(codes) is codes
