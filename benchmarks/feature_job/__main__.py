"""Make the city, let each contender do the job, hold them against each other, print the table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.feature_job import incremental
from benchmarks.feature_job.child import Timed, in_child
from benchmarks.feature_job.contenders import LIMIT, OURS, RIVALS, Contender
from benchmarks.feature_job.job import Job, columns, make
from benchmarks.feature_job.larger import FIVE_YEARS
from benchmarks.feature_job.larger import in_child as larger_than_memory

QUICK = Job(days=10, assets=12, incidents=300)
SAMPLED = 4000
TOLERANCE = 1e-4  # relative, and of a column's own spread where values are near 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/features.py", description=__doc__)
    parser.add_argument("--days", type=int, choices=(30, 90, 360), default=90)
    parser.add_argument("--rivals", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--larger", action=argparse.BooleanOptionalAction, default=True, help="five years in slices")
    parser.add_argument("--quick", action="store_true", help="a small city, for tests; its ratios mean nothing")
    given = parser.parse_args()
    job = QUICK if given.quick else Job(days=given.days)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        results = compete(job, Path(folder), rivals=RIVALS if given.rivals else ())
    say("one more hour, from kept state")
    hourly = incremental.in_child(job)
    print(table(job, results, load))
    print(sentence(hourly))
    found = ratios(results) | hourly.found()
    if given.larger:
        larger = FIVE_YEARS if not given.quick else replace(QUICK, days=100)
        say(f"{larger.readings / 1e6:.1f} M readings, made and built in slices")
        found["peak_gib_420m"] = round(larger_than_memory(larger)["peak_gib"], 3)
    print(json.dumps(found))


def compete(job: Job, folder: Path, *, rivals: tuple[Contender, ...]) -> dict[str, Timed]:
    """By name of contender; the late job as `late`.

    Raises:
        SystemExit: a rival's values are not ours.
    """
    sampled = np.unique(np.random.default_rng(7).integers(0, job.rows, SAMPLED))
    say(f"{job.readings / 1e6:.1f} M readings of {job.assets} assets over {job.days} days")
    make(job, folder / "on-time")
    os.sync()  # or the first contender would share the disk with the writing of its input
    results = {}
    for contender in (LIMIT, OURS, *rivals):
        say(contender.name)
        results[contender.key] = in_child(contender, folder / "on-time", job, sampled=sampled)
        if contender in rivals:
            check_equal(results[contender.key], results[OURS.key], job, contender.name)
    (folder / "on-time" / "readings.parquet").unlink()
    late = replace(job, late=True)
    make(late, folder / "late")
    os.sync()
    say(f"{OURS.name}, late job")
    return results | {"late": in_child(OURS, folder / "late", late, sampled=sampled)}


def check_equal(theirs: Timed, ours: Timed, job: Job, name: str) -> None:
    """Every column of the job that both built, on the sampled rows; and they must both have built every one."""
    for who, built in ((name, theirs), (OURS.name, ours)):
        if lacking := [column for column in columns(job) if column not in built.names]:
            raise SystemExit(f"{who} built {len(built.names)} of {len(columns(job))} columns; lacks {lacking[0]}")
    worst = disagreement(theirs.sample, ours.sample)
    if worst.max() > 1:
        column = columns(job)[int(worst.argmax())]
        raise SystemExit(f"{name} and {OURS.name} differ in {column} by {worst.max():.3g} times what is allowed")


def disagreement(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(columns,) the largest difference in units of the tolerance; inf where only one of the two has a value."""
    ours, theirs = one.astype(np.float64), other.astype(np.float64)
    spread = np.nanstd(theirs, axis=0) + 1e-12
    apart = np.abs(ours - theirs) / (TOLERANCE * np.maximum(np.abs(theirs), spread))
    apart[np.isnan(ours) & np.isnan(theirs)] = 0.0
    apart[np.isnan(ours) != np.isnan(theirs)] = np.inf
    return apart.max(axis=0)


def ratios(results: dict[str, Timed]) -> dict[str, float]:
    """`ratio_vs_pandas`: pandas's seconds for one of ours. `ratio_vs_limit`: our seconds for one of the limit's."""
    ours = results[OURS.key].seconds
    slower = {
        f"ratio_vs_{key.removeprefix('by_')}": result.seconds / ours
        for key, result in results.items()
        if key.startswith("by_")
    }
    found = slower | {
        "ratio_vs_limit": ours / results[LIMIT.key].seconds,
        "late_ratio": results["late"].seconds / ours,
        "peak_gib": results[OURS.key].peak_gib,
    }
    return {name: round(value, 3) for name, value in found.items()}


def table(job: Job, results: dict[str, Timed], load: float) -> str:
    ours = results[OURS.key].seconds
    names = {c.key: c.name for c in (LIMIT, OURS, *RIVALS)} | {
        "late": f"{OURS.name}, 1 % of readings up to 2 days late"
    }
    size = f"{job.rows:,} rows x {len(columns(job))} columns from {job.readings:,} readings"
    lines = [f"{size}; load average before: {load:.1f}", f"{'':<44}{'seconds':>9}{'of ours':>9}{'peak GiB':>10}"]
    for key, result in results.items():
        lines.append(f"{names[key]:<44}{result.seconds:>9.3f}{result.seconds / ours:>9.2f}{result.peak_gib:>10.2f}")
    return "\n".join(lines)


def sentence(hourly: incremental.Hourly) -> str:
    return (
        f"one more hour, {hourly.assets} assets x {hourly.columns} columns, from kept state: {hourly.long_ms:.1f} ms "
        f"on {incremental.LONG_DAYS} days of history, {hourly.short_ms:.1f} ms on {incremental.SHORT_DAYS}"
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
