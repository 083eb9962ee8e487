"""What is kept of a job that was killed: whole parts, and only for the same scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lapse.jobs.unfinished import Told, Unfinished

STAMP = {"as_of": "2024-01-31", "buckets": 2}
TOLD = Told(3, {"region": 1}, {"features": 0.5})


def table(*ids: int) -> pa.Table:
    return pa.table({"customer_id": list(ids)})


def test_parts_are_kept_for_their_stamp_alone(tmp_path: Path) -> None:
    Unfinished(tmp_path, STAMP).write(1, [table(1, 2), table(3)], lambda: TOLD)
    again = Unfinished(tmp_path, STAMP)
    assert again.told(1) == TOLD
    assert again.told(0) is None
    other = Unfinished(tmp_path, {**STAMP, "as_of": "2024-02-29"})
    assert other.told(1) is None


def test_half_a_part_is_none(tmp_path: Path) -> None:
    parts = Unfinished(tmp_path, STAMP)

    def breaking() -> Iterator[pa.Table]:
        yield table(1)
        raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        parts.write(0, breaking(), lambda: TOLD)
    assert Unfinished(tmp_path, STAMP).told(0) is None


@pytest.mark.parametrize("kept", [0, 3, 40, -1])
def test_a_part_that_cannot_be_read_is_made_again(tmp_path: Path, kept: int) -> None:
    Unfinished(tmp_path, STAMP).write(0, [table(1)], lambda: TOLD)
    (part,) = tmp_path.glob("*/*.part")
    part.write_bytes(part.read_bytes()[:kept])
    again = Unfinished(tmp_path, STAMP)
    assert again.told(0) is None
    assert not part.exists()
    again.write(0, [table(1)], lambda: TOLD)
    assert again.told(0) == TOLD


def test_a_parquet_file_of_somebody_else_is_no_part(tmp_path: Path) -> None:
    parts = Unfinished(tmp_path, STAMP)
    pq.write_table(table(1), parts.folder / "0.part")
    assert parts.told(0) is None


def test_pieces_are_counted_when_all_have_come(tmp_path: Path) -> None:
    rows = 0

    def coming() -> Iterator[pa.Table]:
        nonlocal rows
        for one in (table(1, 2), table(3)):
            rows += len(one)
            yield one

    parts = Unfinished(tmp_path, STAMP)
    parts.write(0, coming(), lambda: Told(rows))
    assert parts.told(0) == Told(3)


def test_old_parts_that_cannot_be_removed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Unfinished(tmp_path, STAMP).write(0, [table(1)], lambda: TOLD)

    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.rmdir", refuses)
    monkeypatch.setattr("os.unlink", refuses)
    with pytest.raises(PermissionError):
        Unfinished(tmp_path, {**STAMP, "buckets": 3})


def test_parts_are_put_together_in_their_order(tmp_path: Path) -> None:
    parts = Unfinished(tmp_path, STAMP)
    parts.write(1, [table(4)], lambda: TOLD)
    parts.write(0, [table(7, 9), table(8)], lambda: TOLD)
    file = tmp_path / "whole"
    parts.put_together(2, file, ("scored_at", pa.scalar(5, pa.int64())), lambda: {"lapse": "notes"})
    whole = pq.read_table(file)
    assert whole.to_pydict() == {"customer_id": [7, 9, 8, 4], "scored_at": [5] * 4}
    metadata = pq.read_metadata(file).metadata
    assert metadata[b"lapse"] == b"notes"
    assert b"part" not in metadata


def test_what_lies_beside_parts_is_put_together_even_if_it_is_nothing(tmp_path: Path) -> None:
    parts, file, rows = Unfinished(tmp_path, STAMP), tmp_path / "file.parquet", pa.table({"a": [1, 2]})
    parts.put_beside_together(3, file, rows.slice(0, 0))
    assert pq.read_table(file).equals(rows.slice(0, 0))
    with parts.beside(1) as write:
        write([rows])
    parts.put_beside_together(3, file, rows.slice(0, 0))
    assert pq.read_table(file).equals(rows)


def test_no_reader_takes_parts_for_scores(tmp_path: Path) -> None:
    pq.write_table(table(1), tmp_path / "scores.parquet")
    Unfinished(tmp_path, STAMP).write(0, [table(2)], lambda: TOLD)
    assert pd.read_parquet(tmp_path)["customer_id"].tolist() == [1]
    assert [file.name for file in tmp_path.glob("**/*.parquet")] == ["scores.parquet"]


def test_totals_are_of_all_parts() -> None:
    assert Told.sum([TOLD, Told(2, {"plan": 4}, {"features": 1.0, "writing": 2.0})]) == Told(
        5, {"region": 1, "plan": 4}, {"features": 1.5, "writing": 2.0}
    )
    assert Told.sum([]) == Told()
