"""What a Dask cluster costs and gives: the same work here, on one worker and on two, in one run.

    python -m benchmarks.cluster            or make bench-cluster; the last line is JSON
    python -m benchmarks.cluster --quick    a small city, in a minute: its ratios mean nothing

Features of `benchmarks/feature_job` from a Delta store, three folds, and one training spread over the workers; and what
the cluster takes for itself: starting, a task, what goes to a worker and what comes back. Workers are processes of one
thread on this machine, so two of them share the cores that the local way uses too: docs/cluster.md reads the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from distributed import LocalCluster

from benchmarks.feature_job.job import START, Job, assets_of, incidents_of, readings_of
from benchmarks.feature_job.ours import pilot_of
from contracts.params import ComputeParams, SplitParams, TrainParams
from contracts.results import Features, Labels
from features import Slice, plan_slices, training_spine
from flows.artefacts import TrainingSet, load_features, load_training_set, save_training_set
from flows.compute import Compute, Here, computing
from flows.history import History
from ingest.store import Store
from models import judge_folds, split_parts, temporal_folds
from tests import synthetic_risk

MB = 2**20
SPLIT = SplitParams(calibrate_days=40, test_days=40, folds=3, fold_days=25)
TRAIN = TrainParams(num_iterations=60, early_stopping_rounds=0, seeds=(1, 2), num_threads=2)


@dataclass(frozen=True)
class Work:
    """The same three things to do, wherever they are done; both folders lie where every worker sees them."""

    history: History
    slices: list[Slice]
    trained_on: Path

    def features(self, compute: Compute) -> None:
        for values in compute.map(self.history.values, self.slices):
            assert np.isfinite(values).any()

    def folds(self, compute: Compute) -> None:
        features, labels = material(self.trained_on)
        folds = temporal_folds(features.spine.as_of[labels.rows], SPLIT, labels.horizon_hours)
        judge_folds(folds, partial(material, self.trained_on), config=TRAIN, run=compute.map)

    def training(self, compute: Compute) -> None:
        features, labels = material(self.trained_on)
        parts = split_parts(features.spine.as_of[labels.rows], SPLIT, horizon_hours=labels.horizon_hours)
        learn = compute.learner(partial(load_features, self.trained_on))
        learn(features, labels, parts=parts, config=TRAIN)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    job = Job(days=20, assets=10, incidents=100) if quick else Job(days=120)
    print(f"{os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        say("making the store and the training set")
        work = prepared(job, Path(folder), assets=10 if quick else 60)
        seconds = {"here": timed(work, Here())}
        costs: dict[str, float] = {}
        for workers in (1, 2):
            with cluster(workers, sees=Path(folder), costs=costs) as compute:
                seconds[f"{workers} workers"] = timed(work, compute)
    print(table(seconds, costs))
    print(json.dumps({**ratios(seconds), **{name: round(value, 4) for name, value in costs.items()}}))


def prepared(job: Job, folder: Path, *, assets: int) -> Work:
    store, pilot = Store(folder / "store"), pilot_of(job)
    origin = [pl.lit("made up").alias(name) for name in ("partner", "feed", "batch")]
    for day in range(0, job.days, 10):
        frame = readings_of(job, day, min(10, job.days - day)).with_columns(*origin, known_at=pl.col("observed_at"))
        store.commit("readings", frame, batches=[str(day)], at=START)
    store.commit("incidents", incidents_of(job).with_columns(origin), batches=["x"], at=START)
    store.commit("assets", assets_of(job).with_columns(origin), batches=["x"], at=START)
    history = History.of(store.root, pilot)
    last = START + timedelta(hours=job.hours)
    spine = training_spine(history.tables, pilot, first=START + timedelta(hours=1), last=last, every_hours=1)
    slices = list(plan_slices(spine, pilot, hours_a_slice=job.hours // 4))
    town = synthetic_risk.city(assets=assets, days=250)
    save_training_set(
        TrainingSet(town.features, {town.labels.hazard: town.labels}, (), START, {}), folder / "trained_on"
    )
    return Work(history, slices, folder / "trained_on")


def material(folder: Path) -> tuple[Features, Labels]:
    found = load_training_set(folder, (synthetic_risk.HAZARD,))
    return found.features, found.labels[synthetic_risk.HAZARD]


@contextmanager
def cluster(workers: int, *, sees: Path, costs: dict[str, float]) -> Iterator[Compute]:
    """Workers of one thread each; what they cost goes into `costs`."""
    began = time.perf_counter()
    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0") as started:
        costs["start_seconds"] = time.perf_counter() - began
        began = time.perf_counter()
        with computing(ComputeParams(backend="dask", scheduler=started.scheduler_address), sees=sees) as compute:
            costs["connect_seconds"] = time.perf_counter() - began
            costs |= overheads(compute)
            yield compute


def overheads(compute: Compute) -> dict[str, float]:
    """Seconds of an empty task; MB a second from a worker to here, and from here to every worker."""
    list(compute.map(float, range(20)))
    task = clock(lambda: compute.map(float, range(300))) / 300
    back = clock(lambda: compute.map(blank, repeat(64, 4))) / 4
    there = clock(lambda: compute.map(partial(length, blank(64)), range(1)))
    return {"task_seconds": task, "back_mb_per_second": 64 / back, "there_mb_per_second": 64 / there}


def blank(megabytes: int) -> Any:
    return np.ones(megabytes * MB, np.uint8)  # sent as it is: by default nothing is compressed


def length(values: Any, _: int) -> int:
    return len(values)


def clock(start: Callable[[], Iterable[Any]]) -> float:
    began = time.perf_counter()
    list(start())
    return time.perf_counter() - began


def timed(work: Work, compute: Compute) -> dict[str, float]:
    """Seconds of each kind of work, the second time it is done: compiled loops and imports are then there."""
    seconds = {}
    for kind, do in (("features", work.features), ("folds", work.folds), ("training", work.training)):
        say(f"{kind} by {type(compute).__name__.lower()}")
        for _ in range(2):
            began = time.perf_counter()
            do(compute)
            seconds[kind] = time.perf_counter() - began
    return seconds


def ratios(seconds: dict[str, dict[str, float]]) -> dict[str, float]:
    """`features_2_workers`: seconds here for one second there."""
    here = seconds["here"]
    return {
        f"{kind}_{where.replace(' ', '_')}": round(here[kind] / spent, 3)
        for where, took in seconds.items()
        if where != "here"
        for kind, spent in took.items()
    }


def table(seconds: dict[str, dict[str, float]], costs: dict[str, float]) -> str:
    lines = [f"{'seconds':<12}" + "".join(f"{kind:>12}" for kind in seconds["here"])]
    lines += [f"{where:<12}" + "".join(f"{took[kind]:>12.2f}" for kind in took) for where, took in seconds.items()]
    lines += [f"{name:<24}{value:>12.4g}" for name, value in costs.items()]
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
