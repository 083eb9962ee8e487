"""The features by lapse: the whole way from Parquet to Parquet, and the loop alone.

In: a folder with ``orders.yaml`` and its table, the folder to write, the as-of dates. Out: a folder with a
Parquet file a bucket. Before the work the same is done for a tiny company, so that compiled kernels are
there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from benchmarks.features_question import NAMES
from benchmarks.histories import CATEGORIES, Size, write_history

import lapse
from lapse.cohort.outcomes import known_snapshots
from lapse.features import compute, fit_recipe
from lapse.schema import Snapshots, to_day


def whole_way(company: str, out: str, dates: Sequence[str]) -> Callable[[], str]:
    """Read the orders and write the features."""
    with TemporaryDirectory() as tiny:
        write_history(Path(tiny), Size(100, 2_000))
        _write(asking(Path(tiny)), Path(tiny) / "out", dates)
    config = asking(Path(company))

    def work() -> str:
        return _write(config, Path(out), dates)

    shutil.rmtree(out, ignore_errors=True)
    return work


def loop_alone(company: str, dates: Sequence[str]) -> Callable[[], int]:
    """Compute the features of buckets that are loaded, and keep none; return how many rows."""
    days = tuple(to_day(date.fromisoformat(day)) for day in dates)
    with lapse.read(lapse.load(asking(Path(company)))) as history:
        business, buckets = history.business, list(history.buckets())
    recipe = replace(fit_recipe(business, buckets, days[-1]), names=NAMES)
    asked = [known_snapshots(business, bucket, days)[0] for bucket in buckets]
    compute(recipe, buckets[0], Snapshots(asked[0].customer[:100], asked[0].day[:100]))

    def work() -> int:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return sum(threads.map(lambda *of: compute(recipe, *of).num_rows, buckets, asked))

    return work


def asking(company: Path) -> Path:
    """Write the YAML that asks for the features beside ``orders.yaml``; return it."""
    business = yaml.safe_load((company / "orders.yaml").read_text(encoding="utf-8"))
    business["features"] |= {"top_categories": len(CATEGORIES), "also": list(NAMES)}
    file = company / "features.yaml"
    file.write_text(yaml.safe_dump(business), encoding="utf-8")
    return file


def _write(config: Path, out: Path, dates: Sequence[str]) -> str:
    with lapse.read(lapse.load(config)) as history:
        return str(lapse.write_features(history, dates, out, NAMES))
