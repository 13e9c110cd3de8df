"""The platform's own way: the Parquet file into Tables, a training spine, `build_features`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.feature_job.built import Built, Values
from benchmarks.feature_job.job import (
    CHANGE_HOURS,
    COUNTS_HOURS,
    HAZARD,
    HIGH,
    LOW,
    NEIGHBOURS,
    START,
    STATS,
    WINDOWS_HOURS,
    Job,
)
from contracts.pilot import FeatureChoice, Hazard, Metric, Pilot
from contracts.results import Features
from contracts.tables import Tables
from features import build_features, training_spine


def pilot_of(job: Job) -> Pilot:
    """The 245 columns as a pilot names them. The platform adds two baseline columns to every build."""
    metrics = job.metric_names
    return Pilot(
        name="feature-job",
        title="The feature job",
        timezone="Asia/Seoul",
        scored_kinds=("unit",),
        metrics={name: Metric(unit="1", low=LOW, high=HIGH) for name in metrics},
        hazards={HAZARD: Hazard()},
        features=(
            FeatureChoice(kind="trailing", metrics=metrics, windows_hours=(1,), stats=STATS),
            FeatureChoice(kind="hourly", metrics=metrics, windows_hours=WINDOWS_HOURS, stats=STATS),
            FeatureChoice(kind="hourly_change", metrics=metrics, windows_hours=(CHANGE_HOURS,), stats=STATS),
            FeatureChoice(kind="incident_count", hazards=(HAZARD,), windows_hours=COUNTS_HOURS),
            FeatureChoice(kind="hours_since_incident", hazards=(HAZARD,)),
            FeatureChoice(kind="neighbour_mean", hazards=(HAZARD,), windows_hours=(24,), neighbours=NEIGHBOURS),
        ),
    )


def read_tables(folder: Path) -> Tables:
    """The columns that features read; a reading of the on-time job was known when it was observed."""
    readings = pl.read_parquet(folder / "readings.parquet")
    if "known_at" not in readings.columns:
        readings = readings.with_columns(known_at=pl.col("observed_at"))
    return Tables(readings, pl.read_parquet(folder / "incidents.parquet"), pl.read_parquet(folder / "assets.parquet"))


def build(folder: Path, job: Job) -> Built:
    tables, pilot = read_tables(folder), pilot_of(job)
    first, last = START + timedelta(hours=1), START + timedelta(hours=job.hours)
    spine = training_spine(tables, pilot, first=first, last=last, every_hours=1)
    return built_of(build_features(tables, spine, pilot), job)


def built_of(features: Features, job: Job) -> Built:
    def look(rows: npt.NDArray[np.int64], names: tuple[str, ...]) -> Values:
        asset, hour = np.divmod(rows, job.hours)
        where = hour * job.assets + asset  # the spine goes hour by hour
        return np.column_stack([features.values[where, features.names.index(name)] for name in names])

    return Built(features.names, look)
