"""How much memory and time scoring takes as the company grows: a simulated gym of 200,000 members.

A model is trained on 6,000 members. Then a gym of 200,000 (14 million events) is written, read and scored by
a process of its own, whose largest resident memory the operating system reports. Prints one line and writes
``benchmarks/scale.json``.

    python benchmarks/scale.py [customers]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

import lapse
from lapse.demo import write_demo
from lapse.jobs.model import Model
from lapse.jobs.score import score

AS_OF = "2024-12-31"
OUT = Path(__file__).with_name("scale.json")


def train_small(folder: Path) -> Path:
    """Train on 6,000 customers and return where the model lies."""
    with lapse.read(lapse.load(write_demo("gym", folder / "small"))) as history:
        lapse.train(lapse.snapshots(history)).save(folder / "model")
    return folder / "model"


def measure(config: str, model: str) -> None:
    """Read and score a gym, and print seconds and peak megabytes: runs in a process of its own."""
    start = time.perf_counter()
    business = lapse.load(config)
    chosen = Model.load(Path(model)).asked_by(business, name="gym", version="1")
    with lapse.read(business) as history:
        read = time.perf_counter() - start
        file = score(history, chosen, AS_OF)
        buckets = history.n_buckets
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = pq.read_metadata(file).num_rows
    seconds = time.perf_counter() - start
    print(json.dumps({"buckets": buckets, "rows": rows, "read_s": read, "seconds": seconds, "peak_mb": peak}))


def main(customers: int) -> None:
    """Measure and write the result."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = train_small(folder)
        large = folder / "large"
        subprocess.run([sys.executable, __file__, "write", str(large), str(customers)], check=True)
        tables = (large / "data").glob("*.parquet")
        events = sum(pq.read_metadata(file).num_rows for file in tables if file.stem != "members")
        command = [sys.executable, __file__, "measure", str(large / "gym.yaml"), str(model)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {"customers": customers, "events": events, **json.loads(done.stdout)}
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(
        f"{customers:,} customers, {events:,} events: {found['seconds']:.0f} s "
        f"({found['read_s']:.0f} s reading), {found['peak_mb']:,.0f} MB at most, {found['buckets']} buckets"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write_demo("gym", sys.argv[2], n_customers=int(sys.argv[3]))
    elif sys.argv[1:2] == ["measure"]:
        measure(*sys.argv[2:4])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
