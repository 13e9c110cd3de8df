"""The feature job over history larger than memory: five years, 420 M readings, made and built slice by slice.

python -m benchmarks.feature_job.larger '{"days": 1825}'      one JSON line: peak_gib, seconds, readings, rows
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import polars as pl

from benchmarks.feature_job.child import ROOT, peak
from benchmarks.feature_job.job import START, Job, assets_of, incidents_of, readings_of
from benchmarks.feature_job.ours import pilot_of
from contracts.tables import Tables
from features import build_in_slices, training_spine

FIVE_YEARS = Job(days=1825)
HOURS_A_SLICE = 60 * 24
DAY = timedelta(days=1)


def in_child(job: Job) -> dict[str, float]:
    """Run it in a fresh process, whose peak memory is its own.

    Raises:
        subprocess.CalledProcessError: it failed; its own words are on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.feature_job.larger", json.dumps(job.as_json())]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return told


def run(job: Job) -> dict[str, float]:
    """Every slice is counted and let go, as by a consumer that writes it away."""
    began, rows, values = time.perf_counter(), 0, 0
    tables, pilot = Tables(pl.DataFrame(), incidents_of(job), assets_of(job)), pilot_of(job)
    last = START + timedelta(hours=job.hours)
    spine = training_spine(tables, pilot, first=START + timedelta(hours=1), last=last, every_hours=1)
    for where, built in build_in_slices(partial(_made, job), tables, spine, pilot, hours_a_slice=HOURS_A_SLICE):
        rows += len(where)
        values += int(np.isfinite(built.values).sum())
        say(f"  {rows / len(spine):4.0%} of {len(spine):,} rows, peak {peak():.2f} GiB")
    seconds = time.perf_counter() - began
    return {"peak_gib": peak(), "seconds": seconds, "readings": job.readings, "rows": rows, "values": values}


def _made(job: Job, after: datetime, until: datetime) -> pl.DataFrame:
    """Whole days that hold what was observed in (after, until]."""
    first, stop = max((after - START) // DAY, 0), min((until - START) // DAY + 1, job.days)
    return readings_of(job, first, stop - first).with_columns(known_at=pl.col("observed_at"))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(json.dumps(run(Job(**json.loads(sys.argv[1])))))
