"""Good Polars: a lazy group-by, one wide frame of hourly columns, `rolling_*().over("asset_id")`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

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


def build(folder: Path, job: Job) -> Built:
    hourly = _hourly(folder, job)
    now = [f"{metric}_{stat}_1h" for metric in job.metric_names for stat in STATS]
    windows = [window for name in now for window in _windows(name)]
    out = hourly.select(pl.col(*now).cast(pl.Float32), *windows)
    out = out.hstack(_of_incidents(folder, job).get_columns()).select(columns(job))
    return Built(tuple(out.columns), lambda rows, names: _look(out, rows, names))


def _look(out: pl.DataFrame, rows: npt.NDArray[np.int64], names: tuple[str, ...]) -> Values:
    return out.select(names)[rows].fill_null(float("nan")).to_numpy()


def _hour(instant: str) -> pl.Expr:
    """0 is the first hour: (START, START + 1 h]."""
    micros = pl.col(instant).dt.epoch("us") - int(START.timestamp()) * 1_000_000
    return ((micros - 1) // 3_600_000_000).cast(pl.Int32)


def _hourly(folder: Path, job: Job) -> pl.DataFrame:
    """asset_id, hour, and a column for each metric's mean, max and std, at every (asset, hour) in that order."""
    value = pl.col("value")
    stats = (
        pl.scan_parquet(folder / "readings.parquet")
        .group_by("asset_id", "metric", hour=_hour("observed_at"))
        .agg(mean=value.mean(), max=value.max(), std=value.std(ddof=0))
        .collect()
    )
    wide = stats.pivot(on="metric", on_columns=job.metric_names, index=["asset_id", "hour"], values=list(STATS))
    named = wide.rename({f"{stat}_{m}": f"{m}_{stat}_1h" for stat in STATS for m in job.metric_names})
    return _grid(job).join(named, on=["asset_id", "hour"], how="left", maintain_order="left")


def _grid(job: Job) -> pl.DataFrame:
    assets = pl.DataFrame({"asset_id": pl.Series(job.asset_ids, dtype=pl.Enum(job.asset_ids))})
    return assets.join(pl.DataFrame({"hour": np.arange(job.hours, dtype=np.int32)}), how="cross")


def _windows(name: str) -> list[pl.Expr]:
    now = pl.col(name)
    trailing = [
        expression.over("asset_id").cast(pl.Float32)
        for hours in WINDOWS_HOURS
        for expression in (
            now.rolling_mean(hours, min_samples=1).alias(f"{name}_mean_{hours}h"),
            now.rolling_max(hours, min_samples=1).alias(f"{name}_max_{hours}h"),
        )
    ]
    change = (now - now.shift(CHANGE_HOURS)).over("asset_id").alias(f"{name}_change_{CHANGE_HOURS}h")
    return [*trailing, change.cast(pl.Float32)]


def _of_incidents(folder: Path, job: Job) -> pl.DataFrame:
    ids = pl.col("asset_id").cast(pl.Enum(job.asset_ids))
    incidents = pl.scan_parquet(folder / "incidents.parquet").select(
        ids, "occurred_at", hour=_hour("occurred_at"), start=pl.max_horizontal(_hour("occurred_at"), _hour("known_at"))
    )
    found = incidents.collect()
    grid = _grid(job)
    out = pl.DataFrame([_count(found, grid, hours).alias(f"{HAZARD}_count_{hours}h") for hours in COUNTS_HOURS])
    matrix = out[f"{HAZARD}_count_24h"].to_numpy().reshape(job.assets, job.hours)
    near = matrix[neighbours(folder)].mean(axis=1, dtype=np.float32)
    newest = found.group_by("asset_id", hour="start").agg(pl.col("occurred_at").max())
    known = grid.join(newest, on=["asset_id", "hour"], how="left", maintain_order="left")
    end = pl.lit(START).cast(pl.Datetime("us", "UTC")) + pl.duration(hours=pl.col("hour") + 1)
    last = pl.col("occurred_at").cum_max().forward_fill().over("asset_id")
    since = known.select(((end - last).dt.total_microseconds() / 3.6e9).cast(pl.Float32)).to_series()
    return out.with_columns(
        since.alias(f"{HAZARD}_hours_since"), pl.Series(f"{HAZARD}_count_24h_near{NEIGHBOURS}", near.ravel())
    )


def _count(incidents: pl.DataFrame, grid: pl.DataFrame, hours: int) -> pl.Series:
    """Each incident steps the count up when it is known, and down when it leaves the window."""
    leave = pl.max_horizontal(pl.col("hour") + hours, "start")
    up = incidents.select("asset_id", hour="start", step=pl.lit(1, pl.Int32))
    down = incidents.select("asset_id", hour=leave, step=pl.lit(-1, pl.Int32))
    steps = pl.concat([up, down]).group_by("asset_id", "hour").agg(pl.col("step").sum())
    stepped = grid.join(steps, on=["asset_id", "hour"], how="left", maintain_order="left")
    return stepped.select(pl.col("step").fill_null(0).cum_sum().over("asset_id").cast(pl.Float32)).to_series()
