"""Every peer gives the features that lapse gives, of late rows too, and a difference would be seen."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.features import PEERS
from benchmarks.features_answers import agree
from benchmarks.features_lapse import loop_alone, whole_way
from benchmarks.features_question import LAST_SEEN, NAMES, month_ends

DATES = month_ends(5)


@pytest.fixture(scope="module")
def ours(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(whole_way(str(company), str(tmp_path_factory.mktemp("ours") / "features"), DATES)())


@pytest.mark.parametrize("peer", list(PEERS))
def test_the_peer_agrees(peer: str, company: Path, ours: Path, tmp_path: Path) -> None:
    target, packages = PEERS[peer]
    pytest.importorskip(packages[0], reason="comes with the extra 'bench'")
    module, _, function = target.partition(":")
    make = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    orders = str(company / "data" / "orders.parquet")
    theirs = Path(make(orders, str(tmp_path / "peer.parquet"), DATES)())
    assert agree({"lapse": ours, peer: theirs}, sampled=1) > 1000


def test_there_are_46_features_and_what_is_not_yet_known_would_change_them(company: Path, ours: Path) -> None:
    rows = pd.read_parquet(ours)
    assert list(rows.columns) == ["customer_id", "as_of", *NAMES]
    assert len(NAMES) == 46
    orders = pd.read_parquet(company / "data" / "orders.parquet")
    hidden = 0
    for date in DATES:
        end = pd.Timestamp(date) + pd.Timedelta("1D")
        known = orders[orders["booked_at"] < end]
        last = (pd.Timestamp(date) - known.groupby("customer_no")["ordered_at"].max().dt.normalize()).dt.days
        asked = rows[rows["as_of"].astype(str) == date].set_index("customer_id")[LAST_SEEN]
        assert asked.astype(int).to_dict() == last.to_dict()
        late = orders[(orders["ordered_at"] < end) & (orders["booked_at"] >= end)]
        newest = (pd.Timestamp(date) - late.groupby("customer_no")["ordered_at"].max().dt.normalize()).dt.days
        hidden += int((newest < last.reindex(newest.index)).sum())
    assert hidden > 0


def test_the_loop_alone_makes_the_rows_of_the_whole_way(company: Path, ours: Path) -> None:
    assert loop_alone(str(company), DATES)() == len(pd.read_parquet(ours))


@pytest.mark.parametrize(
    ("name", "change"), [("order__sum__90d", 1e-4), ("order__count_category_c3__30d", 1.0)]
)
def test_a_difference_is_refused(name: str, change: float, ours: Path, tmp_path: Path) -> None:
    rows = pd.read_parquet(ours)
    at = rows.index[rows[name] > 0][-1]
    rows.loc[at, name] *= 1 + change
    rows.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=f"lapse and other differ in {name}$"):
        agree({"lapse": ours, "other": tmp_path / "other.parquet"}, sampled=1)


def test_a_missing_row_is_refused(ours: Path, tmp_path: Path) -> None:
    pd.read_parquet(ours).iloc[1:].to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="rows: "):
        agree({"lapse": ours, "other": tmp_path / "other.parquet"}, sampled=1)
