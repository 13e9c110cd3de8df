"""Three partners' sensors with seasons, weather and daily courses, and changes planted in them. Seeded, no real city.

weather: 6 stations; plants: 12 sites, each with processes of its own; city: 20 cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from contracts.pilot import Metric
from contracts.results import FloatArray
from monitoring.panel import EPOCH, Sensor, SensorDays

FIRST_DAY = (datetime(2024, 1, 1, tzinfo=UTC) - EPOCH).days
METRICS = {
    "temperature_c": Metric(unit="degC", low=-30, high=130),
    "wind_m_s": Metric(unit="m/s", low=0, high=200),
    "rain_mm": Metric(unit="mm", low=0, high=200),
    "pressure_bar": Metric(unit="bar", low=0, high=6000),
    "voc_ppb": Metric(unit="ppb", low=0, high=1e6),
    "traffic_count": Metric(unit="veh/h", low=0, high=1e6),
    "crowd_count": Metric(unit="people", low=0, high=1e6),
}
Planted = Callable[[FloatArray], FloatArray]  # (hours, sensors of a metric) -> the same with a change


@dataclass(frozen=True)
class Sent:
    """values: metric -> (hours, sensors); NaN where nothing was sent."""

    values: Mapping[str, FloatArray]
    partner: Mapping[str, str]

    def changed(self, metric: str, by: Planted) -> Sent:
        return replace(self, values={**self.values, metric: by(self.values[metric].copy())})

    def panel(self, *, delay_hours: float = 1.0) -> SensorDays:
        """The panel that `sensor_days` would make of these readings, without a detour over millions of rows."""
        sensors, hourly = [], []
        for metric in sorted(self.values):
            values = self.values[metric]
            sensors += [Sensor(self.partner[metric], metric, f"{metric[:4]}-{i:02d}") for i in range(values.shape[1])]
            hourly.append(values.reshape(-1, 24, values.shape[1]))
        cube = np.concatenate(hourly, axis=2)
        known = ~np.isnan(cube)
        return SensorDays(
            day=np.arange(len(cube)) + FIRST_DAY + 1,
            phase_us=0,
            sensors=tuple(sensors),
            hourly=cube.astype(np.float32),
            rows=known.sum(axis=1).astype(float),
            low=np.where(known.any(axis=1), np.where(known, cube, np.inf).min(axis=1), np.nan),
            high=np.where(known.any(axis=1), np.where(known, cube, -np.inf).max(axis=1), np.nan),
            delay_hours=np.where(known.any(axis=1), delay_hours, np.nan),
        )


def sent(*, days: int, seed: int) -> Sent:
    """Hourly values of every sensor."""
    random = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    season, clock = -np.cos(2 * np.pi * hours / 8766), np.sin(2 * np.pi * (hours % 24 - 9) / 24)
    weekday = (hours // 24 % 7 < 5).astype(float)

    def noise(n: int, size: float, *, memory: float) -> FloatArray:
        return size * lasting(random, (len(hours), n), memory)

    common = noise(1, 3.0, memory=0.98)
    storm = np.maximum(0.0, noise(1, 1.0, memory=0.95) - 1.3)
    values = {
        "temperature_c": (12 + 11 * season + 4 * clock)[:, None] + common + noise(6, 0.7, memory=0.9),
        "wind_m_s": np.exp(0.8 + 0.3 * clock[:, None] + 0.2 * common / 3 + noise(6, 0.4, memory=0.8)),
        "rain_mm": np.round(4 * storm * random.gamma(2.0, size=(len(hours), 6)), 1),
        "pressure_bar": random.uniform(15, 30, 12) + noise(12, 0.8, memory=0.97) + noise(12, 0.1, memory=0.0),
        "voc_ppb": np.exp(np.log(random.uniform(60, 160, 12)) + noise(12, 0.35, memory=0.95)),
        "traffic_count": random.uniform(300, 1500, 20)
        * (1 + 0.5 * clock + 0.25 * weekday)[:, None]
        * np.exp(noise(20, 0.12, memory=0.6)),
        "crowd_count": random.uniform(400, 4000, 20)
        * (1 + 0.6 * clock - 0.1 * weekday)[:, None]
        * np.exp(noise(20, 0.12, memory=0.6)),
    }
    partner = dict.fromkeys(("temperature_c", "wind_m_s", "rain_mm"), "weather")
    partner |= dict.fromkeys(("pressure_bar", "voc_ppb"), "plants")
    return Sent(values, partner | dict.fromkeys(("traffic_count", "crowd_count"), "city"))


def lasting(random: np.random.Generator, shape: tuple[int, int], memory: float) -> FloatArray:
    """Standard normal, correlated with the hour before."""
    fresh = random.normal(size=shape) * np.sqrt(1 - memory**2)
    fresh[0] /= np.sqrt(1 - memory**2)
    for hour in range(1, shape[0]):
        fresh[hour] += memory * fresh[hour - 1]
    return fresh


def readings(city: Sent, *, delay_hours: float = 1.0) -> pl.DataFrame:
    """The same as a table of readings; only for few days."""
    rows = []
    for metric, values in city.values.items():
        for hour, sensor in zip(*np.nonzero(~np.isnan(values)), strict=True):
            observed = (FIRST_DAY * 24 + int(hour) + 1) * 3_600_000_000
            rows.append(
                {
                    "asset_id": f"{metric[:4]}-{sensor:02d}",
                    "metric": metric,
                    "observed_at": observed,
                    "known_at": observed + int(delay_hours * 3_600_000_000),
                    "value": float(values[hour, sensor]),
                    "partner": city.partner[metric],
                    "feed": "",
                    "batch": "",
                }
            )
    instants = (pl.col("observed_at", "known_at").cast(pl.Datetime("us", "UTC")),)
    return pl.DataFrame(rows).with_columns(*instants)
