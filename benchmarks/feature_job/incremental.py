"""Adding one hour to kept state and building every asset's features, on stores with a short and a long history.

What "the store holds 3 years" means here: every incident of the 3 years, at the job's rate of 20,000 in 90 days, and
the assets go into `Kept.start`; of the readings (252 M in 3 years) only those that it asks for, the ones observed after
`reads_from` (a fortnight), are made and read: older ones change no feature, which tests/properties/test_incremental.py
holds. 1 % of the readings become known up to 2 days late, as in the late job.

The two stores take turns, hour by hour, in one process, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks.feature_job.child import ROOT
from benchmarks.feature_job.job import START, Job, assets_of, incidents_of, readings_of

if TYPE_CHECKING:
    from contracts.pilot import Pilot
    from contracts.results import Features
    from contracts.tables import Tables

SHORT_DAYS, LONG_DAYS = 30, 3 * 365
INCIDENTS_A_DAY = 20_000 / 90
WARM_HOURS, TIMED_HOURS = 3, 45


@dataclass(frozen=True)
class Hourly:
    """long_ms, short_ms: median of an hour's `advance` and `features`. columns: built for each of the assets."""

    long_ms: float
    short_ms: float
    assets: int
    columns: int

    def found(self) -> dict[str, float]:
        return {
            "incremental_ms": round(self.long_ms, 3),
            "incremental_flatness": round(self.long_ms / self.short_ms, 3),
        }


def in_child(job: Job) -> Hourly:
    """In a fresh process, for the assets and metrics of `job`.

    Raises:
        subprocess.CalledProcessError: it failed, or kept features are not those of a fresh build; its words are on
            stderr.
    """
    command = [sys.executable, "-m", "benchmarks.feature_job.incremental", json.dumps(job.as_json())]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Hourly(**json.loads(answer.stdout.splitlines()[-1]))


def measure(job: Job) -> Hourly:
    stores = [MadeUpStore(replace(job, days=days, late=True)) for days in (SHORT_DAYS, LONG_DAYS)]
    for _ in range(WARM_HOURS):
        for store in stores:
            store.add_hour()
    short, long = zip(*([store.add_hour() for store in stores] for _ in range(TIMED_HOURS)), strict=True)
    for store in stores:
        store.check()
    columns = stores[0].features.values.shape[1]
    return Hourly(statistics.median(long) * 1e3, statistics.median(short) * 1e3, job.assets, columns)


class MadeUpStore:
    """The last days of a city's history, from which an hour at a time becomes known."""

    features: Features

    def __init__(self, job: Job) -> None:
        from benchmarks.feature_job.ours import pilot_of
        from contracts.tables import READINGS, Tables
        from features import Kept, reads_from

        self._pilot: Pilot = pilot_of(job)
        self._as_of = START + timedelta(days=job.days) - timedelta(hours=WARM_HOURS + TIMED_HOURS)
        first_day = max((reads_from(self._pilot, self._as_of) - START).days, 0)
        readings = readings_of(job, first_day, job.days - first_day)
        readings = readings.select(pl.col(name).cast(READINGS.schema[name]) for name in readings.columns)
        incidents = incidents_of(replace(job, incidents=round(job.days * INCIDENTS_A_DAY)))
        self._tables = Tables(readings, incidents, assets_of(job))
        self._kept = Kept.start(self._known(None, self._as_of), self._pilot, as_of=self._as_of)

    def add_hour(self) -> float:
        """Seconds."""
        before, self._as_of = self._as_of, self._as_of + timedelta(hours=1)
        new = self._known(before, self._as_of)
        began = time.perf_counter()
        self._kept.advance(new, as_of=self._as_of)
        self.features = self._kept.features()
        return time.perf_counter() - began

    def check(self) -> None:
        """Raises SystemExit where a fresh build gives other bits."""
        from features import build_features, scoring_spine

        tables = self._known(None, self._as_of)
        anew = build_features(tables, scoring_spine(tables, self._pilot, as_of=self._as_of), self._pilot)
        if not np.array_equal(self.features.values, anew.values, equal_nan=True):
            raise SystemExit(f"kept features and a fresh build differ at {self._as_of}")

    def _known(self, after: datetime | None, until: datetime) -> Tables:
        from contracts.tables import Tables

        rows = pl.col("known_at") <= until
        rows = rows if after is None else rows & (pl.col("known_at") > after)
        tables = self._tables
        return Tables(tables.readings.filter(rows), tables.incidents.filter(rows), tables.assets.filter(rows))


if __name__ == "__main__":
    print(json.dumps(vars(measure(Job(**json.loads(sys.argv[1]))))))
