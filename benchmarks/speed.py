"""Every speed benchmark, one after the other, and the page that is made of them.

    python benchmarks/speed.py            # writes benchmarks/speed.json and docs/benchmarks.md
    python benchmarks/speed.py --small    # a few minutes; writes to a temporary file, or to --out FILE

The published size takes the machine for itself for the better part of an hour. Peers come with the extra
``bench``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run each benchmark in a process of its own."""
    sys.path.insert(0, str(ROOT))  # run by its path, this file's own folder stands there instead
    from benchmarks.measuring import SPEED, options
    from benchmarks.page import SCRIPTS

    asked = options(__doc__)
    small = ["--small"] if asked.small else []
    for name in SCRIPTS:
        begun = time.perf_counter()
        print(f"{name}:", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *small, "--out", str(asked.out.resolve())]
        subprocess.run(command, cwd=ROOT, check=True)
        print(f"{name}: done in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    if asked.out == SPEED:
        subprocess.run([sys.executable, "-m", "benchmarks.page"], cwd=ROOT, check=True)
    else:
        print(asked.out)


if __name__ == "__main__":
    main()
