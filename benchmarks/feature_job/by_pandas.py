"""Good pandas: one group-by on one integer key, then rolling windows down the columns of wide (hour, asset) frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.feature_job.built import Built, Values
from benchmarks.feature_job.job import (
    CHANGE_HOURS,
    COUNTS_HOURS,
    HAZARD,
    NEIGHBOURS,
    START,
    STATS,
    WINDOWS_HOURS,
    Job,
    columns,
    neighbours,
)

Wide = npt.NDArray[np.float64]  # (hours, assets)


def build(folder: Path, job: Job) -> Built:
    out = pd.DataFrame(np.empty((job.rows, len(columns(job))), np.float32, order="F"), columns=list(columns(job)))
    for name, wide in _columns(folder, job):
        out.isetitem(out.columns.get_loc(name), wide.T.astype(np.float32).ravel())
    return Built(tuple(out.columns), lambda rows, names: _look(out, rows, names))


def _look(out: pd.DataFrame, rows: npt.NDArray[np.int64], names: tuple[str, ...]) -> Values:
    return out.iloc[rows][list(names)].to_numpy(np.float32)


def _columns(folder: Path, job: Job):
    hourly = _hourly(pd.read_parquet(folder / "readings.parquet"), job)
    for stat in STATS:
        now = pd.DataFrame(hourly[stat].to_numpy().reshape(job.hours, job.assets * job.metrics))
        yield from _by_metric(now, job, f"{stat}_1h")
        for hours in WINDOWS_HOURS:
            rolling = now.rolling(hours, min_periods=1)
            yield from _by_metric(rolling.mean(), job, f"{stat}_1h_mean_{hours}h")
            yield from _by_metric(rolling.max(), job, f"{stat}_1h_max_{hours}h")
        yield from _by_metric(now - now.shift(CHANGE_HOURS), job, f"{stat}_1h_change_{CHANGE_HOURS}h")
    yield from _of_incidents(pd.read_parquet(folder / "incidents.parquet"), neighbours(folder), job)


def _hourly(readings: pd.DataFrame, job: Job) -> pd.DataFrame:
    """mean, max and std at every (hour, asset, metric), also where nothing was read."""
    bin_ = _bins(readings["observed_at"])
    column = readings["asset_id"].cat.codes.to_numpy(np.int64) * job.metrics + readings["metric"].cat.codes.to_numpy()
    groups = readings["value"].groupby(bin_ * (job.assets * job.metrics) + column)
    stats = pd.DataFrame({"mean": groups.mean(), "max": groups.max(), "std": groups.std(ddof=0)})
    return stats.reindex(np.arange(job.hours * job.assets * job.metrics))


def _bins(instants: pd.Series) -> npt.NDArray[np.int64]:
    """0 is the first hour: (START, START + 1 h]."""
    micros = instants.to_numpy("datetime64[us]").astype(np.int64) - int(START.timestamp()) * 1_000_000
    return -(-micros // 3_600_000_000) - 1


def _by_metric(values: pd.DataFrame, job: Job, suffix: str):
    cube = values.to_numpy().reshape(job.hours, job.assets, job.metrics)
    for m, metric in enumerate(job.metric_names):
        yield f"{metric}_{suffix}", cube[:, :, m]


def _of_incidents(incidents: pd.DataFrame, near: npt.NDArray[np.int64], job: Job):
    asset = pd.Categorical(incidents["asset_id"], categories=list(job.asset_ids)).codes
    occurred, known = _bins(incidents["occurred_at"]), _bins(incidents["known_at"])
    start = np.maximum(occurred, known)
    for hours in COUNTS_HOURS:
        stop = np.maximum(occurred + hours, start)
        steps = pd.concat([_on_grid(start, asset, 1, job), _on_grid(stop, asset, -1, job)])
        grid = pd.RangeIndex(job.hours * job.assets)
        per_hour = steps.groupby(level=0).sum().reindex(grid, fill_value=0)
        count = per_hour.to_numpy().reshape(job.hours, job.assets).cumsum(axis=0)
        yield f"{HAZARD}_count_{hours}h", count
        if hours == 24:
            yield f"{HAZARD}_count_24h_near{NEIGHBOURS}", count[:, near].mean(axis=2)
    at_us = incidents["occurred_at"].to_numpy("datetime64[us]").astype(np.int64)
    newest = _on_grid(start, asset, at_us, job).groupby(level=0).max().reindex(pd.RangeIndex(job.hours * job.assets))
    last = pd.DataFrame(newest.to_numpy().reshape(job.hours, job.assets)).cummax().ffill()
    end_us = (int(START.timestamp()) + 3600 * np.arange(1, job.hours + 1)) * 1e6
    yield f"{HAZARD}_hours_since", (end_us[:, None] - last.to_numpy()) / 3.6e9


def _on_grid(hour: npt.NDArray[np.int64], asset: npt.NDArray[np.int8], value: object, job: Job) -> pd.Series:
    steps = pd.Series(value, index=hour * job.assets + asset)
    return steps[hour < job.hours]
