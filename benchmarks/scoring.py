"""Everybody's score, lifetime, CLV and three reasons: seconds, memory, and how both grow with the company.

A model is trained on 6,000 customers of a made-up company (:mod:`benchmarks.histories`). Companies of the
same making with 1, 10 and 50 million events (20,000, 200,000 and 1,000,000 customers) are then read and
scored as a nightly job does, with the default budget of memory, each by a process of its own, which loads its
compiled code on the way. There is no peer: nothing else goes from tables to such a list.

    python -m benchmarks.scoring
    python -m benchmarks.scoring --small
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.histories import LAST, Size, write_history
from benchmarks.measuring import Row, Task, compare, in_turn, options, publish
from benchmarks.page import Chapter

SIZES = (20_000, 200_000, 1_000_000)
SMALL = (2_000, 8_000)
TAUGHT = 6_000
"""Customers of the company that the model is trained on."""
EVENTS = 50
"""Events a customer: half orders, nearly half visits, a few tickets."""

CHAPTER = Chapter(
    title="Scoring everybody",
    text="""
One nightly job from raw Parquet to the written score table: churn probability, remaining lifetime, CLV,
intervals and three reasons in words for every customer at risk, with 50 events a customer of three kinds and
the default budget of 4 GB. Compiled code is loaded on the way, a second or so of each run. The note says
where the time went, and how it grew from the size before: seconds go as events to that power.
""",
    benchmarks=("scoring",),
    loses="""
Scoring has no peer here, so its rows have no ratio. The words of the reasons are made in Python under its
one lock: on many cores the speed grows less than the cores.
""",
)


def job(config: str, model: str, scores: str) -> Callable[[], dict[str, Any]]:
    """Get ready to read and score a company."""
    import lapse
    from lapse.jobs.model import Model
    from lapse.jobs.partition import summary
    from lapse.jobs.score import score

    def work() -> dict[str, Any]:
        business = lapse.load(config)
        chosen = Model.load(Path(model)).asked_by(business, name="company", version="1")
        with lapse.read(business) as history:
            file = score(history, chosen, LAST, Path(scores))
            rows = sum(table.rows for table in history.summaries[1:])
        document, _ = summary(file)
        return {"events": rows, "buckets": history.n_buckets, "seconds": document["seconds"]}

    return work


def trained(folder: Path) -> Path:
    """Train on a small company and return where the model lies."""
    import lapse

    config = write_history(folder / "taught", size_of(TAUGHT))
    with lapse.read(lapse.load(config)) as history:
        lapse.train(lapse.snapshots(history)).save(folder / "model")
    return folder / "model"


def size_of(customers: int) -> Size:
    """Return the size of a company with so many customers."""
    orders, tickets = customers * EVENTS // 2, customers
    return Size(
        customers, orders, visits=customers * EVENTS - orders - tickets, tickets=tickets, seed=customers
    )


def measured(sizes: tuple[int, ...], runs: int) -> list[Row]:
    """Return a row for each size."""
    rows: list[Row] = []
    before: tuple[float, float] | None = None
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = trained(folder)
        for customers in sizes:
            config = write_history(folder / str(customers), size_of(customers))
            arguments = {"config": str(config), "model": str(model), "scores": str(folder / "scores")}
            task = Task("benchmarks.scoring:job", arguments, ("lapse", "lightgbm", "duckdb", "numba"))
            found = in_turn({"lapse": task}, runs)
            mine = found["lapse"]
            events, seconds = float(mine.answer["events"]), mine.median_seconds
            note = f"{customers:,} customers, {events:,.0f} events; {_shares(mine.answer['seconds'])}"
            if before is not None:
                power = math.log(seconds / before[1]) / math.log(events / before[0])
                note += f"; events to the power {power:.2f} since the size before"
            before = events, seconds
            rows += compare("scoring", found, note=note)
    return rows


def _shares(seconds: dict[str, float]) -> str:
    total = sum(seconds.values())
    return ", ".join(f"{stage} {spent / total * 100:.0f} %" for stage, spent in seconds.items())


def main() -> None:
    """Measure and publish."""
    asked = options(__doc__)
    publish(measured(SMALL if asked.small else SIZES, runs=1 if asked.small else 3), asked.out)


if __name__ == "__main__":
    main()
