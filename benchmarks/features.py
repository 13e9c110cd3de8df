"""The feature job against good pandas, Polars and DuckDB, and against the limit of the machine.

    python benchmarks/features.py --days 90          every contender, one table, and one JSON object as the last line
    python benchmarks/features.py --quick            a small city, in seconds: for tests

What is built, by whom and how it is timed: `benchmarks/feature_job/`. It runs as a module of the repository, because
this file's own name would hide the room `features`.
"""

import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    command = [sys.executable, "-m", "benchmarks.feature_job", *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode)
