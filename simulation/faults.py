"""What goes wrong with shared data, and the record of it: sensors that stick, spike, fall silent or change unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from simulation.noise import Floats

LEAST_SPIKED = 0.05  # smaller values are left: nobody would see the jump
SCHEMA = {
    "partner": pl.String(),
    "feed": pl.String(),
    "file": pl.String(),
    "row": pl.Int64(),
    "asset_id": pl.String(),
    "metric": pl.String(),
    "first_at": pl.Datetime("us", "UTC"),
    "last_at": pl.Datetime("us", "UTC"),
    "kind": pl.String(),
    "detail": pl.String(),
}


@dataclass(frozen=True)
class Fault:
    """One planted fault. Row faults name file and row (1 is the first data row); sensor faults a metric and a span.

    `first_at .. last_at` are the first and last readings hit, by the END of their hour. `detail` is the broken row as
    it stands in the file, or what was done to the values.
    """

    partner: str
    feed: str
    kind: str
    detail: str
    file: str | None = None
    row: int | None = None
    asset_id: str | None = None
    metric: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None


def fault_table(faults: Iterable[Fault]) -> pl.DataFrame:
    """The truth file's rows, in the order planted."""
    return pl.DataFrame([asdict(fault) for fault in faults], schema=SCHEMA, orient="row")


@dataclass(frozen=True)
class Sensors:
    """The readings of one metric of one feed, hours x assets; the first row ends at `first_end`."""

    partner: str
    feed: str
    metric: str
    asset_ids: tuple[str, ...]
    first_end: datetime
    values: Floats

    def fault(self, kind: str, detail: str, asset: int, rows: slice) -> Fault:
        return Fault(
            self.partner,
            self.feed,
            kind,
            detail,
            asset_id=self.asset_ids[asset],
            metric=self.metric,
            first_at=(self.first_end + timedelta(hours=int(rows.start))).astimezone(UTC),
            last_at=(self.first_end + timedelta(hours=int(rows.stop) - 1)).astimezone(UTC),
        )


def wear_out(
    sensors: Sensors, *, months: Iterable[slice], generator: np.random.Generator
) -> tuple[Floats, list[Fault]]:
    """The values as the sensors report them: in each month one sticks, one falls silent and a few values jump."""
    values = sensors.values.copy()
    faults: list[Fault] = []
    for month in months:
        starts = month.start + (generator.random(5) * (month.stop - month.start - 1)).astype(int)
        assets = (generator.random(5) * values.shape[1]).astype(int)
        spans = (6 + generator.random(2) * 66).astype(int)
        sizes = 4.0 + 8.0 * generator.random(3)
        taken = np.zeros_like(values[month], dtype=bool)
        stuck = slice(int(starts[0]), min(int(starts[0] + spans[0]), month.stop))
        if np.ptp(values[stuck, assets[0]]) > 0:
            values[stuck, assets[0]] = values[stuck.start, assets[0]]
            taken[stuck.start - month.start : stuck.stop - month.start, assets[0]] = True
            faults.append(sensors.fault("stuck", "keeps its first value", assets[0], stuck))
        silent = slice(int(starts[1]), min(int(starts[1] + spans[1] // 2 + 1), month.stop))
        if assets[1] != assets[0]:
            values[silent, assets[1]] = np.nan
            taken[silent.start - month.start : silent.stop - month.start, assets[1]] = True
            faults.append(sensors.fault("silent", "no value", assets[1], silent))
        for row, asset, size in zip(starts[2:], assets[2:], sizes, strict=True):
            here = row - month.start, asset
            if taken[here] or abs(values[row, asset]) < LEAST_SPIKED:
                continue
            taken[here] = True
            values[row, asset] = np.round(values[row, asset] * size, 2)
            faults.append(sensors.fault("spike", f"times {size:.2f}", asset, slice(row, row + 1)))
    return values, faults
