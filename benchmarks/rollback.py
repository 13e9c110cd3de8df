"""How long an operator waits: `foresafe rollback`, `history` and `--help`, each in a process of its own.

    python -m benchmarks.rollback          or make bench-rollback; the last line is JSON
    python -m benchmarks.rollback --quick  once each

A registry in SQLite with two releases of a small synthetic model; each rollback goes to the other one. Wall time from
the command's start to its end, imports, hashes, golden rows in a fresh process and the moved alias included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.results import Decision
from flows.settings import load_settings
from flows.tracking import tracking_of
from models.registry import log_training_run, publish, release
from tests.synthetic_risk import HAZARD, walk

HOME = Path(__file__).parents[1]
MODEL = f"ulsan-{HAZARD}"
FIRST = datetime(2026, 6, 9, tzinfo=UTC)
TARGET_SECONDS = 5.0
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once each")
    times = 1 if parser.parse_args().quick else TIMES
    with tempfile.TemporaryDirectory(prefix="foresafe-rollback-bench-") as state:
        two_releases(state)
        commands = {
            "rollback": [["rollback", MODEL, "--to", str(1 + number % 2)] for number in range(times)],
            "history": [["history", MODEL]] * times,
            "help": [["--help"]] * times,
        }
        waits = {name: [seconds(arguments, state) for arguments in runs] for name, runs in commands.items()}
    for name, each in waits.items():
        print(f"{name:<9} median {statistics.median(each):.2f} s, slowest {max(each):.2f} s of {len(each)}")
    medians = {f"{name}_seconds": round(statistics.median(each), 2) for name, each in waits.items()}
    print(json.dumps({**medians, "rollback_target_seconds": TARGET_SECONDS}))


def two_releases(state: str) -> None:
    """Versions 1 and 2, the second the champion."""
    tracking = tracking_of(load_settings(HOME, {"FORESAFE_STATE": state}))
    for number in (1, 2):
        run = log_training_run(tracking, experiment="ulsan", run_name="r", params={}, metrics={}, provenance={})
        version = publish(
            tracking,
            replace(walk().fitted.model, provenance={"release": number}),
            name=MODEL,
            run_id=run,
            golden=walk().city.features.take(walk().parts.test[:50]),
            card="",
            entry={},
            at=FIRST + timedelta(days=number),
        )
        decision = Decision("promote", MODEL, ("better",), FIRST + timedelta(days=number), by="the benchmark")
        release(tracking, version, decision)


def seconds(arguments: list[str], state: str) -> float:
    """Wall seconds of one command. Raises CalledProcessError where it fails."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=HOME,
        env={**os.environ, "FORESAFE_STATE": state, "MLFLOW_TRACKING_URI": ""},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
