"""What no way of doing the job can go below: read the Parquet file once, and write an output of its size once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.feature_job.built import Built, Values
from benchmarks.feature_job.job import Job, columns


@lru_cache(maxsize=1)
def finished(rows: int, width: int) -> Values:
    """An output that is already there, so that copying it is all that is timed."""
    return np.ones((rows, width), np.float32, order="F")


def prepare(job: Job) -> None:
    finished(job.rows, len(columns(job)))


def build(folder: Path, job: Job) -> Built:
    readings = pl.read_parquet(folder / "readings.parquet")
    out = finished(job.rows, len(columns(job))).copy(order="F")
    assert len(readings) == job.readings
    return Built((), lambda rows, names: out[rows, : len(names)])
