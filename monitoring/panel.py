"""Sensors by day: what arrived of each (partner, metric, asset) in each 24 hours, hour by hour.

A day holds what became known in it, whenever it was observed: a feed that is always two days late is then as complete
on the newest day as on any other, and silence is seen when it begins. A day's number is that of the instant it ends at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.results import Float32Array, FloatArray, IntArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


class Sensor(NamedTuple):
    """One stream of values."""

    partner: str
    metric: str
    asset: str


@dataclass(frozen=True)
class SensorDays:
    """day: (D,) consecutive; day `d` ends at `EPOCH + phase_us + d` days. S sensors.

    hourly: (D, 24, S) mean of the values observed in each UTC hour of the day, NaN where none. rows: (D, S) arrived.
    low, high: (D, S) of the values. delay_hours: (D, S) median from observed to known.
    """

    day: IntArray
    phase_us: int
    sensors: tuple[Sensor, ...]
    hourly: Float32Array
    rows: FloatArray
    low: FloatArray
    high: FloatArray
    delay_hours: FloatArray

    def last(self, days: int) -> SensorDays:
        """The newest so many days, or all where there are fewer."""
        return self._at(slice(max(0, len(self.day) - days), None))

    def before(self, position: int) -> SensorDays:
        """The days before this position: the panel as it was then."""
        return self._at(slice(None, position))

    def that_sent(self) -> SensorDays:
        """Only the sensors that sent something in these days."""
        some = np.flatnonzero(self.rows.sum(axis=0) > 0)
        return SensorDays(
            day=self.day,
            phase_us=self.phase_us,
            sensors=tuple(self.sensors[s] for s in some),
            hourly=self.hourly[:, :, some],
            rows=self.rows[:, some],
            low=self.low[:, some],
            high=self.high[:, some],
            delay_hours=self.delay_hours[:, some],
        )

    def begin(self, position: int) -> datetime:
        """When the day at this position (negative: from the end) began."""
        return EPOCH + timedelta(days=int(self.day[position]) - 1, microseconds=self.phase_us)

    def _at(self, days: slice) -> SensorDays:
        return SensorDays(
            day=self.day[days],
            phase_us=self.phase_us,
            sensors=self.sensors,
            hourly=self.hourly[days],
            rows=self.rows[days],
            low=self.low[days],
            high=self.high[days],
            delay_hours=self.delay_hours[days],
        )


def sensor_days(readings: pl.DataFrame, *, until: datetime, days: int, metrics: Sequence[str]) -> SensorDays:
    """The `days` days that end at `until`.

    Args:
        readings: columns of `contracts.tables.READINGS`; others of their rows are left out.
        metrics: those that flow; a static attribute has no days.
    """
    last, phase = divmod((until - EPOCH) // timedelta(microseconds=1), _DAY_US)
    known = pl.col("known_at").dt.timestamp("us")
    observed = pl.col("observed_at").dt.timestamp("us")
    rows = readings.filter(pl.col("metric").is_in(list(metrics))).select(
        "partner",
        "metric",
        "asset_id",
        "value",
        day=-((phase - known) // _DAY_US),
        hour=(-(-observed // _HOUR_US) - 1) % 24,
        delay=(known - observed) / _HOUR_US,
    )
    rows = rows.filter((pl.col("day") > last - days) & (pl.col("day") <= last))
    keys = rows.select("partner", "metric", "asset_id").unique().sort("metric", "partner", "asset_id")
    rows = rows.join(keys.with_row_index("sensor"), on=["partner", "metric", "asset_id"])
    sensors = tuple(Sensor(*key) for key in keys.iter_rows())
    return _filled(rows, np.arange(last - days + 1, last + 1), phase, sensors)


def _empty(days: IntArray, phase: int, sensors: tuple[Sensor, ...]) -> SensorDays:
    shape = (len(days), len(sensors))
    hourly = np.full((len(days), 24, len(sensors)), np.nan, np.float32)
    low, high, delay = (np.full(shape, np.nan) for _ in range(3))
    return SensorDays(days.astype(np.int64), int(phase), sensors, hourly, np.zeros(shape), low, high, delay)


def _filled(rows: pl.DataFrame, days: npt.NDArray[np.int64], phase: int, sensors: tuple[Sensor, ...]) -> SensorDays:
    out = _empty(days, phase, sensors)
    if rows.is_empty():
        return out
    each_hour = rows.group_by("day", "hour", "sensor").agg(pl.col("value").mean())
    each_day = rows.group_by("day", "sensor").agg(
        low=pl.col("value").min(), high=pl.col("value").max(), delay=pl.col("delay").median(), rows=pl.len()
    )
    at = each_hour["day"].to_numpy() - days[0], each_hour["hour"].to_numpy(), each_hour["sensor"].to_numpy()
    out.hourly[at] = each_hour["value"].to_numpy()
    here = each_day["day"].to_numpy() - days[0], each_day["sensor"].to_numpy()
    for field, column in ((out.rows, "rows"), (out.low, "low"), (out.high, "high"), (out.delay_hours, "delay")):
        field[here] = each_day[column].to_numpy()
    return out
