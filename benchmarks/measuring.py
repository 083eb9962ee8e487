"""How fast, and with how much memory: work done in a process of its own, lapse and its peers in turn.

In: a :class:`Task`, which names a function of JSON arguments. That function gets everything ready (imports,
compiled kernels loaded by a tiny run) and returns the work, a callable without arguments; only the work is
timed. Out: a :class:`Measure` each, and :class:`Row` by row ``benchmarks/speed.json``, which
:mod:`benchmarks.page` makes ``docs/benchmarks.md`` from.

A task, in ``benchmarks/something.py``::

    def peer(file: str) -> Callable[[], Any]:
        import polars as pl
        return lambda: pl.read_parquet(file).height

    tasks = {"lapse": Task("benchmarks.something:lapse_way", {"file": file}, ("lapse", "duckdb")),
             "polars": Task("benchmarks.something:peer", {"file": file}, ("polars",))}
    measures = in_turn(tasks, runs=3)
    rows = compare("something", measures, goals={"polars": 3.0}, note="1,000,000 rows")
    publish(rows, SPEED)

What the work returns is handed back as the answer, and must be JSON. Peers are imported in tasks alone, so
that importing a benchmark needs none of them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SPEED = Path(__file__).with_name("speed.json")
"""The published figures."""


@dataclass(frozen=True)
class Task:
    """What a process does.

    Attributes
    ----------
    target : str
        ``module:function``; the function gets ready and returns the work.
    arguments : mapping
        Of the function; JSON.
    packages : sequence of str
        Distributions whose versions matter.
    runs : int or None
        Fewer runs than the others get, for what is slow.
    python : str
        The interpreter, for a peer with an environment of its own.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    packages: Sequence[str] = ()
    runs: int | None = None
    python: str = sys.executable


@dataclass(frozen=True)
class Measure:
    """What was measured.

    Attributes
    ----------
    seconds : tuple of float
        Wall-clock seconds of the work, one a run.
    peak_mb : tuple of float
        Most resident megabytes (2^20 bytes) of the whole process, one a run. Processes that the work
        starts are not in it.
    answer : Any
        What the work of the last run returned.
    versions : mapping of str to str
    """

    seconds: tuple[float, ...]
    peak_mb: tuple[float, ...]
    answer: Any
    versions: Mapping[str, str]

    @property
    def median_seconds(self) -> float:
        """The median of the runs."""
        return statistics.median(self.seconds)

    @property
    def median_peak_mb(self) -> float:
        """The median of the runs."""
        return statistics.median(self.peak_mb)


@dataclass(frozen=True)
class Row:
    """One comparison, as published.

    Attributes
    ----------
    benchmark, peer : str
        ``peer`` is empty where lapse stands alone.
    ratio : float or None
        Seconds of the peer over those of lapse: above 1, lapse is faster.
    goal : float or None
        What the ratio is to be at least.
    lapse_seconds, peer_seconds, lapse_peak_mb, peer_peak_mb : float or None
        Medians.
    lapse_runs, peer_runs : int
    versions : mapping of str to str
    machine : str
    note : str
        Sizes, and what else a reader must know.
    """

    benchmark: str
    peer: str
    ratio: float | None
    goal: float | None
    lapse_seconds: float
    peer_seconds: float | None
    lapse_peak_mb: float
    peer_peak_mb: float | None
    lapse_runs: int
    peer_runs: int
    versions: Mapping[str, str]
    machine: str
    note: str


def in_turn(tasks: Mapping[str, Task], runs: int) -> dict[str, Measure]:
    """Run every task ``runs`` times, in rounds, so that what disturbs the machine disturbs all of them."""
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in tasks}
    for turn in range(runs):
        for name, task in tasks.items():
            if turn < (task.runs or runs):
                found = once(task)
                done[name].append(found)
                told = f"{found['seconds']:.2f} s, {found['peak_mb']:,.0f} MB"
                print(f"  {name}, run {turn + 1}: {told}", file=sys.stderr, flush=True)
    return {name: _joined(found) for name, found in done.items()}


def per(measure: Measure, count: float) -> Measure:
    """Return a measure with seconds for one of ``count`` equal pieces of the work."""
    return replace(measure, seconds=tuple(seconds / count for seconds in measure.seconds))


def once(task: Task) -> dict[str, Any]:
    """Run a task in a process of its own; return its seconds, peak_mb, answer and versions.

    Raises
    ------
    RuntimeError
        If the process fails; the message ends with what it wrote to standard error.
    """
    asked = json.dumps([task.target, dict(task.arguments), list(task.packages)])
    command = [task.python, "-m", "benchmarks.measuring", asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{task.target} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(
    benchmark: str,
    measures: Mapping[str, Measure],
    *,
    ours: str = "lapse",
    goals: Mapping[str, float] | None = None,
    note: str = "",
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return a row for each measure that is not ours, beside ours, or one row where ours is alone.

    Parameters
    ----------
    benchmark : str
    measures : mapping of name to Measure
        The names of the others are the peers' names.
    ours : str
        The name of lapse's measure.
    goals : mapping of peer to float, optional
        Least ratios.
    note : str
        Of every row.
    notes : mapping of peer to str, optional
        What is added to the row of one peer.
    """
    mine = measures[ours]
    peers: dict[str, Measure | None] = {name: found for name, found in measures.items() if name != ours}
    return [
        Row(
            benchmark=benchmark,
            peer=name,
            ratio=None if peer is None else _rounded(peer.median_seconds / mine.median_seconds),
            goal=(goals or {}).get(name),
            lapse_seconds=_rounded(mine.median_seconds),
            peer_seconds=None if peer is None else _rounded(peer.median_seconds),
            lapse_peak_mb=round(mine.median_peak_mb),
            peer_peak_mb=None if peer is None else round(peer.median_peak_mb),
            lapse_runs=len(mine.seconds),
            peer_runs=0 if peer is None else len(peer.seconds),
            versions={**mine.versions, **({} if peer is None else peer.versions)},
            machine=machine(),
            note="; ".join(filter(None, [note, (notes or {}).get(name, "")])),
        )
        for name, peer in (peers or {"": None}).items()
    ]


def publish(rows: Iterable[Row], file: Path = SPEED) -> None:
    """Print the rows and put them into the file in place of all of their benchmarks; keep the others."""
    new = [asdict(row) for row in rows]
    for row in new:
        beside = (
            ", beside {peer}: {ratio} ({lapse_seconds} s, {peer_seconds} s)"
            if row["peer"]
            else ": {lapse_seconds} s"
        )
        print(row["benchmark"] + beside.format(**row))
    fresh = {row["benchmark"] for row in new}
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    kept = [row for row in old if row["benchmark"] not in fresh]
    ordered = sorted([*kept, *new], key=lambda row: row["benchmark"])
    file.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def options(description: str | None) -> argparse.Namespace:
    """Return what the command line of a benchmark says: ``small`` (bool) and ``out`` (Path).

    What is small and has no place to go goes to a temporary file, never to the published ones.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a few minutes instead of the published size")
    parser.add_argument("--out", type=Path, help=f"default {SPEED.name}; with --small a temporary file")
    asked = parser.parse_args()
    if asked.out is None:
        asked.out = Path(tempfile.mkdtemp()) / SPEED.name if asked.small else SPEED
    return asked


def machine() -> str:
    """Return this machine in general words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}"


def _joined(runs: Sequence[Mapping[str, Any]]) -> Measure:
    seconds = tuple(run["seconds"] for run in runs)
    return Measure(seconds, tuple(run["peak_mb"] for run in runs), runs[-1]["answer"], runs[-1]["versions"])


def _rounded(number: float) -> float:
    """Return a number with three significant digits."""
    return float(f"{number:.3g}")


def _peak_mb() -> float:
    """Return the most memory that this process was resident in; what the parent had does not count."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _main(asked: str) -> None:
    """Do a task and print what was measured as one line of JSON: runs in a process of its own."""
    target, arguments, packages = json.loads(asked)
    module, _, function = target.partition(":")
    work = getattr(importlib.import_module(module), function)(**arguments)
    begun = time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - begun
    versions = {name: version(name) for name in packages}
    print(json.dumps({"seconds": seconds, "peak_mb": _peak_mb(), "answer": answer, "versions": versions}))


if __name__ == "__main__":
    _main(sys.argv[1])
