"""What is built: the columns, and the made-up city they are built from. Everything follows from the job's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)
STATS = ("mean", "max", "std")
WINDOWS_HOURS = (3, 6, 24, 168)
COUNTS_HOURS = (24, 168, 720)
CHANGE_HOURS = 24
NEIGHBOURS = 6
HAZARD = "fire"
LOW, HIGH = 0.0, 100.0  # limits of every metric
LATE_SHARE, LATE_HOURS = 0.01, 48
HOUR = np.timedelta64(1, "h")
DAYS_A_WRITE = 5


@dataclass(frozen=True)
class Job:
    """Size of the city. Readings every 10 minutes; `late`: 1 % of them become known up to 2 days later."""

    days: int
    assets: int = 200
    metrics: int = 8
    incidents: int = 20_000
    late: bool = False

    @property
    def hours(self) -> int:
        return self.days * 24

    @property
    def rows(self) -> int:
        """Of the output: every asset at every hour, in (asset, hour) order for whoever is asked for some."""
        return self.assets * self.hours

    @property
    def readings(self) -> int:
        return self.rows * 6 * self.metrics

    @property
    def asset_ids(self) -> tuple[str, ...]:
        return tuple(f"unit-{i:04d}" for i in range(self.assets))

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(f"metric_{i}" for i in range(self.metrics))

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def reading_columns(metric: str) -> Iterator[str]:
    """Names of one metric's 30 columns."""
    for stat in STATS:
        yield f"{metric}_{stat}_1h"
        yield from (f"{metric}_{stat}_1h_{trail}_{w}h" for w in WINDOWS_HOURS for trail in ("mean", "max"))
        yield f"{metric}_{stat}_1h_change_{CHANGE_HOURS}h"


def columns(job: Job) -> tuple[str, ...]:
    counts = [f"{HAZARD}_count_{hours}h" for hours in COUNTS_HOURS]
    incidents = [*counts, f"{HAZARD}_hours_since", f"{HAZARD}_count_24h_near{NEIGHBOURS}"]
    return (*(name for metric in job.metric_names for name in reading_columns(metric)), *incidents)


def make(job: Job, folder: Path) -> None:
    """Write `readings.parquet`, `incidents.parquet` and `assets.parquet`. The same job gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = None
    for first in range(0, job.days, DAYS_A_WRITE):
        table = _readings(job, first, min(DAYS_A_WRITE, job.days - first)).to_arrow()
        writer = writer or pq.ParquetWriter(folder / "readings.parquet", table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    incidents_of(job).write_parquet(folder / "incidents.parquet")
    assets_of(job).write_parquet(folder / "assets.parquet")


def readings_of(job: Job, first_day: int, days: int) -> pl.DataFrame:
    """Readings of some days, in the order in which they were observed: for whoever takes them in slices."""
    return _readings(job, first_day, days)


def _readings(job: Job, first_day: int, days: int) -> pl.DataFrame:
    return pl.concat([_day(job, day) for day in range(first_day, first_day + days)])


def _day(job: Job, day: int) -> pl.DataFrame:
    rng = np.random.default_rng([2025, day])
    shape = (144, job.assets, job.metrics)
    usual = np.random.default_rng(2024).uniform(30, 70, shape[1:])
    swing = 10 * np.sin(2 * np.pi * (np.arange(144) / 144))[:, None, None]
    value = np.clip(usual + swing + rng.normal(0, 3, shape), LOW, HIGH).round(2)
    minute = 10 * np.arange(1, 145, dtype=np.int64) + day * 1440
    observed = _instants(np.repeat(minute, job.assets * job.metrics))
    frame = pl.DataFrame(
        {
            "observed_at": observed,
            "asset_id": _ids(np.tile(np.repeat(np.arange(job.assets), job.metrics), 144), job.asset_ids),
            "metric": _ids(np.tile(np.arange(job.metrics), 144 * job.assets), job.metric_names),
            "value": value.ravel(),
        }
    )
    return frame.with_columns(known_at=_late(observed, rng)) if job.late else frame


def _late(observed: pl.Series, rng: np.random.Generator) -> pl.Series:
    is_late = rng.random(len(observed)) < LATE_SHARE
    delay_us = np.where(is_late, rng.integers(1, LATE_HOURS * 3600, len(observed)), 0) * 1_000_000
    return observed + pl.Series(delay_us).cast(pl.Duration("us"))


def _instants(minutes: npt.NDArray[np.int64]) -> pl.Series:
    micros = minutes * 60_000_000 + int(START.timestamp()) * 1_000_000
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))


def _ids(positions: npt.NDArray[np.int64], names: tuple[str, ...]) -> pl.Series:
    return pl.Series(positions.astype(np.uint32)).cat.to(pl.Enum(names))


def incidents_of(job: Job) -> pl.DataFrame:
    """Anywhere, at any minute of the period, known up to 3 days later; one version each."""
    rng = np.random.default_rng(2026)
    minute = rng.integers(0, job.days * 1440, job.incidents)
    delay = rng.integers(0, 3 * 1440, job.incidents)
    number = np.arange(job.incidents)
    return pl.DataFrame(
        {
            "incident_id": pl.Series([f"i{n}" for n in number]),
            "asset_id": _ids(rng.integers(0, job.assets, job.incidents), job.asset_ids).cast(pl.String),
            "hazard": pl.Series([HAZARD] * job.incidents),
            "occurred_at": _instants(minute),
            "known_at": _instants(minute + delay),
            "severity": np.ones(job.incidents),
        }
    )


def assets_of(job: Job) -> pl.DataFrame:
    rng = np.random.default_rng(2027)
    ids = list(job.asset_ids)
    return pl.DataFrame(
        {
            "asset_id": ids,
            "name": ids,
            "kind": ["unit"] * job.assets,
            "district": ["d"] * job.assets,
            "lon": rng.uniform(129.2, 129.5, job.assets),
            "lat": rng.uniform(35.4, 35.7, job.assets),
            "known_at": pl.Series([START - timedelta(days=1)] * job.assets).cast(pl.Datetime("us", "UTC")),
        }
    )


def neighbours(folder: Path) -> npt.NDArray[np.int64]:
    """(assets, 6) positions of the nearest other assets, for the rivals; ours finds its own."""
    from features.view import great_circle_km

    places = pl.read_parquet(folder / "assets.parquet")
    lon, lat = places["lon"].to_numpy(), places["lat"].to_numpy()
    distance = great_circle_km(lon, lat, lon, lat)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(np.round(distance, 6), axis=1, kind="stable")[:, :NEIGHBOURS]
